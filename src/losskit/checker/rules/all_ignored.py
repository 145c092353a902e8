from __future__ import annotations

from losskit.checker.call import Call
from losskit.checker.finding import Finding, Says
from losskit.checker.phrase import Phrase
from losskit.checker.rule import Rule


class AllIgnored(Rule):
    """A batch of which nothing counts.

    What it does:
        Looks for a mean over no element: all targets are the ignored one, or the batch is empty.

    Why it is wrong:
        The mean divides by 0: the loss is NaN, its gradient makes the weights NaN, and training is lost.

    Bad:
        output = nn.Linear(20, 10)(torch.randn(4, 20))
        loss = F.cross_entropy(output, torch.full((4,), -100))

    Good:
        output = nn.Linear(20, 10)(torch.randn(4, 20))
        loss = F.cross_entropy(output, torch.tensor([1, 2, -100, 3]))
    """

    code = "LK205"
    name = "nothing-counts"
    says = Says(
        "{who} takes the mean, and nothing in this batch counts",
        "{evidence}",
        "the loss is {loss}, and one step with its gradient makes every weight NaN",
        "skip such a batch, or give losskit's loss a normalizer: it is then 0",
    )

    def inspect(self, call: Call) -> Finding | None:
        if call.reduction not in ("mean", "batchmean") or not call.by_torch:
            return None
        loss = float("nan") if call.result is None else float(call.result.detach().float().mean())
        if not call.input.numel():
            return self.error(
                call, evidence=Phrase("the input is empty: {shape}", shape=tuple(call.input.shape)), loss=loss
            )
        kept = call.counted
        if kept is None or kept.dtype.is_floating_point or bool(kept.any()):
            return None
        ignored = call.argument("ignore_index")
        said = Phrase("all {count} targets are {ignored}", count=kept.numel(), ignored=ignored)
        return self.error(call, evidence=said, loss=loss)
