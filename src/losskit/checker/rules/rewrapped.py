from __future__ import annotations

from losskit.checker.finding import Finding, Says
from losskit.checker.phrase import Phrase
from losskit.checker.rule import Rule
from losskit.checker.training import Backward


class Rewrapped(Rule):
    """A backward pass from a copy of the loss's value.

    What it does:
        Looks for backward on a tensor without a graph whose value is that of a loss that was just computed.

    Why it is wrong:
        A new tensor made of a value, as by torch.tensor(loss.item(), requires_grad=True), does not know where the value came from.
        The error that torch raised without it was right; now nothing is trained, in silence.

    Bad:
        model = nn.Linear(20, 10)
        loss = F.cross_entropy(model(torch.randn(32, 20)), torch.arange(32) % 10)
        loss = torch.tensor(loss.item(), requires_grad=True)
        loss.backward()

    Good:
        model = nn.Linear(20, 10)
        loss = F.cross_entropy(model(torch.randn(32, 20)), torch.arange(32) % 10)
        loss.backward()
    """

    code = "LK309"
    name = "rewrapped-loss"
    says = Says(
        "backward starts from a tensor without a graph, which has the value of {who}",
        "the value of both is {value}",
        "no gradient reaches the model",
        "call backward on what the loss gave: no item, detach, numpy or torch.tensor on the way",
    )

    def of_backward(self, backward: Backward) -> Finding | None:
        value = backward.value
        if not backward.leaf or value is None:
            return None
        if any(_close(each.value, value) for each in backward.earlier):
            return self.error(backward, value=value)
        values = [each.value for each in backward.losses]
        for told, other in (("the sum of {count} losses", sum(values)), ("the mean of {count} losses", _mean(values))):
            if len(values) > 1 and _close(other, value):
                return self.error(backward, who=Phrase(told, count=len(values)), value=value)
        return None


def _close(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-6 * abs(other)


def _mean(values: list[float]) -> float:
    return sum(values) / max(len(values), 1)
