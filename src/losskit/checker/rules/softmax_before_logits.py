from __future__ import annotations

from losskit.checker.call import FEWEST, Call, distribution
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule, evidence
from losskit.core.ranges import Logit
from losskit.core.shapes import Classes


class SoftmaxBeforeLogits(Rule):
    """A softmax before a loss that applies one itself.

    What it does:
        Looks for probabilities where the loss takes the logits of classes.

    Why it is wrong:
        The softmax of probabilities is nearly uniform: with C classes the loss cannot fall below log(e + C - 1) - 1, and the
        gradient is much smaller than that of logits. Training is slow, and stops too early.

    Bad:
        model = nn.Sequential(nn.Linear(20, 10), nn.Softmax(dim=1))
        loss = nn.CrossEntropyLoss()(model(torch.randn(32, 20)), torch.randint(10, (32,)))

    Good:
        model = nn.Linear(20, 10)
        loss = nn.CrossEntropyLoss()(model(torch.randn(32, 20)), torch.randint(10, (32,)))
    """

    code = "LK101"
    name = "softmax-before-logits"
    says = Says(
        "{who} takes logits and applies a softmax itself; its input has been through a softmax already",
        "{evidence}",
        "the loss cannot fall below {floor}, even where every answer is right and certain; on this batch the gradient at the "
        "logits has {ratio} times the norm that it has without the softmax",
        "give the logits to the loss; apply the softmax when predicting",
    )

    def inspect(self, call: Call) -> Finding | None:
        if type(call.slot.range) is not Logit or not isinstance(call.slot.shape, Classes) or call.dim is None:
            return None
        fewest = 1 if call.origin.by == "softmax" else FEWEST
        rows = distribution(call.input, call.dim, call.given[0].dtype, fewest)
        if not (rows and call.origin.by in ("softmax", "unknown")) or call.swapped:
            return None
        best = call.best(0, 1)
        if best is None:
            return None
        dim, logits = call.dim, call.input.clamp(min=1e-30).log()
        right = call.slope(logits, lambda z: z)
        ratio = call.slope(logits, lambda z: z.softmax(dim)) / right if right else 1.0
        return self.error(call, evidence=evidence(call), floor=call.least(best), ratio=ratio)
