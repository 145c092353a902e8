"""Reconstruction: pictures of digits squeezed from 64 pixels through 12 numbers and back, by an autoencoder.

BCELoss compares pixels in [0, 1] with what a sigmoid of one's own gives, since the sigmoid's output is the picture. (To train
alone, BCEWithLogitsLoss on the layer before it is the same, and rounds less.)

The pitfall: reading the loss as an error. A grey pixel costs its entropy even if it is reconstructed to the last bit, so the
loss ends far above 0; what the picture lost is measured in pixels. Pixels of 0 to 16 (or 255) are refused: divide them first.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

from losskit import BCELoss

REACHES = 0.75  # share of the pixels' variance that is restored, on digits not seen in training

torch.manual_seed(0)
torch.set_num_threads(1)  # networks this small gain nothing from more
pixels, _ = load_digits(return_X_y=True)
images = torch.tensor(pixels, dtype=torch.float32) / 16
train, test = images[:1400], images[1400:]

encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 12))
decoder = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64))
network = nn.Sequential(encoder, decoder)
criterion = BCELoss()
optimizer = torch.optim.Adam(network.parameters(), lr=0.003)

for _ in range(40):
    for batch in train[torch.randperm(len(train))].split(64):
        optimizer.zero_grad()
        criterion(network(batch).sigmoid(), batch).backward()
        optimizer.step()

with torch.no_grad():
    restored = criterion.probabilities(network(test))  # predict() would round each pixel to black or white
restored_share = 1 - ((restored - test) ** 2).sum() / ((test - train.mean(0)) ** 2).sum()
print(f"variance restored {restored_share:.3f}, stated {REACHES}")
