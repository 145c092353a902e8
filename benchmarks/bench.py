"""How fast the losses are: forward and backward against torch, on this machine.

Every loss of the catalog is measured beside its rivals in turn (A, B, A, B, …) in one process; a cell is the median of the
ratios of the rounds, rival's time over losskit's: above 1 losskit is faster. ``input.grad`` is freed inside each variant.

    python benchmarks/bench.py [--sizes small medium large] [--threads 1 2] [--compile] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import losskit
from losskit import functional, native
from losskit.catalog import READY_MADE

SIZES = {"small": (64, 10), "medium": (4096, 1000), "large": (16384, 1024)}
CALLS = {"small": 200, "medium": 1, "large": 1}
ROUNDS = {"small": 21, "medium": 21, "large": 9}
Step = Callable[[], object]


def eager_focal(input: Tensor, target: Tensor) -> Tensor:
    """What people write, torch having none."""
    loss = F.binary_cross_entropy_with_logits(input, target, reduction="none")
    p = input.sigmoid()
    return (loss * (1 - (p * target + (1 - p) * (1 - target))) ** 2).mean()


def eager_softmax_focal(input: Tensor, target: Tensor) -> Tensor:
    loss = F.cross_entropy(input, target, reduction="none")
    return ((1 - (-loss).exp()) ** 2 * loss).mean()


EAGER = {"FocalLoss": eager_focal, "SoftmaxFocalLoss": eager_softmax_focal}


def backward(function: Callable[..., Tensor], input: Tensor, target: Tensor) -> Step:
    def step() -> None:
        function(input, target).backward()  # type: ignore[no-untyped-call]
        input.grad = None

    return step


def rivals(loss: type[losskit.Loss], input: Tensor, target: Tensor, compiled: bool) -> dict[str, tuple[Step, Step]]:
    """Pairs of rival and losskit, by the name of the column."""
    by_file = {getattr(functional, name).__module__: name for name in vars(functional)["__all__"]}
    own = getattr(functional, by_file[loss.__module__])
    eager = EAGER.get(loss.__name__) or getattr(F, str(loss.about.torch))
    criterion = loss()
    detached = input.detach()
    bare = losskit.value_and_grad(criterion)
    ours = backward(own, input, target)
    pairs: dict[str, tuple[Step, Step]] = {
        "function": (backward(eager, input, target), ours),
        "module": (backward(eager, input, target), backward(criterion, input, target)),
        "value_and_grad": (backward(eager, input, target), lambda: bare(detached, target)),
    }
    if compiled:
        fused = torch.compile(torch.func.grad_and_value(eager))
        pairs["function / compiled"] = (backward(torch.compile(eager), input, target), ours)
        pairs["v&g / compiled g&v"] = (lambda: fused(detached, target), lambda: bare(detached, target))
    return pairs


def once(step: Step, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        step()
    return (time.perf_counter() - start) / calls


def ratio(rival: Step, ours: Step, calls: int, rounds: int) -> float:
    """The median over the rounds of the rival's time over ours, each going first in turn."""
    once(rival, 3), once(ours, 3)
    found = []
    for each in range(rounds):
        if each % 2:
            theirs, own = once(rival, calls), once(ours, calls)
        else:
            own, theirs = once(ours, calls), once(rival, calls)
        found.append(theirs / own)
    return statistics.median(found)


def copy_time(shape: tuple[int, ...]) -> float:
    """Seconds that a copy of so many float32 takes, to say what memory allows."""
    one, other = torch.ones(shape), torch.ones(shape)
    return statistics.median(once(lambda: one.copy_(other), 1) for _ in range(15))


def measure(size: str, compiled: bool) -> list[dict[str, Any]]:
    rows = []
    for loss in READY_MADE:
        generator = torch.Generator().manual_seed(0)
        input = loss.about.input.sample(SIZES[size][:1], SIZES[size][1], generator)
        classes = loss().class_dim(torch.zeros(2, 3)) is not None
        items = SIZES[size][:1] if classes else SIZES[size]
        if not classes:
            input = loss.about.input.sample(items, 0, generator)
        target = loss.about.target.sample(items, SIZES[size][1], generator)
        input = input.float().requires_grad_()
        target = target.float() if target.is_floating_point() else target
        row: dict[str, Any] = {"loss": loss.__name__, "kernel": loss.about.kernel is not None}
        for name, (rival, ours) in rivals(loss, input, target, compiled).items():
            row[name] = round(ratio(rival, ours, CALLS[size], ROUNDS[size]), 2)
        rows.append(row)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    columns = [name for name in rows[0] if name not in ("loss", "kernel")]
    lines = [f"{'loss':20}" + "".join(f"{name:>20}" if len(name) > 14 else f"{name:>16}" for name in columns)]
    for row in rows:
        cells = "".join(f"{row[name]:>{20 if len(name) > 14 else 16}.2f}" for name in columns)
        lines.append(f"{row['loss'] + ('' if row['kernel'] else ' *'):20}{cells}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--compile", action="store_true", help="torch.compile as a rival as well (minutes more)")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    heap = os.environ.get("THP_MEM_ALLOC_ENABLE", "unset")
    print(f"torch {torch.__version__}, {platform.machine()}, {os.cpu_count()} cores, kernels {native.status().level}")
    print(
        f"float32, forward and backward, THP_MEM_ALLOC_ENABLE {heap}; rival's time over losskit's, so above 1 is faster"
    )
    found = []
    for size in options.sizes:
        for threads in options.threads:
            torch.set_num_threads(threads)
            print(f"\n{size} {SIZES[size]}, threads {threads}, a copy takes {copy_time(SIZES[size]) * 1e3:.3f} ms")
            rows = measure(size, options.compile)
            print(table(rows), flush=True)
            found.append({"size": size, "threads": threads, "rows": rows})
    print("\n* has no kernel: its formula, against torch's operator")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"torch": torch.__version__, "heap": heap, "level": native.status().level, "found": found}, file)


if __name__ == "__main__":
    main()
