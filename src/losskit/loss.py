"""A loss is a class whose fields are its arguments, whose one method is its formula, and whose ``about`` states its facts.

This file is the only magic of losskit: :func:`arg` declares a field, :class:`Loss` turns fields into a constructor
that checks them, and computes in three steps: require (shapes and dtypes), compute, reduce.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, cast, get_args

import torch
from torch import Tensor, nn
from typing_extensions import Unpack, dataclass_transform

from losskit.about import About, Head, Task
from losskit.domain import ClassIndex, Domain, floating
from losskit.native.autograd import Prepared, by_kernel
from losskit.native.dispatch import (
    call_torch,
    eager,
    numbers_of,
    readable,
    savable,
    settled,
    takes_torch,
    unchanged,
    wide as wide,
)
from losskit.reduction import NOTHING, AtCall, BatchReduction, Extra, Reduction, both, checked, reduce

L = TypeVar("L", bound="Loss")


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

    @property
    def documentation(self) -> str:
        """Its line in the documentation."""
        return f"{self.doc} Default: {self.default!r}{f', within {self.within}' if self.within else ''}."

    def check(self, who: str, value: Any) -> Any:
        """``value`` as the loss keeps it; an error that names the class, the argument, what came and what to do."""
        if value is None and self.default is None:
            return None
        if self.shape is not None and not (self.number and isinstance(value, Real)):
            return self._tensor(who, value)
        if self.function:
            if not callable(value):
                raise TypeError(f"{who} must be a function, got {value!r}")
            return value
        if isinstance(self.default, bool):
            if not isinstance(value, bool):
                raise TypeError(f"{who} must be True or False, got {value!r}")
            return value
        if self.among is not None:
            if value not in self.among or isinstance(value, bool):
                raise ValueError(f"{who} must be one of {', '.join(map(repr, self.among))}, got {value!r}")
            return self.among[self.among.index(value)]
        whole = isinstance(self.default, int)
        if not isinstance(value, Integral if whole else Real) or isinstance(value, bool):
            mend = f"; use {who.split()[-1]}.item()" if isinstance(value, Tensor) and value.numel() == 1 else ""
            raise TypeError(f"{who} must be {'an integer' if whole else 'a number'}, got {value!r}{mend}")
        value = int(value) if isinstance(value, Integral) and whole else float(value)
        if self.within is not None and not inside(self.within, value):
            raise ValueError(f"{who} must lie in {self.within}, got {value!r}")
        return value

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
    default: Any,
    within: str | None = None,
    among: tuple[Any, ...] | None = None,
    shape: Literal["classes", "elements", "broadcast"] | None = None,
    kw_only: bool = False,
    function: bool = False,
    number: bool = False,
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
        doc: What it is, with its unit.
    """
    return Arg(default, within, among, shape, kw_only, doc, function, number)


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


if TYPE_CHECKING:  # whose constructor takes anything, so that the fields are the arguments
    _Root = nn.Module
else:  # above each of torch's losses, so that CrossEntropyLoss(Loss, nn.CrossEntropyLoss) has an order
    _Root = nn.modules.loss._Loss


@dataclass_transform(field_specifiers=(arg, reduction_arg), eq_default=False)
class _Fields(_Root):
    """Turns the :func:`arg` fields of a subclass into its constructor; type checkers read it as a dataclass."""

    arguments: ClassVar[dict[str, Arg]] = {}
    about: ClassVar[About]
    formula: Callable[..., Tensor]
    reduction: BatchReduction  # most losses narrow it
    prepared: Prepared
    keeps_operator: ClassVar[bool]  # decided with the class, since the compiler follows no cached function

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Arg)}
        cls.arguments = {**cls.arguments, **own}
        for name in own:
            delattr(cls, name)  # the class attribute would hide a buffer of that name
        if "about" in vars(cls) and cls.__doc__:
            cls.__doc__ = documentation(cls)
        cls.__signature__ = _signature(cls)  # type: ignore[attr-defined]
        cls.keeps_operator = unchanged(cast(Any, cls), "torch") if hasattr(cls, "about") else False

    def ready(self) -> None:
        """Called once all arguments are there; for a loss that has something to say of them."""

    if not TYPE_CHECKING:

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super(_Root, self).__init__()  # of Module: torch's losses take other arguments
            object.__setattr__(self, "prepared", Prepared())
            given = _bind(type(self), args, kwargs)
            for name, argument in self.arguments.items():
                self._keep(name, argument.check(f"{type(self).__name__}: {name}", given.get(name, argument.default)))
            self.ready()

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
        if argument is not None or name in numbers_of(cast(Any, type(self))):
            object.__setattr__(self, "prepared", Prepared())  # a new one: a shallow copy may share the old
        if argument is not None and argument.number:  # a number may take a tensor's place, and a tensor a number's
            self.__dict__.pop(name, None)
            self._buffers.pop(name, None)
            self._keep(name, value)
        else:
            super().__setattr__(name, value)


