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
from losskit.native.call import Gradients, Ready, Unfit, Weights


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
    if ready.dtype is torch.float16 and saved_by_hooks():
        raise Unfit  # in backward it would be too late to find that a gradient does not fit
    call = (ready, weights, extra, wanted)
    if extra is NOTHING:
        return _attach(call, *tensors)  # type: ignore[no-any-return]
    return _attach(call, *tensors, extra.sample_weight, extra.mask)  # type: ignore[no-any-return]


class _Attached(torch.autograd.Function):
    """A kernel's call in the graph. The value is made here: one made before would be returned as a view of itself."""

    @staticmethod
    def forward(ctx: Any, call: tuple[Ready, Weights, Extra, int], *given: Any) -> Tensor:
        ready, weights, extra, wanted = call
        tensors: tuple[Tensor, ...] = given if extra is NOTHING else given[:-2]
        # Hooks on saved tensors store or recompute them; then no gradients are held that the hooks do not see.
        value, ctx.gradients, scale = ready.run(weights, tensors, extra, 0 if saved_by_hooks() else wanted)
        ctx.call = (ready, weights, wanted, len(tensors), extra.normalizer, scale)
        if extra is NOTHING and ready.two:  # 0.1 µs counts in small losses
            ctx.save_for_backward(given[0], savable(given[1]))
        else:
            ctx.save_for_backward(*map(savable, tensors), *given[len(tensors) :])  # torch frees them after backward
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        ready, weights, wanted, count, normalizer, scale = ctx.call
        gradients: Gradients = ctx.gradients
        ctx.gradients = ()  # no reference stays, so that input.grad takes the memory
        if torch.is_grad_enabled() or not gradients:
            every = ctx.saved_tensors  # torch raises if they were freed or changed in place
            extra = NOTHING if len(every) == count else Extra(every[count], every[count + 1], normalizer)
            if torch.is_grad_enabled():  # create_graph: the gradients would lose their derivatives
                ctx.gradients = gradients
                return None, *ready.differentiated(every[:count], ctx.needs_input_grad[1:], upstream, extra)
            _, gradients, scale = ready.run(weights, every[:count], extra, wanted)  # a second backward
        if batched(upstream):
            factors = ready.over_items(upstream) * scale
            gradients = tuple(gradient if gradient is None else gradient * factors for gradient in gradients)
        elif ready.call.reduction == "none":
            for gradient in gradients:
                if gradient is not None:
                    gradient.mul_(ready.over_items(upstream))
        else:
            factor = upstream.item() * scale
            if factor != 1:
                for gradient in gradients:
                    if gradient is not None:
                        gradient.mul_(factor)
        if len(gradients) == 1 and ready.two and ready.input_dtype is None and len(ctx.needs_input_grad) == 3:
            return None, gradients[0], None
        if ready.input_dtype is not None:
            gradients = tuple(map(ready.as_given, gradients, range(len(gradients))))
        return None, *gradients, *(None,) * (len(ctx.needs_input_grad) - 1 - len(gradients))


_attach = attaching(_Attached)
