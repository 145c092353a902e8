from __future__ import annotations

import math

from losskit.checker.call import CLOSE, Call
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule


class NotFinite(Rule):
    """A loss of torch that is NaN or inf although its limit is finite.

    What it does:
        Where torch's loss is not finite, computes it by losskit's formula, which takes 0 * inf for 0 and does not overflow.

    Why it is wrong:
        One step with a NaN gradient makes every weight NaN. Logits of -inf (masked classes) under label smoothing, a target of 0
        beside a log-probability of -inf, and large margins do that in torch.

    Bad:
        logits = nn.Linear(20, 4)(torch.randn(8, 20)).masked_fill(torch.tensor([False, False, False, True]), -torch.inf)
        loss = F.cross_entropy(logits, torch.arange(8) % 3, label_smoothing=0.1)

    Good:
        logits = nn.Linear(20, 4)(torch.randn(8, 20)).masked_fill(torch.tensor([False, False, False, True]), -torch.inf)
        loss = F.cross_entropy(logits, torch.arange(8) % 3)
    """

    code = "LK401"
    name = "not-finite"
    says = Says(
        "torch's {who} is {loss} on this batch, and its limit is finite",
        "losskit's formula gives {right}",
        "one step with this gradient makes the weights NaN",
        "use losskit.{own}, which has torch's arguments",
    )

    def inspect(self, call: Call) -> Finding | None:
        if not call.by_torch or call.result is None or bool(call.result.isfinite().all()):
            return None
        if call.result.dtype in CLOSE and math.isfinite(call.least(call.input)):
            return None  # half precision is to blame, as another rule tells
        values = call.values
        if any(value.is_floating_point() and bool(value.isnan().any()) for value in values):
            return None
        try:
            right = call.loss(*values)
        except (ValueError, IndexError, TypeError):
            return None  # losskit refuses what the call was given; other rules tell why
        if not bool(right.isfinite().all()):
            return None
        loss = float(call.result.detach().float().mean())
        return self.error(call, loss=loss, right=float(right.mean()), own=type(call.loss).__name__)
