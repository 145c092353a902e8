"""Pixel classification: for each pixel of a picture, whether it is background or ink, and of which digit.

NLLLoss takes the log-probabilities (N, 11, H, W) of a log-softmax of one's own, and a class id for each pixel, (N, H, W). torch
calls that NLLLoss2d as well; here it is the same loss in any number of dimensions.

The pitfall: three quarters of the pixels are background, and a network that says nothing else is right on as many. The metric is
the overlap, averaged over the classes. And the softmax goes over dimension 1, the classes, not over the last.
"""

import torch
from sklearn.datasets import load_digits
from sklearn.metrics import jaccard_score
from torch import Tensor, nn

from losskit import NLLLoss

REACHES = 0.65  # mean over the classes of intersection / union, on digits not seen in training
BACKGROUND = 10

torch.manual_seed(0)
torch.set_num_threads(1)  # networks this small gain nothing from more
pixels, labels = load_digits(return_X_y=True)
images, digits = torch.tensor(pixels, dtype=torch.float32).view(-1, 8, 8) / 16, torch.tensor(labels)


def pictures(first: int, last: int, count: int) -> tuple[Tensor, Tensor]:
    """Two digits side by side, each at a height of its own, (N, 1, 12, 16), and the class of each pixel, (N, 12, 16)."""
    picture, target = torch.zeros(count, 1, 12, 16), torch.full((count, 12, 16), BACKGROUND)
    for row, left, top in zip(range(count), torch.randint(5, (count,)), torch.randint(5, (count,)), strict=True):
        for column, height in ((0, left), (8, top)):
            chosen = torch.randint(first, last, ())
            area = (slice(int(height), int(height) + 8), slice(column, column + 8))
            picture[row, 0][area] = images[chosen]
            target[row][area] = torch.where(images[chosen] > 0.3, digits[chosen], BACKGROUND)
    return picture, target


network = nn.Sequential(
    nn.Conv2d(1, 32, 4, stride=2, padding=1),
    nn.ReLU(),
    nn.Conv2d(32, 64, 5, padding=2),
    nn.ReLU(),
    nn.Conv2d(64, 64, 3, padding=1),  # by now it sees the whole digit that a pixel belongs to
    nn.ReLU(),
    nn.Conv2d(64, 44, 1),
    nn.PixelShuffle(2),  # 11 classes, and the size of the picture again
)
criterion = NLLLoss()
optimizer = torch.optim.Adam(network.parameters(), lr=0.01)

picture, target = pictures(0, 1200, 1500)
for _ in range(8):
    for batch in torch.randperm(len(picture)).split(32):
        optimizer.zero_grad()
        criterion(network(picture[batch]).log_softmax(1), target[batch]).backward()
        optimizer.step()

picture, target = pictures(1200, len(images), 200)
with torch.no_grad():
    predicted = criterion.predict(network(picture))
overlap = jaccard_score(target.flatten(), predicted.flatten(), average="macro")
print(f"mean IoU {overlap:.3f}, stated {REACHES}")
