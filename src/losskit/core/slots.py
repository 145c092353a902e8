"""What a loss takes: a :class:`Slot` has a range and a shape; an :class:`Either` has two slots, and the dtype decides."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from losskit.core.messages import Place, floating
from losskit.core.ranges import (
    ClassId,
    Distribution,
    Logit,
    LogProbability,
    PlusMinusOne,
    Probability,
    Range,
    Real,
    Score,
    Whole,
    ZeroOne,
)
from losskit.core.shapes import Classes, Items, Labels, Same, Shape, Vectors


@dataclass(frozen=True)
class Slot:
    """One tensor of a loss."""

    range: Range
    shape: Shape

    def of(self, value: Tensor) -> Slot:
        """The slot that applies to this tensor."""
        return self

    def range_of(self, value: Tensor) -> Range:
        """The range of this tensor's values."""
        return self.range

    @property
    def judges(self) -> bool:
        """Whether a value can be out of range."""
        return self.range.judges

    def require(self, place: Place, value: Tensor) -> None:
        """Raise TypeError or ValueError if dtype or shape is wrong; reads no data."""
        if self.shape.output:
            floating(place, value)
        self.range.dtype(place, value)
        error = self.range.misfit(place, value)
        if error is not None:
            raise error
        self.shape.require(place, value)

    def cast(self, value: Tensor, dtype: torch.dtype) -> Tensor:
        """``value`` in the dtype it is computed in."""
        return self.range_of(value).cast(value, dtype)

    def as_is(self, value: Tensor, dtype: torch.dtype) -> bool:
        """Whether :meth:`cast` returns it unchanged."""
        return value.dtype is (torch.int64 if isinstance(self.range_of(value), Whole) else dtype)

    def neutral(self, place: Place, value: Tensor) -> float:
        """The value of a masked item."""
        return self.range_of(value).neutral(place, value)

    def diagnose(self, place: Place, value: Tensor) -> Exception | None:
        """The error for its values, or None if they are fine."""
        return self.range_of(value).diagnose(place, value)

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        """Values in float64 (or int64), for a loss of shape ``items``."""
        sizes = self.shape.sizes(items, classes)
        dim = self.shape.dim(len(sizes))
        return self.range.sample(sizes, classes, -1 if dim is None else dim, generator)

    def describe(self, first: str | None) -> str:
        """Range and shape in a sentence; ``first`` is the name of the first tensor, None if this is it."""
        return f"{self.range.words(self.shape.squash)}, {self.shape.words(first)}."


@dataclass(frozen=True)
class Either(Slot):
    """Two slots: the usual one, and ``soft`` for floating-point tensors.

    Args:
        soft: The slot of floating-point tensors.
    """

    soft: Slot

    def of(self, value: Tensor) -> Slot:
        return self.soft if value.is_floating_point() else Slot(self.range, self.shape)

    def range_of(self, value: Tensor) -> Range:
        return self.soft.range if value.is_floating_point() else self.range

    def require(self, place: Place, value: Tensor) -> None:
        if value.is_floating_point() and value.shape == place.shape:
            self.soft.require(place, value)
        else:
            super().require(place, value)

    def describe(self, first: str | None) -> str:
        other = self.soft.describe(first)
        return f"{super().describe(first)[:-1]}; or {other[0].lower()}{other[1:]}"


# The usual ones: of any shape, of classes, of labels, of vectors.

NUMBER = Slot(Real(), Same())
LOGIT = Slot(Logit(), Same())
PROBABILITY = Slot(Probability(), Same())
ZERO_OR_ONE = Slot(ZeroOne(), Same())
SIGN = Slot(PlusMinusOne(), Items())
CLASS_LOGITS = Slot(Logit(), Classes())
CLASS_SCORES = Slot(Score(), Classes())
LOG_PROBABILITIES = Slot(LogProbability(), Classes())
IDS = Slot(ClassId(), Items())
IDS_OR_PROBABILITIES = Either(ClassId(soft=True), Items(), Slot(Distribution(), Classes()))
LABEL_LOGITS = Slot(Logit(), Labels())
LABELS = Slot(ZeroOne(), Labels())
VECTOR = Slot(Real(), Vectors())
