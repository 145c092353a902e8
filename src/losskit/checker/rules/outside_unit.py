from __future__ import annotations

import torch

from losskit.checker.call import Call, share
from losskit.checker.finding import Finding, Says
from losskit.checker.phrase import Phrase
from losskit.checker.rule import Rule
from losskit.core.ranges import ZeroOne

TOLERANCE = 1e-4


class OutsideUnit(Rule):
    """Targets outside [0, 1] where a loss takes 0 and 1.

    What it does:
        Looks for targets such as -1, 255 or class ids in losses of yes and no: BCEWithLogitsLoss, MultiLabelSoftMarginLoss.

    Why it is wrong:
        The loss becomes negative, and has no minimum: it falls for ever while the logits grow.

    Bad:
        output = nn.Linear(20, 1)(torch.randn(32, 20)).squeeze(1)
        loss = F.binary_cross_entropy_with_logits(output, 2 * (torch.arange(32) % 2).float() - 1)

    Good:
        output = nn.Linear(20, 1)(torch.randn(32, 20)).squeeze(1)
        loss = F.binary_cross_entropy_with_logits(output, (torch.arange(32) % 2).float())
    """

    code = "LK203"
    name = "target-outside-unit-interval"
    says = Says(
        "{who} takes targets from 0 to 1; {name} holds values from {low} to {high}",
        "{share} targets lie outside [0, 1]",
        "the loss has no minimum: with outputs ten times as large, and on the side of the targets, it is {far}",
        "{mend}",
    )

    def inspect(self, call: Call) -> Finding | None:
        for name, slot, value, given in zip(call.names, call.slots, call.values, call.given):
            if not isinstance(slot.range, ZeroOne) or not value.numel() or given.requires_grad:
                continue  # what requires a gradient is no target; another rule tells of that
            wrong = (value < -TOLERANCE) | (value > 1 + TOLERANCE)
            missing = call.marks(value, wrong) and bool((value == 0).any()) and bool((value == 1).any())
            if bool(call.weighed(wrong).any()) and not missing:
                values = {"low": float(value.min()), "high": float(value.max()), "share": share(wrong)}
                return self.error(call, name=name, far=self._far(call), mend=_mend(name, value), **values)
        return None

    def _far(self, call: Call) -> float:
        if call.target.shape != call.input.shape:
            return float("-inf")
        side = torch.where(call.target > 0.5, 1.0, -1.0).to(call.input)
        try:
            return call.least(10 * call.input.abs().clamp(min=1) * side)
        except (RuntimeError, ValueError):
            return float("-inf")


def _mend(name: str, value: torch.Tensor) -> str:
    low, high = float(value.min()), float(value.max())
    if bool(((value == 1) | (value == -1)).all()):
        return Phrase("use ({name} + 1) / 2", name=name)
    if low >= 0 and high in (255, 100):
        return Phrase("use {name} / {high}", name=name, high=high)
    return "give 0 and 1; for several classes use CrossEntropyLoss with class ids"
