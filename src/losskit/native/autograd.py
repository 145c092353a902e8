"""A kernel's call, and its place in autograd.

Forward writes the gradient while the data is in cache, scaled by the reduction; backward multiplies only where the
upstream gradient is not 1, and lets go of its reference, so that ``input.grad`` takes the block without a copy. A second
backward computes it anew; under ``create_graph`` the formula is differentiated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from ctypes import CDLL, byref
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from typing_extensions import Unpack

from losskit.native.dispatch import takes_kernel
from losskit.native.library import (
    DTYPES,
    IDS,
    PROBABILITIES,
    REDUCTIONS,
    WIDE,
    Elementwise,
    Rowwise,
    Spread,
    gradient_like,
    load,
)
from losskit.reduction import NOTHING, AtCall, Extra, checked

if TYPE_CHECKING:
    from losskit.loss import Loss


class Unfit(Exception):  # noqa: N818 - no error: the formula takes over
    """The kernel cannot do this call, or found values that deserve a message."""


class Pending:
    """What a kernel wrote, and what backward needs to compute it anew.

    It holds the input itself: saving a tensor the usual way costs a microsecond, of which a small loss has twenty.
    """

    value: Tensor  # until autograd has it
    __slots__ = ("extra", "gradient", "input", "loss", "scale", "target", "value", "version")

    def __init__(self, loss: Loss, input: Tensor, target: Tensor, extra: Extra) -> None:
        self.loss, self.input, self.target, self.extra = loss, input, target, extra
        self.gradient: Tensor | None = None
        self.scale = 1.0  # what the gradient still lacks, beside the upstream gradient
        self.version = input._version

    def unchanged(self) -> Tensor:
        """The input, if it still is what the loss was computed of."""
        if self.input._version != self.version:
            raise RuntimeError(
                f"{type(self.loss).__name__}: input was changed in place after the loss was computed, and this backward "
                "needs it once more; use input.clone()"
            )
        return self.input


def by_kernel(loss: Loss, input: Tensor, target: Tensor, extra: Extra) -> Tensor | None:
    """The loss by its kernel; None where the formula must serve, or must say what is wrong."""
    library = load()
    if library is None:
        return None
    pending = Pending(loss, input, target, extra)
    wants_gradient = input.requires_grad and torch.is_grad_enabled()
    try:
        value = _call(library, pending, wants_gradient)
    except Unfit:
        return None
    if not wants_gradient:
        return value
    pending.value = value
    attached: Tensor = _Attached.apply(input, pending)  # type: ignore[no-untyped-call]
    return attached


def value_and_grad(criterion: Loss) -> Callable[..., tuple[Tensor, Tensor]]:
    r"""Loss and gradient in one call, without autograd.

    .. math:: (x, y) \mapsto (\ell(x, y), \partial \ell / \partial x)

    For a small loss autograd costs more than the loss itself. What it gives is what ``backward`` would: hand the
    gradient on with ``output.backward(gradient)``.

    Args:
        criterion: A loss whose reduction is ``"mean"`` or ``"sum"``.

    Returns:
        A function that takes what the criterion takes and returns its loss and its gradient in the input, both detached.

    Raises:
        ValueError: The reduction is ``"none"``: there is no single number to differentiate.

    Example:
        >>> import torch, losskit
        >>> step = losskit.value_and_grad(losskit.MSELoss())
        >>> loss, gradient = step(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 4.0]))
        >>> print(loss, gradient)
        tensor(2.5000) tensor([ 1., -2.])
    """
    if criterion.reduction == "none":
        raise ValueError(f"{type(criterion).__name__}: value_and_grad needs reduction 'mean' or 'sum', got 'none'")

    def call(input: Tensor, target: Tensor, **at_call: Unpack[AtCall]) -> tuple[Tensor, Tensor]:
        criterion.require(input, target)
        library = load()
        if library is not None and takes_kernel(criterion, input, target):
            extra = checked(criterion, at_call, criterion.items(input), WIDE[input.dtype]) if at_call else NOTHING
            pending = Pending(criterion, input, target, extra)
            try:
                value = _call(library, pending, True)
            except Unfit:
                pass
            else:
                assert pending.gradient is not None
                return value, pending.gradient if pending.scale == 1 else pending.gradient.mul_(pending.scale)
        with torch.enable_grad():
            leaf = input.detach().requires_grad_()
            loss = criterion(leaf, target, **at_call)
        return loss.detach(), torch.autograd.grad(loss, leaf)[0]

    return call


class _Attached(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, pending: Pending) -> Tensor:
        ctx.pending = pending
        value: Tensor = pending.value
        del pending.value  # else the loss would hold itself
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        pending: Pending = ctx.pending
        if torch.is_grad_enabled():  # create_graph: saving the gradient and scaling it would lose its second derivative
            input = pending.unchanged()
            value = pending.loss.by_formula(input, pending.target, pending.extra)
            return torch.autograd.grad(value, input, upstream, create_graph=True)[0], None
        if pending.gradient is None:  # a second backward
            pending.unchanged()
            library = load()
            assert library is not None
            _call(library, pending, True)
        gradient, pending.gradient = pending.gradient, None
        assert gradient is not None
        return _scaled(pending, gradient, upstream), None


def _scaled(pending: Pending, gradient: Tensor, upstream: Tensor) -> Tensor:
    if pending.loss.reduction != "none":
        factor = upstream.item() * pending.scale
        return gradient if factor == 1 else gradient.mul_(factor)
    dim = pending.loss.class_dim(gradient)
    return gradient.mul_(upstream if dim is None else upstream.unsqueeze(dim))


def _call(library: CDLL, pending: Pending, wants_gradient: bool) -> Tensor:
    """Write value and gradient; the latter into ``pending``."""
    loss, input = pending.loss, pending.input.detach()
    if not input.is_contiguous():
        input = input.contiguous()
    dim = loss.class_dim(input)
    shape = () if loss.reduction != "none" else input.shape if dim is None else loss.items(input)
    value = input.new_empty(shape, dtype=WIDE[input.dtype])
    gradient = gradient_like(library, input) if wants_gradient else None
    if dim is None:
        call: Elementwise | Rowwise = _elementwise(library, pending, input, value, gradient)
    else:
        call = _rowwise(library, pending, input, dim, value, gradient)
    pending.gradient = gradient
    if call.unscaled:
        pending.scale = call.scale
    return value


def _elementwise(library: CDLL, pending: Pending, input: Tensor, value: Tensor, gradient: Tensor | None) -> Elementwise:
    loss, dtype = pending.loss, input.dtype
    target = _like(pending.target, dtype)
    call = Elementwise(
        op_number(library, "elementwise", loss.kernel),
        DTYPES[dtype],
        REDUCTIONS[loss.reduction],
        torch.get_num_threads(),
        dtype is torch.float16,
        0,
        input.numel(),
        input.data_ptr(),
        target.data_ptr(),
        value.data_ptr(),
        None if gradient is None else gradient.data_ptr(),
    )
    held = [
        spread(getattr(call, name), weight, input.shape, value.dtype)
        for name, weight in loss._buffers.items()
        if weight is not None
    ]
    if pending.extra is not NOTHING:
        held += _extra(call, pending.extra, input.shape, value.dtype)
    for index, number in enumerate(loss.kernel_params()):
        call.params[index] = number
    status = library.losskit_elementwise(byref(call))
    del held  # the tensors had to live until here
    if status or call.found:
        raise Unfit
    return call


def _rowwise(
    library: CDLL, pending: Pending, input: Tensor, dim: int, value: Tensor, gradient: Tensor | None
) -> Rowwise:
    loss, target, shape = pending.loss, pending.target, input.shape
    ids = IDS.get(target.dtype)
    if ids is None:
        soft = target.is_floating_point()
        target, ids = (_like(target, input.dtype), PROBABILITIES) if soft else (target.long(), IDS[torch.int64])
    if not target.is_contiguous():
        target = target.contiguous()
    call = Rowwise(
        op_number(library, "rowwise", loss.kernel),
        DTYPES[input.dtype],
        REDUCTIONS[loss.reduction],
        torch.get_num_threads(),
        input.dtype is torch.float16,
        0,
        math.prod(shape[:dim]),
        shape[dim],
        math.prod(shape[dim + 1 :]),
        input.data_ptr(),
        target.data_ptr(),
        value.data_ptr(),
        None if gradient is None else gradient.data_ptr(),
        ids,
        0,
        loss.__dict__.get("ignore_index", -1),
    )
    weight = loss._buffers.get("weight")
    if weight is not None:
        weight = weight.to(value.dtype).contiguous()
        call.class_weight = weight.data_ptr()
    smoothing = loss.__dict__.get("label_smoothing")
    if smoothing:
        call.label_smoothing = smoothing
    held = _extra(call, pending.extra, loss.items(input), value.dtype) if pending.extra is not NOTHING else None
    for index, number in enumerate(loss.kernel_params()):
        call.params[index] = number
    status = library.losskit_rowwise(byref(call))
    del held
    if status or call.found:
        raise Unfit
    return call


def _like(target: Tensor, dtype: torch.dtype) -> Tensor:
    """``target`` in the input's dtype, where that loses nothing, and contiguous."""
    if target.dtype is not dtype:
        if dtype in (torch.float16, torch.bfloat16):
            raise Unfit
        target = target.to(dtype)
    return target if target.is_contiguous() else target.contiguous()


