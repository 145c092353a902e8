"""How fast and how exact CTC is: forward and backward of logits, against torch's operator behind a log-softmax and Optax's loss.

A cell is the median of the ratios of the rounds, the rival's time over losskit's, each going first in turn: above 1
losskit is faster. ``from_logits`` and ``log_probs`` are against torch, as is ``formula``, which serves second derivatives, transforms
and the compiler; ``Optax`` is jitted with its gradient, in its own layout, against ``from_logits`` (extra ``bench``). The
last two columns are how far the gradient of the sum lies from that in float64, at most.

    python benchmarks/ctc.py [--threads 1] [--cpu-time] [--sizes 0 1 2 3]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import by_optax
import paired
import torch
import torch.nn.functional as F
from torch import Tensor

from losskit import functional
from losskit.losses import CTCLoss

SIZES = ((20, 4, 12, 5), (50, 4, 20, 10), (100, 16, 28, 20), (200, 32, 64, 50), (1000, 16, 5000, 100))
ROUNDS = 11
MANY = 10**7  # logits beyond which formula and Optax would take minutes
COLUMNS = ("from_logits", "log_probs", "formula", "Optax")


class ByFormula(CTCLoss):
    """Never the kernel, nor torch's operator."""

    def formula(self, *tensors: Tensor) -> Tensor:
        """As it is."""
        return super().formula(*tensors)


class Batch(NamedTuple):
    """The tensors of a call."""

    logits: Tensor
    targets: Tensor
    input_lengths: Tensor
    target_lengths: Tensor


def drawn(size: tuple[int, int, int, int]) -> Batch:
    """T, N, C, and the labels of each target."""
    steps, samples, classes, labels = size
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(steps, samples, classes, generator=generator, requires_grad=True)
    targets = torch.randint(1, classes, (samples, labels), generator=generator)
    return Batch(logits, targets, torch.full((samples,), steps), torch.full((samples,), labels))


def behind_softmax(batch: Batch) -> Batch:
    return batch._replace(logits=batch.logits.log_softmax(2))


def by_torch(batch: Batch, reduction: str = "mean") -> Tensor:
    return F.ctc_loss(*behind_softmax(batch), reduction=reduction)


def steps(batch: Batch) -> dict[str, Callable[[], object]]:
    """What is measured, torch first."""
    logits, rest = batch.logits, batch[1:]
    losses: dict[str, Callable[[], Tensor]] = {
        "torch": lambda: by_torch(batch),
        "from_logits": lambda: functional.ctc_loss(*batch, from_logits=True),
        "log_probs": lambda: functional.ctc_loss(*behind_softmax(batch)),
    }
    if logits.numel() < MANY:
        losses["formula"] = lambda: ByFormula()(*behind_softmax(batch))

    def step(loss: Callable[[], Tensor]) -> Callable[[], object]:
        def run() -> None:
            loss().backward()
            logits.grad = None

        return run

    found: dict[str, Callable[[], object]] = {name: step(loss) for name, loss in losses.items()}
    samples_first = logits.detach().transpose(0, 1).contiguous().requires_grad_()
    other = by_optax.step("CTCLoss", (samples_first, *rest)) if logits.numel() < MANY else None
    return found if other is None else found | {"Optax": other}


def errors(batch: Batch) -> list[float]:
    """The largest of the gradient of the sum, torch's and losskit's."""

    def gradient(loss: Callable[[Batch], Tensor], batch: Batch) -> Tensor:
        return torch.autograd.grad(loss(batch), batch.logits)[0]

    def ours(batch: Batch) -> Tensor:
        return functional.ctc_loss(*batch, reduction="sum", from_logits=True)

    theirs = partial(by_torch, reduction="sum")
    exactly = gradient(theirs, batch._replace(logits=batch.logits.detach().double().requires_grad_()))
    return [float((gradient(loss, batch) - exactly).abs().max()) for loss in (theirs, ours)]


def cells(batch: Batch, clock: Callable[[], float]) -> str:
    """A row of the table."""
    run = steps(batch)
    calls = max(1, 2000 // (batch.logits.shape[0] * batch.logits.shape[1]))
    timed = {name: partial(paired.once, step, calls, clock) for name, step in run.items()}
    taken = paired.in_turn(timed, paired.to_and_fro(run, ROUNDS + 1))
    times = {name: seconds[1:] for name, seconds in taken.items()}  # the first round warms up
    row = f"{statistics.median(times['torch']) * 1e3:11.2f}"
    for name in COLUMNS:
        rival, ours = (name, "from_logits") if name == "Optax" else ("torch", name)
        there = rival in times and ours in times
        row += f"{paired.ratio(times[rival], times[ours]):14.2f}" if there else f"{'-':>14}"
    return row + "".join(f"{error:14.1e}" for error in errors(batch))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cpu-time", action="store_true", help="of the process, for a machine that others use as well")
    parser.add_argument("--sizes", nargs="+", type=int, default=range(len(SIZES)), help="rows of the table, from 0 on")
    options = parser.parse_args()
    clock = time.process_time if options.cpu_time else time.perf_counter
    torch.set_num_threads(options.threads)
    if hasattr(os, "sched_setaffinity"):  # XLA knows no such setting
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-options.threads :])
    kind = "CPU" if options.cpu_time else "wall"
    print(f"torch {torch.__version__}, float32, {kind} time, threads {options.threads}; above 1 losskit is faster")
    heads = (*COLUMNS, "torch's error", "ours")
    print(f"{'T, N, C, S':22}{'torch, ms':>11}" + "".join(f"{head:>14}" for head in heads))
    for size in (SIZES[place] for place in options.sizes):
        print(f"{', '.join(map(str, size)):22}{cells(drawn(size), clock)}", flush=True)


if __name__ == "__main__":
    main()
