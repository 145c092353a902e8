"""A tagger of packed sequences, and a language model by a recurrent network with tied weights and truncated steps."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.manual_seed(0)
WORDS, TAGS = 17, 4
embed, rnn, tagger = nn.Embedding(WORDS, 8, padding_idx=0), nn.LSTM(8, 8, batch_first=True), nn.Linear(8, TAGS)
optimizer = torch.optim.Adam([*embed.parameters(), *rnn.parameters(), *tagger.parameters()], 0.01)
for step in range(6):
    lengths = torch.tensor([9, 7, 4, 2])
    words, tags = torch.randint(1, WORDS, (4, 9)), torch.randint(TAGS, (4, 9))
    for row, length in enumerate(lengths):
        words[row, length:], tags[row, length:] = 0, -1
    packed = pack_padded_sequence(embed(words), lengths, batch_first=True)
    hidden, _ = pad_packed_sequence(rnn(packed)[0], batch_first=True)
    loss = F.cross_entropy(tagger(hidden).transpose(1, 2), tags, ignore_index=-1)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

decoder = nn.Linear(8, WORDS, bias=False)
decoder.weight = embed.weight
optimizer = torch.optim.SGD([*embed.parameters(), *rnn.parameters()], 0.5)
text, state = torch.randint(1, WORDS, (2, 61)), None
for start in range(0, 60, 10):
    given, wanted = text[:, start : start + 10], text[:, start + 1 : start + 11]
    output, state = rnn(embed(given), state)
    state = tuple(each.detach() for each in state)
    loss = F.cross_entropy(decoder(output).flatten(0, 1), wanted.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
