"""A kernel's call, and its place in autograd.

Forward writes the gradient while the data is in cache, scaled by the reduction; backward multiplies only where the
upstream gradient is not 1, and lets go of its reference, so that ``input.grad`` takes the block without a copy. A second
backward computes it anew; under ``create_graph`` the formula is differentiated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from ctypes import CDLL, addressof, c_int64
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from losskit.native.dispatch import attaching, batched, computes_as_stated, savable, saved_by_hooks, takes_kernel, wide
from losskit.native.library import (
    DTYPES,
    IDS,
    LEASED,
    PROBABILITIES,
    REDUCTIONS,
    WIDE,
    Elementwise,
    Rowwise,
    Spread,
    lease,
    load,
)
from losskit.reduction import NOTHING, AtCall, Extra

if TYPE_CHECKING:
    from losskit.loss import Loss


WEIGHTS = frozenset({"weight", "pos_weight"})  # the tensors that kernels take as arguments


class Unfit(Exception):  # noqa: N818 - no error: the formula takes over
    """The kernel cannot do this call, or found values that deserve a message."""


class Prepared(dict[Any, "Plan | None"]):
    """The plans of a loss, by the shapes and dtypes of its tensors; a copy of the loss makes its own."""

    def __reduce__(self) -> tuple[type[Prepared], tuple[()]]:
        return Prepared, ()


class Plan:
    """What does not change while shapes and dtypes stay: the kernel's call, filled in but for the pointers.

    Small losses live on it: filling a call in takes longer than computing them.
    """

    def __init__(self, loss: Loss, library: CDLL, input: Tensor, target: Tensor) -> None:
        dim, ids = loss.class_dim(input), loss.class_dim(input) is not None and not target.is_floating_point()
        same = ids or target.dtype is input.dtype
        self.dtype = input.dtype if same else wide(input, target)
        self.input_dtype = None if self.dtype is input.dtype else input.dtype  # None: it need not be converted
        self.target_dtype = _read_as(target, self.dtype, ids)
        self.items, self.wide = loss.items(input), WIDE[self.dtype]
        self.one = None if loss.reduction == "none" else input.new_empty((), dtype=self.wide)
        large = input.numel() * self.dtype.itemsize >= LEASED
        self.lease = (c_int64 * input.dim())(*input.shape) if large else None
        self.weights = tuple(name for name, weight in loss._buffers.items() if weight is not None)
        if not WEIGHTS.issuperset(self.weights):
            raise Unfit  # the kernel takes a number there
        self.library, self.shape = library, input.shape
        self.template = (
            _elementwise(library, loss, input, self.dtype)
            if dim is None
            else _rowwise(library, loss, input, target, self.dtype, dim)
        )
        self.run = library.losskit_elementwise if dim is None else library.losskit_rowwise
        self.free: list[tuple[Elementwise | Rowwise, int]] = []  # several: threads may call the same loss

    def call(self) -> tuple[Elementwise | Rowwise, int]:
        """A call of one's own, and its address."""
        try:
            return self.free.pop()
        except IndexError:
            call = type(self.template).from_buffer_copy(self.template)
            return call, addressof(call)

    def gradient(self, input: Tensor) -> Tensor:
        """Memory for it, in huge pages where it is large."""
        leased = None if self.lease is None else lease(self.library, self.lease, self.dtype)
        return torch.empty_like(input) if leased is None else leased

    def as_input(self, gradient: Tensor) -> Tensor:
        """The finished gradient in the input's dtype."""
        return gradient if self.input_dtype is None else gradient.to(self.input_dtype)


def plan_of(loss: Loss, input: Tensor, target: Tensor) -> Plan | None:
    """The plan for tensors like these, which are checked where it is made; None: formulas serve."""
    key = (input.shape, input.dtype, target.shape, target.dtype)
    try:
        return loss.prepared[key]
    except KeyError:
        loss.require((input, target))
        library, plan = load(), None
        if library is not None and input.dtype in DTYPES and input.numel() and computes_as_stated(loss):
            with suppress(Unfit):
                plan = Plan(loss, library, input, target)
        if len(loss.prepared) >= 64:  # sequences of every length
            loss.prepared.clear()
        loss.prepared[key] = plan
        return plan


