"""Ranges of values: the dtypes they take, the errors of bad values, the value of masked items, and samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from losskit.core.messages import (
    MASK,
    Place,
    beside,
    first,
    floating,
    not_a_number,
    out_of_range,
    outside_unit,
    real,
    whole,
)
from losskit.core.watched import readable

ABOVE_ZERO = 1e-3  # a log-softmax in half precision may round to just above 0


@dataclass(frozen=True)
class Range:
    """The root of the ranges: any real number, in any real dtype."""

    #: Whether a value can be wrong.
    judges: ClassVar[bool] = True

    def dtype(self, place: Place, value: Tensor) -> None:
        """Raise TypeError where the dtype is wrong."""
        (floating if place.name == place.first else real)(place, value)

    def misfit(self, place: Place, value: Tensor) -> Exception | None:
        """A more precise error for a bad shape than the shape's own, or None."""
        return None

    def cast(self, value: Tensor, dtype: torch.dtype) -> Tensor:
        """``value`` in the dtype it is computed in."""
        return value.to(dtype)

    def neutral(self, place: Place, value: Tensor) -> float:
        """The value of a masked item: within the range, and harmless to the formula."""
        return 0  # not 0.0, which would turn class ids into floats

    def diagnose(self, place: Place, value: Tensor) -> Exception | None:
        """The error for its values, or None if they are fine."""
        return None

    def sample(self, shape: tuple[int, ...], classes: int, dim: int, generator: torch.Generator) -> Tensor:
        """Values in float64 (or int64); those that sum to 1 do so over ``dim``."""
        return 2 * torch.randn(shape, generator=generator, device=generator.device, dtype=torch.float64)

    def words(self, squash: str) -> str:
        """The values in words; ``squash`` is the activation that gives no logits."""
        return "Real numbers"


@dataclass(frozen=True)
class Real(Range):
    """Any real number."""

    judges = False


@dataclass(frozen=True)
class NonNegative(Range):
    """A number that is not negative.

    Args:
        what: What it is, in words.
        mend: What to do if it is negative.
    """

    what: str = "a number"
    mend: str = ""

    def neutral(self, place: Place, value: Tensor) -> float:
        return 1

    def diagnose(self, place: Place, value: Tensor) -> Exception | None:
        wrong = ~(value >= 0)  # NaN too
        if not wrong.any():
            return None
        mend = f"; {self.mend}" if self.mend else ""
        told = f"{place} is {self.what}, which is not negative, got"
        return not_a_number(place, value) or ValueError(f"{told} {first(value, wrong)}{mend}")

    def sample(self, shape: tuple[int, ...], classes: int, dim: int, generator: torch.Generator) -> Tensor:
        return 3 * torch.rand(shape, generator=generator, device=generator.device, dtype=torch.float64) ** 2 + 0.05

    def words(self, squash: str) -> str:
        return f"{self.what.capitalize()}, not negative"


@dataclass(frozen=True)
class Count(NonNegative):
    """How often something was seen."""

    what: str = "a count"

    def sample(self, shape: tuple[int, ...], classes: int, dim: int, generator: torch.Generator) -> Tensor:
        return torch.poisson(torch.full(shape, 3.0, dtype=torch.float64, device=generator.device), generator=generator)


@dataclass(frozen=True)
class PlusMinusOne(Range):
    """1 for yes, -1 for no."""

    def dtype(self, place: Place, value: Tensor) -> None:
        real(place, value)
        if value.dtype in (torch.bool, torch.uint8):
            raise TypeError(f"{place} must hold 1 and -1, got {value.dtype}; use 2 * {place.name}.int() - 1")

    def neutral(self, place: Place, value: Tensor) -> float:
        return 1

    def diagnose(self, place: Place, value: Tensor) -> Exception | None:
        wrong = value.abs() != 1
        if not wrong.any():
            return None
        zeros = bool(((value == 0) | (value == 1)).all())
        mend = f"; for 0 and 1 use 2 * {place.name} - 1" if zeros else ""
        return not_a_number(place, value) or ValueError(f"{place} must be 1 or -1, got {first(value, wrong)}{mend}")

    def sample(self, shape: tuple[int, ...], classes: int, dim: int, generator: torch.Generator) -> Tensor:
        return 2 * torch.randint(2, shape, generator=generator, device=generator.device).double() - 1

    def words(self, squash: str) -> str:
        return "1 or -1, in any signed dtype"


