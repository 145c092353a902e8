"""Embeddings: pictures of digits as points of a space of 8 dimensions, where the same digits lie near each other.

TripletMarginLoss wants each anchor nearer to a positive (the same digit) than to a negative (another), by a margin.

The pitfall: negatives drawn at random. Soon nearly all of them are far enough, cost nothing and teach nothing; so each anchor gets
the nearest wrong digit of its batch. A loss that stays at the margin means that all points have become one.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

from losskit import TripletMarginLoss

REACHES = 0.9  # share of digits not seen in training that lie nearest to the centre of their own kind

torch.manual_seed(0)
torch.set_num_threads(1)  # networks this small gain nothing from more
pixels, labels = load_digits(return_X_y=True)
images, digits = torch.tensor(pixels, dtype=torch.float32) / 16, torch.tensor(labels)
train, test = slice(0, 1200), slice(1200, None)

network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))
criterion = TripletMarginLoss(margin=1.0)
optimizer = torch.optim.Adam(network.parameters(), lr=0.003)

for _ in range(15):
    for batch in torch.randperm(1200).split(120):
        points, same = network(images[batch]), digits[batch].unsqueeze(1) == digits[batch]
        with torch.no_grad():
            positive = torch.multinomial((same & ~torch.eye(len(batch), dtype=torch.bool)).double(), 1).squeeze(1)
            negative = torch.cdist(points, points).masked_fill(same, torch.inf).argmin(1)
        optimizer.zero_grad()
        criterion(points, points[positive], points[negative]).backward()
        optimizer.step()

with torch.no_grad():
    points = criterion.predict(network(images))  # the output as it is: the points
centres = torch.stack([points[train][digits[train] == digit].mean(0) for digit in range(10)])
nearest = torch.cdist(points[test], centres).argmin(1)
print(f"accuracy {(nearest == digits[test]).double().mean():.3f}, stated {REACHES}")
