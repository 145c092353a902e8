"""Yes or no, with one output, by probabilities and by margins."""

import torch
from torch import nn

torch.manual_seed(0)
features = torch.randn(256, 6)
yes = (features.sum(1) > 0).float()
model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1), nn.Sigmoid())
criterion = nn.BCELoss()
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for batch in torch.randperm(256).split(32):
    optimizer.zero_grad()
    output = model(features[batch]).squeeze(1)
    loss = criterion(output, yes[batch])
    loss.backward()
    right = (output.round() == yes[batch]).float().mean()
    optimizer.step()

margin = nn.Linear(6, 1)
optimizer = torch.optim.SGD(margin.parameters(), 0.1)
signs = 2 * yes - 1
for batch in torch.randperm(256).split(32):
    optimizer.zero_grad()
    output = margin(features[batch])
    right = ((output > 0).float()[:, 0] == yes[batch]).sum()
    loss = nn.SoftMarginLoss()(output[:, 0], signs[batch])
    loss.backward()
    optimizer.step()
