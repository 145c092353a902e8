from __future__ import annotations

import math

import torch
from torch import Tensor

from losskit.checker.call import Call, distribution, inside, share
from losskit.checker.finding import Finding, Says
from losskit.checker.phrase import Phrase
from losskit.checker.rule import Rule, evidence
from losskit.core.ranges import Mass, Probability, Real
from losskit.core.shapes import Broadcast, Same

LEAST = 0.05  # of the loss of the best constant; a lower floor hides nothing
SLACK = 0.02  # of a sum


class OutOfReach(Rule):
    """Targets that the last activation cannot give.

    What it does:
        Looks for targets of a regression outside the values of the network's last activation: negative ones behind a ReLU,
        those beyond 1 behind a sigmoid or a tanh. Behind a softmax it looks for several labels at once in BCELoss.

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
        "{what}",
        "{evidence}; {share} targets are out of reach",
        "the loss cannot fall below {floor}, where that of the best constant is {constant}",
        "{mend}",
    )

    def inspect(self, call: Call) -> Finding | None:
        return self._sums(call) or self._range(call)

    def _sums(self, call: Call) -> Finding | None:
        """Several labels at once, where a softmax lets the probabilities sum to 1."""
        input, target, kind = call.input, call.target, call.slot.range
        if call.origin.by != "softmax" or not isinstance(kind, Probability) or isinstance(kind, Mass):
            return None
        like = call.given[0].dtype
        dims = [dim for dim in range(input.dim()) if distribution(input, dim, like, fewest=1)]
        if target.shape != input.shape or not dims:
            return None
        sums = target.to(input.dtype).sum(dims[-1], keepdim=True)
        wrong = sums > 1 + SLACK
        if not bool(wrong.any()) or not inside(target, 0, 1):
            return None
        what = Phrase("the input of {who} sums to 1 over the labels, of which several hold at once", who=call.who)
        mend = "use BCEWithLogitsLoss on the output of the linear layer, or a sigmoid instead of the softmax"
        return self._of(call, target / sums.clamp(min=1), wrong, what, mend)

    def _range(self, call: Call) -> Finding | None:
        low, high = call.origin.range
        if "target" not in call.names or (math.isinf(low) and math.isinf(high)):
            return None
        slots = call.slot, call.slots[call.names.index("target")]
        if not all(type(slot.range) is Real and isinstance(slot.shape, Same | Broadcast) for slot in slots):
            return None
        target = call.target
        if target.shape != call.input.shape or target.numel() < 2:
            return None
        target = target.to(call.input.dtype)
        wrong = call.weighed((target < low) | (target > high))
        if int(wrong.sum()) * 100 < target.numel() or call.marks(target, wrong):
            return None
        told = "the input of {who} can only lie between {low} and {high}; the targets lie between {least} and {most}"
        least, most = float(target.min()), float(target.max())
        what = Phrase(told, who=call.who, low=low, high=high, least=least, most=most)
        mend = "drop the activation behind the last layer, or scale the targets"
        return self._of(call, target.clamp(low, high), wrong, what, mend)

    def _of(self, call: Call, nearest: Tensor, wrong: Tensor, what: Phrase, mend: str) -> Finding | None:
        target = call.target.to(call.input.dtype)
        floor = call.least(nearest) - call.least(target)
        constant = call.least(torch.full_like(target, float(target.mean()))) - call.least(target)
        if not floor > LEAST * constant:
            return None
        values = {"share": share(wrong), "floor": floor, "constant": constant, "mend": mend}
        return self.error(call, evidence=evidence(call), what=what, **values)
