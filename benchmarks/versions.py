"""Is a losskit slower than an older one? Both, and the older one a second time, take turns in processes of their own.

``.venv/bin/python benchmarks/versions.py OLD/bin/python`` takes the Python of an environment that has the older losskit. A cell
is the median over the rounds of the old time over the new one, with its 95 % interval; it fails where the whole interval lies
below .97. The old one against itself says how far to believe it.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import paired

SIZES = {"small": (64, 10), "medium": (4096, 1000), "large": (16384, 1024)}
WHO = ("old", "itself", "new")  # the old one twice
WAYS = ("function", "value_and_grad")
PAIRWISE = ("NTXentLoss",)  # its work grows with the square of the rows: small alone
LEAST, SLOWER = 5e-3, 0.97  # seconds of a timing; below which ratio a cell is slower


class Worker:
    """A process with a losskit of its own, which times what it is told."""

    def __init__(self, python: str) -> None:
        command = [python, __file__, "--worker"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **what: Any) -> Any:
        """What the process answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def work() -> None:
    """Answer, a line a question: the catalog, a cell made ready, a timing."""
    import torch
    import variants

    import losskit

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # what the losses say of their arguments
    step: Callable[[], torch.Tensor] = lambda: torch.zeros(())  # noqa: E731
    for line in sys.stdin:
        asked = json.loads(line)
        if "loss" in asked:
            loss = getattr(losskit, asked["loss"])
            tensors = variants.draw(loss, tuple(asked["shape"]))
            step = variants.variants(loss, tensors, (), False)[f"losskit {asked['way']}"]
            answer: Any = min(paired.once(step, 1) for _ in range(5))
        elif "calls" in asked:
            answer = paired.once(step, asked["calls"])
        else:
            names = [loss for loss in losskit.CATALOG if loss.__name__ not in variants.ELSEWHERE]
            answer = [(loss.__name__, loss.about.kernel is not None) for loss in names]
        print(json.dumps(answer), flush=True)


def cells(losses: Sequence[tuple[str, bool]], sizes: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    for size in sizes:
        for loss, kernel in losses:
            slow = (loss in PAIRWISE and size != "small") or (not kernel and size == "large")  # a call takes seconds
            if not slow:
                yield from ((size, loss, way) for way in (WAYS if size == "small" else WAYS[:1]))


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The median, and the order statistics between which it lies in 95 of 100 samples."""
    ordered, n = sorted(values), len(values)
    below, cut = 0.0, 0
    while below + math.comb(n, cut) / 2**n <= 0.025:
        below += math.comb(n, cut) / 2**n
        cut += 1
    cut = max(cut - 1, 0)
    return statistics.median(ordered), ordered[cut], ordered[n - 1 - cut]


def compare(
    workers: Sequence[Worker], cell: tuple[str, str, str], rounds: int
) -> dict[str, tuple[float, float, float]]:
    """Of the old one against itself and of the old against the new."""
    size, loss, way = cell
    guess = max(worker.ask(loss=loss, shape=SIZES[size], way=way) for worker in workers)
    calls = max(1, round(LEAST / guess))
    asked = {name: partial(worker.ask, calls=calls) for name, worker in zip(WHO, workers, strict=True)}
    times = paired.in_turn(asked, paired.rotated(WHO, rounds))
    return {name: interval([a / b for a, b in zip(times["old"], times[name], strict=True)]) for name in WHO[1:]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", nargs="?", help="the Python that has the older losskit")
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=SIZES)
    parser.add_argument("--losses", nargs="+", help="these alone")
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work()
        return 0
    if options.old is None:
        parser.error("give the Python of an environment that has the older losskit")
    workers = [Worker(python) for python in (options.old, options.old, sys.executable)]
    slower = 0
    print(f"{'size':7}{'loss':31}{'way':16}{'old/old':>8}{'95 %':>14}{'old/new':>9}{'95 %':>14}")
    losses = [loss for loss in workers[0].ask() if loss[0] in (options.losses or loss[0])]
    for cell in cells(losses, options.sizes):
        found = compare(workers, cell, options.rounds)
        shown = "".join(f"{m:9.3f}{f'{low:.3f}-{high:.3f}':>14}" for m, low, high in found.values())
        fails = found["new"][2] < SLOWER
        slower += fails
        print(f"{cell[0]:7}{cell[1]:31}{cell[2]:15}{shown}{'  slower' if fails else ''}", flush=True)
    print(f"{slower} cells slower")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
