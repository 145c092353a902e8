"""Label sequences whose places in the input are not known."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
STEPS, LABELS, BLANK = 20, 6, 0
model = nn.GRU(8, 16, batch_first=True)
head = nn.Linear(16, LABELS)
criterion = nn.CTCLoss(blank=BLANK, zero_infinity=True)
optimizer = torch.optim.Adam([*model.parameters(), *head.parameters()], 0.01)
for step in range(4):
    sounds = torch.randn(8, STEPS, 8)
    targets = torch.randint(1, LABELS, (8, 5))
    lengths, target_lengths = torch.full((8,), STEPS), torch.randint(2, 6, (8,))
    output = head(model(sounds)[0])
    log_probs = F.log_softmax(output, dim=-1).transpose(0, 1)
    loss = criterion(log_probs, targets, lengths, target_lengths)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
