"""What does the frame cost a small call? Each loss without a kernel against its formula, or torch's operator, by itself.

``.venv/bin/python benchmarks/overhead.py``. 64×10, forward with a graph, one thread, in turn. *bare* checks the values, computes
by operator or formula, and reduces, with everything that must be known of the call decided before. The difference is what
choosing, checking shapes and passing on takes; an operator's result is also looked at once, for infinities.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from functools import partial

import paired
import torch
import variants
from paired import Effort, Step
from torch import Tensor

import losskit
from losskit.choice import by_operator, choose
from losskit.core.reduction import reduce


def bare(criterion: losskit.Loss, tensors: tuple[Tensor, ...]) -> Step:
    """The same number by no more than has to be computed."""
    route = choose(criterion, tensors)
    operator = route.operator if route.operator is not None and criterion.torch_is_right(*tensors) else None
    kept = criterion.kept(tensors[route.target])

    def by_torch() -> Tensor:
        criterion._diagnose(route, tensors)
        assert operator is not None
        return by_operator(criterion, operator, tensors, criterion.reduction)

    def by_formula() -> Tensor:
        criterion._diagnose(route, tensors)
        loss = criterion.formula(*tensors, kept=None) if criterion.about.interacting else criterion.formula(*tensors)
        return reduce(loss, criterion.reduction)

    if operator is not None:
        return by_torch
    assert kept is None or bool(kept.all())
    return by_formula


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=41)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # what the losses say of their arguments
    effort = Effort(least=5e-3, budget=60, rounds=(options.rounds, options.rounds))
    print(f"torch {torch.__version__}, {options.rounds} rounds\n{'µs':32}{'bare':>9}{'losskit':>9}{'frame':>9}")
    for loss in losskit.CATALOG:
        if loss.about.kernel is not None or loss.__name__ in variants.ELSEWHERE:
            continue
        tensors = variants.draw(loss, (64, 10))
        criterion = variants.build(loss, 10)
        steps: dict[str, Step] = {"bare": bare(criterion, tensors), "losskit": partial(criterion.forward, *tensors)}
        times = paired.alternate(steps, effort)
        least, ours = (statistics.median(times[name]) * 1e6 for name in steps)
        extra = statistics.median(b - a for a, b in zip(times["bare"], times["losskit"], strict=True)) * 1e6
        print(f"{loss.__name__:32}{least:>9.1f}{ours:>9.1f}{extra:>9.1f}", flush=True)


if __name__ == "__main__":
    main()
