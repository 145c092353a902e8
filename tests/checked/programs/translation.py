"""An encoder and a decoder with teacher forcing; smoothed targets by the divergence, with rows of 0 for padding."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
WORDS, WIDTH, PAD, BEGIN = 23, 16, 0, 1
source, target = nn.Embedding(WORDS, WIDTH), nn.Embedding(WORDS, WIDTH, padding_idx=PAD)
model = nn.Transformer(WIDTH, 2, 1, 1, 32, batch_first=True)
head = nn.Linear(WIDTH, WORDS)
parameters = [each for part in (source, target, model, head) for each in part.parameters()]
optimizer = torch.optim.Adam(parameters, 0.001, betas=(0.9, 0.98))
mask = nn.Transformer.generate_square_subsequent_mask(7)
for step in range(4):
    words = torch.randint(2, WORDS, (8, 7))
    words[::2, 5:] = PAD
    forced = torch.cat([torch.full((8, 1), BEGIN), words[:, :-1]], 1)
    output = head(model(source(words), target(forced), tgt_mask=mask))
    log_p = F.log_softmax(output, dim=-1).view(-1, WORDS)
    smooth = torch.full_like(log_p, 0.1 / (WORDS - 2)).scatter(1, words.view(-1, 1), 0.9)
    smooth[:, PAD] = 0
    smooth[words.view(-1) == PAD] = 0
    loss = F.kl_div(log_p, smooth.detach(), reduction="sum") / (words != PAD).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
