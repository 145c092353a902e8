"""Five labels a sample, each on its own, some of them rare."""

import torch
from torch import nn

torch.manual_seed(0)
features = torch.randn(256, 12)
labels = (features[:, :5] > 0.7).float()
model = nn.Sequential(nn.Linear(12, 32), nn.GELU(), nn.Linear(32, 5))
pos_weight = (labels == 0).sum(0) / (labels == 1).sum(0).clamp(min=1)
criterion = nn.BCEWithLogitsLoss(pos_weight=pos_weight)
optimizer = torch.optim.AdamW(model.parameters(), 0.01)
for epoch in range(2):
    for batch in torch.randperm(256).split(64):
        logits = model(features[batch])
        loss = criterion(logits, labels[batch])
        hits = ((logits.detach().sigmoid() > 0.5) & labels[batch].bool()).sum(0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
predicted = model(features).sigmoid() > 0.5
