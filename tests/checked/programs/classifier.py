"""A classifier of ten classes, with a held-out set."""

import torch
from torch import nn

torch.manual_seed(0)
features = torch.randn(256, 20)
target = (features @ torch.randn(20, 10)).argmax(1)
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), 0.01)
for epoch in range(3):
    model.train()
    for batch in torch.randperm(192).split(32):
        optimizer.zero_grad()
        loss = criterion(model(features[batch]), target[batch])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        held_out = criterion(model(features[192:]), target[192:])
        predicted = model(features[192:]).softmax(1).argmax(1)
