"""The call of a kernel: its struct is filled in once for given shapes and dtypes, then run.

This module knows no losses: a :class:`Call` holds everything that a kernel needs of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from ctypes import CDLL, addressof, c_int64, c_void_p, cast
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from losskit.core.arithmetic import wide
from losskit.core.reduction import NOTHING, Extra
from losskit.native import node
from losskit.native.library import (
    DTYPES,
    IDS,
    LEASED,
    PROBABILITIES,
    REDUCTIONS,
    Elementwise,
    Rowwise,
    Spread,
    Struct,
    lease,
    load,
)

Weights = Mapping[str, Tensor | None]
WEIGHTS = frozenset({"weight", "pos_weight"})  # the tensors that kernels take as arguments


class Unfit(Exception):  # noqa: N818 - no error: the formula takes over
    """The kernel cannot do this call, or found values that need an error message."""


class Call(NamedTuple):
    """Everything that a kernel needs of a loss."""

    kernel: str
    params: tuple[float, ...]  # in the order of its struct in kernels/ops
    dim: int | None  # of the classes; None: every element is an item
    items: torch.Size
    reduction: str
    ignore_index: int
    label_smoothing: float
    formula: Callable[[tuple[Tensor, ...], Extra], Tensor]  # reduced; it gives the second derivative


#: The result of a kernel: the value, the gradients of the leading tensors if wanted, and a factor still to be applied to them.
Outcome = tuple[Tensor, tuple[Tensor, ...], float]

#: A kernel's call by the node in C++: the loss in the graph, or None where more is to be seen to than it knows of.
Plain = Callable[[tuple[Tensor, ...]], Tensor | None]


class Ready:
    """A kernel's call for fixed shapes and dtypes, filled in except for the pointers.

    Small losses need it: filling in a call takes longer than computing them.
    """

    slopes = 1  # the kernel gives gradients of this many tensors, from the first on
    plain: Plain | None = None  # the call by the node in C++

    def __init__(self, library: CDLL, call: Call, weights: Weights, input: Tensor, target: Tensor) -> None:
        self.call, self.library, dim = call, library, call.dim
        ids = dim is not None and not target.is_floating_point()
        same = ids or target.dtype is input.dtype
        self.dtype = input.dtype if same else wide(input, target)
        self.input_dtype = None if self.dtype is input.dtype else input.dtype  # None: it need not be converted
        self.target_dtype = _read_as(target, self.dtype, ids)
        self.wide = torch.promote_types(self.dtype, torch.float32)
        self.one = None if call.reduction == "none" else input.new_empty((), dtype=self.wide)
        large = input.numel() * self.dtype.itemsize >= LEASED
        self.lease = (c_int64 * input.dim())(*input.shape) if large else None
        self.weights = tuple((name, weight.shape) for name, weight in weights.items() if weight is not None)
        if not WEIGHTS.issuperset(name for name, _ in self.weights):
            raise Unfit  # the kernel takes a number there
        self.shape = input.shape
        self.template = _elementwise(self, input) if dim is None else _rowwise(self, input, target, dim)
        self.driver = library.losskit_elementwise if dim is None else library.losskit_rowwise
        self.free: list[tuple[Elementwise | Rowwise, int]] = []  # several, since threads may share a loss
        self.plain = self._plain((input, target))

    def run(
        self, weights: Weights, tensors: tuple[Tensor, ...], extra: Extra, wanted: bool, room: Tensor | None = None
    ) -> Outcome:
        """Value and gradients; raises :class:`Unfit` if the formula must compute the loss or report bad values.

        The gradient is written into ``room`` if it is given, which may be the input itself.
        """
        input, target = tensors
        if self.input_dtype is not None:
            input = input.detach().to(self.dtype)
        if self.target_dtype is not None:
            target = target.to(self.target_dtype)
        if not input.is_contiguous():
            input = input.detach().contiguous()
        if not target.is_contiguous():
            target = target.contiguous()
        value = input.new_empty(self.call.items, dtype=self.wide) if self.one is None else torch.empty_like(self.one)
        if room is None:
            room = (torch.empty_like(input) if self.lease is None else self._gradient(input)) if wanted else None
        gradients = () if room is None else (room,)
        try:  # written out, since 0.1 µs counts in small losses
            call, address = self.free.pop()
        except IndexError:
            call, address = self._call()
        call.threads = torch.get_num_threads()
        call.input, call.target, call.value = input.data_ptr(), target.data_ptr(), value.data_ptr()
        call.gradient = None if room is None else room.data_ptr()
        ordinary = extra is NOTHING and not self.weights
        held = None if ordinary else [*self._weights(call, weights), *self._extra(call, extra)]
        status = self.driver(address)
        del held  # the tensors must stay alive until here
        if status or call.found:
            raise Unfit
        scale = call.scale if call.unscaled else 1.0
        if ordinary:  # other calls hold pointers that must not be reused
            self.free.append((call, address))
        return value, gradients, scale

    def differentiated(
        self, tensors: tuple[Tensor, ...], wanted: Sequence[bool], upstream: Tensor, extra: Extra = NOTHING
    ) -> list[Tensor | None]:
        """The gradients from the formula, which can be differentiated again."""
        value = self.call.formula(tensors, extra)
        leaves = [tensor for tensor, own in zip(tensors, wanted) if own]
        found = iter(torch.autograd.grad(value, leaves, upstream, create_graph=True))
        return [next(found) if own else None for own in wanted]

    def as_input(self, gradient: Tensor) -> Tensor:
        """The finished gradient in the input's dtype."""
        return gradient if self.input_dtype is None else gradient.to(self.input_dtype)

    def over_items(self, upstream: Tensor) -> Tensor:
        """``upstream``, which has one number per item, broadcast against the gradient."""
        dim = self.call.dim if self.call.reduction == "none" else None
        return upstream if dim is None else upstream.unsqueeze(dim)

    def _plain(self, tensors: tuple[Tensor, ...]) -> Plain | None:
        """The call by the node in C++, if it is there and can do it."""
        native, converted = node.load(), self.input_dtype is not None or self.target_dtype is not None
        if (
            native is None
            or converted
            or self.one is None
            or self.lease is not None
            or self.weights
            or self.template.unscaled
        ):
            return None
        return self._planned(native, self.template, (("input", "gradient"), ("target", None)), tensors)

    def _planned(
        self, native: Any, template: Struct, names: Iterable[tuple[str, str | None]], tensors: tuple[Tensor, ...]
    ) -> Plain:
        """The call by the node in C++; ``names`` are the fields of each tensor's pointer and of its gradient's."""
        fields: Any = type(template)
        driver = cast(self.driver, c_void_p).value
        offsets = [
            (getattr(fields, own).offset, -1 if its is None else getattr(fields, its).offset) for own, its in names
        ]
        places = tuple((*own, tensor) for own, tensor in zip(offsets, tensors))
        filled_in = (fields.threads.offset, fields.found.offset, fields.value.offset)
        plan = native.plan(driver, bytes(template), filled_in, self.one, places)
        return partial(native.attach, plan, self)

    def _call(self) -> tuple[Elementwise | Rowwise, int]:
        """A new call, and its address."""
        call = type(self.template).from_buffer_copy(self.template)
        return call, addressof(call)

    def _gradient(self, input: Tensor) -> Tensor:
        """Memory for the gradient, in huge pages if it is large."""
        leased = None if self.lease is None else lease(self.library, self.lease, self.dtype)
        return torch.empty_like(input) if leased is None else leased

    def _weights(self, call: Elementwise | Rowwise, weights: Weights) -> list[Tensor | None]:
        """Describe the loss's own weights to the kernel; returns what must be kept alive."""
        held: list[Tensor | None] = []
        for name, shape in self.weights:
            weight = weights[name]
            if weight is None or weight.shape != shape or not weight.is_cpu:
                raise Unfit  # it was replaced or moved; if it does not fit, the loss raises an error
            if weight.requires_grad:
                raise Unfit  # only the formula gives it a gradient
            if isinstance(call, Elementwise):
                held.append(spread(getattr(call, name), weight, self.shape, self.wide))
                continue
            weight = weight.to(self.wide).resolve_neg().contiguous()
            call.class_weight = weight.data_ptr()
            held.append(weight)
        return held

    def _extra(self, call: Struct, extra: Extra) -> list[Tensor | None]:
        for factor in (extra.sample_weight, extra.normalizer):
            if isinstance(factor, Tensor) and factor.requires_grad:
                raise Unfit  # only the formula gives it a gradient
        if extra.normalizer is not None:
            call.normalizer = float(extra.normalizer)
        return [
            spread(call.sample_weight, extra.sample_weight, self.call.items, self.wide),
            spread(call.mask, extra.mask, self.call.items, torch.bool),
        ]


