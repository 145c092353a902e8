"""A kernel's place in autograd.

Forward writes the gradients while the data is in cache, scaled by the reduction; backward multiplies only where the
upstream gradient is not 1, and lets go of its reference, so that ``input.grad`` takes the block without a copy. A second
backward computes them anew; under ``create_graph`` the formula is differentiated.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from losskit.core.reduction import NOTHING, Extra
from losskit.core.watched import attaching, batched, savable, saved_by_hooks
from losskit.native.call import Outcome, Ready, Weights


def by_kernel(ready: Ready, weights: Weights, tensors: tuple[Tensor, ...], extra: Extra) -> Tensor:
    """The loss by a kernel, in the graph where a gradient is wanted."""
    for each in tensors:
        if each.requires_grad and torch.is_grad_enabled():
            break
    else:
        return ready.run(weights, tensors, extra, False).value
    # Under hooks, which keep saved tensors elsewhere or compute them anew, nothing is held that they do not see.
    outcome = ready.run(weights, tensors, extra, not saved_by_hooks())
    pending = Pending(ready, weights, len(tensors), extra.normalizer, outcome)
    added = () if extra is NOTHING else (extra.sample_weight, extra.mask)
    leading, others = tensors[: ready.slopes], map(savable, tensors[ready.slopes :])
    attached: Tensor = _attach(pending, outcome.value, *leading, *others, *added)
    return attached


class Pending:
    """What a kernel wrote, and what backward needs beside the saved tensors to compute it anew."""

    __slots__ = ("count", "gradients", "normalizer", "ready", "scale", "weights")

    def __init__(
        self, ready: Ready, weights: Weights, count: int, normalizer: float | Tensor | None, outcome: Outcome
    ) -> None:
        self.ready, self.weights, self.count, self.normalizer = ready, weights, count, normalizer
        self.gradients, self.scale = outcome.gradients, outcome.scale

    def saved(self, ctx: Any) -> tuple[tuple[Tensor, ...], Extra]:
        """What the loss was computed of; torch's error where it is gone, or was changed in place."""
        every, count = ctx.saved_tensors, self.count
        extra = NOTHING if len(every) == count else Extra(every[count], every[count + 1], self.normalizer)
        return every[:count], extra

    def take(self, ctx: Any) -> tuple[Tensor, ...]:
        """The gradients, of which no reference is kept; at a second backward, computed anew."""
        gradients, self.gradients = self.gradients, ()
        if not gradients:
            tensors, extra = self.saved(ctx)
            _, gradients, self.scale, _ = self.ready.run(self.weights, tensors, extra, True)
        return gradients


class _Attached(torch.autograd.Function):
    """A value in the graph; ``mark_dirty`` makes it the output itself and no view, so that it may change in place."""

    @staticmethod
    def forward(ctx: Any, pending: Pending, value: Tensor, *rest: Tensor | None) -> Tensor:
        ctx.pending = pending
        ctx.save_for_backward(*rest)  # torch lets go of them after backward
        ctx.mark_dirty(value)
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        pending: Pending = ctx.pending
        ready, wanted = pending.ready, ctx.needs_input_grad[2:]
        if torch.is_grad_enabled():  # create_graph: saving the gradients and scaling them would lose their derivatives
            return None, None, *_differentiated(pending, ctx, upstream)
        gradients = pending.take(ctx)
        if batched(upstream):
            factors = ready.over_items(upstream) * pending.scale
            gradients = tuple(each * factors for each in gradients)
        elif ready.call.reduction == "none":
            for each in gradients:
                each.mul_(ready.over_items(upstream))
        else:
            factor = upstream.item() * pending.scale
            if factor != 1:
                for each in gradients:
                    each.mul_(factor)
        found = [ready.as_input(each) if own else None for each, own in zip(gradients, wanted)]
        return None, None, *found, *[None] * (len(wanted) - len(found))


def _differentiated(pending: Pending, ctx: Any, upstream: Tensor) -> list[Tensor | None]:
    """The gradients by the formula, to be differentiated again."""
    tensors, extra = pending.saved(ctx)
    value = pending.ready.call.formula(tensors, extra)
    wanted = ctx.needs_input_grad[2:]
    leaves = [each for each, own in zip(tensors, wanted) if own]
    found = iter(torch.autograd.grad(value, leaves, upstream, create_graph=True))
    return [next(found) if own else None for own in wanted]


_attach = attaching(_Attached)
