"""How outputs become predictions: comparisons with 0.5, and rounding, beside the losses of these outputs.

A comparison belongs to a loss if its values are those of the loss's input, or of their sigmoid, or if the same layer made them. So
a few values are kept for a while, but no tensor of the program, and views, copies and other devices hide nothing.
"""

from __future__ import annotations

import sys
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from types import CodeType, FrameType, MethodType
from typing import Any

import torch
from torch import Tensor

from losskit.checker.call import Call, inside
from losskit.checker.finding import Site
from losskit.checker.origin import NODES
from losskit.core.ranges import Logit, Mass, Probability
from losskit.core.shapes import Labels, Same
from losskit.core.watched import eager, scripted_as

FEWEST, MOST = 4, 1 << 12  # values from which two tensors are known to be one, and those that are kept
KEPT = 8  # of the last outputs and comparisons
HALF = 0.5
ROUND = "round"
COMPARED: dict[str, Callable[[Tensor, float], Tensor]] = {
    ">": torch.gt,
    ">=": torch.ge,
    "<": torch.lt,
    "<=": torch.le,
    ROUND: lambda value, at: value.round() if at else (value > 0).to(value.dtype),
}
OPERATORS = {"__gt__": ">", "__ge__": ">=", "__lt__": "<", "__le__": "<="}
METHODS = {"gt": ">", "ge": ">=", "round": ROUND}
RESHAPING = frozenset(
    f"{name}Backward{kind}" for name in ("View", "UnsafeView", "Squeeze", "Unsqueeze") for kind in range(3)
)
Layer = weakref.ref[Tensor]
#: The places at which there are other numbers than 0.5, by their code and instruction. The code is kept, so that no other has its id.
SWEPT: dict[tuple[int, int], CodeType] = {}


@dataclass(eq=False)
class Threshold:
    """A line at which outputs are compared with 0.5, and what was seen of it."""

    where: Site
    way: str
    calls: int = 0
    looked: int = 0
    linked: int = 0  # of these, how many were found to be wrong for their loss
    doubled: bool = False  # by a sigmoid too many; else the outputs are logits
    by_layer: bool = False  # whether they are known by the layer that made them, and not by their values
    flipped: int = 0
    all: int = 0
    who: str = "the loss"
    loss: Site | None = None


@dataclass(frozen=True, eq=False)
class _Output:
    """What a loss took."""

    who: str
    where: Site | None
    logits: bool
    known: bool  # whether the graph tells what made it
    sample: Tensor
    count: int
    layer: Layer | None


@dataclass(frozen=True, eq=False)
class _Compared:
    """What was compared."""

    threshold: Threshold
    sample: Tensor
    count: int
    layer: Layer | None


@dataclass
class Thresholds:
    """What a watch has seen of them."""

    places: dict[tuple[int, int], tuple[Threshold, CodeType]] = field(default_factory=dict)
    _outputs: deque[_Output] = field(default_factory=lambda: deque(maxlen=KEPT))
    _compared: deque[_Compared] = field(default_factory=lambda: deque(maxlen=KEPT))

    def at(self, frame: FrameType, way: str, site: Callable[[FrameType], Site]) -> Threshold:
        """The threshold in this frame."""
        place = id(frame.f_code), frame.f_lasti
        if place not in self.places:
            self.places[place] = Threshold(site(frame), way), frame.f_code  # kept, too
        return self.places[place][0]

    def output(self, call: Call) -> None:
        """A call of a loss, which may follow the comparisons of its input."""
        slot, input = call.slot, call.given[0]
        logits = type(slot.range) is Logit and isinstance(slot.shape, Same | Labels)
        probabilities = isinstance(slot.range, Probability) and not isinstance(slot.range, Mass)
        if not (logits or probabilities) or input.numel() < FEWEST:
            return
        if logits and call.origin.by in ("sigmoid", "hardsigmoid", "softmax"):
            return  # of which other rules tell
        known, layer = call.origin.known, _layer(input) if logits else None
        output = _Output(call.who, call.where, logits, known, _sample(input), input.numel(), layer)
        self._outputs.append(output)
        left = [compared for compared in self._compared if not _link(output, compared)]
        self._compared.clear()
        self._compared.extend(left)

    def compare(self, threshold: Threshold, value: Tensor) -> None:
        """A comparison, which may follow the loss."""
        if not _comparable(value):
            return
        threshold.looked += 1
        compared = _Compared(threshold, _sample(value), value.numel(), _layer(value))
        if not any(_link(output, compared) for output in reversed(self._outputs)):
            self._compared.append(compared)

    def wrong(self) -> list[Threshold]:
        """Those that are wrong for their loss."""
        return [each for place, (each, _) in self.places.items() if each.linked and place not in SWEPT]


def _comparable(value: Tensor) -> bool:
    """Whether it may be the output of a network, and can be read."""
    if not eager(value) or value.numel() < FEWEST or not value.is_floating_point() or value.is_meta:
        return False
    return not (value.is_cuda and torch.cuda.is_current_stream_capturing())