def ready(call: Call, weights: Weights, tensors: tuple[Tensor, ...]) -> Ready | None:
    """The call filled in for tensors of these shapes and dtypes; None if no kernel can do it."""
    library = load()
    if library is None or len(tensors) != 2 or tensors[0].dtype not in DTYPES or not tensors[0].numel():
        return None
    try:
        return Ready(library, call, weights, *tensors)
    except Unfit:
        return None


def _read_as(target: Tensor, dtype: torch.dtype, ids: bool) -> torch.dtype | None:
    """The dtype that the target must be converted to; None: no conversion."""
    if ids:
        return None if target.dtype in IDS else torch.int64
    return None if target.dtype is dtype else dtype


def _elementwise(ready: Ready, input: Tensor) -> Elementwise:
    told = ready.call
    op = op_number(ready.library, "elementwise", told.kernel)
    call = Elementwise(op, DTYPES[ready.dtype], REDUCTIONS[told.reduction])
    call.unscaled = ready.dtype is torch.float16
    call.size = input.numel()
    call.params[: len(told.params)] = told.params
    return call


def _rowwise(ready: Ready, input: Tensor, target: Tensor, dim: int) -> Rowwise:
    told, shape = ready.call, input.shape
    op = op_number(ready.library, "rowwise", told.kernel)
    call = Rowwise(op, DTYPES[ready.dtype], REDUCTIONS[told.reduction])
    call.unscaled = ready.dtype is torch.float16
    call.outer, call.classes, call.inner = math.prod(shape[:dim]), shape[dim], math.prod(shape[dim + 1 :])
    call.ids = PROBABILITIES if target.is_floating_point() else IDS.get(target.dtype, IDS[torch.int64])
    call.ignore_index, call.label_smoothing = told.ignore_index, told.label_smoothing
    call.params[: len(told.params)] = told.params
    return call


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
    """The number of an op in a driver."""
    number = int(getattr(library, f"losskit_{driver}_op")(name.encode()))
    if number < 0:
        raise LookupError(f"the {driver} driver has no op {name!r}: rebuild the kernels")
    return number
