from __future__ import annotations

import math

import torch

from losskit.checker.call import Call, share
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule, evidence
from losskit.core.ranges import Real
from losskit.core.shapes import Broadcast, Same

LEAST = 0.05  # of the loss of the best constant; a lower floor hides nothing


class OutOfReach(Rule):
    """Targets that the last activation cannot give.

    What it does:
        Looks for targets of a regression outside the values of the network's last activation: negative ones behind a ReLU,
        those beyond 1 behind a sigmoid or a tanh.

    Why it is wrong:
        The network cannot reach them, whatever it learns.

    Bad:
        output = torch.sigmoid(nn.Linear(20, 1)(torch.randn(32, 20)))
        loss = F.mse_loss(output, 10 * torch.rand(32, 1))

    Good:
        output = nn.Linear(20, 1)(torch.randn(32, 20))
        loss = F.mse_loss(output, 10 * torch.rand(32, 1))
    """

    code = "LK212"
    name = "target-out-of-reach"
    says = Says(
        "the input of {who} can only lie between {low} and {high}; the targets lie between {least} and {most}",
        "{evidence}; {share} targets are out of reach",
        "the loss cannot fall below {floor}, where that of the best constant is {constant}",
        "drop the activation behind the last layer, or scale the targets",
    )

    def inspect(self, call: Call) -> Finding | None:
        low, high = call.origin.range
        if "target" not in call.names or (math.isinf(low) and math.isinf(high)):
            return None
        at = call.names.index("target")
        shapes = all(isinstance(slot.shape, Same | Broadcast) for slot in (call.slot, call.slots[at]))
        if type(call.slot.range) is not Real or type(call.slots[at].range) is not Real or not shapes:
            return None
        target = call.values[at]
        if target.shape != call.input.shape or target.numel() < 2:
            return None
        target = target.to(call.input.dtype)
        wrong = (target < low) | (target > high)
        if int(wrong.sum()) * 100 < target.numel():
            return None
        floor = call.least(target.clamp(low, high)) - call.least(target)
        constant = call.least(torch.full_like(target, float(target.mean()))) - call.least(target)
        if not floor > LEAST * constant:
            return None
        least, most = float(target.min()), float(target.max())
        values = {"low": low, "high": high, "least": least, "most": most, "share": share(wrong)}
        return self.error(call, evidence=evidence(call), floor=floor, constant=constant, **values)
