from __future__ import annotations

from losskit.checker.call import Call, log_distribution, share
from losskit.checker.finding import Finding, Says
from losskit.checker.phrase import Phrase
from losskit.checker.rule import Rule
from losskit.core.ranges import Distribution, Mass


class TargetWithoutSoftmax(Rule):
    """A target distribution that holds logarithms or logits.

    What it does:
        Looks for negative values where KLDivLoss takes the target's probabilities.

    Why it is wrong:
        The loss multiplies by the target: a negative target pushes the prediction away from it, without a limit.

    Bad:
        student, teacher = nn.Linear(8, 5)(torch.randn(16, 8)), torch.randn(16, 5)
        loss = F.kl_div(student.log_softmax(1), teacher.log_softmax(1), reduction="batchmean")

    Good:
        student, teacher = nn.Linear(8, 5)(torch.randn(16, 8)), torch.randn(16, 5)
        loss = F.kl_div(student.log_softmax(1), teacher.log_softmax(1), reduction="batchmean", log_target=True)
    """

    code = "LK211"
    name = "target-without-softmax"
    says = Says(
        "{who} takes the probabilities of the target; {name} holds {what}",
        "{share} values are negative, where no probability is",
        "the loss is {loss} on this batch, and {right} with probabilities",
        "{mend}",
    )

    def inspect(self, call: Call) -> Finding | None:
        for name, slot, value in zip(call.names[1:], call.slots[1:], call.values[1:]):
            if not isinstance(slot.range, Mass) or isinstance(slot.range, Distribution) or value.dim() == 0:
                continue
            wrong = value < -1e-4
            if not bool(wrong.any()):
                continue
            logs = log_distribution(value, value.dim() - 1)
            p = value.exp() if logs else value.softmax(-1)
            return self.error(
                call,
                name=name,
                what="log-probabilities" if logs else "logits",
                share=share(wrong),
                loss=call.least(call.input),
                right=float(call.at(call.input, **{name: p})),
                mend="use log_target=True" if logs else Phrase("use {name}.softmax(-1)", name=name),
            )
        return None
