"""What computes a loss: a kernel, torch's own operator, or its formula.

The formula works everywhere. On CPU a kernel replaces it in ordinary eager calls. On other devices, and where a loss has no
kernel, torch's own fused operator replaces it if its numbers are right, so that no loss is slower than torch's.

:func:`choose` caches what depends on the class, the arguments, the shapes and the dtypes. Compilers and transforms, and the
values of buffers, are looked at in every call.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.torch_version import TorchVersion

from losskit.core.about import About
from losskit.core.arithmetic import wide
from losskit.core.messages import Place
from losskit.core.reduction import Extra
from losskit.core.slots import Slot
from losskit.core.watched import (
    ORDINARY,
    batched,
    both_in_memory,
    in_memory,
    plain,
    saved_by_hooks,
    unwatched,
)
from losskit.native.angular import ARCFACE, angular
from losskit.native.autograd import by_kernel
from losskit.native.call import Call, Plain, Ready, Unfit, ready
from losskit.native.contrast import NT_XENT, contrast
from losskit.native.sequence import CTC, ready_sequences

ONCE = frozenset({"multi_margin_loss", "multilabel_margin_loss"})  # torch's operators without a second derivative
CLAMP_HAS_SLOPE = TorchVersion(torch.__version__) < "2.14"  # at its bounds
NO_ID = -(2**63)  # for losses that ignore none
MOST = 64  # routes that a loss keeps: sequences come in every length


class Chosen(Protocol):
    """The part of a loss that this module uses."""

    about: ClassVar[About]
    keeps_operator: ClassVar[bool]
    torch_takes: ClassVar[frozenset[str]]
    numbers_from: ClassVar[frozenset[str]]
    restated: bool
    keeps_kernel: ClassVar[bool]
    learnt: ClassVar[tuple[str, ...]]
    arguments: ClassVar[dict[str, Any]]
    prepared: Prepared
    reduction: Any
    _buffers: dict[str, Tensor | None]

    @property
    def domains(self) -> Mapping[str, Slot]: ...
    @property
    def kernel(self) -> str: ...
    def kernel_params(self) -> tuple[float, ...]: ...
    def kernel_each(self) -> tuple[float, ...]: ...
    def class_dim(self, input: Tensor) -> int | None: ...
    def items(self, input: Tensor) -> torch.Size: ...
    def places(self, input: Tensor) -> list[Place]: ...
    def torch_is_right(self, *tensors: Tensor) -> bool: ...
    def require(self, tensors: tuple[Tensor, ...]) -> None: ...
    @property
    def formula(self) -> Callable[..., Tensor]: ...
    def by_formula(self, tensors: tuple[Tensor, ...], extra: Extra) -> Tensor: ...
    def without_kernel(self, route: Route, tensors: tuple[Tensor, ...], extra: Extra) -> Tensor: ...


class Route(NamedTuple):
    """How a loss is computed for tensors of given shapes and dtypes."""

    domains: tuple[tuple[Place, Slot], ...]
    dtype: torch.dtype  # of the computation
    as_is: bool  # whether all tensors have the dtypes that they are computed in
    judged: tuple[int, ...]  # the places of tensors whose values may be wrong
    target: int  # its place among the tensors
    in_memory: bool  # whether these are plain CPU tensors in an ordinary call, so that values may be read
    ready: Ready | None  # its kernel, filled in
    operator: Operator | None  # torch's

    @classmethod
    def of(cls, loss: Chosen, tensors: tuple[Tensor, ...], operator: bool = False, here: bool = False) -> Route:
        """A route, with an operator if it is asked for and exists, and for tensors in memory a kernel."""
        slots, names, dtype = loss.domains.values(), tuple(loss.domains), wide(*tensors)
        return cls(
            tuple(zip(loss.places(tensors[0]), slots)),
            dtype,
            all(slot.as_is(tensor, dtype) for slot, tensor in zip(slots, tensors)),
            tuple(place for place, slot in enumerate(slots) if slot.judges),
            names.index("target") if "target" in names else len(names) - 1,
            here,
            _filled_in(loss, tensors) if here else None,
            _operator(loss, tensors[0]) if operator else None,
        )


class Operator(NamedTuple):
    """Torch's function, and the loss's arguments for it."""

    name: str
    numbers: dict[str, Any]
    tensors: tuple[str, ...]


class Prepared(dict[Any, Route]):
    """The routes of a loss, by the shapes and dtypes of its tensors; a copy of the loss makes its own."""

    plain: Plain | None = None  # the call that a kernel took last, by the node in C++: calls mostly repeat

    def __reduce__(self) -> tuple[type[Prepared], tuple[()]]:
        return Prepared, ()


def choose(loss: Chosen, tensors: tuple[Tensor, ...]) -> Route:
    """The route for tensors of these shapes and dtypes. They are checked when it is made."""
    if torch.compiler.is_compiling():  # first: the compiler traces only this branch
        loss.require(tensors)
        elsewhere = not tensors[0].is_cpu  # on CPU the formulas have more digits than torch
        return Route.of(loss, tensors, operator=elsewhere)
    pair = len(tensors) == 2  # written out, since 0.1 µs counts in small losses
    here = both_in_memory(*tensors) if pair else in_memory(tensors)
    if here and pair:
        one, two = tensors
        key: tuple[Any, ...] = (one.shape, one.dtype, two.shape, two.dtype)
    elif here:
        key = tuple([fact for tensor in tensors for fact in (tensor.shape, tensor.dtype)])
    elif plain(*tensors):
        key = tuple([(tensor.shape, tensor.dtype, tensor.device) for tensor in tensors])
    else:
        loss.require(tensors)
        return Route.of(loss, tensors, operator=unwatched())
    if loss._buffers:  # weights may be put in from outside, as by torch.func.functional_call
        key += tuple([buffer is None for buffer in loss._buffers.values()])
    try:
        return loss.prepared[key]
    except KeyError:
        loss.require(tensors)
        route = Route.of(loss, tensors, operator=True, here=here)
        if len(loss.prepared) >= MOST:
            loss.prepared.clear()
        loss.prepared[key] = route
        return route


def run(loss: Chosen, route: Route, tensors: tuple[Tensor, ...], extra: Extra) -> Tensor:
    """The loss from its kernel, or without it if there is none or it declines."""
    kernel = route.ready
    if kernel is not None:
        loss.prepared.plain = kernel.plain
        try:
            return by_kernel(kernel, loss._buffers, tensors if not loss.learnt else given(loss, tensors), extra)
        except Unfit:
            pass
    return loss.without_kernel(route, tensors, extra)


def given(loss: Chosen, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The tensors that its kernel takes: those of the call, and what it learns itself."""
    return tensors if not loss.learnt else (*tensors, *[getattr(loss, name) for name in loss.learnt])


