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

from losskit.core.arithmetic import representable, wide
from losskit.core.reduction import NOTHING, Extra
from losskit.native import node
from losskit.native.library import (
    DRIVERS,
    DTYPES,
    GRADIENTS,
    IDS,
    LEASED,
    PROBABILITIES,
    REDUCTIONS,
    TENSORS,
    Elementwise,
    Pairwise,
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
    dim: int | None  # that an item spans; None: every element is an item
    items: torch.Size
    reduction: str
    ignore_index: int
    label_smoothing: float
    formula: Callable[[tuple[Tensor, ...], Extra], Tensor]  # reduced; it gives the second derivative
    each: tuple[float, ...] = ()  # numbers for each entry of the last dimension


#: Of the leading tensors; None where one is not wanted.
Gradients = tuple[Tensor | None, ...]
#: The result of a kernel: the value, the gradients, and a factor still to be applied to them.
Outcome = tuple[Tensor, Gradients, float]

#: A kernel's call by the node in C++: the loss in the graph, or None where more is to be seen to than it knows of.
Plain = Callable[[tuple[Tensor, ...]], Tensor | None]


class Ready:
    """A kernel's call for fixed shapes and dtypes, filled in except for the pointers.

    Small losses need it: filling in a call takes longer than computing them.
    """

    row = 1  # elements of an item, for which weights and masks hold
    elements: torch.Size | None = None  # the shape of a mask, if not that of the items
    slopes = 1  # the kernel gives gradients of this many tensors, from the first on
    plain: Plain | None = None  # the call by the node in C++
    two = False  # whether there are two tensors, as mostly, of which one gets a gradient

    def __init__(self, library: CDLL, call: Call, weights: Weights, tensors: tuple[Tensor, ...]) -> None:
        self.call, self.library, input = call, library, tensors[0]
        driver, op = op_of(library, call.kernel)
        ids = driver == "rowwise" and not tensors[1].is_floating_point()
        same = ids or all(tensor.dtype is input.dtype for tensor in tensors)
        self.dtype = input.dtype if same else wide(*tensors)
        self.dtypes = tuple(tensor.dtype for tensor in tensors)
        self.input_dtype = None if self.dtype is input.dtype else input.dtype  # None: it need not be converted
        self.target_dtype = _read_as(tensors[1], self.dtype, ids)
        self.wide = torch.promote_types(self.dtype, torch.float32)
        self.one = None if call.reduction == "none" else input.new_empty((), dtype=self.wide)
        large = input.numel() * self.dtype.itemsize >= LEASED
        self.lease = (c_int64 * input.dim())(*input.shape) if large else None
        self.weights = tuple((name, weight.shape) for name, weight in weights.items() if weight is not None)
        if not WEIGHTS.issuperset(name for name, _ in self.weights):
            raise Unfit  # the kernel takes a number there
        self.shape = input.shape
        self.each: Tensor | None = None  # the template points to it
        self.template = _FILLED_IN[driver](self, op, tensors)
        self.driver = getattr(library, f"losskit_{driver}")
        self.slopes = _gradients_of(library, driver, op, tensors)
        self.two = len(tensors) == 2 and self.slopes == 1
        self.free: list[tuple[Struct, int]] = []  # several, since threads may share a loss
        self.plain = self._plain(tensors)

    def run(
        self, weights: Weights, tensors: tuple[Tensor, ...], extra: Extra, wanted: int, room: Tensor | None = None
    ) -> Outcome:
        """Value and gradients; raises :class:`Unfit` if the formula must compute the loss or report bad values.

        Args:
            weights: The loss's own.
            tensors: Of the call.
            extra: Its mask, weights and normalizer.
            wanted: Bit i is set where tensor i gets a gradient.
            room: For the first gradient; it may be the input itself.
        """
        input, target = tensors[0], tensors[1]
        if self.input_dtype is not None:
            input = input.detach().to(self.dtype)
        if self.target_dtype is not None:
            target = target.detach().to(self.target_dtype)
        if not input.is_contiguous():
            input = input.detach().contiguous()
        if not target.is_contiguous():
            target = target.detach().contiguous()
        value = input.new_empty(self.call.items, dtype=self.wide) if self.one is None else torch.empty_like(self.one)
        given = room is not None
        if room is None and wanted & 1:
            room = torch.empty_like(input) if self.lease is None else self._gradient(input)
        gradients: Gradients = () if room is None else (room,)
        try:  # written out, since 0.1 µs counts in small losses
            call, address = self.free.pop()
        except IndexError:
            call, address = self._call()
        call.threads = torch.get_num_threads()
        call.input, call.target, call.value = input.data_ptr(), target.data_ptr(), value.data_ptr()
        call.gradient = None if room is None else room.data_ptr()
        third = None
        if not self.two:
            gradients, third = self._beyond(call, tensors, wanted, input, room)
        ordinary = extra is NOTHING and not self.weights
        held = None if ordinary else [*self._weights(call, weights), *self._extra(call, extra)]
        status = self.driver(address)
        del held, third  # the tensors must stay alive until here
        if status or call.found:
            raise Unfit
        if call.unscaled and not given and not all(map(_fits, gradients)):
            raise Unfit  # the formula scales before it rounds
        scale = call.scale if call.unscaled else 1.0
        if ordinary and wanted < 2:  # other calls hold pointers that must not be reused
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

    def as_given(self, gradient: Tensor | None, place: int = 0) -> Tensor | None:
        """A finished gradient in the dtype of its tensor."""
        return gradient if gradient is None else gradient.to(self.dtypes[place])

    def over_items(self, upstream: Tensor) -> Tensor:
        """``upstream``, which has one number per item, broadcast against the gradient."""
        dim = self.call.dim if self.call.reduction == "none" else None
        return upstream if dim is None else upstream.unsqueeze(dim)

    def _plain(self, tensors: tuple[Tensor, ...]) -> Plain | None:
        """The call by the node in C++, if it is there and can do it."""
        native, converted = node.load(), self.input_dtype is not None or self.target_dtype is not None
        converted = converted or any(tensor.dtype is not self.dtype for tensor in tensors[2:])
        if (
            native is None
            or converted
            or self.one is None
            or self.lease is not None
            or self.weights
            or self.template.unscaled
        ):
            return None
        names = zip(TENSORS, (*GRADIENTS[: self.slopes], None, None))
        return self._planned(native, self.template, names, tensors)

    def _planned(
        self, native: Any, template: Struct, names: Iterable[tuple[str, str | None]], tensors: tuple[Tensor, ...]
    ) -> Plain:
        """The call by the node in C++; ``names`` are the fields of each tensor's pointer and of its gradient's."""
        fields: Any = type(template)
        driver = cast(self.driver, c_void_p).value
        places = tuple(
            (getattr(fields, own).offset, -1 if its is None else getattr(fields, its).offset, tensor)
            for tensor, (own, its) in zip(tensors, names)  # not all structs have a third
        )
        filled_in = (fields.threads.offset, fields.found.offset, fields.value.offset)
        plan = native.plan(driver, bytes(template), filled_in, self.one, places)
        return partial(native.attach, plan, self)

    def _call(self) -> tuple[Struct, int]:
        """A new call, and its address."""
        call = type(self.template).from_buffer_copy(self.template)
        return call, addressof(call)

    def _beyond(
        self, call: Any, tensors: tuple[Tensor, ...], wanted: int, input: Tensor, room: Tensor | None
    ) -> tuple[Gradients, Tensor | None]:
        """What few losses have: all gradients, and the third tensor, which must be kept alive."""
        third = tensors[2] if len(tensors) == 3 else None
        if third is not None:
            if third.dtype is not self.dtype:
                third = third.detach().to(self.dtype)
            if not third.is_contiguous():
                third = third.detach().contiguous()
            call.third = third.data_ptr()
        if wanted < 2:
            return () if room is None else (room,), third
        gradients = [room]
        for place in range(1, wanted.bit_length()):
            gradient = self._gradient(input) if wanted >> place & 1 else None
            setattr(call, GRADIENTS[place], None if gradient is None else gradient.data_ptr())
            gradients.append(gradient)
        return tuple(gradients), third

    def _gradient(self, input: Tensor) -> Tensor:
        """Memory for the gradient, in huge pages if it is large."""
        leased = None if self.lease is None else lease(self.library, self.lease, self.dtype)
        return torch.empty_like(input) if leased is None else leased

    def _weights(self, call: Struct, weights: Weights) -> list[Tensor | None]:
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
        elif self.call.reduction == "batchmean" and extra is not NOTHING:
            raise Unfit  # the rows of which something is kept count, by their weights
        return [
            spread(call.sample_weight, extra.sample_weight, self.call.items, self.wide, self.row),
            spread(call.mask, extra.mask, self.elements or self.call.items, torch.bool, self.row),
        ]


def _fits(gradient: Tensor | None) -> bool:
    """Whether no number was too large for its dtype."""
    if gradient is None:
        return True
    least, most = gradient.aminmax()
    return -math.inf < least.item() and most.item() < math.inf


def ready(call: Call, weights: Weights, tensors: tuple[Tensor, ...]) -> Ready | None:
    """The call filled in for tensors of these shapes and dtypes; None if no kernel can do it."""
    library = load()
    if library is None or not 2 <= len(tensors) <= 3 or tensors[0].dtype not in DTYPES or not tensors[0].numel():
        return None
    try:
        return Ready(library, call, weights, tensors)
    except Unfit:
        return None


def _read_as(target: Tensor, dtype: torch.dtype, ids: bool) -> torch.dtype | None:
    """The dtype that the target must be converted to; None: no conversion."""
    if ids:
        return None if target.dtype in IDS else torch.int64
    return None if target.dtype is dtype else dtype


def _gradients_of(library: CDLL, driver: str, op: int, tensors: tuple[Tensor, ...]) -> int:
    """How many of the leading tensors get their gradients from the kernel: none that is broadcast."""
    given = int(getattr(library, f"losskit_{driver}_slopes")(op))
    alike = [tensor.shape == tensors[0].shape for tensor in tensors[:given]]
    return alike.index(False) if False in alike else given


def _elementwise(ready: Ready, op: int, tensors: tuple[Tensor, ...]) -> Elementwise:
    told, shape = ready.call, ready.shape
    call = Elementwise(op, DTYPES[ready.dtype], REDUCTIONS[told.reduction])
    call.unscaled = ready.dtype is torch.float16
    call.size = shape.numel()
    call.row = ready.row = 1 if told.dim is None else shape[told.dim]
    if told.reduction == "batchmean":
        call.normalizer = shape[0] if shape else 1
    for name, tensor in zip(TENSORS[1:], tensors[1:]):
        whole = tensor.dim() == len(shape)
        period, inner = runs(tensor.shape if whole else torch.Size((*tensor.shape, 1)), shape)
        setattr(call, f"{name}_period", period)
        setattr(call, f"{name}_inner", inner)
    call.params[: len(told.params)] = told.params
    if told.each:
        each = torch.tensor(
            [representable(number, ready.wide) for number in told.each], dtype=ready.wide, device=tensors[0].device
        )
        ready.each = spread(call.pos_weight, each, shape, ready.wide)
    return call


def _rowwise(ready: Ready, op: int, tensors: tuple[Tensor, ...]) -> Rowwise:
    told, shape, target = ready.call, ready.shape, tensors[1]
    dim = told.dim or 0
    ready.elements = shape[:dim] + shape[dim + 1 :]
    call = Rowwise(op, DTYPES[ready.dtype], REDUCTIONS[told.reduction])
    call.unscaled = ready.dtype is torch.float16
    call.outer, call.classes, call.inner = math.prod(shape[:dim]), shape[dim], math.prod(shape[dim + 1 :])
    call.ids = PROBABILITIES if target.is_floating_point() else IDS.get(target.dtype, IDS[torch.int64])
    call.ignore_index, call.label_smoothing = told.ignore_index, told.label_smoothing
    call.params[: len(told.params)] = told.params
    return call


def _pairwise(ready: Ready, op: int, tensors: tuple[Tensor, ...]) -> Pairwise:
    told, shape = ready.call, ready.shape
    call = Pairwise(op, DTYPES[ready.dtype], REDUCTIONS[told.reduction])
    call.unscaled = ready.dtype is torch.float16
    call.items, call.width = told.items.numel(), shape[-1]
    call.params[: len(told.params)] = told.params
    return call


#: By the driver, the call for fixed shapes and dtypes, without its pointers.
_FILLED_IN: dict[str, Callable[[Ready, int, tuple[Tensor, ...]], Struct]] = {
    "elementwise": _elementwise,
    "rowwise": _rowwise,
    "pairwise": _pairwise,
}


def spread(into: Spread, tensor: Tensor | None, items: torch.Size, dtype: torch.dtype, row: int = 1) -> Tensor | None:
    """Describe to the kernel a tensor that broadcasts to ``items`` of ``row`` elements; returns what must be kept alive."""
    if tensor is None:
        return None
    tensor = tensor.detach().to(dtype).resolve_neg().contiguous()
    into.data = tensor.data_ptr()
    into.period, inner = runs(tensor.shape, items)
    into.inner = inner * row
    return tensor


def runs(own: torch.Size, items: torch.Size) -> tuple[int, int]:
    """Of a tensor that broadcasts to ``items``: how many elements it has, and for how many items in a row each stands."""
    shape = (1,) * (len(items) - len(own)) + tuple(own)
    used = [i for i, size in enumerate(shape) if size != 1]
    if used and any(shape[i] != items[i] for i in range(used[0], used[-1] + 1)):
        raise Unfit  # (N, 1, W): not a run of dimensions
    inner = items[used[-1] + 1 :].numel() if used else items.numel()
    return max(own.numel(), 1), max(inner, 1)


@cache
def op_of(library: CDLL, name: str) -> tuple[str, int]:
    """The driver that has an op, and the op's number in it."""
    for driver in DRIVERS:
        number = int(getattr(library, f"losskit_{driver}_op")(name.encode()))
        if number >= 0:
            return driver, number
    raise LookupError(f"no driver has an op {name!r}: rebuild the kernels")
