"""Boxes and classes from one trunk, as detectors have them, in a dictionary, with accumulated gradients."""

import torch
from torch import nn

torch.manual_seed(0)


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(16, 32), nn.ReLU())
        self.classes, self.boxes = nn.Linear(32, 4), nn.Linear(32, 4)

    def forward(self, x):
        x = self.trunk(x)
        return {"classes": self.classes(x), "boxes": self.boxes(x).sigmoid()}


class Criterion(nn.Module):
    def __init__(self):
        super().__init__()
        self.classify = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 2.0, 1.0]))
        self.locate = nn.SmoothL1Loss(beta=0.1)

    def forward(self, output, target):
        terms = {
            "classes": self.classify(output["classes"], target["classes"]),
            "boxes": self.locate(output["boxes"], target["boxes"]),
        }
        return terms["classes"] + 5 * terms["boxes"], terms


model, criterion, STEPS = Detector(), Criterion(), 4
optimizer = torch.optim.AdamW(model.parameters(), 0.001)
for step in range(8):
    features = torch.randn(32, 16)
    target = {"classes": torch.randint(4, (32,)), "boxes": torch.rand(32, 4)}
    loss, _ = criterion(model(features), target)
    loss = loss / STEPS
    loss.backward()
    if (step + 1) % STEPS == 0:
        optimizer.step()
        optimizer.zero_grad()
