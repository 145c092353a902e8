"""A student that learns from a teacher and from the labels."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
T = 2.0
teacher, student = nn.Linear(12, 5).eval(), nn.Linear(12, 5)
features = torch.randn(128, 12)
labels = (features @ torch.randn(12, 5)).argmax(1)
optimizer = torch.optim.SGD(student.parameters(), 0.1)
for batch in torch.arange(128).split(32):
    with torch.no_grad():
        soft = (teacher(features[batch]) / T).softmax(1)
    logits = student(features[batch])
    distilled = F.kl_div((logits / T).log_softmax(1), soft, reduction="batchmean") * T * T
    loss = 0.5 * distilled + 0.5 * F.cross_entropy(logits, labels[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
