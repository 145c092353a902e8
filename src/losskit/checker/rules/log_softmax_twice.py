from __future__ import annotations

from losskit.checker.call import Call, log_distribution
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule, evidence
from losskit.core.ranges import Logit
from losskit.core.shapes import Classes


class LogSoftmaxTwice(Rule):
    """A log-softmax before a loss that applies one itself.

    What it does:
        Looks for log-probabilities where the loss takes the logits of classes.

    Why it is wrong:
        It is not: the log-softmax of log-probabilities changes nothing. It costs time and memory.

    Bad:
        output = nn.Linear(20, 10)(torch.randn(32, 20)).log_softmax(1)
        loss = F.cross_entropy(output, torch.randint(10, (32,)))

    Good:
        output = nn.Linear(20, 10)(torch.randn(32, 20)).log_softmax(1)
        loss = F.nll_loss(output, torch.randint(10, (32,)))
    """

    code = "LK105"
    name = "log-softmax-twice"
    says = Says(
        "{who} applies a log-softmax itself; its input has been through one already",
        "{evidence}",
        "none: value and gradient are the same",
        "leave it out, or use NLLLoss",
    )

    def inspect(self, call: Call) -> Finding | None:
        if type(call.slot.range) is not Logit or not isinstance(call.slot.shape, Classes) or call.dim is None:
            return None
        if call.origin.by != "log_softmax" or not log_distribution(call.input, call.dim, call.given[0].dtype):
            return None
        return self.note(call, evidence=evidence(call))
