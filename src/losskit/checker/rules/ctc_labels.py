from __future__ import annotations

from losskit.checker.call import Call, share
from losskit.checker.finding import Finding, Says
from losskit.checker.phrase import Phrase
from losskit.checker.rule import Rule
from losskit.checker.sequences import sequences


class CtcLabels(Rule):
    """The blank, or a label that there is not, in the targets of CTC.

    What it does:
        Looks for labels below 0, not below the number of classes, or equal to the blank, within the target lengths.

    Why it is wrong:
        The blank is no label: no path ends in it, and the loss is that of another sequence. A label out of range reads memory
        that is not the input's; torch does not look.

    Bad:
        log_probs = nn.Linear(8, 6)(torch.randn(10, 2, 8)).log_softmax(-1)
        loss = F.ctc_loss(log_probs, torch.tensor([[1, 2, 0], [3, 4, 5]]), [10, 10], [3, 3])

    Good:
        log_probs = nn.Linear(8, 6)(torch.randn(10, 2, 8)).log_softmax(-1)
        loss = F.ctc_loss(log_probs, torch.tensor([[1, 2, 0], [3, 4, 5]]), [10, 10], [2, 3])
    """

    code = "LK210"
    name = "ctc-wrong-label"
    says = Says(
        "{who} has the blank {blank} and labels below {classes}; the targets hold {what}",
        "{share} labels within the target lengths are {what}",
        "{harm}",
        "let the target lengths leave out padding; number the labels so that none is the blank",
    )

    def inspect(self, call: Call) -> Finding | None:
        found = sequences(call)
        if found is None:
            return None
        labels, blank = found.labels[found.there], call.argument("blank")
        outside = (labels < 0) | (labels >= found.classes)
        values = {"blank": blank, "classes": found.classes}
        if bool(outside.any()):
            first = int(labels[outside][0])
            harm = "memory beyond the input is read: the loss is whatever stands there"
            return self.error(
                call,
                what=Phrase("{first}, which is out of range", first=first),
                share=share(outside),
                harm=harm,
                **values,
            )
        if bool((labels == blank).any()):
            harm = "these samples are taught a sequence that cannot be read off the output"
            return self.error(call, what="the blank", share=share(labels == blank), harm=harm, **values)
        return None
