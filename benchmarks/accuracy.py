"""How accurate the losses are in float32: the worst error of losskit and of torch against float64, in ULP.

Values are those of each item (reduction none), gradients those of their sum. Inputs are drawn from the declared domains, and
once more far out: logits to ±1e4, subnormal numbers, probabilities at 0 and 1, vectors of zeros. The reference is the formula in
float64, which ``tests/oracles.py`` vouches for. A ULP is the distance of two float32 numbers at the true value; where terms
cancel, all that is left may be rounding, and millions of ULP may be little beside the terms. Hence the second pair of columns:
the same error beside the largest true value of the batch, in units of float32's 2^-24.

"torch ULP" at the end of a row: by that measure torch is closer.

    python benchmarks/accuracy.py [--losses NAME ...] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import losskit
from losskit.core.ranges import Logit, LogProbability, NonNegative, Probability, Real
from losskit.core.shapes import Classes, Vectors
from losskit.core.slots import Slot
from losskit.loss import Loss

ITEMS, CLASSES = 4096, 7
KINDS = ("ordinary", "extreme")
#: Losses that are not drawn item by item, and where their accuracy is shown.
ELSEWHERE = {
    "CTCLoss": "tests/test_ctc.py",
    "LinearCrossEntropyLoss": "tests/test_linear_cross_entropy.py",
    "AdaptiveLogSoftmaxWithLoss": "tests/test_adaptive_log_softmax.py",
}


def tensors_of(criterion: Loss, extreme: bool) -> tuple[Tensor, ...]:
    """What the loss takes, in float32; far out on request."""
    generator = torch.Generator().manual_seed(0)
    drawn = []
    for name, slot in criterion.domains.items():
        value = slot.sample((ITEMS,), CLASSES, generator)
        if extreme and name != "target":
            value = far_out(slot, value, generator)
        drawn.append(value.float() if value.is_floating_point() else value)
    return tuple(drawn)


def far_out(slot: Slot, value: Tensor, generator: torch.Generator) -> Tensor:
    """Values of the same domain from its ends and from beside zero."""
    scale = 10 ** (8 * torch.rand(value.shape, generator=generator, dtype=torch.float64) - 4)
    if isinstance(slot.range, Probability):
        far = (value.logit() * scale).sigmoid()
    elif isinstance(slot.range, LogProbability) and isinstance(slot.shape, Classes):
        far = (value * scale.clamp(max=100)).log_softmax(1)
    elif isinstance(slot.range, NonNegative):
        far = value * scale
    elif isinstance(slot.range, Logit | Real):
        far = (value * scale).clamp(-1e4, 1e4)
        if isinstance(slot.shape, Vectors):
            far[:8] = 0
        else:
            far[:8] = 1e-40 * value[:8].sign()
    else:
        far = value
    return far


def both(loss: Callable[..., Tensor], tensors: tuple[Tensor, ...], places: list[int]) -> list[Tensor]:
    """The value of each item, and the gradients of their sum in the tensors at ``places``."""
    leaves = [t.clone().requires_grad_() if i in places else t for i, t in enumerate(tensors)]
    value = loss(*leaves)
    gradients = torch.autograd.grad(value.sum(), [leaves[i] for i in places])
    return [value.detach(), torch.cat([gradient.flatten() for gradient in gradients])]


def errors(found: Tensor, true: Tensor) -> tuple[float, float]:
    """The worst error in ULP, and beside the largest true value in units of 2^-24."""
    exact, own = true.double().numpy().ravel(), found.double().numpy().ravel()
    fine = np.isfinite(exact) & (np.abs(exact) < np.finfo(np.float32).max)
    exact, own = exact[fine], own[fine]
    if not np.isfinite(own).all():
        return math.inf, math.inf
    off = np.abs(own - exact)
    ulp = np.spacing(np.abs(exact).astype(np.float32)).astype(np.float64)
    return float((off / ulp).max()), float(off.max() / (np.abs(exact).max() or 1) * 2**24)


def measure(loss: type[Loss]) -> list[dict[str, Any]]:
    criterion = loss(reduction="none")
    places = [i for i, name in enumerate(criterion.domains) if name != "target"]
    theirs = None if loss.about.torch is None else getattr(F, loss.about.torch)
    rows = []
    for kind in KINDS:
        tensors = tensors_of(criterion, kind == "extreme")
        exact = both(criterion.formula, wide(tensors), places)
        ours = both(criterion, tensors, places)
        torchs = None if theirs is None else both(lambda *t: theirs(*t, reduction="none"), tensors, places)
        for index, what in enumerate(("value", "gradient")):
            row: dict[str, Any] = {"loss": loss.__name__, "inputs": kind, "of": what}
            row["losskit"], row["losskit_scaled"] = errors(ours[index], exact[index])
            if torchs is not None:
                row["torch"], row["torch_scaled"] = errors(torchs[index], exact[index])
            rows.append(row)
    return rows


def wide(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(t.double() if t.is_floating_point() else t for t in tensors)


def line(row: dict[str, Any]) -> str:
    head = f"{row['loss']:30}{row['inputs']:10}{row['of']:10}"
    if "torch" not in row:
        return f"{head}{row['losskit']:>10.3g}{'-':>10}{row['losskit_scaled']:>10.3g}{'-':>10}"
    closer = [
        what for what, end in (("ULP", ""), ("2^-24", "_scaled")) if row["torch" + end] < 0.99 * row["losskit" + end]
    ]
    note = f" torch {'+'.join(closer)}" if closer else ""
    return f"{head}{row['losskit']:>10.3g}{row['torch']:>10.3g}{row['losskit_scaled']:>10.3g}{row['torch_scaled']:>10.3g}{note}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--losses", nargs="+", metavar="NAME")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    print(f"torch {torch.__version__}, float32, {ITEMS} items, kernels {losskit.native.status().level}\n")
    print(f"{'':50}{'worst ULP':>20}{'of largest, 2^-24':>20}")
    print(f"{'loss':30}{'inputs':10}{'of':10}{'losskit':>10}{'torch':>10}{'losskit':>10}{'torch':>10}")
    rows = []
    for loss in losskit.CATALOG:
        if options.losses and loss.__name__ not in options.losses:
            continue
        if loss.__name__ in ELSEWHERE:
            print(f"{loss.__name__:30}see {ELSEWHERE[loss.__name__]}")
            continue
        for row in measure(loss):
            print(line(row), flush=True)
            rows.append(row)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(rows, file)


if __name__ == "__main__":
    main()
