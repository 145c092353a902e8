"""Embeddings: triplets, pairs by their cosine, and a contrastive loss of similarities."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 8))
optimizer = torch.optim.Adam(model.parameters(), 0.01)
triplet, pair = nn.TripletMarginLoss(margin=0.5), nn.CosineEmbeddingLoss(margin=0.2)
for step in range(8):
    anchor, positive, negative = (F.normalize(model(torch.randn(32, 10)), dim=1) for _ in range(3))
    same = 2 * torch.randint(2, (32,)) - 1
    logits = anchor @ positive.T / 0.07
    contrast = F.cross_entropy(logits, torch.arange(32))
    distance = (anchor - positive).norm(dim=1)
    hinge = F.hinge_embedding_loss(distance, same)
    loss = triplet(anchor, positive, negative) + pair(anchor, negative, same) + contrast + hinge
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