def _extra(call: Elementwise | Rowwise, extra: Extra, items: torch.Size, dtype: torch.dtype) -> list[Tensor | None]:
    if extra.sample_weight is not None and extra.sample_weight.requires_grad:
        raise Unfit
    if extra.normalizer is not None:
        call.normalizer = float(extra.normalizer)
    return [
        spread(call.sample_weight, extra.sample_weight, items, dtype),
        spread(call.mask, extra.mask, items, torch.bool),
    ]


def spread(into: Spread, tensor: Tensor | None, items: torch.Size, dtype: torch.dtype) -> Tensor | None:
    """Describe to the kernel a tensor that broadcasts to ``items``; returns what must be kept alive."""
    if tensor is None:
        return None
    tensor = tensor.detach().to(dtype).contiguous()
    shape = (1,) * (len(items) - tensor.dim()) + tuple(tensor.shape)
    used = [i for i, size in enumerate(shape) if size != 1]
    if used and any(shape[i] != items[i] for i in range(used[0], used[-1] + 1)):
        raise Unfit  # (N, 1, W): not a run of dimensions
    into.data = tensor.data_ptr()
    into.period = max(tensor.numel(), 1)
    into.inner = max(items[used[-1] + 1 :].numel(), 1) if used else max(items.numel(), 1)
    return tensor


@cache
def op_number(library: CDLL, driver: str, name: str) -> int:
    """The number by which a driver knows an op."""
    number = int(getattr(library, f"losskit_{driver}_op")(name.encode()))
    if number < 0:
        raise LookupError(f"the {driver} driver has no op {name!r}: rebuild the kernels")
    return number
