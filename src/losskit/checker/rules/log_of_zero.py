from __future__ import annotations

import torch

from losskit.checker.call import Call, share
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule, evidence
from losskit.core.ranges import LogProbability


class LogOfZero(Rule):
    """The logarithm of a softmax, taken in two steps, where the softmax is 0.

    What it does:
        Looks for torch.log(softmax(x)) before a loss of log-probabilities, and for values of -inf in it.

    Why it is wrong:
        In float32 a softmax is 0 where a logit lies 104 below the largest. Its logarithm is -inf, and the gradient NaN;
        log_softmax gives the right number.

    Bad:
        output = (200 * nn.Linear(20, 4)(torch.randn(32, 20))).softmax(1).log()
        loss = F.nll_loss(output, torch.arange(32) % 4)

    Good:
        output = (200 * nn.Linear(20, 4)(torch.randn(32, 20))).log_softmax(1)
        loss = F.nll_loss(output, torch.arange(32) % 4)
    """

    code = "LK406"
    name = "log-of-zero"
    says = Says(
        "the input of {who} is the logarithm of a softmax in two steps",
        "{evidence}; {share} values are -inf",
        "the loss is {loss} on this batch",
        "use log_softmax, which is exact, and faster",
    )

    def inspect(self, call: Call) -> Finding | None:
        by_hand = call.origin.node == "LogBackward0" and call.origin.by == "log_softmax"
        if not by_hand or not isinstance(call.slot.range, LogProbability):
            return None
        wrong = call.input == -torch.inf
        values = {"evidence": evidence(call), "share": share(wrong), "loss": call.least(call.input)}
        return self.error(call, **values) if bool(wrong.any()) else self.note(call, **values)
