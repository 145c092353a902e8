"""Binary: whether a breast tumour is malignant, from 30 measurements of its cells, on 569 tumours.

BCEWithLogitsLoss takes one logit a row and a target of 0 or 1, of any dtype. pos_weight makes a missed malignant tumour as dear as
all the benign ones that stand against it.

The pitfall: rounding the network's output, or asking for more than 0.5. It is a logit, and a probability of one half is the
logit 0: criterion.predict() knows. Nor does the network end in a sigmoid, whose rounding would end the gradient of sure errors.
"""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import balanced_accuracy_score
from torch import nn

from losskit import BCEWithLogitsLoss

REACHES = 0.94  # balanced accuracy on tumours not seen in training

torch.manual_seed(0)
torch.set_num_threads(1)  # networks this small gain nothing from more
measured, benign = load_breast_cancer(return_X_y=True)
features, malignant = torch.tensor(measured, dtype=torch.float32), torch.tensor(1 - benign)
order = torch.randperm(len(features))
train, test = order[:400], order[400:]
features = (features - features[train].mean(0)) / features[train].std(0)

network = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = BCEWithLogitsLoss(pos_weight=(malignant[train] == 0).sum() / (malignant[train] == 1).sum())
optimizer = torch.optim.AdamW(network.parameters(), lr=0.005, weight_decay=0.1)

for _ in range(20):
    for batch in train[torch.randperm(len(train))].split(32):
        optimizer.zero_grad()
        criterion(network(features[batch]).squeeze(1), malignant[batch]).backward()
        optimizer.step()

with torch.no_grad():
    predicted = criterion.predict(network(features[test]).squeeze(1))
print(f"balanced accuracy {balanced_accuracy_score(malignant[test], predicted):.3f}, stated {REACHES}")
