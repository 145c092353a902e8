"""Distillation: a small network learns to read digits from a large one's answers alone; it never sees a label.

KLDivLoss compares the student's log-probabilities with the teacher's probabilities, both softened by a temperature, so that the
student also learns which wrong digits are nearly right.

The pitfall: reduction="mean" divides by rows and classes, and so is a tenth of the divergence here; "batchmean" is the divergence.
And a temperature T shrinks the gradients by T², which the factor in the loop takes back.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

from losskit import CrossEntropyLoss, KLDivLoss

REACHES = 0.87  # the student's accuracy, on digits that neither has seen in training
TEMPERATURE = 3.0

torch.manual_seed(0)
torch.set_num_threads(1)  # networks this small gain nothing from more
pixels, labels = load_digits(return_X_y=True)
images, digits = torch.tensor(pixels, dtype=torch.float32) / 16, torch.tensor(labels)
train, test = slice(0, 1200), slice(1200, None)

teacher = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
labelled = CrossEntropyLoss()
optimizer = torch.optim.Adam(teacher.parameters(), lr=0.003)
for _ in range(20):
    for batch in torch.randperm(1200).split(64):
        optimizer.zero_grad()
        labelled(teacher(images[batch]), digits[batch]).backward()
        optimizer.step()

with torch.no_grad():
    answers = (teacher(images[train]) / TEMPERATURE).softmax(1)

student = nn.Sequential(nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10))
criterion = KLDivLoss("batchmean")
optimizer = torch.optim.Adam(student.parameters(), lr=0.005)
for _ in range(40):
    for batch in torch.randperm(1200).split(64):
        softened = (student(images[batch]) / TEMPERATURE).log_softmax(1)
        optimizer.zero_grad()
        (TEMPERATURE**2 * criterion(softened, answers[batch])).backward()
        optimizer.step()

with torch.no_grad():
    predicted = criterion.predict(student(images[test]))
accuracy = (predicted == digits[test]).double().mean()
print(f"accuracy {accuracy:.3f}, stated {REACHES}")
