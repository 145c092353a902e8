"""Error messages about tensors: they name the class, the argument, what was given, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

MASK = "mask=target != {}"


class Place(NamedTuple):
    """Which argument of which loss a tensor is, and the shapes it must fit."""

    who: str  # the class
    name: str  # the argument
    first: str  # the name of the first tensor, the network's output
    shape: torch.Size  # of the first tensor
    dim: int | None  # the dimension that one item spans, such as the classes
    items: torch.Size  # the shape of its elements, which for most losses are the items
    arguments: Mapping[str, str] = {}  # the constructor's, each with the name that the caller knows

    def __str__(self) -> str:
        return f"{self.who}: {self.name}"


def tensor(who: str, name: str, value: Any) -> None:
    """Raise unless it is a tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{who}: {name} must be a tensor, got {type(value).__name__}; use torch.as_tensor({name})")


def together(who: str, names: tuple[str, ...], values: tuple[Any, ...]) -> None:
    """Raise unless all are tensors, on the device of the first."""
    for name, value in zip(names, values):
        tensor(who, name, value)
        if value.device != values[0].device:
            raise ValueError(
                f"{who}: {names[0]} is on {values[0].device} and {name} on {value.device}; use {name}.to({names[0]}.device)"
            )


def real(who: str | Place, value: Tensor) -> None:
    """Raise if it is complex; it cannot be converted without loss. ``who`` ends in the argument's name."""
    if value.is_complex():
        raise TypeError(
            f"{who} must be real, got {value.dtype}: complex numbers are not supported; "
            f"torch.view_as_real({_name(who)}) gives their two parts as real numbers"
        )


def floating(who: str | Place, value: Tensor) -> None:
    """Raise unless it is real and floating-point."""
    real(who, value)
    if not value.is_floating_point():
        raise TypeError(f"{who} must be floating-point, got {value.dtype}; use {_name(who)}.float()")


def whole(value: Tensor) -> bool:
    """Whether it has an integer dtype; bool is not one."""
    return not (value.is_floating_point() or value.is_complex() or value.dtype == torch.bool)


def integers(place: Place, value: Tensor) -> None:
    """Raise unless it holds integers."""
    if not whole(value):
        raise TypeError(f"{place} must hold integers, got {value.dtype}; use {place.name}.long()")


def _name(who: str | Place) -> str:
    return who.name if isinstance(who, Place) else who.split()[-1]


# Shapes


def beside(place: Place, value: Tensor) -> str:
    """The start of a message about shapes."""
    return f"{place} of shape {tuple(value.shape)} does not fit {place.first} of shape {tuple(place.shape)}"


def same_shape(place: Place, value: Tensor) -> None:
    """Raise unless it has the first tensor's shape."""
    if value.shape != place.shape:
        mend = _shape_mend(place, value)
        raise ValueError(f"{beside(place, value)}, and nothing is broadcast in silence; {mend}")


def _shape_mend(place: Place, value: Tensor) -> str:
    """The call that makes the shapes equal, if there is an obvious one."""
    name, first, own, other = place.name, place.first, value.shape, place.shape
    for dim in range(max(len(own), len(other))):
        if dim < len(other) and other[dim] == 1 and other[:dim] + other[dim + 1 :] == own:
            return f"use {name}.unsqueeze({dim}) or {first}.squeeze({dim})"
        if dim < len(own) and own[dim] == 1 and own[:dim] + own[dim + 1 :] == other:
            return f"use {name}.squeeze({dim}) or {first}.unsqueeze({dim})"
    if own.numel() == other.numel():
        return f"if their elements correspond, use {name}.reshape({first}.shape)"
    for short, long, one, two in ((own, other, name, first), (other, own, first, name)):
        if _expands(short, long):
            return f"if {one} is meant for each of them, use {one}.expand_as({two})"
    return "both must have the same shape"


def _expands(shape: torch.Size, to: torch.Size) -> bool:
    pairs = zip(reversed(shape), reversed(to), strict=False)
    return len(shape) <= len(to) and all(own in (1, other) for own, other in pairs)


# Values


def first(value: Tensor, wrong: Tensor) -> str:
    """The first wrong value, its index, and the number of wrong values."""
    index = tuple(wrong.nonzero()[0].tolist())
    return f"{value[index].item():g} at {index or 'its only place'} ({int(wrong.sum())} of {value.numel()} values)"


def not_a_number(place: str | Place, value: Tensor) -> Exception | None:
    """An error if there is a NaN, else None."""
    nan = value.isnan()
    return ValueError(f"{place} holds NaN: {first(value, nan)}") if nan.any() else None


def outside_unit(place: str | Place, value: Tensor, mend: str = "") -> Exception | None:
    """An error if a value lies outside [0, 1], else None."""
    if not value.numel() or (value.min() >= 0 and value.max() <= 1):  # NaN fails both
        return None
    found = not_a_number(place, value)
    return found or ValueError(f"{place} must lie in [0, 1], got {first(value, (value < 0) | (value > 1))}{mend}")


def out_of_range(place: str | Place, value: Tensor, classes: int, ignore: str = MASK) -> IndexError | None:
    """An error if a class id is out of range, else None.

    Args:
        place: Class and argument.
        value: The ids.
        classes: How many there are.
        ignore: The argument that excludes an id, with ``{}`` for the id.
    """
    if not value.numel() or (value.min() >= 0 and value.max() < classes):
        return None
    wrong = (value < 0) | (value >= classes)
    found, mend = value[wrong], ""
    if value.min() >= 1 and value.max() == classes:
        mend = f"; ids that start at 1 need {_name(place)} - 1"
    elif bool((found == found[0]).all()):
        mend = f"; if {found[0].item()} marks what does not count, use {ignore.format(found[0].item())}"
    return IndexError(f"{place} must hold class ids in [0, {classes}), got {first(value, wrong)}{mend}")
