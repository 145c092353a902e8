"""Handwriting: strings of two to four digits, stitched from real ones, read without knowing where a digit begins or ends.

CTCLoss sums over all ways in which the columns of the picture may spell the string, with a blank where no digit is.

The pitfall: the blank is a label of its own. Its default of 0 is a digit here, so it is 10, after the last. And the lengths are
those of each picture before padding: what lies beyond is not read. from_logits takes the log-softmax off your hands.
"""

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from losskit import CTCLoss

REACHES = 0.7  # share of strings read without any error, of digits not seen in training
BLANK = 10

torch.manual_seed(0)
torch.set_num_threads(1)  # networks this small gain nothing from more
pixels, labels = load_digits(return_X_y=True)
images, digits = torch.tensor(pixels, dtype=torch.float32).view(-1, 8, 8) / 16, torch.tensor(labels)


def strings(first: int, last: int, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pictures (N, 1, 8, W) and strings (N, 4), padded both, with the length of each."""
    picture, widths = torch.zeros(count, 1, 8, 40), torch.zeros(count, dtype=torch.long)
    chosen, lengths = torch.randint(first, last, (count, 4)), torch.randint(2, 5, (count,))
    for row in range(count):
        for index in chosen[row, : lengths[row]]:
            start = int(widths[row] + torch.randint(3, ()))  # a gap of up to two columns
            picture[row, 0, :, start : start + 8] = images[index]
            widths[row] = start + 8
    return picture, digits[chosen], widths, lengths


network = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),  # a step of the sequence is two columns
    nn.Dropout2d(0.2),
    nn.Conv2d(16, 64, (4, 3), padding=(0, 1)),
    nn.ReLU(),
    nn.Flatten(1, 2),  # (N, features, steps)
    nn.Dropout(0.2),
    nn.Conv1d(64, 64, 3, padding=1),
    nn.ReLU(),
    nn.Conv1d(64, 11, 1),
)
criterion = CTCLoss(blank=BLANK, from_logits=True)
optimizer = torch.optim.Adam(network.parameters(), lr=0.005)

picture, target, widths, lengths = strings(0, 1200, 3000)
for _ in range(8):
    for batch in torch.randperm(len(picture)).split(50):
        logits = network(picture[batch]).permute(2, 0, 1)  # (T, N, C), as every CTC loss wants them
        optimizer.zero_grad()
        criterion(logits, target[batch], widths[batch] // 2, lengths[batch]).backward()
        optimizer.step()

picture, target, widths, lengths = strings(1200, len(images), 500)
network.eval()
with torch.no_grad():
    read = criterion.predict(network(picture).permute(2, 0, 1), widths // 2)
right = sum(torch.equal(each, row[:length]) for each, row, length in zip(read, target, lengths, strict=True))
print(f"strings right {right / len(read):.3f}, stated {REACHES}")
