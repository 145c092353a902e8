"""A kernel's place in autograd.

Forward writes the gradients while the data is in cache, scaled by the reduction. Backward multiplies them only if the
upstream gradient is not 1, and drops its reference, so that ``input.grad`` takes the memory without a copy. A second backward
recomputes them; under ``create_graph`` the formula is differentiated.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from losskit.core.reduction import NOTHING, Extra
from losskit.core.watched import attaching, batched, savable, saved_by_hooks
from losskit.native.call import Gradients, Outcome, Ready, Unfit, Weights


def by_kernel(ready: Ready, weights: Weights, tensors: tuple[Tensor, ...], extra: Extra) -> Tensor:
    """The loss from a kernel, attached to the graph if a gradient is wanted."""
    if ready.plain is not None and extra is NOTHING:
        value = ready.plain(tensors)
        if value is not None:
            return value
    wanted = 0  # bits: which tensors
    for place, tensor in enumerate(tensors):
        if tensor.requires_grad:
            if place >= ready.slopes:
                raise Unfit  # only the formula gives that gradient
            wanted |= 1 << place
    if not (wanted and torch.is_grad_enabled()):
        return ready.run(weights, tensors, extra, 0)[0]
    # Hooks on saved tensors store or recompute them; then no gradients are held that the hooks do not see.
    outcome = ready.run(weights, tensors, extra, 0 if saved_by_hooks() else wanted)
    pending = Pending(ready, weights, wanted, len(tensors), extra.normalizer, outcome)
    if extra is NOTHING and len(tensors) == 2:  # inlined: 0.1 µs counts in small losses
        return _attach(pending, outcome[0], tensors[0], savable(tensors[1]))  # type: ignore[no-any-return]
    added = () if extra is NOTHING else (extra.sample_weight, extra.mask)
    return _attach(pending, outcome[0], *map(savable, tensors), *added)  # type: ignore[no-any-return]


class Pending:
    """The gradients from a kernel, and what backward needs besides the saved tensors to recompute them."""

    __slots__ = ("count", "gradients", "normalizer", "ready", "scale", "wanted", "weights")

    def __init__(
        self,
        ready: Ready,
        weights: Weights,
        wanted: int,
        count: int,
        normalizer: float | Tensor | None,
        outcome: Outcome,
    ) -> None:
        self.ready, self.weights, self.wanted = ready, weights, wanted
        self.count, self.normalizer = count, normalizer
        _, self.gradients, self.scale = outcome

    def saved(self, ctx: Any) -> tuple[tuple[Tensor, ...], Extra]:
        """The tensors of the call; torch raises if they were freed or changed in place."""
        every, count = ctx.saved_tensors, self.count
        extra = NOTHING if len(every) == count else Extra(every[count], every[count + 1], self.normalizer)
        return every[:count], extra

    def take(self, ctx: Any) -> Gradients:
        """The gradients, without keeping a reference; a second backward recomputes them."""
        gradients, self.gradients = self.gradients, ()
        if not gradients:
            tensors, extra = self.saved(ctx)
            _, gradients, self.scale = self.ready.run(self.weights, tensors, extra, self.wanted)
        return gradients


class _Attached(torch.autograd.Function):
    """Attaches a value to the graph; ``mark_dirty`` returns it as the output and not as a view, so that it may change in place."""

    @staticmethod
    def forward(ctx: Any, pending: Pending, value: Tensor, *rest: Tensor | None) -> Tensor:
        ctx.pending = pending
        ctx.save_for_backward(*rest)  # torch frees them after backward
        ctx.mark_dirty(value)
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        pending: Pending = ctx.pending
        ready = pending.ready
        if torch.is_grad_enabled():  # create_graph: saving the gradients and scaling them would lose their derivatives
            tensors, extra = pending.saved(ctx)
            return None, None, *ready.differentiated(tensors, ctx.needs_input_grad[2:], upstream, extra)
        gradients = pending.take(ctx)
        if batched(upstream):
            factors = ready.over_items(upstream) * pending.scale
            gradients = tuple(gradient if gradient is None else gradient * factors for gradient in gradients)
        elif ready.call.reduction == "none":
            for gradient in gradients:
                if gradient is not None:
                    gradient.mul_(ready.over_items(upstream))
        else:
            factor = upstream.item() * pending.scale
            if factor != 1:
                for gradient in gradients:
                    if gradient is not None:
                        gradient.mul_(factor)
        if ready.input_dtype is not None:
            gradients = tuple(map(ready.as_given, gradients, range(len(gradients))))
        return None, None, *gradients, *(None,) * (len(ctx.needs_input_grad) - 2 - len(gradients))


_attach = attaching(_Attached)
