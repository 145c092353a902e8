from __future__ import annotations

from losskit.checker.call import Call, share
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule, evidence
from losskit.core.ranges import Mass, Probability


class NotProbabilities(Rule):
    """Logits or log-probabilities where a loss takes probabilities.

    What it does:
        Looks for an input of BCELoss with values outside [0, 1].

    Why it is wrong:
        BCELoss takes the logarithm of its input. Outside [0, 1] torch raises on CPU, and stops the GPU with an assertion; a
        batch that happens to lie inside trains on nonsense.

    Bad:
        output = nn.Linear(20, 5)(torch.randn(32, 20))
        loss = nn.BCELoss()(output, torch.randint(2, (32, 5)).float())

    Good:
        output = nn.Linear(20, 5)(torch.randn(32, 20)).sigmoid()
        loss = nn.BCELoss()(output, torch.randint(2, (32, 5)).float())
    """

    code = "LK108"
    name = "not-probabilities"
    says = Says(
        "{who} takes probabilities; its input is not one",
        "{evidence}; {share} values lie outside [0, 1]",
        "the loss of these values is not defined",
        "use BCEWithLogitsLoss on the output of the linear layer",
    )

    def inspect(self, call: Call) -> Finding | None:
        range = call.slot.range
        if not isinstance(range, Probability) or isinstance(range, Mass):
            return None
        outside = ~((call.input >= 0) & (call.input <= 1))
        if not bool(outside.any()):
            return None  # products of probabilities come from a linear layer too
        return self.error(call, evidence=evidence(call), share=share(outside))
