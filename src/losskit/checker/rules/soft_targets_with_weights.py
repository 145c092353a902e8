from __future__ import annotations

from losskit.checker.call import Call
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule
from losskit.core.ranges import Distribution


class SoftTargetsWithWeights(Rule):
    """Class weights beside class probabilities.

    What it does:
        Looks for class weights in a call whose target holds a probability for each class.

    Why it is wrong:
        The mean then divides by the number of items, not by the weights of the targets as it does with class ids. The
        same labels, one-hot, give another loss.

    Bad:
        criterion = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 20.0]))
        loss = criterion(nn.Linear(20, 3)(torch.randn(4, 20)), torch.eye(3)[[2, 0, 1, 0]])

    Good:
        criterion = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 20.0]))
        loss = criterion(nn.Linear(20, 3)(torch.randn(4, 20)), torch.tensor([2, 0, 1, 0]))
    """

    code = "LK303"
    name = "soft-targets-with-weights"
    says = Says(
        "{who} divides by the number of items here; with class ids it divides by their weights",
        "class weights, and a target of probabilities",
        "none, if that is meant; the learning rate that suits is another",
        "keep to one of the two",
    )

    def inspect(self, call: Call) -> Finding | None:
        weights = call.argument("weight")
        if not isinstance(call.slots[-1].range, Distribution) or weights is None or call.reduction != "mean":
            return None
        return None if bool((weights == weights[0]).all()) else self.note(call)
