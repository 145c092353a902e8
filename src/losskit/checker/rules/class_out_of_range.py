from __future__ import annotations

from losskit.checker.call import Call, share
from losskit.checker.finding import Finding, Says
from losskit.checker.phrase import Phrase
from losskit.checker.rule import Rule
from losskit.core.ranges import ClassId


class ClassOutOfRange(Rule):
    """A class id that no logit belongs to.

    What it does:
        Looks for ids below 0 or not below the number of classes, but for the ignored one.

    Why it is wrong:
        Torch raises on CPU; a GPU stops with an assertion that names neither the value nor the place.

    Bad:
        output = nn.Linear(20, 10)(torch.randn(10, 20))
        loss = F.cross_entropy(output, torch.arange(1, 11))

    Good:
        output = nn.Linear(20, 10)(torch.randn(10, 20))
        loss = F.cross_entropy(output, torch.arange(10))
    """

    code = "LK208"
    name = "class-out-of-range"
    says = Says(
        "{who} has {classes} classes, with ids from 0 to {last}; the target holds others",
        "ids from {low} to {high}; {share} are out of range",
        "torch raises, and on a GPU stops the process",
        "{mend}",
    )

    def inspect(self, call: Call) -> Finding | None:
        if not isinstance(call.slots[-1].range, ClassId) or call.dim is None or call.target.is_floating_point():
            return None
        ids, classes = call.target, call.input.shape[call.dim]
        ids = ids if call.kept is None or call.kept.shape != ids.shape else ids[call.kept]
        wrong = (ids < 0) | (ids >= classes)
        if not bool(wrong.any()):
            return None
        low, high = int(ids.min()), int(ids.max())
        odd = ids[wrong].unique()
        mend = "give the last layer as many outputs as there are classes"
        if low >= 1 and high == classes:
            mend = "ids that start at 1 need target - 1"
        elif len(odd) == 1 and call.argument("ignore_index") is not None:
            mend = Phrase("if {odd} marks what does not count, use ignore_index={odd}", odd=int(odd))
        values = {
            "classes": classes,
            "last": classes - 1,
            "low": low,
            "high": high,
            "share": share(wrong),
            "mend": mend,
        }
        return self.error(call, **values)
