"""Two networks against each other, by logits, and once by least squares."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
make = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 8), nn.Tanh())
judge = nn.Sequential(nn.Linear(8, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
makes, judges = torch.optim.Adam(make.parameters(), 2e-4), torch.optim.Adam(judge.parameters(), 2e-4)
for step in range(6):
    real, fake = torch.rand(32, 8) * 2 - 1, make(torch.randn(32, 4))
    ones, zeros = torch.ones(32, 1), torch.zeros(32, 1)
    judges.zero_grad()
    judged = judge(real)
    known = (judged >= 0).float().mean()
    F.binary_cross_entropy_with_logits(judged, ones * 0.9).backward()
    F.binary_cross_entropy_with_logits(judge(fake.detach()), zeros).backward()
    judges.step()
    makes.zero_grad()
    loss = F.binary_cross_entropy_with_logits(judge(fake), ones)
    loss.backward()
    makes.step()
    judges.zero_grad()
    least_squares = 0.5 * (F.mse_loss(judge(real), ones) + F.mse_loss(judge(fake.detach()), zeros))
    least_squares.backward()
    judges.step()
