from __future__ import annotations

from losskit.checker.call import Call
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule
from losskit.core.shapes import Classes


class OneLogit(Rule):
    """A loss of several classes that gets a single logit.

    What it does:
        Looks for a dimension of classes of size 1.

    Why it is wrong:
        There is no other class to compare with: the loss is 0 (of margins: a constant), and the network gets no gradient.

    Bad:
        output = nn.Linear(20, 1)(torch.randn(32, 20))
        loss = F.cross_entropy(output, torch.zeros(32, dtype=torch.long))

    Good:
        output = nn.Linear(20, 1)(torch.randn(32, 20))
        loss = F.binary_cross_entropy_with_logits(output, torch.randint(2, (32, 1)).float())
    """

    code = "LK112"
    name = "one-logit"
    one_is_enough = False  # of pairs, the last batch of an epoch may well have one
    says = Says(
        "{who} compares classes, and its input has a single one",
        "the input has shape {shape}, with the classes in dimension {dim}",
        "the loss is {loss} whatever the network says, and no gradient reaches it",
        "for yes or no give one logit to BCEWithLogitsLoss, or two to CrossEntropyLoss",
    )

    def inspect(self, call: Call) -> Finding | None:
        shape, dim = tuple(call.given[0].shape), call.dim
        if not isinstance(call.slot.shape, Classes) or dim is None or shape[dim] != 1:
            return None
        result = 0.0 if call.result is None else float(call.result.detach().float().mean())
        return self.error(call, shape=shape, dim=dim, loss=result)
