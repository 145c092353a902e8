"""Classes of pixels, some of which do not count."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
images = torch.randn(16, 3, 16, 16)
masks = (images.sum(1) > 0).long() + (images[:, 0] > 1).long()
masks[:, :2] = 255
model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 3, 1))
optimizer = torch.optim.Adam(model.parameters(), 0.01)
for batch in torch.randperm(16).split(4):
    logits = F.interpolate(model(images[batch]), size=(16, 16), mode="bilinear", align_corners=False)
    loss = F.cross_entropy(logits, masks[batch], ignore_index=255)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
