"""Regression: how far diabetes has progressed after a year, from ten measurements of each of 442 patients.

MSELoss fits the expected value, which is what R² rewards. Where targets have outliers, write HuberLoss instead.

The pitfall: the network gives a column, (N, 1), and the target is a vector, (N). torch broadcasts the two to (N, N) with no
more than a warning, and the network then learns the mean of all targets. losskit refuses, and names the mend: squeeze(1).
"""

import torch
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score
from torch import nn

from losskit import MSELoss

REACHES = 0.4  # R² on patients not seen in training

torch.manual_seed(0)
torch.set_num_threads(1)  # networks this small gain nothing from more
features, progression = (torch.tensor(each, dtype=torch.float32) for each in load_diabetes(return_X_y=True))
order = torch.randperm(len(features))
train, test = order[:330], order[330:]
features = (features - features[train].mean(0)) / features[train].std(0)
mean, spread = progression[train].mean(), progression[train].std()
target = (progression - mean) / spread  # of the size of 1, as the weights of a fresh network expect

network = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = MSELoss()
optimizer = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.3)

for _ in range(20):
    for batch in train[torch.randperm(len(train))].split(32):
        optimizer.zero_grad()
        criterion(network(features[batch]).squeeze(1), target[batch]).backward()
        optimizer.step()

with torch.no_grad():
    predicted = criterion.predict(network(features[test]).squeeze(1)) * spread + mean
print(f"R² {r2_score(progression[test], predicted):.3f}, stated {REACHES}")
