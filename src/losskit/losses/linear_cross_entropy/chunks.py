"""A loss of a last layer's logits, of which only a few rows exist at a time.

The logits of a large vocabulary are the largest tensor of a language model, and autograd keeps several of their size.
Forward takes chunk after chunk: logits, loss, their gradient, and what that adds to the gradients of the layer; then the
next chunk takes the same memory. Backward only scales. For ``reduction="none"``, where the upstream gradient is not known
in forward, and at a second backward, the chunks are computed anew.

Where a compiler or a transform must see the computation, and under ``create_graph``, the same chunks are computed by
differentiable operations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from losskit.choice import choose
from losskit.core.arithmetic import wide
from losskit.core.reduction import AtCall
from losskit.core.watched import eager, no_autocast, takes_hooks
from losskit.loss import Loss
from losskit.native.call import Unfit
from losskit.native.in_place import overwrite

#: Bytes of logits that may exist at once, and on a GPU, which wants larger products, and where their gradient takes as many.
BUDGET, ON_GPU = 52 * 2**20, 128 * 2**20


class Given(NamedTuple):
    """What a call takes: N rows, the layer, and what is kept of each item."""

    input: Tensor  # (N, D)
    weight: Tensor  # (C, ..., D)
    bias: Tensor | None  # (C, ...)
    target: Tensor  # (N, ...) or (N, C, ...)
    kept: Tensor | None  # (N, ...)
    sample_weight: Tensor | None  # (N, ...)

    def rows(self, start: int, stop: int) -> Given:
        """Some of the rows, with nothing but 0 in those that do not count (0 · NaN would spoil the layer's gradient)."""
        target, input = self.target[start:stop], self.input[start:stop]
        kept, weight = (None if each is None else each[start:stop] for each in (self.kept, self.sample_weight))
        if kept is not None:
            input = torch.where(kept.flatten(1).any(1, keepdim=True) if kept.dim() > 1 else kept.unsqueeze(1), input, 0)
        return Given(input, self.weight, self.bias, target, kept, weight)


def at_call(part: Given) -> AtCall:
    """What the loss of the logits takes beside them; no property, which torch 2.8 cannot compile of a tuple."""
    return {"mask": part.kept, "sample_weight": part.sample_weight}


class Gradients(NamedTuple):
    """Of the input, the layer's weight and its bias; None where not wanted."""

    input: Tensor | None
    weight: Tensor | None
    bias: Tensor | None


@dataclass(frozen=True)
class Chunks:
    """How a call is computed.

    Args:
        criterion: The loss of the logits, whose reduction is ``"none"`` or ``"sum"``.
        size: Rows of a chunk.
        dtype: What the logits are computed in.
    """

    criterion: Loss
    size: int
    dtype: torch.dtype

    def loss(self, given: Given) -> Tensor:
        """The loss of all rows: one value an item, or their sum."""
        layer = (given.input, given.weight, given.bias)  # no slice, which torch 2.8 cannot compile
        others = (given.target, given.kept, given.sample_weight, *self.criterion.buffers())
        rare = any(each is not None and each.requires_grad for each in others)
        if rare or not eager(*(each for each in (*layer, *others) if each is not None)):
            return self.differentiable(given, again=torch.is_grad_enabled() and takes_hooks())
        wanted = tuple(torch.is_grad_enabled() and each is not None and each.requires_grad for each in layer)
        if not any(wanted):
            return self.run(given, wanted)[0]
        value: Tensor = _OnePass.apply(self, wanted, *given)  # type: ignore[no-untyped-call]
        return value

    def differentiable(self, given: Given, again: bool) -> Tensor:
        """The same by differentiable operations; with ``again`` backward computes each chunk's logits once more."""

        def of(*tensors: Any) -> Tensor:
            part = Given(*tensors)
            bias = None if part.bias is None else part.bias.flatten().to(self.dtype)
            logits = F.linear(part.input.to(self.dtype), part.weight.flatten(0, -2).to(self.dtype), bias)
            loss: Tensor = self.criterion(
                logits.view(len(logits), *part.weight.shape[:-1]), part.target, **at_call(part)
            )
            return loss

        values = []
        for start, stop in self.parts(given):
            part = given.rows(start, stop)
            values.append(checkpoint(of, *part, use_reentrant=False, preserve_rng_state=False) if again else of(*part))
        if self.criterion.reduction == "none":
            return torch.cat(values)
        return torch.stack(values).sum()

    def parts(self, given: Given) -> list[tuple[int, int]]:
        """Where the chunks begin and end: as few as may be, of one size; one empty chunk where there is no row."""
        count = len(given.input)
        chunks = max(1, -(-count // self.size))
        size = max(1, -(-count // chunks))
        return [(start, min(start + size, count)) for start in range(0, max(count, 1), size)]

    @torch.no_grad()
    def run(self, given: Given, wanted: tuple[bool, ...], upstream: Tensor | None = None) -> tuple[Tensor, Gradients]:
        """The loss, and the gradients that are wanted (under ``upstream``, where there is one), in one pass."""
        with no_autocast(given.input.device.type):
            return self._run(given, wanted, upstream)

    def _run(self, given: Given, wanted: tuple[bool, ...], upstream: Tensor | None) -> tuple[Tensor, Gradients]:
        layer = given.weight.flatten(0, -2).to(self.dtype)
        bias = None if given.bias is None else given.bias.flatten().to(self.dtype)
        gradients = _zeros(given, wanted)
        parts = self.parts(given)
        room = layer.new_empty(parts[0][1], len(layer))
        values = []
        for start, stop in parts:
            part = given.rows(start, stop)
            input = part.input.to(self.dtype)
            logits = room[: stop - start]
            if bias is None:
                torch.mm(input, layer.t(), out=logits)
            else:
                torch.addmm(bias, input, layer.t(), out=logits)
            above = None if upstream is None else upstream[start:stop]
            shaped = logits.view(len(logits), *given.weight.shape[:-1])
            value, slope = self._of_logits(shaped, part, any(wanted), above)
            values.append(value)
            if slope is not None:
                _add(gradients, start, slope.view(logits.shape), input, layer)
                del slope  # or the next chunk's would stand beside it
        value = torch.cat(values) if self.criterion.reduction == "none" else torch.stack(values).sum()
        return value, gradients

    def _of_logits(
        self, logits: Tensor, part: Given, with_slope: bool, upstream: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Loss of a chunk's logits, and its gradient in them, which takes their place if a kernel can write it there."""
        criterion, tensors, told = self.criterion, (logits, part.target), at_call(part)
        if not with_slope:
            return criterion(*tensors, **told), None
        try:
            extra = criterion.extra(logits, told)
            value, scale = overwrite(choose(criterion, tensors).ready, criterion._buffers, tensors, extra)
        except Unfit:
            pass
        else:
            if upstream is not None:
                logits.mul_(upstream.unsqueeze(1))
            return value, logits if scale == 1 else logits.mul_(scale)
        leaf = logits.detach().requires_grad_()
        with torch.enable_grad():
            value = criterion(leaf, part.target, **told)
        return value.detach(), torch.autograd.grad(value, leaf, upstream)[0]


def _zeros(given: Given, wanted: tuple[bool, ...]) -> Gradients:
    """Room for the gradients; those of the layer are sums over the rows, and so held in float32 at least."""
    zeros = (
        None if each is None or not want else each.new_zeros(each.shape, dtype=dtype)
        for each, want, dtype in zip(
            given, wanted, (given.input.dtype, wide(given.weight), wide(given.weight)), strict=False
        )
    )
    return Gradients(*zeros)


def _add(gradients: Gradients, start: int, slope: Tensor, input: Tensor, layer: Tensor) -> None:
    """Add what a chunk gives, whose logits have the gradient ``slope``."""
    of_input, of_weight, of_bias = gradients
    if of_input is not None:
        of_input[start : start + len(slope)] = slope @ layer
    if of_weight is not None:
        flat = of_weight.flatten(0, -2)
        if flat.dtype == slope.dtype:
            flat.addmm_(slope.t(), input)
        elif (
            slope.is_cuda and torch.version.cuda
        ):  # half precision there: the product is added in float32, without a copy
            torch.addmm(flat, slope.t(), input, out_dtype=flat.dtype, out=flat)
        else:
            flat += slope.t() @ input
    if of_bias is not None:
        of_bias += slope.sum(0, dtype=of_bias.dtype).view(of_bias.shape)


class _OnePass(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, chunks: Chunks, wanted: tuple[bool, ...], *given: Any) -> Tensor:
        ctx.chunks, ctx.wanted, ctx.gradients = chunks, wanted, None
        ctx.save_for_backward(*given)
        summed = chunks.criterion.reduction == "sum"
        value, gradients = chunks.run(Given(*given), wanted if summed else (False,) * 3)
        if summed:
            ctx.gradients = gradients
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        chunks: Chunks = ctx.chunks
        if torch.is_grad_enabled():  # create_graph
            found = _differentiated(chunks, Given(*ctx.saved_tensors), ctx.wanted, upstream)
        elif chunks.criterion.reduction == "none":
            _, found = chunks.run(Given(*ctx.saved_tensors), ctx.wanted, upstream)
        else:
            found, ctx.gradients = ctx.gradients, None  # let go of them, so that .grad takes them without a copy
            if found is None:
                _, found = chunks.run(Given(*ctx.saved_tensors), ctx.wanted)
            for each in found:
                if each is not None:
                    each.mul_(upstream)
        return None, None, found.input, found.weight, found.bias, None, None, None


def _differentiated(chunks: Chunks, given: Given, wanted: tuple[bool, ...], upstream: Tensor) -> Gradients:
    value = chunks.differentiable(given, again=False)
    leaves = [each for each, want in zip(given, wanted) if want and each is not None]
    found = iter(torch.autograd.grad(value, leaves, upstream, create_graph=True))
    return Gradients(*(next(found) if want else None for want in wanted))
