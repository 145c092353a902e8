from __future__ import annotations

import torch

from losskit.checker.call import Call, share
from losskit.checker.finding import Finding, Says
from losskit.checker.phrase import Phrase
from losskit.checker.rule import Rule
from losskit.core.ranges import Distribution


class NotADistribution(Rule):
    """Soft targets that are no probabilities.

    What it does:
        Looks for class probabilities that are negative, or sum to more than 1 over the classes.

    Why it is wrong:
        A negative target rewards a wrong answer without a limit: the loss has no minimum. Several ones in a row ask a softmax
        for several certain answers at once; it can give at most the same share to each.

    Bad:
        output = nn.Linear(20, 4)(torch.randn(32, 20))
        loss = F.cross_entropy(output, torch.tensor([[1.0, 1.0, 0.0, 1.0]]).expand(32, 4))

    Good:
        output = nn.Linear(20, 4)(torch.randn(32, 20))
        loss = F.cross_entropy(output, torch.tensor([[0.5, 0.25, 0.0, 0.25]]).expand(32, 4))
    """

    code = "LK206"
    name = "target-is-no-distribution"
    says = Says(
        "{who} takes class probabilities; {share} rows of the target are none",
        "targets lie between {low} and {high}, and rows sum to between {least} and {most}",
        "{harm}",
        "where several labels hold at once, use BCEWithLogitsLoss; else divide by the sum of the row",
    )

    def inspect(self, call: Call) -> Finding | None:
        for slot, value in zip(call.slots[1:], call.values[1:]):
            if not isinstance(slot.range, Distribution) or call.dim is None or not value.is_floating_point():
                continue
            if call.swapped or value.shape != call.input.shape or not value.numel() or value.dim() < 2:
                continue
            total = value.sum(call.dim)
            negative = (value < -1e-4).any(call.dim)
            wrong = negative | (total > 1.02)
            if not bool(wrong.any()) or call.marks(value, wrong.unsqueeze(call.dim).expand_as(value)):
                continue
            values = {
                "share": share(wrong),
                "low": float(value.min()),
                "high": float(value.max()),
                "least": float(total.min()),
                "most": float(total.max()),
            }
            if bool(negative.any()):
                return self.error(
                    call, harm="the loss has no minimum: it falls for ever while the logits grow", **values
                )
            shown = total[wrong]
            floor = _floor(value.movedim(call.dim, -1)[wrong])
            harm = Phrase("the loss of these rows cannot fall below {floor} on average", floor=floor)
            return self.warning(call, harm=harm, **values) if float(shown.max()) > 1.02 else None
        return None


def _floor(target: torch.Tensor) -> float:
    """The mean of -sum q log(q / sum q): the least that a softmax can reach."""
    best = target / target.sum(-1, keepdim=True)
    return float(-(target * best.clamp(min=1e-30).log()).sum(-1).mean())
