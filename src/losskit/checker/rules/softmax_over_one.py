from __future__ import annotations

from losskit.checker.call import FEWEST, Call
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule, evidence


class SoftmaxOverOne(Rule):
    """A softmax over a single column.

    What it does:
        Looks for the output of a softmax that is 1 everywhere, or of a log-softmax that is 0 everywhere.

    Why it is wrong:
        The softmax of one number is 1, whatever the number: the network has no influence, and gets no gradient.

    Bad:
        output = nn.Linear(20, 1)(torch.randn(32, 20)).softmax(1)
        loss = F.binary_cross_entropy(output, torch.randint(2, (32, 1)).float())

    Good:
        output = nn.Linear(20, 1)(torch.randn(32, 20)).sigmoid()
        loss = F.binary_cross_entropy(output, torch.randint(2, (32, 1)).float())
    """

    code = "LK111"
    name = "softmax-over-one-column"
    says = Says(
        "the input of {who} is the softmax of a single number, which is always 1",
        "{evidence}; all {count} values are {always}",
        "no gradient reaches the network",
        "for yes or no give one logit to BCEWithLogitsLoss, or two to CrossEntropyLoss",
    )

    def inspect(self, call: Call) -> Finding | None:
        always = {"softmax": 1, "log_softmax": 0}.get(call.origin.by)
        input = call.input
        if always is None or input.numel() < FEWEST or call.origin.width > 1 or not bool((input == always).all()):
            return None
        return self.error(call, evidence=evidence(call), count=input.numel(), always=always)