def by_kernel(loss: Loss, tensors: tuple[Tensor, ...], at_call: AtCall) -> Tensor | None:
    """The loss by its kernel; None where the formula must serve, or must say what is wrong."""
    if not takes_kernel(loss, tensors):
        return None
    input, target = tensors
    plan = plan_of(loss, input, target)
    if plan is None:
        return None
    extra = loss.extra(input, at_call) if at_call else NOTHING
    wanted = input.requires_grad and torch.is_grad_enabled()
    try:  # under hooks, which keep saved tensors elsewhere or compute them anew, nothing is held that they do not see
        value, gradient, scale = _run(plan, loss, input, target, extra, wanted and not saved_by_hooks())
    except Unfit:
        return None
    if not wanted:
        return value
    pending = Pending(plan, loss, extra.normalizer, gradient, scale)
    added = () if extra is NOTHING else (extra.sample_weight, extra.mask)
    attached: Tensor = _attach(input, pending, value, savable(target), *added)
    return attached


def _run(
    plan: Plan, loss: Loss, input: Tensor, target: Tensor, extra: Extra, wants_gradient: bool
) -> tuple[Tensor, Tensor | None, float]:
    """Value, gradient, and the factor that the gradient still lacks."""
    if plan.input_dtype is not None:
        input = input.detach().to(plan.dtype)
    if plan.target_dtype is not None:
        target = target.to(plan.target_dtype)
    if not input.is_contiguous():
        input = input.detach().contiguous()
    if not target.is_contiguous():
        target = target.contiguous()
    value = input.new_empty(plan.items, dtype=plan.wide) if plan.one is None else torch.empty_like(plan.one)
    gradient = plan.gradient(input) if wants_gradient else None
    call, address = plan.call()
    call.threads = torch.get_num_threads()
    call.input, call.target, call.value = input.data_ptr(), target.data_ptr(), value.data_ptr()
    call.gradient = None if gradient is None else gradient.data_ptr()
    ordinary = extra is NOTHING and not plan.weights
    held = None if ordinary else [*_weights(call, plan, loss), *_extra(call, extra, plan)]
    status = plan.run(address)
    del held  # the tensors had to live until here
    if status or call.found:
        raise Unfit
    scale = call.scale if call.unscaled else 1.0
    if ordinary:  # others hold pointers that must not be used again
        plan.free.append((call, address))
    return value, gradient, scale


class Pending:
    """What a kernel wrote, and what backward needs beside the saved tensors to compute it anew."""

    __slots__ = ("gradient", "loss", "normalizer", "plan", "scale")

    def __init__(
        self, plan: Plan, loss: Loss, normalizer: float | Tensor | None, gradient: Tensor | None, scale: float
    ) -> None:
        self.plan, self.loss, self.normalizer = plan, loss, normalizer
        self.gradient = gradient
        self.scale = scale  # what the gradient still lacks, beside the upstream gradient

    def saved(self, ctx: Any) -> tuple[Tensor, Tensor, Extra]:
        """What the loss was computed of; torch's error where it is gone, or was changed in place."""
        input, target, *added = ctx.saved_tensors
        return input, target, Extra(added[0], added[1], self.normalizer) if added else NOTHING

    def take(self, ctx: Any) -> Tensor:
        """The gradient, of which no reference is kept; at a second backward, computed anew."""
        gradient, self.gradient = self.gradient, None
        if gradient is None:
            _, gradient, self.scale = _run(self.plan, self.loss, *self.saved(ctx), True)
            assert gradient is not None
        return gradient


class _Attached(torch.autograd.Function):
    """A value in the graph; ``mark_dirty`` makes it the output itself and no view, so that it may change in place."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, pending: Pending, value: Tensor, *rest: Tensor | None) -> Tensor:
        ctx.pending = pending
        ctx.save_for_backward(input, *rest)  # torch lets go of them after backward
        ctx.mark_dirty(value)
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        pending: Pending = ctx.pending
        others = (None,) * (len(ctx.needs_input_grad) - 1)
        if torch.is_grad_enabled():  # create_graph: saving the gradient and scaling it would lose its second derivative
            input, target, extra = pending.saved(ctx)
            value = pending.loss.by_formula((input, target), extra)
            return torch.autograd.grad(value, input, upstream, create_graph=True)[0], *others
        gradient = pending.take(ctx)
        if batched(upstream):
            gradient = gradient * (over_classes(pending.loss, gradient, upstream) * pending.scale)
        elif pending.loss.reduction == "none":
            gradient.mul_(over_classes(pending.loss, gradient, upstream))
        else:
            factor = upstream.item() * pending.scale
            if factor != 1:
                gradient.mul_(factor)
        return pending.plan.as_input(gradient), *others


def over_classes(loss: Loss, gradient: Tensor, upstream: Tensor) -> Tensor:
    """``upstream``, which has one number an item, beside the gradient."""
    dim = loss.class_dim(gradient) if loss.reduction == "none" else None
    return upstream if dim is None else upstream.unsqueeze(dim)


_attach = attaching(_Attached)


def value_and_grad(criterion: Loss) -> Callable[..., tuple[Tensor, Tensor]]:
    r"""Loss and gradient in one call, without autograd.

    .. math:: (x, y) \mapsto (\ell(x, y), \partial \ell / \partial x)

    For a small loss autograd costs more than the loss itself. What it gives is what ``backward`` would: hand the
    gradient on with ``output.backward(gradient)``.

    Args:
        criterion: A loss whose reduction is ``"mean"`` or ``"sum"``.

    Returns:
        A function that takes what the criterion takes and returns its loss and its gradient in the first tensor, both
        detached.

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

    names = tuple(criterion.about.tensors)

    def call(*tensors: Tensor, **at_call: Any) -> tuple[Tensor, Tensor]:
        if len(tensors) < len(names):
            tensors += tuple(at_call.pop(name) for name in names[len(tensors) :] if name in at_call)
        if takes_kernel(criterion, tensors):
            input, target = tensors
            plan = plan_of(criterion, input, target)
            if plan is not None:
                extra = criterion.extra(input, cast(AtCall, at_call)) if at_call else NOTHING
                try:
                    value, gradient, scale = _run(plan, criterion, input, target, extra, True)
                except Unfit:
                    pass
                else:
                    assert gradient is not None
                    return value, plan.as_input(gradient if scale == 1 else gradient.mul_(scale))
        with torch.enable_grad():
            leaf = tensors[0].detach().requires_grad_()
            loss = criterion(leaf, *tensors[1:], **at_call)
        return loss.detach(), torch.autograd.grad(loss, leaf)[0]

    return call