def _filled_in(loss: Chosen, tensors: tuple[Tensor, ...]) -> Ready | None:
    if loss.about.kernel is None or not (loss.keeps_kernel and loss.kernel) or not computes_as_stated(loss):
        return None
    told = {name: getattr(loss, name) for name in ("ignore_index", "label_smoothing") if name in loss.arguments}
    call = Call(
        loss.kernel,
        loss.kernel_params(),
        loss.class_dim(tensors[0]),
        loss.items(tensors[0]),
        loss.reduction,
        told.get("ignore_index", NO_ID),
        told.get("label_smoothing", 0.0),
        loss.by_formula,
        loss.kernel_each(),
    )
    own = {ARCFACE: angular, CTC: ready_sequences, NT_XENT: contrast}.get(call.kernel)
    return ready(call, loss._buffers, tensors) if own is None else own(call, given(loss, tensors))


# Torch's operator


def by_operator(loss: Chosen, operator: Operator, tensors: tuple[Tensor, ...], reduction: str) -> Tensor:
    """The value of torch's operator, called with the loss's own arguments."""
    arguments, function = operator.numbers, getattr(F, operator.name)
    for name in operator.tensors:
        weight = loss._buffers[name]
        if weight is not None:
            arguments = arguments | {name: weight.to(tensors[0].dtype)}
    if operator.name in ONCE and torch.is_grad_enabled() and tensors[0].requires_grad:
        function = partial(function, **arguments, reduction=reduction)
        return _Again.apply(function, loss.formula, reduction, *tensors)  # type: ignore[no-any-return, no-untyped-call]
    return function(*tensors, **arguments, reduction=reduction)  # type: ignore[no-any-return]


def settled(value: Tensor, reading: bool) -> bool:
    """Whether the value of torch's operator is final. If it is not finite (0 times infinity), the formula decides.

    On other devices it is always final, since values are not read there.
    """
    return not reading or math.isfinite(value.detach().sum().item() if value.dim() else value.item())


