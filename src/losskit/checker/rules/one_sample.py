from __future__ import annotations

from losskit.checker.call import Call, shapes
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule
from losskit.core.ranges import Distribution


class OneSample(Rule):
    """A batch of yes and no that a loss of classes takes for one sample.

    What it does:
        Looks for an input and a floating-point target of shape (N), which cross-entropy takes for the N classes of one sample.

    Why it is wrong:
        The softmax then runs over the batch: the samples compete with each other.

    Bad:
        output = nn.Linear(20, 1)(torch.randn(32, 20)).squeeze(1)
        loss = F.cross_entropy(output, (torch.arange(32) % 2).float())

    Good:
        output = nn.Linear(20, 1)(torch.randn(32, 20)).squeeze(1)
        loss = F.binary_cross_entropy_with_logits(output, (torch.arange(32) % 2).float())
    """

    code = "LK207"
    name = "batch-as-one-sample"
    says = Says(
        "{who} takes tensors of one dimension for the classes of a single sample",
        "{shapes}; the targets sum to {total}, not to 1",
        "the softmax runs over the batch: the loss is {loss}, and cannot fall below {floor}",
        "for yes or no use BCEWithLogitsLoss",
    )

    def inspect(self, call: Call) -> Finding | None:
        target, input = call.target, call.input
        if not isinstance(call.slots[-1].range, Distribution) or input.dim() != 1 or target.shape != input.shape:
            return None
        total = float(target.sum())
        if not target.is_floating_point() or len(target) < 2 or abs(total - 1) < 0.02 or bool((target < 0).any()):
            return None
        share = target / max(total, 1e-30)
        floor = float(-(target * share.clamp(min=1e-30).log()).sum())
        return self.error(call, shapes=shapes(input, target), total=total, loss=call.least(input), floor=floor)
