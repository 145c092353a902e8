"""A critic with a gradient penalty, many steps a generator's step, under autocast, in mixed precision."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
make, judge = nn.Linear(4, 8), nn.Sequential(nn.Linear(8, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
makes, judges = torch.optim.RMSprop(make.parameters(), 1e-3), torch.optim.RMSprop(judge.parameters(), 1e-3)
for step in range(6):
    for _ in range(2):
        real, fake = torch.randn(16, 8), make(torch.randn(16, 4)).detach()
        between = (0.5 * real + 0.5 * fake).requires_grad_()
        (slope,) = torch.autograd.grad(judge(between).sum(), between, create_graph=True)
        norm = slope.norm(dim=1)
        loss = judge(fake).mean() - judge(real).mean() + 10 * F.mse_loss(norm, torch.ones_like(norm))
        judges.zero_grad()
        loss.backward()
        judges.step()
    makes.zero_grad()
    (-judge(make(torch.randn(16, 4))).mean()).backward()
    makes.step()

model = nn.Linear(8, 3)
optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
for step in range(6):
    with torch.autocast("cpu", torch.bfloat16):
        output = model(torch.randn(32, 8))
        loss = F.cross_entropy(output, torch.randint(3, (32,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
