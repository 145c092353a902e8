from __future__ import annotations

import math

from losskit.checker.call import Call
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule
from losskit.core.ranges import ClassId, Logit

FAR = 4  # times the loss of an even guess


class InitialLoss(Rule):
    """A first loss far above that of an even guess.

    What it does:
        Compares the first loss of a training with log C, the cross-entropy of C equal probabilities.

    Why it is wrong:
        It need not be. But a fresh network is as good as an even guess; one that starts far worse has logits that are too
        large: features that are not scaled, or an initialisation that is too wide. The first steps are lost on that.

    Bad:
        logits = 60 * nn.Linear(20, 10)(torch.randn(64, 20))
        loss = F.cross_entropy(logits, torch.arange(64) % 10)

    Good:
        logits = nn.Linear(20, 10)(torch.randn(64, 20))
        loss = F.cross_entropy(logits, torch.arange(64) % 10)
    """

    code = "LK407"
    name = "initial-loss"
    says = Says(
        "the first loss of {who} is far above that of an even guess",
        "{loss}, where log {classes} is {even}",
        "the first steps are spent on making the logits smaller",
        "scale the features, or initialise the last layer with smaller weights",
    )

    def inspect(self, call: Call) -> Finding | None:
        ids = isinstance(call.slots[-1].range, ClassId) and not call.target.is_floating_point()
        if not ids or type(call.slot.range) is not Logit or call.dim is None or call.number != 1 or not call.recording:
            return None
        classes = call.input.shape[call.dim]
        if classes < 2 or call.reduction != "mean" or call.result is None or not call.result.requires_grad:
            return None
        loss, even = float(call.result.detach()), math.log(classes)
        if not (FAR * even < loss < math.inf):
            return None
        return self.note(call, loss=loss, classes=classes, even=even)
