"""Dense detection: a focal loss by hand on unreduced losses, masked boxes, heat maps, and depth by its logarithm."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
trunk = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
classes, boxes, depth = nn.Conv2d(8, 4, 1), nn.Conv2d(8, 4, 1), nn.Conv2d(8, 1, 1)
modules = nn.ModuleList([trunk, classes, boxes, depth])
optimizer = torch.optim.AdamW(modules.parameters(), 0.001)
for step in range(4):
    images = torch.randn(2, 3, 8, 8)
    hot = (torch.rand(2, 4, 8, 8) > 0.95).float()
    inside = torch.rand(2, 8, 8) > 0.5
    features = trunk(images)
    logits = classes(features)
    raw = F.binary_cross_entropy_with_logits(logits, hot, reduction="none")
    p = logits.sigmoid()
    focal = (raw * (hot * (1 - p) + (1 - hot) * p) ** 2).sum() / hot.sum().clamp(min=1)
    seen = torch.where(p < 0.5, 0, 1).sum((0, 2, 3))
    located = boxes(features).permute(0, 2, 3, 1)
    local = F.l1_loss(located[inside], torch.rand(int(inside.sum()), 4))
    metres = F.softplus(depth(features).squeeze(1))
    deep = F.huber_loss(metres, torch.rand(2, 8, 8) * 80)
    optimizer.zero_grad()
    (focal + local + 0.01 * deep).backward()
    optimizer.step()
