"""Gradients that take the place of the input: a kernel reads the logits and leaves their gradient where they were."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from losskit.core.reduction import Extra
from losskit.core.watched import batched, saved_by_hooks
from losskit.native.call import Ready, Unfit, Weights


def overwrite(
    ready: Ready | None, weights: Weights, tensors: tuple[Tensor, Tensor], extra: Extra
) -> tuple[Tensor, float]:
    """The loss, and the factor still to be applied to its gradient, which has replaced the first tensor.

    Raises:
        Unfit: The kernel cannot do this call. Nothing has been overwritten.
    """
    input, target = tensors
    fits = ready is not None and ready.input_dtype is None and input.is_contiguous() and not input.is_inference()
    if ready is None or not fits or target.is_floating_point():  # probabilities are judged on the way
        raise Unfit
    if input.detach().amax() == math.inf:  # the formula knows the limit, and needs the logits
        raise Unfit
    if input.dtype is torch.float16 and (ready.weights or extra.sample_weight is not None):
        raise Unfit  # times a weight, a slope may not fit before the reduction makes it small
    value, _, scale = ready.run(weights, tensors, extra, True, input.detach())
    return value, scale


def in_place(ready: Ready, weights: Weights, tensors: tuple[Tensor, Tensor], extra: Extra) -> Tensor:
    """The loss, attached to the graph, with its gradient in the place of the first tensor; raises :class:`Unfit`."""
    if saved_by_hooks() or any(tensor.requires_grad for tensor in tensors[1:]):
        raise Unfit
    value, scale = overwrite(ready, weights, tensors, extra)
    torch.autograd.graph.increment_version(tensors[0])  # whoever has saved the logits is told by torch
    loss: Tensor = _InPlace.apply(ready, scale, value, *tensors)  # type: ignore[no-untyped-call]
    return loss


class _InPlace(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, ready: Ready, scale: float, value: Tensor, overwritten: Tensor, target: Tensor) -> Tensor:
        ctx.ready, ctx.scale, ctx.spent = ready, scale, False
        ctx.save_for_backward(overwritten)  # torch raises if it is changed before backward
        ctx.mark_dirty(value)
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.spent or torch.is_grad_enabled():
            again = "create_graph=True" if torch.is_grad_enabled() else "a second backward"
            raise RuntimeError(
                f"cross_entropy: {again} needs the logits, which inplace_backward=True has overwritten; leave it out"
            )
        (overwritten,) = ctx.saved_tensors
        gradient, ready = overwritten.detach(), ctx.ready
        factors = ready.over_items(upstream)
        if batched(upstream):
            gradient = gradient * (factors * ctx.scale)
        elif upstream.dim() or upstream.item() * ctx.scale != 1:
            ctx.spent = True
            gradient.mul_(factors if upstream.dim() else upstream.item() * ctx.scale)
        return None, None, None, gradient, None
