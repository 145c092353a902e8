"""A causal language model, trained on the next token, with padding."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
VOCABULARY, WIDTH, PAD = 31, 16, 0


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH, padding_idx=PAD)
        self.q, self.k, self.v = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH, VOCABULARY)

    def forward(self, tokens):
        x = self.embedding(tokens)
        seen = torch.ones(tokens.shape[1], tokens.shape[1]).tril().bool() & (tokens != PAD).unsqueeze(1)
        x = x + F.scaled_dot_product_attention(self.q(x), self.k(x), self.v(x), attn_mask=seen)
        return self.head(x)


tokens = torch.randint(1, VOCABULARY, (32, 12))
tokens[::2, 8:] = PAD
model = Model()
optimizer = torch.optim.AdamW(model.parameters(), 0.003)
for batch in tokens.split(8):
    logits = model(batch[:, :-1])
    labels = batch[:, 1:]
    loss = F.cross_entropy(logits.reshape(-1, VOCABULARY), labels.reshape(-1), ignore_index=PAD)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
