"""How fast CTC is: forward and backward against torch's operator, on this machine, behind a log-softmax in either case.

A cell is the median of the ratios of the rounds, torch's time over losskit's, each going first in turn: above 1 losskit is
faster. ``formula`` is what serves second derivatives, transforms and the compiler.

    python benchmarks/ctc.py [--threads 1 2] [--cpu-time]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import paired
import torch
import torch.nn.functional as F
from torch import Tensor

from losskit import functional
from losskit.losses import CTCLoss

SIZES = ((20, 4, 12, 5), (100, 16, 28, 20), (500, 16, 28, 60), (200, 32, 1000, 40))
ROUNDS = 11


class ByFormula(CTCLoss):
    """Never torch's operator."""

    def formula(self, *tensors: Tensor) -> Tensor:
        """As it is."""
        return super().formula(*tensors)


def steps(size: tuple[int, int, int, int]) -> dict[str, Callable[[], object]]:
    """What is measured, torch first; T, N, C and the longest target."""
    length, samples, classes, longest = size
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(length, samples, classes, generator=generator, requires_grad=True)
    targets = torch.randint(1, classes, (samples, longest), generator=generator)
    rest = (
        targets,
        torch.full((samples,), length),
        torch.randint(longest // 2, longest + 1, (samples,), generator=generator),
    )
    losses: dict[str, Callable[[], Tensor]] = {
        "torch": lambda: F.ctc_loss(logits.log_softmax(2), *rest),
        "log_probs": lambda: functional.ctc_loss(logits.log_softmax(2), *rest),
        "from_logits": lambda: functional.ctc_loss(logits, *rest, from_logits=True),
        "formula": lambda: ByFormula()(logits.log_softmax(2), *rest),
    }

    def step(loss: Callable[[], Tensor]) -> Callable[[], object]:
        def run() -> None:
            loss().backward()
            logits.grad = None

        return run

    return {name: step(loss) for name, loss in losses.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--cpu-time", action="store_true", help="of the process, for a machine that others use as well")
    options = parser.parse_args()
    clock = time.process_time if options.cpu_time else time.perf_counter
    print(
        f"torch {torch.__version__}, float32, {'CPU' if options.cpu_time else 'wall'} time; above 1 losskit is faster"
    )
    for threads in options.threads:
        torch.set_num_threads(threads)
        print(f"\n{'threads ' + str(threads):24}{'torch, ms':>12}{'log_probs':>12}{'from_logits':>12}{'formula':>12}")
        for size in SIZES:
            run, calls = steps(size), max(1, 2000 // (size[0] * size[1]))
            timed = {name: partial(paired.once, step, calls, clock) for name, step in run.items()}
            taken = paired.in_turn(timed, paired.to_and_fro(run, ROUNDS + 1))
            times = {name: seconds[1:] for name, seconds in taken.items()}  # the first round warms up
            cells = [paired.ratio(times["torch"], times[name]) for name in times if name != "torch"]
            print(
                f"{size!s:24}{statistics.median(times['torch']) * 1e3:12.2f}"
                + "".join(f"{cell:12.2f}" for cell in cells)
            )


if __name__ == "__main__":
    main()
