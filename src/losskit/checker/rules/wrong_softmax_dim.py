from __future__ import annotations

import torch
from torch import Tensor

from losskit.checker.call import EXACT, FEWEST, Call, distribution
from losskit.checker.finding import Finding, Says
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
        value, made = call.values[at], call.origins[at].by
        if made not in ("softmax", "log_softmax") or value.dim() < 2:
            return None
        p = value if made == "softmax" else value.exp()
        dim = call.dim if call.dim is not None else value.dim() - 1
        over = [other for other in range(p.dim()) if other != dim and _one(p, other)]
        if distribution(p, dim, torch.bfloat16) or not over or p.numel() < FEWEST:
            return None
        sums = p.sum(dim)
        low, high = float(sums.min()), float(sums.max())
        values = {"dim": dim, "over": over[0], "name": call.names[at], "low": low, "high": high}
        return self.error(call, evidence=evidence(call, at), factor=max(high, 1 / max(low, 1e-9)), **values)


def _one(p: Tensor, dim: int) -> bool:
    return p.shape[dim] > 1 and bool(((p.sum(dim) - 1).abs() <= 10 * EXACT).all())
