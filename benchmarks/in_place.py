"""Memory that cross-entropy takes beside its logits, forward and backward: by how much one step raises the process's peak (Linux).

python benchmarks/in_place.py [--rows 8192] [--classes 32000]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import paired
import torch
import torch.nn.functional as F
from torch import Tensor

from losskit import functional, native

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "F.cross_entropy": F.cross_entropy,
    "losskit's": functional.cross_entropy,
    "with inplace_backward": partial(functional.cross_entropy, inplace_backward=True),
}


def step(loss: Callable[[Tensor, Tensor], Tensor], rows: int, classes: int) -> Callable[[], Tensor]:
    """A step on logits that are no leaf, as behind a layer."""
    logits = torch.randn(rows, classes) + torch.zeros((), requires_grad=True)
    target = torch.randint(classes, (rows,))
    return lambda: torch.autograd.grad(loss(logits, target), logits)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=8192)
    parser.add_argument("--classes", type=int, default=32000)
    options = parser.parse_args()
    size = options.rows * options.classes * 4 / 2**20
    print(f"torch {torch.__version__}, kernels {native.status().level}; the logits are {size:.0f} MiB")
    for name, loss in LOSSES.items():
        step(loss, 2, 2)()  # for what is made but once
        grown = paired.growth(step(loss, options.rows, options.classes))
        print(f"{name:<24}{'unknown' if grown is None else f'{grown:.1f} MiB'}", flush=True)


if __name__ == "__main__":
    main()
