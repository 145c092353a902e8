"""Counts: how often a person sees a doctor in a year, from nine facts about person and insurance.

PoissonNLLLoss takes the logarithm of the rate, which may be any number: so the network ends in a linear layer, no rate is ever
negative, and the facts multiply the rate instead of adding to it. criterion.predict() gives the rate.

The pitfall: MSELoss, which lets the few with 50 visits outvote the many with none or two, and may predict -1 visits. Most of
who goes when is chance: the metric is 0 for the mean of all, and far from 1 for the best of models.
"""

import torch
from sklearn.metrics import d2_tweedie_score
from statsmodels.datasets import randhie
from torch import nn

from losskit import PoissonNLLLoss

REACHES = 0.07  # D², the share of the Poisson deviance that is explained, on persons not seen in training

torch.manual_seed(0)
torch.set_num_threads(1)  # networks this small gain nothing from more
table = (
    randhie.load_pandas().data
)  # the RAND Health Insurance Experiment: 20,190 rows, those of a person beside each other
visits = torch.tensor(table.pop("mdvis").to_numpy())
features = torch.tensor(table.to_numpy(), dtype=torch.float32)
blocks = torch.arange(len(table)) // 200 % 4  # a random split would put most persons on both sides
train, test = (blocks > 0).nonzero().squeeze(1), (blocks == 0).nonzero().squeeze(1)
features = (features - features[train].mean(0)) / features[train].std(0)

network = nn.Sequential(nn.Linear(9, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = PoissonNLLLoss()
optimizer = torch.optim.AdamW(network.parameters(), lr=0.003, weight_decay=0.1)

for _ in range(3):
    for batch in train[torch.randperm(len(train))].split(128):
        optimizer.zero_grad()
        criterion(network(features[batch]).squeeze(1), visits[batch]).backward()
        optimizer.step()

with torch.no_grad():
    rate = criterion.predict(network(features[test]).squeeze(1))
print(f"D² {d2_tweedie_score(visits[test], rate, power=1):.3f}, stated {REACHES}")
