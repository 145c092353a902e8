from __future__ import annotations

import torch

from losskit.checker.call import Call
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule


class WeightBroadcasts(Rule):
    """A weight whose shape makes the loss larger than the batch.

    What it does:
        Looks for weights of elements that broadcast with the input to more elements than it has.

    Why it is wrong:
        Every item is then weighed by the weights of all others: on average they are all weighed alike.

    Bad:
        output, target = nn.Linear(20, 1)(torch.randn(32, 20)), torch.ones(32, 1)
        loss = F.binary_cross_entropy_with_logits(output, target, weight=torch.rand(32))

    Good:
        output, target = nn.Linear(20, 1)(torch.randn(32, 20)), torch.ones(32, 1)
        loss = F.binary_cross_entropy_with_logits(output, target, weight=torch.rand(32, 1))
    """

    code = "LK305"
    name = "weight-broadcasts"
    says = Says(
        "{name} of {who}, of shape {own}, and the input, of shape {shape}, broadcast to {result}",
        "{count} weighed losses where there are {fewer} elements",
        "every element has the average weight of all",
        "give {name} the shape {shape}",
    )

    def inspect(self, call: Call) -> Finding | None:
        for name, argument in call.loss.arguments.items():
            weight = call.argument(name)
            if argument.shape != "broadcast" or not isinstance(weight, torch.Tensor) or not weight.dim():
                continue
            try:
                result = torch.broadcast_tensors(weight, call.input)[0].shape
            except RuntimeError:
                continue
            fewer = call.input.numel()
            if result.numel() > fewer == call.given[0].numel():
                shapes = {"own": tuple(weight.shape), "shape": tuple(call.input.shape), "result": tuple(result)}
                return self.error(call, name=name, count=result.numel(), fewer=fewer, **shapes)
        return None
