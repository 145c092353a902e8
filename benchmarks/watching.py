"""What ``losskit.watch`` costs a training, in paired turns beside an A/A control; and that it changes no bit.

Run it: ``python benchmarks/watching.py``, about 3 minutes. It counts the seconds in which a processor worked for it, as what
else the machine does would count else.
"""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import losskit

TURNS, STEPS, WARM = 21, 300, 60


def mlp() -> tuple[nn.Module, Callable[[], tuple[Tensor, Tensor]]]:
    """An MLP on batches of 64, as for MNIST."""
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.1), nn.Linear(128, 10))
    return model, lambda: (torch.randn(64, 784), torch.randint(10, (64,)))


class Small(nn.Module):
    """A causal transformer of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(64, 64), nn.Linear(64, 64)
        layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.mask = nn.Transformer.generate_square_subsequent_mask(32)

    def forward(self, tokens: Tensor) -> Tensor:
        """The logits, one row a token."""
        return self.head(self.layers(self.embedding(tokens), mask=self.mask, is_causal=True)).flatten(0, 1)  # type: ignore[no-any-return]


def transformer() -> tuple[nn.Module, Callable[[], tuple[Tensor, Tensor]]]:
    """A small causal transformer on 8 sequences of 32 tokens."""

    def batch() -> tuple[Tensor, Tensor]:
        tokens = torch.randint(64, (8, 33))
        return tokens[:, :-1], tokens[:, 1:].flatten()

    return Small(), batch


def train(make: Callable[[], tuple[nn.Module, Callable[[], tuple[Tensor, Tensor]]]], steps: int) -> tuple[float, str]:
    """Seconds of a processor for the steps after the first ones, and a hash of all that the training left behind."""
    torch.manual_seed(0)
    model, batch = make()
    optimizer = torch.optim.Adam(model.parameters())
    start = 0.0
    for step in range(steps + WARM):
        if step == WARM:
            start = time.process_time()
        features, target = batch()
        optimizer.zero_grad()
        F.cross_entropy(model(features), target).backward()
        optimizer.step()
    taken = time.process_time() - start
    left = [*model.state_dict().values(), torch.get_rng_state()]
    return taken, hashlib.sha256(b"".join(each.numpy().tobytes() for each in left)).hexdigest()


def main() -> None:
    """Print both, for each model."""
    torch.set_num_threads(1)
    for make in (mlp, transformer):
        steps = STEPS if make is mlp else STEPS // 3
        ratios: dict[str, list[float]] = {"A/A": [], "watched": []}
        hashes = set()
        for turn in range(TURNS):
            ways = ["plain", "A/A", "watched"][turn % 3 :] + ["plain", "A/A", "watched"][: turn % 3]
            times = {}
            for way in ways:
                context: AbstractContextManager[object] = losskit.watch() if way == "watched" else nullcontext()
                with context:
                    times[way], left = train(make, steps)
                hashes.add(left)
            for way, found in ratios.items():
                found.append(times[way] / times["plain"] - 1)
        told = ", ".join(f"{way} {statistics.median(found):+.1%}" for way, found in ratios.items())
        print(f"{make.__name__}: median of {TURNS} turns of {steps} steps: {told}; {len(hashes)} hash of the results")


if __name__ == "__main__":
    main()
