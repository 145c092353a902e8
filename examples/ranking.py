"""Ranking: which of two patients' diabetes will have progressed further, learnt from pairs of patients.

MarginRankingLoss takes two scores, and 1 where the first should be the higher one, -1 where the second should.

The pitfall: its default margin of 0. Scores that are all equal then cost nothing, and a network that gives them has nothing left
to learn; with a margin they cost the margin. And a target of 0 and 1 is refused: from a 0 torch learns nothing, in silence.
"""

import torch
from sklearn.datasets import load_diabetes
from torch import Tensor, nn

from losskit import MarginRankingLoss

REACHES = 0.7  # share of the pairs put in the right order, of patients not seen in training

torch.manual_seed(0)
torch.set_num_threads(1)  # networks this small gain nothing from more
features, progression = (torch.tensor(each, dtype=torch.float32) for each in load_diabetes(return_X_y=True))
order = torch.randperm(len(features))
train, test = order[:330], order[330:]
features = (features - features[train].mean(0)) / features[train].std(0)


def pairs(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """All pairs of patients whose progression differs, and which of the two it is."""
    one, other = rows[torch.combinations(torch.arange(len(rows)))].unbind(1)
    target = (progression[one] - progression[other]).sign()
    differ = target != 0
    return one[differ], other[differ], target[differ]


network = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1), nn.Flatten(0))
criterion = MarginRankingLoss(margin=1.0)
optimizer = torch.optim.AdamW(network.parameters(), lr=0.003, weight_decay=0.3)

one, other, target = pairs(train)
for batch in torch.randperm(len(one)).split(128):
    optimizer.zero_grad()
    criterion(network(features[one[batch]]), network(features[other[batch]]), target[batch]).backward()
    optimizer.step()

one, other, target = pairs(test)
with torch.no_grad():
    score = criterion.predict(network(features))
right = ((score[one] - score[other]).sign() == target).double().mean()
print(f"pairs in order {right:.3f}, stated {REACHES}")
