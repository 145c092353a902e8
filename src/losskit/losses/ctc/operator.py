"""CTC by torch's operator: its value as it is, its gradient mended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from losskit.core.watched import attaching, readable

ctc_forward, ctc_backward = torch.ops.aten._ctc_loss.default, torch.ops.aten._ctc_loss_backward.default


class Batch(NamedTuple):
    """What the formula takes: (T, N, C), (N, S), (N) and (N)."""

    log_probs: Tensor
    targets: Tensor
    input_lengths: Tensor
    target_lengths: Tensor


def has_operator(batch: Batch) -> bool:
    """Whether torch can compute this."""
    return batch.log_probs.device.type in ("cpu", "cuda") and batch.log_probs.numel() > 0


def by_torch(batch: Batch, blank: int, from_logits: bool, formula: Callable[..., Tensor]) -> Tensor:
    """The unreduced loss of a call that nobody watches; the formula gives the second derivative."""
    log_probs, *rest = batch
    wanted = log_probs.requires_grad and torch.is_grad_enabled()
    detached = Batch(log_probs.detach(), *rest)
    checked = readable(log_probs, batch.targets)
    value, gradient = value_and_gradient(detached, blank, from_logits, checked=checked, wanted=wanted)
    if gradient is None:
        return value
    attached: Tensor = _attach(value, gradient, formula, log_probs, *rest)
    return attached


def value_and_gradient(
    batch: Batch, blank: int, from_logits: bool, *, checked: bool, wanted: bool
) -> tuple[Tensor, Tensor | None]:
    """The value by torch's operator, and where it is wanted the gradient of that value.

    That is what torch gives less the exponential of the input; of logits, it is what torch gives behind a log-softmax. Where
    there is no chance torch has NaN.

    Args:
        batch: Of no graph.
        blank: The blank.
        from_logits: Whether to take the log-softmax.
        checked: Whether the labels are; a sample of others is NaN, lest torch's operator read whatever lies there.
        wanted: Whether to compute the gradient.
    """
    scores = batch.log_probs.log_softmax(-1) if from_logits else batch.log_probs
    low, high = bounds(scores)
    shift = None
    if not from_logits and not high <= 0:  # else the exponential would drown the rest
        top = scores.amax(-1, keepdim=True).clamp(min=0)
        scores, shift = scores - top, top.sum((0, 2))
    targets, wrong = batch.targets, None
    if not checked:
        outside = (targets < 0) | (targets >= scores.shape[2])
        targets, wrong = targets.where(~outside, blank), outside.any(1)
    lengths = batch.input_lengths.tolist(), batch.target_lengths.tolist()  # as numbers, wherever they lie
    given = (scores, targets, *lengths)
    loss, alphas = ctc_forward(*given, blank)
    value = loss if shift is None else loss - shift
    value = value if wrong is None else value.masked_fill(wrong, torch.nan)
    if not wanted:
        return value, None
    gradient: Tensor = ctc_backward(torch.ones_like(loss), *given, loss, alphas, blank)
    if not from_logits:
        gradient -= scores.exp()
    if not (low > -torch.inf and bounds(loss)[1] < torch.inf):
        gradient.masked_fill_((scores == -torch.inf) | (loss == torch.inf).unsqueeze(1), 0)
    return value, gradient


def bounds(values: Tensor) -> tuple[float, float]:
    """The least and the greatest value, or where they may not be read the bounds of all."""
    if not readable(values):
        return -torch.inf, torch.inf
    low, high = values.aminmax()
    return float(low), float(high)


class _Attached(torch.autograd.Function):
    """A value and its gradient that are there already; under ``create_graph`` the formula is differentiated."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, gradient: Tensor, formula: Callable[..., Tensor], *batch: Tensor) -> Tensor:
        ctx.save_for_backward(gradient, *batch)
        ctx.formula = formula
        ctx.mark_dirty(value)  # the output itself and no view, so that it may change in place
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        gradient, log_probs, *rest = ctx.saved_tensors
        if torch.is_grad_enabled():
            value = ctx.formula(log_probs, *rest)
            gradient = torch.autograd.grad(value, log_probs, upstream, create_graph=True)[0]
        else:
            gradient = gradient * upstream.unsqueeze(1)
        return None, None, None, gradient, None, None, None


_attach = attaching(_Attached)


@torch.library.custom_op(
    "losskit::ctc",
    mutates_args=(),
    schema="(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, SymInt blank, bool from_logits)"
    " -> (Tensor, Tensor)",
)
def opaque(log_probs: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    """Value and gradient as one operator, into which the compiler does not see, since unrolled every step takes it most of a second."""
    value, gradient = value_and_gradient(Batch(log_probs, *rest[:3]), *rest[3:], checked=False, wanted=True)
    assert gradient is not None
    return value, gradient.contiguous()


@opaque.register_fake
def _(log_probs: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    return log_probs.new_empty(log_probs.shape[1]), log_probs.new_empty(log_probs.shape)


def _keep_gradient(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(output[1])


def _use_gradient(ctx: Any, upstream: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    (gradient,) = ctx.saved_tensors
    return gradient * upstream.unsqueeze(1), None, None, None, None, None


opaque.register_autograd(_use_gradient, setup_context=_keep_gradient)
