from __future__ import annotations

from losskit.checker.call import Call
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule, evidence
from losskit.core.ranges import Logit
from losskit.core.shapes import Classes


class LogsAsLogits(Rule):
    """Log-probabilities where a loss takes the logits of yes and no.

    What it does:
        Looks for a log-softmax or a log-sigmoid before a loss that applies a sigmoid itself.

    Why it is wrong:
        A log-probability is never positive, so its sigmoid is at most 0.5: the loss never believes a yes.

    Bad:
        output = F.logsigmoid(nn.Linear(20, 5)(torch.randn(32, 20)))
        loss = F.binary_cross_entropy_with_logits(output, torch.randint(2, (32, 5)).float())

    Good:
        output = nn.Linear(20, 5)(torch.randn(32, 20))
        loss = F.binary_cross_entropy_with_logits(output, torch.randint(2, (32, 5)).float())
    """

    code = "LK104"
    name = "log-probabilities-as-logits"
    says = Says(
        "{who} takes logits; its input holds log-probabilities, which are never positive",
        "{evidence}",
        "the loss of a yes cannot fall below log 2; on this batch the loss cannot fall below {floor}",
        "give the output of the linear layer to the loss",
    )

    def inspect(self, call: Call) -> Finding | None:
        logs = call.origin.by in ("log_softmax", "log_sigmoid")
        if type(call.slot.range) is not Logit or isinstance(call.slot.shape, Classes) or not logs:
            return None
        best = call.best(-30, 0)
        if best is None:
            return None
        return self.error(call, evidence=evidence(call), floor=call.least(best))
