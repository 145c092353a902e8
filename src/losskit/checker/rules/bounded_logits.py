from __future__ import annotations

import math

from losskit.checker.call import Call, distribution, inside
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule, evidence
from losskit.core.ranges import Logit
from losskit.core.shapes import Classes

LEAST = 0.02  # a floor below that is none


class BoundedLogits(Rule):
    """Logits behind a sigmoid or a tanh, which keeps them from growing.

    What it does:
        Looks for logits that an activation holds between two numbers.

    Why it is wrong:
        A logit between -1 and 1 never says "certain": the loss cannot come near 0, whatever the network learns.

    Bad:
        output = torch.tanh(nn.Linear(20, 10)(torch.randn(32, 20)))
        loss = F.cross_entropy(output, torch.randint(10, (32,)))

    Good:
        output = nn.Linear(20, 10)(torch.tanh(torch.randn(32, 20)))
        loss = F.cross_entropy(output, torch.randint(10, (32,)))
    """

    code = "LK103"
    name = "bounded-logits"
    says = Says(
        "{who} takes logits of any size; its input lies between {low} and {high}",
        "{evidence}",
        "the loss cannot fall below {floor}, even where every answer is right",
        "give the output of the linear layer to the loss, without an activation",
    )

    def inspect(self, call: Call) -> Finding | None:
        low, high = call.origin.range
        if type(call.slot.range) is not Logit or self._doubled(call) or math.isinf(low) or math.isinf(high):
            return None
        best = call.best(low, high)
        floor = 0.0 if best is None else call.least(best)
        if floor < LEAST:
            return None
        return self.error(call, evidence=evidence(call), low=low, high=high, floor=floor)

    def _doubled(self, call: Call) -> bool:
        """Whether another rule tells of it: a softmax or a sigmoid twice. One that a mask or a slice has left does not sum to 1."""
        if not isinstance(call.slot.shape, Classes):
            return call.origin.by in ("sigmoid", "hardsigmoid", "softmax")
        like = call.given[0].dtype
        sums = any(distribution(call.input, dim, like, fewest=1) for dim in range(call.input.dim()))
        return call.origin.by == "softmax" and (sums or not inside(call.input, 0, 1))
