"""The arguments of a loss: :func:`arg` declares one as a field, :class:`Fields` makes a constructor of them that checks them."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal, ParamSpec, Protocol, TypeVar, get_args

import torch
from torch import Tensor, nn
from torch.compiler import is_dynamo_compiling

from losskit.core.messages import floating
from losskit.core.reduction import BatchReduction, Reduction
from losskit.core.watched import plain, readable
from losskit.documentation import signature

F = TypeVar("F", bound="Fields")
SHOWN = 5  # values of a tensor that is an argument


@dataclass(frozen=True)
class Arg:
    """One argument of a loss: the default tells its type (None with a ``shape``: a tensor or None)."""

    default: Any
    within: str | None
    among: tuple[Any, ...] | None
    shape: Literal["classes", "elements", "broadcast"] | None
    kw_only: bool
    doc: str
    function: bool = False
    number: bool = False
    several: bool = False
    opaque: bool = False
    required: type | None = None
    none: bool = False

    @property
    def documentation(self) -> str:
        """Its line in the documentation."""
        return f"{self.doc} {self.facts('Default: ', 'within ', ', ', '.')}".rstrip()

    def facts(self, default: str, within: str, comma: str, stop: str) -> str:
        """Its default and its interval, each behind its word."""
        told = [] if self.required is not None else [f"{default}{self.default!r}"]
        line = comma.join([*told, *([f"{within}{self.within}"] if self.within else [])])
        return f"{line[0].upper()}{line[1:]}{stop}" if line else ""

    @property
    def kind(self) -> type:
        """The type of its values, where it is one of Python's."""
        return type(self.default) if self.required is None else self.required

    def check(self, who: str, value: Any) -> Any:
        """``value`` as the loss keeps it; an error that names the class, the argument, what came and what to do."""
        if value is None and (self.none or self.default is None):
            return self.default
        if self.opaque:
            return value
        if self.several and isinstance(value, Sequence) and not isinstance(value, str):
            if not value:
                raise ValueError(f"{who} must be a number or several, got {value!r}")
            return tuple(self._number(who, each) for each in value)
        if self.several and hasattr(value, "tolist") and value.ndim:
            raise TypeError(
                f"{who} must be a number or several, got {type(value).__name__}; use {who.split()[-1]}.tolist()"
            )
        if self.shape is not None and not (self.number and isinstance(value, Real)):
            return self._tensor(who, value)
        if self.function:
            if not callable(value):
                raise TypeError(f"{who} must be a function, got {value!r}")
            return value
        if self.kind is bool:
            if not isinstance(value, bool):
                raise TypeError(f"{who} must be True or False, got {value!r}")
            return value
        if self.among is not None:
            if value not in self.among or isinstance(value, bool):
                raise ValueError(f"{who} must be one of {', '.join(map(repr, self.among))}, got {value!r}")
            return self.among[self.among.index(value)]
        return self._number(who, value)

    def _number(self, who: str, value: Any) -> float:
        whole = self.kind is int
        if not isinstance(value, Integral if whole else Real) or isinstance(value, bool):
            mend = f"; use {who.split()[-1]}.item()" if isinstance(value, Tensor) and value.numel() == 1 else ""
            raise TypeError(f"{who} must be {'an integer' if whole else 'a number'}, got {value!r}{mend}")
        number: float = int(value) if isinstance(value, Integral) and whole else float(value)
        if self.within is not None and not inside(self.within, number):
            raise ValueError(f"{who} must lie in {self.within}, got {number!r}")
        return number

    def fits(self, who: str, weight: Tensor, shape: torch.Size, dim: int | None) -> None:
        """Raise unless a tensor has the shape that it must have beside an input of ``shape`` with its classes in ``dim``."""
        if self.shape == "classes":
            if dim is not None and len(weight) != shape[dim]:
                raise ValueError(f"{who} must hold one entry for each of {shape[dim]} classes, got {len(weight)}")
        elif weight.shape != shape:
            pairs = zip(reversed(weight.shape), reversed(shape))
            longer = weight.dim() > len(shape)
            if self.shape == "elements" or longer or any(own not in (1, other) for own, other in pairs):
                rule = "have" if self.shape == "elements" else "broadcast to"
                raise ValueError(f"{who} must {rule} the input's shape {tuple(shape)}, got {tuple(weight.shape)}")

    def _tensor(self, who: str, value: Any) -> Tensor:
        if not isinstance(value, Tensor):
            kind = "a number or a tensor" if self.number else "a tensor"
            raise TypeError(f"{who} must be {kind}, got {type(value).__name__}; use torch.tensor(...)")
        floating(who, value)
        if self.shape == "classes" and value.dim() != 1:
            raise ValueError(f"{who} must have one dimension, a weight for each class, got shape {tuple(value.shape)}")
        if self.within is not None and value.numel() and readable(value):
            for worst in (value.min().item(), value.max().item()):
                if not inside(self.within, worst):
                    raise ValueError(f"{who} must lie in {self.within}, got {worst}")
        return value


