"""What ``losskit.accelerate()`` costs and gains, on this machine.

The price: a small training loop (784 to 128 to 10, batches of 64) with the context around its loss alone and around the
whole step, and under a mode that does nothing, which is what torch charges for any. The gain: forward and backward of
each loss that it serves, and a whole step whose loss is large. Variants take turns (A, B, A, B, …), each starting a round in
turn; a difference or a ratio is the median of those of the rounds. With one thread the time is the processor's, so that what
else runs on the machine counts little; with more it is the clock's.

    python benchmarks/accelerate.py [--threads 1] [--rounds 61] [--sizes small … large]
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from statistics import median
from typing import Any

import paired
import torch
from torch import Tensor, nn
from torch.overrides import BaseTorchFunctionMode, TorchFunctionMode

import losskit
from losskit import native
from losskit.training.accelerate import LOSSES

SIZES = {
    "small": (64, 10),
    "middling": (512, 100),
    "sizeable": (1024, 256),
    "medium": (4096, 1000),
    "large": (16384, 1024),
}
CALLS = {"small": 100, "middling": 20, "sizeable": 5, "medium": 1, "large": 1}
STEPS = 20  # of the small loop, in one measurement
Context = Callable[[], AbstractContextManager[Any]]
Step = Callable[[], object]


class Counting(TorchFunctionMode):
    """How many calls of torch a mode sees."""

    seen = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count, and go on."""
        self.seen += 1
        return func(*args, **(kwargs or {}))


def under(context: Context, step: Step, calls: int) -> Callable[[], float]:
    """Microseconds of a step, of so many within one context."""

    def measure() -> float:
        clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
        start = clock()
        with context():
            for _ in range(calls):
                step()
        return (clock() - start) / calls * 1e6

    return measure


def in_turn(variants: dict[str, Callable[[], float]], rounds: int) -> paired.Times:
    """What each variant took, round by round, after a first time."""
    for measure in variants.values():
        measure()
    return paired.in_turn(variants, paired.rotated(variants, rounds))


def training(
    net: nn.Module, input: Tensor, target: Tensor, optimizer: torch.optim.Optimizer, around: Context = nullcontext
) -> Step:
    """One step, its loss within ``around``."""
    criterion = nn.CrossEntropyLoss()

    def step() -> None:
        optimizer.zero_grad()
        output = net(input)
        with around():
            loss = criterion(output, target)
        loss.backward()
        optimizer.step()

    return step


def price(rounds: int) -> None:
    """What a step takes, and what each variant adds to it."""
    print("\nThe price: 784 to 128 to 10, batches of 64, cross-entropy; microseconds a step, and what is added to it")
    columns = ("a step", "around loss", "around step", "empty mode", "calls seen", "mode a call")
    print(" " * 8 + "".join(f"{column:>13}" for column in columns))
    input, target = torch.randn(64, 784), torch.randint(10, (64,))
    for kind in (torch.optim.SGD, torch.optim.Adam):
        net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
        optimizer = kind(net.parameters(), lr=1e-4)
        plain = training(net, input, target, optimizer)
        with Counting() as counting:
            plain()
        variants = {
            "plain": under(nullcontext, plain, STEPS),
            "loss": under(nullcontext, training(net, input, target, optimizer, losskit.accelerate), STEPS),
            "step": under(losskit.accelerate, plain, STEPS),
            "empty": under(BaseTorchFunctionMode, plain, STEPS),
        }
        found = in_turn(variants, rounds)
        added = [
            median(took - plain for took, plain in zip(found[name], found["plain"], strict=True))
            for name in ("loss", "step", "empty")
        ]
        cells = [median(found["plain"]), *added, counting.seen, added[-1] / counting.seen]
        print(f"{kind.__name__:8}" + "".join(f"{cell:>13.1f}" for cell in cells), flush=True)


def gain(size: str, rounds: int) -> None:
    """Torch's time over that under the context, for every loss and for a step."""
    batch, classes = SIZES[size]
    print(f"\nThe gain, {size} {SIZES[size]}: forward and backward, microseconds")
    print(f"{'':36}{'torch':>12}{'accelerated':>14}{'ratio':>8}")
    generator = torch.Generator().manual_seed(0)
    for function, loss in LOSSES.items():
        if loss.about.kernel is not None and loss is not losskit.CTCLoss:  # its gradient is not torch's
            items = (batch, classes) if loss().class_dim(torch.zeros(2, 3)) is None else (batch,)
            drawn = [domain.sample(items, classes, generator) for domain in loss.about.tensors.values()]
            input, *rest = (tensor.float() if tensor.is_floating_point() else tensor for tensor in drawn)
            show(function.__name__, forward_and_backward(function, input.requires_grad_(), rest), size, rounds)
    net, features = nn.Linear(64, classes), torch.randn(batch, 64)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4)
    step = training(net, features, torch.randint(classes, (batch,)), optimizer)
    show(f"a step: 64 to {classes}, cross-entropy", step, size, rounds)


def forward_and_backward(function: Callable[..., Tensor], input: Tensor, rest: list[Tensor]) -> Step:
    def step() -> None:
        function(input, *rest).backward()
        input.grad = None

    return step


def show(name: str, step: Step, size: str, rounds: int) -> None:
    calls = CALLS[size]
    found = in_turn({"torch": under(nullcontext, step, calls), "own": under(losskit.accelerate, step, calls)}, rounds)
    faster = paired.ratio(found["torch"], found["own"])
    print(f"{name:36}{median(found['torch']):>12.1f}{median(found['own']):>14.1f}{faster:>8.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=61)
    parser.add_argument("--sizes", nargs="*", choices=SIZES, default=list(SIZES))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    print(
        f"torch {torch.__version__}, {platform.machine()}, threads {options.threads}, kernels {native.status().level}"
    )
    price(options.rounds)
    for size in options.sizes:
        gain(size, options.rounds if size != "large" else max(options.rounds // 4, 3))


if __name__ == "__main__":
    main()
