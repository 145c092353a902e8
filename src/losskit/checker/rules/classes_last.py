from __future__ import annotations

from losskit.checker.call import Call
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule
from losskit.core.shapes import Classes


class ClassesLast(Rule):
    """Classes in the last dimension, where the loss looks for them in dimension 1.

    What it does:
        Looks for the output of a linear layer (N, T, C) with T = C, which a loss of (N, C, T) takes without an error.

    Why it is wrong:
        The softmax then runs over the steps, and a target is compared with the logits of other steps.

    Bad:
        output = nn.Linear(20, 10)(torch.randn(32, 10, 20))
        loss = F.cross_entropy(output, torch.randint(10, (32, 10)))

    Good:
        output = nn.Linear(20, 10)(torch.randn(32, 10, 20))
        loss = F.cross_entropy(output.movedim(-1, 1), torch.randint(10, (32, 10)))
    """

    code = "LK113"
    name = "classes-last"
    says = Says(
        "{who} has its classes in dimension {dim}; those of this input lie in the last",
        "the input, of shape {shape}, comes from a linear layer without a transposition; both dimensions have size {size}",
        "the loss is {loss}; with the classes in their place it is {right}",
        "use input.movedim(-1, 1), or losskit's dim=-1",
    )

    def inspect(self, call: Call) -> Finding | None:
        input, dim = call.input, call.dim
        last = input.dim() - 1
        if not isinstance(call.slot.shape, Classes) or dim in (None, last) or input.dim() < 3:
            return None
        assert dim is not None
        plain = call.origin.width == input.shape[last] and call.origin.straight
        if not plain or input.shape[dim] != input.shape[last]:
            return None
        loss, right = call.least(input), call.least(input.movedim(-1, dim))
        return self.error(call, dim=dim, shape=tuple(input.shape), size=input.shape[dim], loss=loss, right=right)