def arg(
    *,
    default: Any = inspect.Parameter.empty,
    within: str | None = None,
    among: tuple[Any, ...] | None = None,
    shape: Literal["classes", "elements", "broadcast"] | None = None,
    kw_only: bool = False,
    function: bool = False,
    number: bool = False,
    several: bool = False,
    opaque: bool = False,
    required: type | None = None,
    none: bool = False,
    doc: str,
) -> Any:
    """Declare a field of a loss.

    Args:
        default: Its default, which also tells its type: a float takes any real number, an int an integer, a bool True
            or False, None a real number or (with ``shape``) a tensor or (with ``function``) a function, or None itself.
        within: The interval of its values as mathematicians write it, ``"(0, inf)"`` or ``"[0, 1]"``.
        among: The values it may take, where they are few.
        shape: It is a tensor: a weight for each of the ``"classes"``, of the same shape as the input (``"elements"``),
            or to ``"broadcast"`` against it.
        kw_only: Given by name alone, as every argument that torch does not have, or has by name.
        number: It may be a number as well as a tensor.
        function: It is called: a function, or a module, whose parameters are then the loss's.
        several: It may be several numbers as well, which are kept as a tuple.
        opaque: It may be anything: a device, a process group.
        required: It has no default, and is of this type: ``int``, ``float`` or ``bool``.
        none: None stands for the default, and for it in the signature, as torch has it.
        doc: What it is, with its unit.
    """
    return Arg(default, within, among, shape, kw_only, doc, function, number, several, opaque, required, none)


def reduction_arg(*, default: BatchReduction, batchmean: bool = False, kw_only: bool = False) -> Any:
    """Declare the reduction, as every loss does at the position where torch has it."""
    words = "``'none'`` keeps one value an item, ``'sum'`` adds them, ``'mean'`` divides the sum by what counts"
    return arg(
        default=default,
        among=get_args(BatchReduction if batchmean else Reduction),
        kw_only=kw_only,
        doc=f"{words}, ``'batchmean'`` by the rows that count." if batchmean else f"{words}.",
    )


def inside(interval: str, value: float) -> bool:
    """Whether ``value`` lies in an interval such as ``"[0, inf)"``; NaN lies in none."""
    low, high = (float(end) for end in interval[1:-1].split(","))
    above = value >= low if interval[0] == "[" else value > low
    return above and (value <= high if interval[-1] == "]" else value < high)


