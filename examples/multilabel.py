"""Multi-label: which of the ten digits occur in a picture that shows three of them side by side.

One BCEWithLogitsLoss over (N, 10) asks ten questions at once, each to be answered with yes or no.

The pitfall: CrossEntropyLoss, whose softmax makes the labels compete, so that no two can both be sure. Nor does it take ten
losses, one a label.
"""

import torch
from sklearn.datasets import load_digits
from sklearn.metrics import f1_score
from torch import Tensor, nn

from losskit import BCEWithLogitsLoss

REACHES = 0.85  # F1 over all labels, on pictures of digits not seen in training

torch.manual_seed(0)
torch.set_num_threads(1)  # networks this small gain nothing from more
pixels, labels = load_digits(return_X_y=True)
images, digits = torch.tensor(pixels, dtype=torch.float32).view(-1, 8, 8) / 16, torch.tensor(labels)


def pictures(first: int, last: int, count: int) -> tuple[Tensor, Tensor]:
    """Three digits each, (N, 1, 8, 24), and a 1 for each label that occurs, (N, 10)."""
    chosen = torch.randint(first, last, (count, 3))
    picture = images[chosen].transpose(1, 2).reshape(count, 1, 8, 24)
    return picture, torch.zeros(count, 10).scatter(1, digits[chosen], 1)


network = nn.Sequential(
    nn.Conv2d(1, 64, 8),  # one digit at a time, at 17 places
    nn.ReLU(),
    nn.Conv2d(64, 64, 1),
    nn.ReLU(),
    nn.Conv2d(64, 10, 1),
    nn.AdaptiveMaxPool2d(1),  # somewhere in the picture
    nn.Flatten(),
)
criterion = BCEWithLogitsLoss()
optimizer = torch.optim.Adam(network.parameters(), lr=0.003)

for _ in range(500):
    picture, target = pictures(0, 1200, 64)
    optimizer.zero_grad()
    criterion(network(picture), target).backward()
    optimizer.step()

picture, target = pictures(1200, len(images), 1000)
with torch.no_grad():
    predicted = criterion.predict(network(picture), "multilabel")
print(f"F1 {f1_score(target, predicted, average='micro'):.3f}, stated {REACHES}")
