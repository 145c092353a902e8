from __future__ import annotations

from losskit.checker.call import Call, inside
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule, evidence
from losskit.core.ranges import Logit
from losskit.core.shapes import Classes

MANY = 64  # values from which those between 0 and 1 alone are no accident


class SigmoidBeforeLogits(Rule):
    """A sigmoid (or a softmax) before a loss that applies a sigmoid itself.

    What it does:
        Looks for probabilities where the loss takes the logits of yes and no.

    Why it is wrong:
        The sigmoid of a probability lies between 0.5 and 0.73: the loss cannot fall below log 2 where the answer is no, and 0.31
        where it is yes.

    Bad:
        output = torch.sigmoid(nn.Linear(20, 5)(torch.randn(32, 20)))
        loss = nn.BCEWithLogitsLoss()(output, torch.randint(2, (32, 5)).float())

    Good:
        output = nn.Linear(20, 5)(torch.randn(32, 20))
        loss = nn.BCEWithLogitsLoss()(output, torch.randint(2, (32, 5)).float())
    """

    code = "LK102"
    name = "sigmoid-before-logits"
    says = Says(
        "{who} takes logits and applies a sigmoid itself; its input holds probabilities already",
        "{evidence}",
        "the loss cannot fall below {floor}, even where every answer is right and certain; on this batch the gradient at the "
        "logits has {ratio} times the norm that it has without the sigmoid",
        "give the logits to the loss; apply the sigmoid when predicting",
    )

    def inspect(self, call: Call) -> Finding | None:
        if type(call.slot.range) is not Logit or isinstance(call.slot.shape, Classes):
            return None
        input, seen = call.input, call.origin.by in ("sigmoid", "hardsigmoid", "softmax")
        if not (inside(input, 0, 1) and (seen or (call.origin.by == "unknown" and self._spread(call)))):
            return None
        best = call.best(0, 1)
        if best is None:
            return None
        logits = input.double().clamp(1e-7, 1 - 1e-7).logit().to(input.dtype)
        right = call.slope(logits, lambda z: z)
        ratio = call.slope(logits, lambda z: z.sigmoid()) / right if right else 1.0
        found = self.error if seen else self.warning
        return found(call, evidence=evidence(call), floor=call.least(best), ratio=ratio)

    def _spread(self, call: Call) -> bool:
        """Whether the values reach both ends, as those of logits would not by accident; labels do so too."""
        input = call.input
        inner = bool(((input > 0) & (input < 1)).any())
        return input.numel() >= MANY and inner and bool(input.min() < 0.05) and bool(input.max() > 0.95)
