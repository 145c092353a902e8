"""Language model: the next word of a text, of a vocabulary of some 1,500 words, by a network that ends in that many classes.

LinearCrossEntropyLoss owns the last layer, and goes through its logits in chunks: those of all words at once are never there. A
batch too large for memory comes as micro-batches, whose gradients add up.

The pitfall: dividing each micro-batch's loss by its own number of words, and the sum by the number of micro-batches. Sentences are
of unequal lengths, so words of short ones would count more. losskit.global_count counts what the whole batch keeps; given to
each call as normalizer, the gradients are those of the whole batch. That is checked below, before training.
"""

import re
from collections import Counter
from pydoc_data.topics import topics  # Python's own reference manual

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

import losskit

REACHES = 0.14  # share of words foretold, in sentences not seen in training; "the", the most frequent, is 0.07
IGNORED, UNKNOWN, CONTEXT = -100, 0, 4

torch.manual_seed(0)
torch.set_num_threads(1)  # networks this small gain nothing from more
pages = "\n\n".join(topics.values())
sentences = dict.fromkeys(re.split(r"(?<=[.:])\s+|\n\n", pages))  # each of them once: topics repeat each other
texts = [words[:50] for sentence in sentences if len(words := re.findall(r"[a-z]+|[.,:]", sentence.lower())) > 5]
counts = Counter(word for text in texts for word in text)
vocabulary = {word: place for place, word in enumerate((word for word in counts if counts[word] > 2), 1)}
ids = [torch.tensor([vocabulary.get(word, UNKNOWN) for word in text]) for text in texts]
train, test = [ids[i] for i in range(len(ids)) if i % 10], ids[::10]


def windows(texts: list[Tensor]) -> tuple[Tensor, Tensor]:
    """For each place the words before it, (N T, CONTEXT), and the word to foretell, (N T): padding and rare words are ignored."""
    padded = pad_sequence(texts, batch_first=True, padding_value=IGNORED)
    before = nn.functional.pad(padded.clamp(min=UNKNOWN), (CONTEXT, 0))[:, :-1].unfold(1, CONTEXT, 1)
    return before.flatten(0, 1), torch.where(padded > UNKNOWN, padded, IGNORED).flatten()


network = nn.Sequential(
    nn.Embedding(len(vocabulary) + 1, 32), nn.Flatten(), nn.Linear(32 * CONTEXT, 64), nn.ReLU(), nn.LayerNorm(64)
)
criterion = losskit.LinearCrossEntropyLoss(64, len(vocabulary) + 1)
parameters = [*network.parameters(), *criterion.parameters()]  # the last layer is the criterion's
optimizer = torch.optim.Adam(parameters, lr=0.01)


def gradients(micro_batches: list[tuple[Tensor, Tensor]]) -> list[Tensor | None]:
    """Those of the mean over all words that the micro-batches keep together."""
    optimizer.zero_grad()
    kept = losskit.global_count(criterion, [target for _, target in micro_batches])
    for before, target in micro_batches:
        criterion(network(before), target, normalizer=kept).backward()
    return [parameter.grad for parameter in parameters]


few = train[:32]
in_parts, whole = (gradients([windows(few[i : i + size]) for i in range(0, 32, size)]) for size in (8, 32))
for part, all_at_once in zip(in_parts, whole, strict=True):
    torch.testing.assert_close(part, all_at_once, rtol=1e-4, atol=1e-7)

for _ in range(2):
    for batch in torch.randperm(len(train)).split(32):
        gradients([windows([train[i] for i in part]) for part in batch.split(8)])
        optimizer.step()

before, target = windows(test)
with torch.no_grad():
    predicted = criterion.predict(network(before))
foretold = (predicted == target)[target != IGNORED].double().mean()
print(f"words foretold {foretold:.3f}, stated {REACHES}")
