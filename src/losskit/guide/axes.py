"""On which axis a loss can be drawn: one number that says how far the output is from right, and what the loss makes of it.

A loss finds its axis by the ranges and shapes that its ``about`` states. Losses on the same axis are relatives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from losskit.catalog import CATALOG
from losskit.core.head import Task
from losskit.core.ranges import (
    ClassId,
    Count,
    Logit,
    LogProbability,
    Mass,
    NonNegative,
    PlusMinusOne,
    Probability,
    Range,
    Real,
    ZeroOne,
)
from losskit.core.shapes import Classes, Labels, Same, Shape, Vectors
from losskit.loss import Loss
from losskit.losses.dice import Regions
from losskit.losses.linear_cross_entropy.loss import Features
from losskit.losses.multilabel_margin import LabelIds

POINTS = 240  # of a curve, and one more


class NoAxisError(LookupError):
    """A loss that no axis shows; the message says why."""


@dataclass(frozen=True)
class Axis:
    """One number that is varied.

    Args:
        name: What the words of the pictures call it.
        low: Where a picture begins.
        high: Where it ends.
        inset: How far from both a curve stays, as it may be infinite there.
        places: Where a table tells the gradient.
    """

    name: str
    low: float
    high: float
    inset: float = 0.0
    places: tuple[float, ...] = ()


ERROR = Axis("error", -3.0, 3.0, places=(0.1, 1.0, 10.0, 100.0))
RATE = Axis("rate", -2.0, 3.0)
PROBABILITY = Axis("probability", 0.0, 1.0, 0.005, (0.001, 0.1, 0.5, 0.9, 0.999))
SCORE = Axis("score", -6.0, 6.0, places=(-100.0, -10.0, -1.0, 0.0, 1.0, 10.0))
LEAD = Axis("lead", -6.0, 6.0, places=SCORE.places)
TEACHER = Axis("teacher", 0.0, 1.0, 0.005)
ANGLE = Axis("angle", 0.0, 180.0)
DISTANCE = Axis("distance", 0.0, 2.5, 0.01)
COSINE = Axis("cosine", -1.0, 1.0, 0.001)
FARTHER = Axis("farther", -1.0, 3.0)


@dataclass(frozen=True)
class Way:
    """How a loss is called at a place of an axis.

    Args:
        axis: The axis.
        shape: The shape of the loss's first tensor.
        ranges: The ranges of its tensors.
        tensors: Its tensors at some places, (N,), and for one of the cases; what does not vary has one row.
        cases: What the words of the pictures call the targets; each has a curve of its own.
        note: What they say of tensors that do not vary.
        task: A task that the loss must serve.
        rows: Items that see each other, and so make one place.
    """

    axis: Axis
    shape: type[Shape]
    ranges: tuple[type[Range], ...]
    tensors: Callable[[Tensor, int], tuple[Tensor, ...]]
    cases: tuple[str, ...] = ("",)
    note: str = ""
    task: Task | None = None
    rows: int = 1

    def suits(self, loss: type[Loss]) -> bool:
        """Whether the loss takes such tensors."""
        slots = list(loss.about.tensors.values())
        return (
            type(slots[0].shape) is self.shape
            and len(slots) == len(self.ranges)
            and all(isinstance(slot.range, kind) for slot, kind in zip(slots, self.ranges))
            and (self.task is None or self.task in loss.about.serves)
        )


def _row(*entries: Tensor | float) -> Tensor:
    """One row of numbers, of which some vary."""
    columns = [each if isinstance(each, Tensor) else _one(each) for each in entries]
    return torch.stack([each.expand(max(map(len, columns))) for each in columns], 1)


def _one(value: float) -> Tensor:
    return torch.tensor([value], dtype=torch.float64, device="cpu")


PAIRS = ("alike", "unlike")

#: The first that suits a loss is its own; by the others it is drawn beside losses of another kind.
WAYS: tuple[Way, ...] = (
    Way(ERROR, Same, (Real, Real), lambda x, _: (x, _one(0))),
    Way(ERROR, Same, (Real, Real, NonNegative), lambda x, _: (x, _one(0), _one(1)), note="variance"),
    Way(RATE, Same, (Real, Count), lambda x, case: (x, _one((0, 1, 5)[case])), ("count 0", "count 1", "count 5")),
    Way(PROBABILITY, Same, (Probability, ZeroOne), lambda x, _: (x, _one(1))),
    Way(PROBABILITY, Same, (Real, Real), lambda x, _: (x, _one(1)), task=Task.BINARY),
    Way(TEACHER, Same, (LogProbability, Mass), lambda x, _: (_row(x, 1 - x).log(), _row(0.7, 0.3))),
    Way(TEACHER, Same, (Probability, ZeroOne), lambda x, _: (x, _one(0.7))),
    Way(SCORE, Same, (Logit, ZeroOne), lambda x, _: (x, _one(1))),
    Way(SCORE, Same, (Logit, PlusMinusOne), lambda x, _: (x, _one(1))),
    Way(SCORE, Labels, (Logit, ZeroOne), lambda x, _: (_row(x), _row(1))),
    Way(SCORE, Regions, (Logit, ClassId), lambda x, _: _image(x), note="pixels"),
    Way(LEAD, Classes, (Logit, ClassId), lambda x, _: (_row(x, 0), torch.tensor([0], device="cpu"))),
    Way(
        LEAD,
        Classes,
        (LogProbability, ClassId),
        lambda x, _: (_row(x, 0).log_softmax(1), torch.tensor([0], device="cpu")),
    ),
    Way(LEAD, Labels, (Logit, LabelIds), lambda x, _: (_row(x, 0), torch.tensor([[0, -1]], device="cpu"))),
    Way(LEAD, Features, (Real, ClassId), lambda x, _: (_row(x, 0, 0), torch.tensor([0], device="cpu"))),
    Way(LEAD, Same, (Real, Real, PlusMinusOne), lambda x, _: (x, _one(0), _one(1))),
    Way(
        ANGLE,
        Vectors,
        (Real, ClassId),
        lambda x, _: (_row(x.deg2rad().cos(), 0, x.deg2rad().sin()), torch.tensor([0], device="cpu")),
    ),
    Way(DISTANCE, Same, (Real, PlusMinusOne), lambda x, case: (x, _one((1, -1)[case])), PAIRS),
    Way(DISTANCE, Vectors, (Real, Real, ZeroOne), lambda x, case: (_row(x), _row(0), _one((1, 0)[case])), PAIRS),
    Way(COSINE, Vectors, (Real, Real, PlusMinusOne), lambda x, case: (*_at(x), _one((1, -1)[case])), PAIRS),
    Way(COSINE, Vectors, (Real, Real), lambda x, _: _two_at(x), ("alike",), "negative", rows=2),
    Way(FARTHER, Vectors, (Real, Real, Real), lambda x, _: (_row(0), _row(1), _row(-1 - x))),
)


def _image(score: Tensor) -> tuple[Tensor, Tensor]:
    """An image of 100 pixels, of which 10 belong to the region; the right answer has that score at each."""
    region = (torch.arange(100, device="cpu") < 10).double().reshape(1, 1, 100)
    return score.reshape(-1, 1, 1) * (2 * region - 1), region


def _at(cosine: Tensor) -> tuple[Tensor, Tensor]:
    """Two vectors with that cosine."""
    return _row(1, 0), _row(cosine, (1 - cosine**2).clamp(min=1e-12).sqrt())


def _two_at(cosine: Tensor) -> tuple[Tensor, Tensor]:
    """Two items, each of two vectors with that cosine, all of one at right angles to all of the other."""
    first, second = (torch.cat([F.pad(each, (0, 2)), F.pad(each, (2, 0))]) for each in _at(cosine))
    return first, second


def own(loss: type[Loss]) -> Way:
    """The axis of a loss, and how it is called there; raises NoAxisError if there is none."""
    for way in WAYS:
        if way.suits(loss):
            return way
    *others, last = loss.about.tensors
    told = " and ".join(filter(None, (", ".join(others), last)))
    raise NoAxisError(
        f"{loss.__name__} cannot be drawn: it takes {told}, and no single number says how far they are from right"
    )


def relatives(loss: type[Loss]) -> Iterator[tuple[type[Loss], Way]]:
    """The loss and those on its axis, each with the way it is called."""
    axis = own(loss).axis
    yield loss, own(loss)
    for other in CATALOG:
        way = next((way for way in WAYS if way.axis is axis and way.suits(other)), None)
        if way is not None and other is not loss:
            yield other, way


def measured(
    loss: type[Loss], way: Way, case: int, places: tuple[float, ...]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The value of the loss, and its gradient along the axis, at each place."""
    with torch.device("cpu"):
        criterion = _built(loss)
        at = torch.tensor(places, dtype=torch.float64, requires_grad=True, device="cpu")
        value = torch.cat([_value(criterion, way, case, part) for part in (at.split(1) if way.rows > 1 else [at])])
        (gradient,) = torch.autograd.grad(value.sum(), at)
    return tuple(value.tolist()), tuple(gradient.tolist())


def _value(criterion: Loss, way: Way, case: int, at: Tensor) -> Tensor:
    tensors = way.tensors(at, case)
    unreduced: Tensor = criterion(
        *(each.expand(len(at), *each.shape[1:]) if len(each) == 1 else each for each in tensors)
    )
    return unreduced.reshape(len(at), -1).sum(1) / way.rows


def _built(loss: type[Loss]) -> Loss:
    """The loss as it is drawn, else at its defaults; where it owns a layer, two classes with the first two axes as their directions."""
    sizes = (3, 2)[: sum(argument.required is not None for argument in loss.arguments.values())]
    criterion = loss(*sizes, reduction="none", **loss.about.drawn).double()
    for parameter in criterion.parameters():
        nn.init.eye_(parameter)
    return criterion


def grid(axis: Axis) -> tuple[float, ...]:
    """The places of a curve, both ends and the middle among them."""
    low, high = axis.low + axis.inset, axis.high - axis.inset
    return tuple(low + (high - low) * place / POINTS for place in range(POINTS + 1))