def _sample(value: Tensor) -> Tensor:
    """Values that are spread over all of it, as a copy."""
    values = value.detach().reshape(-1)
    return values[:: -(-len(values) // MOST)].clone()


def _link(output: _Output, compared: _Compared) -> bool:
    """Whether what was compared is this output; counts how it was told apart, if that is wrong."""
    threshold, values = compared.threshold, compared.sample
    taken, itself, doubled = output.sample.to(values.device, values.dtype), False, False
    if output.count == compared.count and bool(values.max() > values.min()):
        once = taken.sigmoid()
        itself = torch.equal(taken, values)
        doubled = _close(once.sigmoid() if output.logits else once, values)
    layer = output.layer and output.layer()
    by_layer = not itself and layer is not None and compared.layer is not None and compared.layer() is layer
    if doubled or by_layer or (itself and output.logits and (output.known or not inside(taken, 0, 1))):
        compare = COMPARED[threshold.way]
        right = compare(values if by_layer else taken, 0.0 if output.logits else HALF)
        threshold.linked += 1
        threshold.doubled, threshold.by_layer = doubled, by_layer
        threshold.who, threshold.loss = output.who, output.where
        threshold.flipped += int((compare(values, HALF) != right).sum())
        threshold.all += len(values)
    return itself or doubled or by_layer


def _layer(value: Tensor) -> Layer | None:
    """The weight of the linear layer that made it, if nothing but its shape was changed since."""
    node = None if value.grad_fn is None or value._version else value.grad_fn
    while node is not None and node.name() in RESHAPING:
        node = node.next_functions[0][0]
    if node is None or NODES.get(node.name()) != "linear":
        return None
    for parent, _ in reversed(node.next_functions):
        if parent is not None and parent.name() == "TBackward0":
            parent = parent.next_functions[0][0]
        weight = getattr(parent, "variable", None)
        if weight is not None:
            return weakref.ref(weight)
    return None


def _close(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=8 * torch.finfo(other.dtype).eps, atol=0)


# Torch's comparisons

#: Hears of each that is with 0.5: what is compared, how, and in which frame.
Tell = Callable[[Tensor, str, FrameType], None]
_told: list[Tell] = []


def exchange(tell: Tell, hide: Callable[[CodeType], CodeType]) -> None:
    """Let the comparisons of tensors with a number tell of it, until :func:`restore`."""
    Rounding.__call__.__code__ = hide(Rounding.__call__.__code__)
    for name, way in OPERATORS.items():
        setattr(Tensor, name, _operator(getattr(Tensor, name), way, tell, hide))
    for name, way in METHODS.items():
        setattr(Tensor, name, _method(getattr(Tensor, name), way, tell, hide))
    _told.append(tell)
    scripted_as(ROUNDING, ROUND)
    torch.round = ROUNDING


def restore() -> None:
    """As torch has them: its base class in C holds all of a tensor's."""
    for name in (*OPERATORS, *METHODS):
        delattr(Tensor, name)
    _told.clear()
    torch.round = ROUNDING.original


def _operator(original: Any, way: str, tell: Tell, hide: Callable[[CodeType], CodeType]) -> Any:
    """Every comparison of tensors passes here, so it is short."""

    def compare(self: Tensor, other: Any) -> Any:
        if type(other) is float:
            _told_of(self, way, other, sys._getframe(1), tell)
        return original(self, other)

    compare.__code__ = hide(compare.__code__)
    return wraps(original)(compare)


def _told_of(value: Tensor, way: str, number: float, frame: FrameType, tell: Tell) -> None:
    if number == HALF:
        tell(value, way, frame)
    else:
        SWEPT[id(frame.f_code), frame.f_lasti] = frame.f_code


class Method:
    """A method that tells of itself. The class has the original, by which it is known to those who override it."""

    def __init__(self, original: Any, called: Any) -> None:
        self.original, self.called = original, called

    def __get__(self, value: Tensor | None, owner: type) -> Any:
        return self.original if value is None else MethodType(self.called, value)


def _method(original: Any, way: str, tell: Tell, hide: Callable[[CodeType], CodeType]) -> Method:
    """The same of a method, which the compiler follows."""
    function = getattr(torch, original.__name__)

    def compare(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_compiling():
            return function(self, *args, **kwargs)
        if way == ROUND and not args and not kwargs:
            tell(self, way, sys._getframe(1))
        elif way != ROUND and len(args) == 1 and type(args[0]) is float:
            _told_of(self, way, args[0], sys._getframe(1), tell)
        return original(self, *args, **kwargs)

    compare.__code__ = hide(compare.__code__)
    return Method(original, wraps(original)(compare))


class Rounding:
    """``torch.round``, which tells of itself, and is equal to the original. It may be called long after :func:`restore`."""

    def __init__(self, original: Any) -> None:
        wraps(original)(self)
        self.original = original

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the original gives."""
        if (
            _told
            and len(args) == 1
            and not kwargs
            and isinstance(args[0], Tensor)
            and not torch.compiler.is_compiling()
        ):
            _told[0](args[0], ROUND, sys._getframe(1))
        return self.original(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return other is self or other is self.original

    def __hash__(self) -> int:
        return hash(self.original)

    def __reduce__(self) -> str:
        """The name by which it is found."""
        return ROUND


ROUNDING = Rounding(torch.round)
