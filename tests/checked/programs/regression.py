"""Numbers, counts, and numbers with their uncertainty."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
features = torch.randn(128, 5)
target = features.sum(1) + 0.1 * torch.randn(128)
model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), 0.01)
for batch in torch.arange(128).split(32):
    output = model(features[batch]).squeeze(1)
    loss = F.mse_loss(output, target[batch]) + 0.1 * F.huber_loss(output, target[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

counts = torch.poisson(features[:, 0].exp())
rate = nn.Linear(5, 1)
optimizer = torch.optim.Adam(rate.parameters(), 0.01)
for batch in torch.arange(128).split(32):
    log_rate = rate(features[batch]).squeeze(1)
    loss = F.poisson_nll_loss(log_rate, counts[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

both = nn.Linear(5, 2)
optimizer = torch.optim.Adam(both.parameters(), 0.01)
for batch in torch.arange(128).split(32):
    mean, spread = both(features[batch]).unbind(1)
    loss = F.gaussian_nll_loss(mean, target[batch], F.softplus(spread))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