def documentation(cls: type[_Fields]) -> str:
    """The docstring with what the class states elsewhere written in before its example: arguments, shapes, source.

    Arguments of a constructor that a class wrote itself stand in its docstring, and the fields follow them.
    """
    summary, _, example = inspect.cleandoc(str(cls.__doc__)).partition("Example:")
    summary = summary.rstrip() + "\n" if "\nArgs:" in summary else f"{summary}Args:\n"
    arguments = "\n".join(f"    {name}: {argument.documentation}" for name, argument in cls.arguments.items())
    first, *rest = cls.about.tensors
    said = {name: domain.describe() for name, domain in cls.about.tensors.items()}
    said |= {name: said[name].replace("any shape", f"the shape of {first}") for name in rest}
    shapes = "\n".join(f"    {name}: {text}" for name, text in said.items())
    return f"""{summary}{arguments}

Shape:
{shapes}

    A call takes ``sample_weight``, ``mask`` and ``normalizer`` as well: see :class:`losskit.reduction.AtCall`.

Returns:
    One number; with ``reduction="none"`` one for each item. Half-precision inputs give a float32 loss.

Raises:
    TypeError: A dtype or an argument of the wrong kind.
    ValueError: A shape that does not fit, or a value out of its range (values are read in eager mode on CPU alone).
    IndexError: A class id out of range.

Example:{example}

Source:
    {cls.about.source}
"""