# How a call is filled in


def _read_as(target: Tensor, dtype: torch.dtype, ids: bool) -> torch.dtype | None:
    """What the target must be converted to; None: it may stay as it is."""
    if ids:
        return None if target.dtype in IDS else torch.int64
    return None if target.dtype is dtype else dtype


def _elementwise(library: CDLL, loss: Loss, input: Tensor, dtype: torch.dtype) -> Elementwise:
    call = Elementwise(op_number(library, "elementwise", loss.kernel), DTYPES[dtype], REDUCTIONS[loss.reduction])
    call.unscaled = dtype is torch.float16
    call.size = input.numel()
    for index, number in enumerate(loss.kernel_params()):
        call.params[index] = number
    return call


def _rowwise(library: CDLL, loss: Loss, input: Tensor, target: Tensor, dtype: torch.dtype, dim: int) -> Rowwise:
    shape = input.shape
    call = Rowwise(op_number(library, "rowwise", loss.kernel), DTYPES[dtype], REDUCTIONS[loss.reduction])
    call.unscaled = dtype is torch.float16
    call.outer, call.classes, call.inner = math.prod(shape[:dim]), shape[dim], math.prod(shape[dim + 1 :])
    call.ids = PROBABILITIES if target.is_floating_point() else IDS.get(target.dtype, IDS[torch.int64])
    call.ignore_index = loss.__dict__.get("ignore_index", -1)
    call.label_smoothing = loss.__dict__.get("label_smoothing", 0.0)
    for index, number in enumerate(loss.kernel_params()):
        call.params[index] = number
    return call


def _weights(call: Elementwise | Rowwise, plan: Plan, loss: Loss) -> list[Tensor | None]:
    """Describe the loss's own weights to the kernel; returns what must be kept alive."""
    weights = [(name, loss._buffers[name]) for name in plan.weights]
    if any(weight is not None and weight.requires_grad for _, weight in weights):
        raise Unfit  # only the formula gives them a gradient
    if isinstance(call, Elementwise):
        return [spread(getattr(call, name), weight, plan.shape, plan.wide) for name, weight in weights]
    held = [weight.to(plan.wide).resolve_neg().contiguous() for _, weight in weights if weight is not None]
    for weight in held:
        if len(weight) != call.classes:
            raise Unfit  # put in behind the loss's back; its formula will complain
        call.class_weight = weight.data_ptr()
    return [*held]


def _extra(call: Elementwise | Rowwise, extra: Extra, plan: Plan) -> list[Tensor | None]:
    if any(isinstance(each, Tensor) and each.requires_grad for each in (extra.sample_weight, extra.normalizer)):
        raise Unfit  # only the formula gives them a gradient
    if extra.normalizer is not None:
        call.normalizer = float(extra.normalizer)
    return [
        spread(call.sample_weight, extra.sample_weight, plan.items, plan.wide),
        spread(call.mask, extra.mask, plan.items, torch.bool),
    ]


def spread(into: Spread, tensor: Tensor | None, items: torch.Size, dtype: torch.dtype) -> Tensor | None:
    """Describe to the kernel a tensor that broadcasts to ``items``; returns what must be kept alive."""
    if tensor is None:
        return None
    tensor = tensor.detach().to(dtype).resolve_neg().contiguous()
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