if TYPE_CHECKING:
    P = ParamSpec("P")
    R = TypeVar("R", covariant=True)

    class Forwards(Protocol[P, R]):
        """What has a ``forward``."""

        def forward(self, *args: P.args, **kwargs: P.kwargs) -> R:
            """Compute it."""

    class Called(nn.Module):
        """A module whose call takes and gives what its ``forward`` does, where torch's takes and gives anything."""

        def __call__(self: Forwards[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
            """Call it."""

    _Root = Called  # whose constructor takes anything, so that the fields are the arguments
else:  # above each of torch's losses, so that CrossEntropyLoss(Loss, nn.CrossEntropyLoss) has an order
    _Root = nn.modules.loss._Loss


class Fields(_Root):
    """Turns the :func:`arg` fields of a subclass into its constructor; a root that says ``dataclass_transform`` types it."""

    arguments: ClassVar[dict[str, Arg]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Arg)}
        cls.arguments = {**cls.arguments, **own}
        for name in own:
            delattr(cls, name)  # the class attribute would hide a buffer of that name
        cls.__signature__ = signature(cls, Fields.__init__)  # type: ignore[attr-defined]

    def build(self) -> None:
        """Called once all arguments are there: for parameters of its own, and for what a loss has to say of its arguments."""

    def forget(self) -> None:
        """Called before the arguments are there, and when one of them changes: what followed from them holds no more."""

    if not TYPE_CHECKING:

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super(_Root, self).__init__()  # of Module: torch's losses take other arguments
            self.forget()
            given = _bind(type(self), args, kwargs)
            for name, argument in self.arguments.items():
                if argument.required is not None and name not in given:
                    raise TypeError(f"{type(self).__name__}: {name} is required: {argument.doc}")
                self._keep(name, argument.check(f"{type(self).__name__}: {name}", given.get(name, argument.default)))
            self.build()

    def _keep(self, name: str, value: Any) -> None:
        if self.arguments[name].shape is not None and not isinstance(value, float):
            self.register_buffer(name, value)
        elif isinstance(value, nn.Module):
            self.add_module(name, value)
        else:
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        argument = self.arguments.get(name)
        if argument is not None:
            value = argument.check(f"{type(self).__name__}: {name}", value)
            self.forget()
        if argument is not None and argument.number:  # a number may take a tensor's place, and a tensor a number's
            self.__dict__.pop(name, None)
            self._buffers.pop(name, None)
            self._keep(name, value)
        else:
            super().__setattr__(name, value)

    def extra_repr(self) -> str:
        """Name the arguments that are not at their default."""
        values = {name: getattr(self, name) for name in self.arguments if name not in self._modules}
        return ", ".join(
            f"{name}={_on_a_line(value) if isinstance(value, Tensor) else repr(value)}"
            for name, value in values.items()
            if isinstance(value, Tensor) or value != self.arguments[name].default
        )


def _on_a_line(value: Tensor) -> str:
    """A tensor as torch shows it where that is short; else its first values, shape, dtype and device."""
    if value.numel() <= SHOWN or value.is_meta or not plain(value):
        return " ".join(repr(value).split())
    first = ", ".join(f"{each:.4g}" for each in value.detach().flatten()[:SHOWN].tolist())
    where = "" if value.is_cpu else f", device='{value.device}'"
    return f"tensor([{first}, ...], shape={tuple(value.shape)}, dtype={value.dtype}{where})"


def _bind(cls: type[Fields], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by name, or an error that tells which are known."""
    positions = [name for name, argument in cls.arguments.items() if not argument.kw_only]
    if len(args) > len(positions):
        raise TypeError(
            f"{cls.__name__}: takes {len(positions)} arguments by position ({', '.join(positions)}), got {len(args)}"
        )
    given = dict(zip(positions, args))
    for name, value in kwargs.items():
        if name not in cls.arguments:
            close = difflib.get_close_matches(name, cls.arguments, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"it takes {', '.join(cls.arguments) or 'none'}"
            raise TypeError(f"{cls.__name__}: no argument {name!r}; {hint}")
        if name in given:
            raise TypeError(f"{cls.__name__}: argument {name!r} is given twice, by position and by name")
        given[name] = value
    return given


class Fleeting(Exception):  # noqa: N818 - no error: the loss is not kept
    """An argument that would be kept alive: a tensor or a function."""


@lru_cache(maxsize=1024, typed=True)  # typed: 1, 1.0 and True are equal
def kept(cls: type[F], *args: Any, **kwargs: Any) -> F:
    """:func:`instance`, where no compiler is at work and no argument is a tensor or a function."""
    if any(isinstance(value, Tensor) or callable(value) for value in (*args, *kwargs.values())):
        raise Fleeting
    return cls(*args, **kwargs)


def instance(cls: type[F], *args: Any, **kwargs: Any) -> F:
    """The loss of these arguments, kept for the next call: building one costs 40 times as much as finding it.

    Losses whose arguments are tensors or functions are built each time, so that none is kept alive.
    """
    if not is_dynamo_compiling():
        try:
            return kept(cls, *args, **kwargs)  # type: ignore[no-any-return, arg-type]
        except (Fleeting, TypeError):  # TypeError: one cannot be hashed, or the class complains
            pass
    return cls(*args, **kwargs)
