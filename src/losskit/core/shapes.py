"""Shapes of tensors relative to the network's output: which dimension one item spans, and the shape of the items."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from losskit.core.messages import Place, beside, same_shape


@dataclass(frozen=True)
class Shape:
    """The root of the shapes."""

    #: Whether the network produces it; it must then be floating-point.
    output = False
    #: The activation that turns logits into probabilities.
    squash = "sigmoid"

    def dim(self, dims: int) -> int | None:
        """The dimension that one item spans, of a tensor with ``dims`` dimensions; None: every element is an item."""
        return None

    def items(self, shape: torch.Size) -> torch.Size:
        """The shape of the unreduced loss, from that of the first tensor."""
        dim = self.dim(len(shape))
        return shape if dim is None else shape[:dim] + shape[dim + 1 :]

    def sizes(self, items: tuple[int, ...], classes: int) -> tuple[int, ...]:
        """The shape of a sample."""
        return items

    def require(self, place: Place, value: Tensor) -> None:
        """Raise ValueError if the shape is wrong."""
        if place.name != place.first:
            same_shape(place, value)

    def words(self, first: str | None) -> str:
        """The shape in words; ``first`` is the name of the first tensor, None if this is it."""
        return "of any shape" if first is None else f"of the shape of {first}"


@dataclass(frozen=True)
class Same(Shape):
    """Any shape, and the same for all tensors."""


@dataclass(frozen=True)
class Broadcast(Shape):
    """The first tensor's shape, with 1 allowed in any dimension, as torch documents for a few losses."""

    def require(self, place: Place, value: Tensor) -> None:
        # Of equal rank only: (N) beside (N, N) would be ambiguous.
        fits = value.dim() == len(place.shape) and all(
            own in (1, other) for own, other in zip(value.shape, place.shape)
        )
        if not fits:
            super().require(place, value)

    def words(self, first: str | None) -> str:
        return f"of the shape of {first}, or with 1 in the place of any of its dimensions"


@dataclass(frozen=True)
class Items(Shape):
    """One element per item: the first tensor's shape without the dimension that an item spans."""

    def require(self, place: Place, value: Tensor) -> None:
        if value.shape == place.items:
            return
        if place.dim is None:
            same_shape(place, value)
        mend = f"; use {place.name}.squeeze(1)" if value.dim() == 2 and value.shape[1:] == (1,) else ""
        raise ValueError(
            f"{beside(place, value)}: it must have shape {tuple(place.items)}, one entry for each item{mend}"
        )

    def words(self, first: str | None) -> str:
        return "one for each item"


@dataclass(frozen=True)
class Classes(Shape):
    """A dimension of at least two classes.

    Args:
        at: Which dimension that is; a tensor of one dimension has no other.
        mend: What to do with a single class.
    """

    at: int = 1
    mend: str = "for yes or no use BCEWithLogitsLoss, or give 2 classes"
    squash = "softmax"

    def dim(self, dims: int) -> int | None:
        if dims == 1:
            return 0
        return self.at % dims if -dims <= self.at < dims else None

    def sizes(self, items: tuple[int, ...], classes: int) -> tuple[int, ...]:
        return (*items[:1], classes, *items[1:])

    def require(self, place: Place, value: Tensor) -> None:
        if place.name != place.first:
            same_shape(place, value)
            return
        dim, shape = self.dim(value.dim()), tuple(value.shape)
        if dim is None and "dim" in place.arguments:
            raise ValueError(
                f"{place.who}: {place.arguments['dim']} {self.at} is not a dimension of {place.name}, of shape {shape}"
            )
        if dim is None:
            raise ValueError(f"{place} must have a class dimension: (C), (N, C) or (N, C, ...), got shape {shape}")
        if shape[dim] == 0:
            raise ValueError(f"{place} has no class: shape {shape}, dimension {dim}")
        if shape[dim] == 1:
            raise ValueError(
                f"{place} has one class (shape {shape}, dimension {dim}): there is no other to compare "
                f"it with, so the loss is always 0; {self.mend}"
            )

    def words(self, first: str | None) -> str:
        if first is not None:
            return f"of the shape of {first}"
        return "(C), (N, C) or (N, C, ...) with at least two classes"


@dataclass(frozen=True)
class Labels(Shape):
    """Labels in the last dimension, each on its own.

    Args:
        least: How many there must be.
    """

    least: int = 1

    def dim(self, dims: int) -> int | None:
        return dims - 1 if dims else None

    def sizes(self, items: tuple[int, ...], classes: int) -> tuple[int, ...]:
        return (*items, classes)

    def require(self, place: Place, value: Tensor) -> None:
        if place.name != place.first:
            same_shape(place, value)
        elif value.dim() == 0 or value.shape[-1] < self.least:
            raise ValueError(
                f"{place} must have {self.least} or more labels in its last dimension, (C), (N, C) or (..., C), "
                f"got shape {tuple(value.shape)}"
            )

    def words(self, first: str | None) -> str:
        return f"of the shape of {first}" if first is not None else f"(C), (N, C) or (..., C) with C >= {self.least}"


@dataclass(frozen=True)
class Vectors(Shape):
    """A vector for each item, in the last dimension."""

    output = True

    def dim(self, dims: int) -> int | None:
        return dims - 1 if dims else None

    def sizes(self, items: tuple[int, ...], classes: int) -> tuple[int, ...]:
        return (*items, classes)

    def require(self, place: Place, value: Tensor) -> None:
        if value.dim() == 0:
            raise ValueError(f"{place} must have a dimension of features, the last, got a single number")
        if value.shape[-1] == 0:
            raise ValueError(f"{place} of shape {tuple(value.shape)} has no features in its last dimension")
        super().require(place, value)

    def words(self, first: str | None) -> str:
        return "a vector for each item, (D), (N, D) or (..., D)" + (f"; of the shape of {first}" if first else "")
