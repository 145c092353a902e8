from __future__ import annotations

from losskit.checker.call import Call
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule


class WeightsCancel(Rule):
    """Class weights that cancel out.

    What it does:
        Looks for a mean over a single item while the loss has class weights.

    Why it is wrong:
        The mean divides by the weights of the targets: of a single item nothing is left of its weight. At batch size 1 class
        weights have no effect at all.

    Bad:
        criterion = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 20.0]))
        loss = criterion(nn.Linear(20, 3)(torch.randn(1, 20)), torch.tensor([2]))

    Good:
        criterion = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 20.0]))
        loss = criterion(nn.Linear(20, 3)(torch.randn(4, 20)), torch.tensor([2, 0, 1, 0]))
    """

    code = "LK302"
    name = "class-weights-cancel"
    one_is_enough = False  # the last batch of an epoch may well have one item
    says = Says(
        "the class weights of {who} cancel out: the mean is over a single item, and divides by its weight",
        "one item counts, whose class has the weight {weight}",
        "the loss is {loss} with and without the weights",
        "use reduction='sum', or a larger batch; losskit's losses take normalizer=",
    )

    def inspect(self, call: Call) -> Finding | None:
        weights, target = call.argument("weight"), call.target
        if call.reduction != "mean" or weights is None or not call.recording or target.is_floating_point():
            return None
        counted = call.loss.share(target if call.kept is None else target[call.kept])
        if counted is None or counted.numel() != 1 or bool((weights == weights[0]).all()):
            return None
        return self.warning(call, weight=float(counted), loss=call.least(call.input))
