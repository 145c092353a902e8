from __future__ import annotations

from losskit.checker.call import Call, distribution, log_distribution
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule
from losskit.core.ranges import Real


class Swapped(Rule):
    """Input and target in each other's place.

    What it does:
        Looks for a target that the network made, beside an input that holds labels.

    Why it is wrong:
        All losses take the network's output first. But for losses of a difference, the order matters.

    Bad:
        output, labels = nn.Linear(20, 1)(torch.randn(32, 20)), (torch.arange(32) % 2).float().unsqueeze(1)
        loss = F.binary_cross_entropy_with_logits(labels, output)

    Good:
        output, labels = nn.Linear(20, 1)(torch.randn(32, 20)), (torch.arange(32) % 2).float().unsqueeze(1)
        loss = F.binary_cross_entropy_with_logits(output, labels)
    """

    code = "LK204"
    name = "input-and-target-swapped"
    says = Says(
        "{who} takes the network's output first; here {target} comes from the network, and {input} holds labels",
        "{target} has a graph and {input} has none",
        "the loss is {loss}; in their right places it is {right}",
        "swap them: {who}({target}, {input})",
    )

    def inspect(self, call: Call) -> Finding | None:
        if "target" not in call.names or len(call.names) != 2:
            return None
        if not call.swapped or call.input.shape != call.target.shape:
            return None
        if all(type(slot.range) is Real for slot in call.slots):
            return None  # a difference is the same both ways
        if not _labels(call):
            return None
        right = call.attempt(call.values[1], target=call.values[0])
        return self.error(call, input=call.names[0], target="target", loss=call.attempt(call.input), right=right)


def _labels(call: Call) -> bool:
    """Whether the input holds labels, or a distribution where its logarithm belongs."""
    input, target = call.input, call.target
    if bool(((input == 0) | (input == 1)).all()):
        return True
    last = input.dim() - 1
    return last > 0 and distribution(input, last) and log_distribution(target, last)