class _Again(torch.autograd.Function):
    """An operator of torch that can be differentiated only once; the formula gives the second derivative."""

    @staticmethod
    def forward(
        ctx: Any,
        function: Callable[..., Tensor],
        formula: Callable[..., Tensor],
        reduction: str,
        input: Tensor,
        *rest: Tensor,
    ) -> Tensor:
        ctx.function, ctx.formula, ctx.reduction = function, formula, reduction
        ctx.save_for_backward(input, *rest)
        if saved_by_hooks():
            ctx.inner = None
            return function(input.detach(), *rest)
        ctx.inner = _Again.graph(ctx, input, *rest)
        return ctx.inner[1].detach()  # type: ignore[no-any-return]

    @staticmethod
    def graph(ctx: Any, input: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
        """A leaf, and the operator's value of it."""
        with torch.enable_grad():
            leaf = input.detach().requires_grad_()
            return leaf, ctx.function(leaf, *rest)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        (inner, ctx.inner), again = (ctx.inner, None), torch.is_grad_enabled()
        if again or batched(upstream):
            input, *rest = ctx.saved_tensors
            with torch.enable_grad():
                leaf = input if again else input.detach().requires_grad_()
                value = ctx.formula(leaf, *rest)
                value = value if ctx.reduction == "none" else getattr(value, ctx.reduction)()
        else:
            leaf, value = inner if inner is not None else _Again.graph(ctx, *ctx.saved_tensors)
        (gradient,) = torch.autograd.grad(value, leaf, upstream, create_graph=again)
        return None, None, None, gradient, *(None for _ in ctx.needs_input_grad[4:])


def _operator(loss: Chosen, input: Tensor) -> Operator | None:
    """Torch's operator, if it takes these arguments and losskit has no kernel for the device."""
    name = loss.about.torch
    if name is None or not is_torchs(loss):
        return None
    if input.device.type == "cpu" and loss.about.kernel is not None and type(input) in ORDINARY:
        return None
    if name in ONCE and torch.compiler.is_compiling():
        return None  # the compiler fails on them, or on what makes up for them
    known = loss.torch_takes
    if any(own not in known and getattr(loss, own) != argument.default for own, argument in loss.arguments.items()):
        return None
    passed = [argument for argument in loss.arguments if argument in known and argument != "reduction"]
    tensors = tuple(argument for argument in passed if argument in loss._buffers)
    numbers = {argument: getattr(loss, argument) for argument in passed if argument not in tensors}
    return Operator(name, numbers, tensors)


@cache
def parameters(function: str | None) -> frozenset[str]:
    """The parameters of torch's function; none if this version of torch lacks it."""
    known = getattr(F, str(function), None)
    return frozenset() if known is None else frozenset(inspect.signature(known).parameters)


# What determines a loss's numbers: a class that overrides one of these no longer matches kernel and operator.

NUMBERS = frozenset(
    {"formula", "by_formula", "kept", "share", "class_dim", "elements", "items", "kept_items", "domains", "_masked"}
)
#: What a subclass may override and still match them.
BESIDE = frozenset(
    {"about", "arguments", "compute", "forward", "extra_repr", "head", "kernel", "predict"}
    | {"build", "kernel_each", "kernel_params", "probabilities", "require", "same_numbers", "torch_is_right"}
)


@cache
def unchanged(kind: Any, fact: str) -> bool:
    """Whether a class computes the same numbers as the class that introduced its kernel or its torch operator.

    It does not if a class in between overrides one of :data:`NUMBERS`, unless that class says ``same_numbers = True``.

    Args:
        kind: The class.
        fact: ``"kernel"`` or ``"torch"``, of ``about``.
    """
    mine, line = getattr(kind.about, fact), kind.__mro__
    introducing = [ancestor for ancestor in line if getattr(getattr(ancestor, "about", None), fact, None) == mine][-1]
    own, below = numbers_of(introducing), line[: line.index(introducing)]
    return all(own.isdisjoint(vars(ancestor)) or vars(ancestor).get("same_numbers") is True for ancestor in below)


@cache
def numbers_of(kind: Any) -> frozenset[str]:
    """:data:`NUMBERS`, and the methods by which the class and those it inherits from compute them."""
    stating = [ancestor for ancestor in kind.__mro__ if "about" in vars(ancestor)]
    own = {
        name for ancestor in stating for name, value in vars(ancestor).items() if callable(value) and name[:2] != "__"
    }
    return NUMBERS | (own - BESIDE)


def computes_as_stated(loss: Chosen) -> bool:
    """Whether this instance uses its class's formula."""
    if torch.compiler.is_compiling():  # torch 2.8 cannot compile what stands below
        return not loss.restated
    return loss.numbers_from.isdisjoint(loss.__dict__)


def is_torchs(loss: Chosen) -> bool:
    """Whether a loss computes the same numbers as the class that introduced its torch operator."""
    return loss.keeps_operator and computes_as_stated(loss)