@dataclass(frozen=True)
class ZeroOne(Range):
    """0 or 1.

    Args:
        soft: Whether a probability between them is taken as well.
    """

    soft: bool = True

    def diagnose(self, place: Place, value: Tensor) -> Exception | None:
        if self.soft:
            return outside_unit(place, value)
        wrong = (value != 0) & (value != 1)
        if not wrong.any():
            return None
        signs = bool((value[wrong] == -1).all())
        mend = f"; for 1 and -1 use ({place.name} + 1) / 2" if signs else ""
        return not_a_number(place, value) or ValueError(f"{place} must be 0 or 1, got {first(value, wrong)}{mend}")

    def sample(self, shape: tuple[int, ...], classes: int, dim: int, generator: torch.Generator) -> Tensor:
        return torch.randint(2, shape, generator=generator, device=generator.device).double()

    def words(self, squash: str) -> str:
        between = ", or a probability between them" if self.soft else ""
        return f"0 or 1{between}, in any dtype (bool and integers too)"


@dataclass(frozen=True)
class Logit(Range):
    """An unnormalised score: what a last linear layer gives, before any sigmoid or softmax."""

    judges = False

    def dtype(self, place: Place, value: Tensor) -> None:
        floating(place, value)

    def sample(self, shape: tuple[int, ...], classes: int, dim: int, generator: torch.Generator) -> Tensor:
        return 3 * torch.randn(shape, generator=generator, device=generator.device, dtype=torch.float64)

    def words(self, squash: str) -> str:
        return f"Logits (no {squash} before them)"


@dataclass(frozen=True)
class Score(Logit):
    """The output of a last linear layer that is not a logit."""

    def words(self, squash: str) -> str:
        return f"Scores (no {squash} before them)"


@dataclass(frozen=True)
class Probability(Range):
    """A probability of yes: what a sigmoid gives.

    Args:
        mend: What to do with other values; ``{name}`` is the argument.
    """

    mend: str = "for logits use {name}.sigmoid() or BCEWithLogitsLoss"

    def dtype(self, place: Place, value: Tensor) -> None:
        floating(place, value)

    def neutral(self, place: Place, value: Tensor) -> float:
        return 0.5

    def diagnose(self, place: Place, value: Tensor) -> Exception | None:
        return outside_unit(place, value, f"; {self.mend.format(name=place.name)}")

    def sample(self, shape: tuple[int, ...], classes: int, dim: int, generator: torch.Generator) -> Tensor:
        return (1.5 * torch.randn(shape, generator=generator, device=generator.device, dtype=torch.float64)).sigmoid()

    def words(self, squash: str) -> str:
        return f"Probabilities in [0, 1] (a {squash} before them)"


@dataclass(frozen=True)
class Mass(Probability):
    """A probability of each element; the dimension over which they sum to 1 is not known."""

    def dtype(self, place: Place, value: Tensor) -> None:
        real(place, value)

    def neutral(self, place: Place, value: Tensor) -> float:
        return 1

    def sample(self, shape: tuple[int, ...], classes: int, dim: int, generator: torch.Generator) -> Tensor:
        return (2 * torch.randn(shape, generator=generator, device=generator.device, dtype=torch.float64)).softmax(dim)

    def words(self, squash: str) -> str:
        return "Probabilities"


@dataclass(frozen=True)
class Distribution(Mass):
    """A probability for each class, which sum to 1.

    Args:
        mend: What else to do if they do not.
    """

    mend: str = "where several classes may hold at once, use BCEWithLogitsLoss"

    def neutral(self, place: Place, value: Tensor) -> float:
        return 1 if place.dim is None else 1 / place.shape[place.dim]

    def diagnose(self, place: Place, value: Tensor) -> Exception | None:
        assert place.dim is not None  # the shape has seen to it
        total = value.sum(place.dim)
        wrong = (total - 1).abs() > 1e-2  # probabilities may come from half precision
        error = outside_unit(place, value)
        if error is not None or not wrong.any():
            return error
        return ValueError(
            f"{place} holds class probabilities that must sum to 1 over dimension {place.dim}; the sum is "
            f"{first(total, wrong)}; divide by {place.name}.sum({place.dim}, keepdim=True), or, {self.mend}"
        )

    def words(self, squash: str) -> str:
        return "Class probabilities"