def _signature(cls: type[_Fields]) -> inspect.Signature:
    """What the constructor takes: the fields, unless a class wrote its own."""
    written: Any = cls.__init__
    if written is not _Fields.__init__:
        return inspect.Signature(list(inspect.signature(written).parameters.values())[1:])
    positional = [name for name, argument in cls.arguments.items() if not argument.kw_only]
    by_name = [name for name, argument in cls.arguments.items() if argument.kw_only]
    return inspect.Signature(
        [_parameter(cls, name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in positional]
        + [_parameter(cls, name, inspect.Parameter.KEYWORD_ONLY) for name in by_name]
    )


def _parameter(cls: type, name: str, kind: Any) -> inspect.Parameter:
    annotations: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        annotations |= inspect.get_annotations(base)
    annotation = annotations.get(name, inspect.Parameter.empty)
    return inspect.Parameter(name, kind, default=cls.arguments[name].default, annotation=annotation)  # type: ignore[attr-defined]


def _bind(cls: type[_Fields], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
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


class Loss(_Fields):
    """The root of all losses.

    A subclass states ``about``, declares its arguments with :func:`arg` in torch's order, and writes ``formula``, which
    takes ``input`` and ``target`` and returns the unreduced loss in plain PyTorch.
    """

    def forward(self, input: Tensor, target: Tensor, **at_call: Unpack[AtCall]) -> Tensor:
        """The loss of ``input`` against ``target``; :class:`~losskit.reduction.AtCall` says what a call may add.

        A loss that takes other tensors writes this method out for these.
        """
        return self.compute((input, target), at_call)

    def compute(self, tensors: tuple[Tensor, ...], at_call: AtCall) -> Tensor:
        """The loss of ``tensors``, which stand in the order of ``about.tensors``: by its kernel, else by its formula."""
        answer = by_kernel(self, tensors, at_call)
        if answer is not None:
            return answer
        self.require(tensors)
        return self.by_formula(tensors, self.extra(tensors[0], at_call))

    def extra(self, input: Tensor, at_call: AtCall) -> Extra:
        """What the call adds, checked."""
        return checked(self, at_call, self.items(input)) if at_call else NOTHING

    def by_formula(self, tensors: tuple[Tensor, ...], extra: Extra) -> Tensor:
        """The loss by its formula, or by torch's operator where that takes its place."""
        tensors = self.savable(tensors)
        dtype, domains = wide(*tensors), self.domains.values()
        tensors = tuple(domain.cast(value, dtype) for domain, value in zip(domains, tensors, strict=True))
        fused = takes_torch(self, *tensors)
        if fused and all(each is None for each in extra):
            if readable(*tensors):
                self._diagnose(tensors)
            value = call_torch(self, tensors, self.reduction)
            if settled(value):
                return value
            fused = False
        kept = both(self.kept(self._target(tensors)), extra.mask)
        if kept is not None and readable(kept) and bool(kept.all()):
            kept = None  # saves a copy of the input
        if kept is not None:  # in the inputs: masking the result would leave NaN gradients
            pairs = zip(domains, tensors, strict=True)
            tensors = tuple(self._masked(value, kept, domain.neutral(self, value)) for domain, value in pairs)
        if readable(*tensors):
            self._diagnose(tensors)
        if extra.sample_weight is not None:
            pairs = zip(domains, tensors, strict=True)
            tensors = tuple(
                self._weighed(each, extra.sample_weight, domain.neutral(self, each)) for domain, each in pairs
            )
        loss = call_torch(self, tensors, "none") if fused else None
        if loss is None or not settled(loss):
            loss = self.formula(*tensors)
        share = self.share(self._target(tensors))
        share = None if share is None else share.to(dtype)  # a weight of another dtype must not change the loss's
        return reduce(loss.to(dtype), self.reduction, kept, share, extra.sample_weight, extra.normalizer)

    def savable(self, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The tensors as autograd can save them, and the weights too: some may be made under ``inference_mode``."""
        if torch.compiler.is_compiling() or not torch.is_grad_enabled():
            return tensors
        for name, weight in self._buffers.items():
            if weight is not None:
                self._buffers[name] = savable(weight)
        return tuple(map(savable, tensors))

    def require(self, tensors: tuple[Tensor, ...]) -> None:
        """Raise where a dtype or a shape is wrong; reads no values."""
        who, names, input = type(self).__name__, tuple(self.domains), tensors[0]
        for name, value in zip(names, tensors, strict=True):
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"{who}: {name} must be a tensor, got {type(value).__name__}; use torch.as_tensor({name})"
                )
            if value.device != input.device:
                raise ValueError(
                    f"{who}: {names[0]} is on {input.device} and {name} on {value.device}; use {name}.to({names[0]}.device)"
                )
        for (name, domain), value in zip(self.domains.items(), tensors, strict=True):
            domain.require(self, name, value, input)
        for name, weight in self._buffers.items():
            if weight is not None:
                _fits(f"{who}: {name}", self.arguments[name], weight, input, self.class_dim(input))

    def _target(self, tensors: tuple[Tensor, ...]) -> Tensor:
        names = tuple(self.about.tensors)
        return tensors[names.index("target") if "target" in names else -1]

    def _diagnose(self, tensors: tuple[Tensor, ...]) -> None:
        for (name, domain), value in zip(self.domains.items(), tensors, strict=True):
            error = domain.diagnose(self, name, value, tensors[0])
            if error is not None:
                raise error

    def _masked(self, value: Tensor, kept: Tensor, neutral: float) -> Tensor:
        dim = self.class_dim(value) if value.dim() > kept.dim() else None
        return torch.where(kept if dim is None else kept.unsqueeze(dim), value, neutral)

    def _weighed(self, value: Tensor, weight: Tensor, neutral: float) -> Tensor:
        """``value`` less what weighs nothing, whose slope may be infinite: infinities alone where the weight has one, too."""
        if not value.is_floating_point() or (readable(weight) and bool((weight != 0).all())):
            return value
        rest = self._masked(value, weight != 0, neutral)
        return rest if eager(weight) and not weight.requires_grad else torch.where(value.isinf(), rest, value)

    def items(self, input: Tensor) -> torch.Size:
        """The shape of the unreduced loss."""
        dim = self.class_dim(input)
        return input.shape if dim is None else input.shape[:dim] + input.shape[dim + 1 :]

    def items_of(self, target: Tensor) -> torch.Size:
        """The shape of the unreduced loss, from the target alone."""
        domain = self.domains.get("target")
        whole = domain is None or (isinstance(domain, ClassIndex) and target.is_floating_point())
        return self.items(target) if whole else target.shape

    # What the loss's other half does with a network's output.

    def head(self, task: Task | str | None = None) -> Head:
        """The loss's other half for ``task`` (default: its usual one)."""
        serves = self.about.serves
        known = ", ".join(repr(str(each)) for each in serves)
        if task is None:
            return next(iter(serves.values()))
        if task not in serves:
            raise ValueError(f"{type(self).__name__}: task must be one that it serves ({known}), got {str(task)!r}")
        return serves[Task(task)]

    def probabilities(self, output: Tensor, task: Task | str | None = None) -> Tensor:
        """Class probabilities of the network's output, of its shape.

        For a loss whose minimiser is no probability (Focal, SmoothL1) they are scores in [0, 1], not calibrated.

        Args:
            output: What the network gave, as the loss takes it.
            task: One of the tasks that the loss serves; None for its usual one.
        """
        return self.head(task).probabilities(output, self._output_dim(output))

    def predict(self, output: Tensor, task: Task | str | None = None) -> Tensor:
        """What the network's output says: class ids, 0 or 1 for each label, or the values of a regression.

        Args:
            output: What the network gave, as the loss takes it.
            task: One of the tasks that the loss serves; None for its usual one.
        """
        return self.head(task).predict(output, self._output_dim(output))

    def _output_dim(self, output: Tensor) -> int:
        dim = self.class_dim(output)
        return min(1, output.dim() - 1) if dim is None else dim

    def extra_repr(self) -> str:
        """Name the arguments that are not at their default."""
        values = {name: getattr(self, name) for name in self.arguments if name not in self._modules}
        return ", ".join(
            f"{name}={value!r}"
            for name, value in values.items()
            if isinstance(value, Tensor) or value != self.arguments[name].default
        )

    # What a loss may override.

    @property
    def domains(self) -> Mapping[str, Domain]:
        """What its tensors may be, for these arguments."""
        return self.about.tensors

    def class_dim(self, input: Tensor) -> int | None:
        """The dimension of ``input`` that an item's loss reads whole, as that of the classes; None where there is none."""
        return None

    def kept(self, target: Tensor) -> Tensor | None:
        """Mask of the items: False where the target itself says that it does not count. None: all count."""
        return None

    def share(self, target: Tensor) -> Tensor | None:
        """What each item adds to the mean's denominator; None: 1."""
        return None

    @property
    def kernel(self) -> str:
        """The name of its kernel, for these arguments."""
        return str(self.about.kernel)

    def kernel_params(self) -> tuple[float, ...]:
        """The numbers that its kernel takes, in the order of its struct in ``kernels/ops``."""
        return ()

    def torch_is_right(self, *tensors: Tensor) -> bool:
        """Whether torch's own operator gives this loss's numbers for these arguments, shapes and dtypes."""
        return True


def _fits(who: str, argument: Arg, weight: Tensor, input: Tensor, class_dim: int | None) -> None:
    """Raise unless a tensor argument has the shape that it must have beside ``input``."""
    if argument.shape == "classes":
        if class_dim is not None and len(weight) != input.shape[class_dim]:
            raise ValueError(
                f"{who} must hold one entry for each of {input.shape[class_dim]} classes, got {len(weight)}"
            )
    elif weight.shape != input.shape:
        longer = weight.dim() > input.dim()
        pairs = zip(reversed(weight.shape), reversed(input.shape))
        if argument.shape == "elements" or longer or any(own not in (1, other) for own, other in pairs):
            rule = "have" if argument.shape == "elements" else "broadcast to"
            raise ValueError(f"{who} must {rule} the input's shape {tuple(input.shape)}, got {tuple(weight.shape)}")


_built: dict[Any, Any] = {}


def instance(cls: type[L], *args: Any, **kwargs: Any) -> L:
    """The loss of these arguments, kept for the next call: building one costs 20 times as much as finding it.

    Losses whose arguments are tensors or functions are built each time, so that none is kept alive.
    """
    key = (cls, args, *kwargs.items(), *map(type, args), *map(type, kwargs.values()))  # 1, 1.0 and True are equal
    try:
        return _built[key]  # type: ignore[no-any-return]
    except (KeyError, TypeError):  # TypeError: an argument that cannot be hashed, of which the class will complain
        loss = cls(*args, **kwargs)
        if not any(isinstance(value, Tensor) or callable(value) for value in (*args, *kwargs.values())):
            if len(_built) >= 1024:  # someone varies an argument step by step
                _built.clear()
            _built[key] = loss
        return loss
