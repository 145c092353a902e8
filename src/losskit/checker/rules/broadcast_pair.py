from __future__ import annotations

import torch
from torch import Tensor

from losskit.checker.call import Call, shapes
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule
from losskit.core.shapes import Broadcast, Items, Labels, Same


class BroadcastPair(Rule):
    """Tensors (N, 1) and (N), of which torch makes (N, N).

    What it does:
        Looks for two tensors of a loss whose shapes broadcast to more elements than either has.

    Why it is wrong:
        Every output is then compared with every target: the best that the network can learn is their mean.

    Bad:
        output = nn.Linear(20, 1)(torch.randn(32, 20))
        loss = F.mse_loss(output, torch.randn(32))

    Good:
        output = nn.Linear(20, 1)(torch.randn(32, 20)).squeeze(1)
        loss = F.mse_loss(output, torch.randn(32))
    """

    code = "LK201"
    name = "broadcast-pair"
    says = Says(
        "{who} compares {one} {shapes} element by element, and torch makes them {result}",
        "{count} pairs where {fewer} are meant",
        "every output is compared with every target: the loss is {loss}, and paired off it is {right}",
        "make the shapes equal: {one}.squeeze({dim})",
    )

    def inspect(self, call: Call) -> Finding | None:
        values = [(name, value) for name, slot, value in zip(call.names, call.slots, call.values) if _each(slot.shape)]
        first_name, first = values[0] if values else ("", call.input)
        for name, value in values[1:]:
            if first.shape == value.shape or not (first.dim() and value.dim()) or _meant(call, first, value):
                continue
            try:
                result = torch.broadcast_tensors(first, value)[0].shape
            except RuntimeError:
                continue
            if result.numel() > max(first.numel(), value.numel()) and first.numel() == value.numel():
                return self._of(call, (first_name, first), (name, value), result)
        return None

    def _of(self, call: Call, one: tuple[str, Tensor], other: tuple[str, Tensor], result: torch.Size) -> Finding:
        wide, narrow = (one, other) if one[1].dim() > other[1].dim() else (other, one)
        dims = [dim for dim, size in enumerate(wide[1].shape) if size == 1] or [0]
        fewer = one[1].numel()
        flat = {name: value.reshape(-1) for name, value in zip(call.names, call.values) if value.numel() == fewer}
        right = call.attempt(flat.pop(call.names[0], call.input), **flat)
        return self.error(
            call,
            one=wide[0] if wide[0] != narrow[0] else "input",
            shapes=shapes(wide[1], narrow[1]),
            result=tuple(result),
            count=result.numel(),
            fewer=fewer,
            loss=call.attempt(call.input),
            right=right,
            dim=dims[-1],
        )


def _each(shape: object) -> bool:
    return type(shape) in (Same, Broadcast, Items, Labels)


def _meant(call: Call, first: Tensor, value: Tensor) -> bool:
    """Whether every pair is meant, as of quantiles: as many dimensions, each with its own 1, or both the network's output."""
    outputs = all(each.requires_grad for each in call.given)
    return first.dim() == value.dim() and (first.dim() > 2 or call.reduction == "none" or outputs)