@dataclass(frozen=True)
class LogProbability(Range):
    """The logarithm of a probability: what a log-softmax gives.

    Args:
        mend: What to do with other values; ``{name}`` is the argument, ``{dim}`` the dimension of the classes.
    """

    mend: str = "for logits use {name}.log_softmax({dim}) or CrossEntropyLoss, for probabilities {name}.log()"

    def dtype(self, place: Place, value: Tensor) -> None:
        floating(place, value)

    def diagnose(self, place: Place, value: Tensor) -> Exception | None:
        wrong = value > ABOVE_ZERO
        if not wrong.any():
            return None
        told = f"{place} must hold log-probabilities, which are not positive, got"
        return ValueError(f"{told} {first(value, wrong)}; {self.mend.format(name=place.name, dim=place.dim)}")

    def sample(self, shape: tuple[int, ...], classes: int, dim: int, generator: torch.Generator) -> Tensor:
        logits = 3 * torch.randn(shape, generator=generator, device=generator.device, dtype=torch.float64)
        return logits.log_softmax(dim)

    def words(self, squash: str) -> str:
        return "Log-probabilities (a log-softmax before them)"


@dataclass(frozen=True)
class Whole(Range):
    """Integers, which are computed as they are."""

    def cast(self, value: Tensor, dtype: torch.dtype) -> Tensor:
        return value.long()


@dataclass(frozen=True)
class ClassId(Whole):
    """A class id in [0, C).

    Args:
        soft: Whether the loss takes class probabilities as well.
    """

    soft: bool = False

    def dtype(self, place: Place, value: Tensor) -> None:
        items = tuple(place.items)
        if value.is_floating_point() and tuple(value.shape) == items:
            raise TypeError(f"{place} holds class ids as {value.dtype}; {self._whole_or_not(place, value)}")
        if value.is_floating_point() and not self.soft:
            raise TypeError(
                f"{place} must hold integer class ids of shape {items}, got {value.dtype} {tuple(value.shape)}"
            )
        if value.is_floating_point():
            raise ValueError(
                f"{place} must be class ids of shape {items} or class probabilities of shape {tuple(place.shape)}, got "
                f"{value.dtype} of shape {tuple(value.shape)}"
            )
        if not whole(value):
            raise TypeError(f"{place} must hold integer class ids, got {value.dtype}; use {place.name}.long()")

    def _whole_or_not(self, place: Place, value: Tensor) -> str:
        if not readable(value) or bool((value == value.round()).all()):
            return f"use {place.name}.long()"
        told = f"they must be whole numbers, got {first(value, value != value.round())}"
        return told + ("; class probabilities have the input's shape" if self.soft else "")

    def misfit(self, place: Place, value: Tensor) -> Exception | None:
        if value.shape == place.items:
            return None
        mend = self._mend(place, value)
        return ValueError(f"{beside(place, value)}: class ids must have shape {tuple(place.items)}; {mend}")

    def _mend(self, place: Place, value: Tensor) -> str:
        name, items, shape = place.name, tuple(place.items), tuple(value.shape)
        if shape == tuple(place.shape):
            return f"for one-hot rows use {name}.argmax({place.dim})" + (f" or {name}.float()" if self.soft else "")
        if shape == (*items[:1], 1, *items[1:]):
            return f"use {name}.squeeze({min(1, len(items))})"
        if shape == tuple(place.shape[:-1]):
            use = f"use {place.arguments['dim']}=-1, or" if "dim" in place.arguments else "use"
            return f"the classes seem to come last: {use} {place.first}.movedim(-1, 1)"
        return "one id for each item"

    def diagnose(self, place: Place, value: Tensor) -> Exception | None:
        assert place.dim is not None  # the shape has seen to it
        ignore = f"{place.arguments['ignore_index']}={{}}" if "ignore_index" in place.arguments else MASK
        return out_of_range(place, value, place.shape[place.dim], ignore)

    def sample(self, shape: tuple[int, ...], classes: int, dim: int, generator: torch.Generator) -> Tensor:
        return torch.randint(classes, shape, generator=generator, device=generator.device)

    def words(self, squash: str) -> str:
        return "Class ids in [0, C), of any integer dtype"
