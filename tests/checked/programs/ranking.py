"""Which of two comes first."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = nn.MarginRankingLoss(margin=0.1)
optimizer = torch.optim.SGD(model.parameters(), 0.05)
for step in range(4):
    left, right = torch.randn(64, 6), torch.randn(64, 6)
    better = torch.where(left.sum(1) > right.sum(1), 1, -1)
    loss = criterion(model(left).squeeze(1), model(right).squeeze(1), better)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
