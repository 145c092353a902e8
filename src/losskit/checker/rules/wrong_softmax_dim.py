from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from losskit.checker.call import EXACT, FEWEST, Call, distribution
from losskit.checker.finding import Finding, Says
from losskit.checker.phrase import Phrase
from losskit.checker.rule import Rule, evidence
from losskit.core.ranges import Logit, LogProbability, Mass
from losskit.core.shapes import Classes


class WrongSoftmaxDim(Rule):
    """A softmax over another dimension than that of the classes.

    What it does:
        Looks for probabilities, or their logarithms, that sum to 1 over a dimension which is not that of the classes.

    Why it is wrong:
        The samples of a batch then compete with each other instead of the classes of a sample.

    Bad:
        output = nn.Linear(20, 10)(torch.randn(32, 20)).log_softmax(dim=0)
        loss = F.nll_loss(output, torch.randint(10, (32,)))

    Good:
        output = nn.Linear(20, 10)(torch.randn(32, 20)).log_softmax(dim=1)
        loss = F.nll_loss(output, torch.randint(10, (32,)))
    """

    code = "LK110"
    name = "wrong-softmax-dim"
    says = Says(
        "{who} has its classes in dimension {dim}; {name} sums to 1 over dimension {over}",
        "{evidence}; over dimension {dim} the sums lie between {low} and {high}",
        "the probabilities of a sample are wrong by a factor of up to {factor}",
        "use softmax or log_softmax with dim={dim}",
    )

    def inspect(self, call: Call) -> Finding | None:
        for at, slot in enumerate(call.slots):
            logits = type(slot.range) is Logit and isinstance(slot.shape, Classes)
            if logits or isinstance(slot.range, LogProbability | Mass):
                found = self._of(call, at)
                if found is not None:
                    return found
        return None

    def _of(self, call: Call, at: int) -> Finding | None:
        value, made = call.values[at], call.origins[at]
        if made.by not in ("softmax", "log_softmax") or value.dim() < 2 or value.numel() < FEWEST:
            return None
        p = value if made.by == "softmax" else value.exp()
        dim = call.dim if call.dim is not None else _dim(call, at)
        over: list[Any] = [other for other in range(p.dim()) if other != dim and _one(p, other)]
        if made.straight and made.beside == p.shape[dim] and dim == p.dim() - 1 and not over:
            over = [Phrase("{dim}, before it was flattened", dim=made.dim)]
        if not over or distribution(p, dim, torch.bfloat16) or _pairs(call, dim):
            return None
        sums = p.sum(dim)
        low, high = float(sums.min()), float(sums.max())
        values = {"dim": dim, "over": over[0], "name": call.names[at], "low": low, "high": high}
        return self.error(call, evidence=evidence(call, at), factor=max(high, 1 / max(low, 1e-9)), **values)


def _dim(call: Call, at: int) -> int:
    """The classes of a loss that takes them in any dimension: where the other tensor has them, or else not in that of the batch."""
    p = call.values[at]
    other = call.values[1 - at]
    for q in (other, other.exp()):
        dims = [dim for dim in range(1, q.dim()) if other.shape == p.shape and _one(q, dim)]
        if dims:
            return dims[-1]
    own = [dim for dim in range(1, p.dim()) if _one(p, dim) or _one(p.exp(), dim)]
    return own[-1] if own else p.dim() - 1


def _pairs(call: Call, dim: int) -> bool:
    """Whether row i belongs to column i: it is then the same to normalise the one or the other."""
    target, rows = call.target, len(call.input)
    square = dim == 1 and call.input.shape == (rows, rows) and target.shape == (rows,)
    return square and torch.equal(target.cpu(), torch.arange(rows, device="cpu"))


def _one(p: Tensor, dim: int) -> bool:
    return p.shape[dim] > 1 and bool(((p.sum(dim) - 1).abs() <= 10 * EXACT).all())
