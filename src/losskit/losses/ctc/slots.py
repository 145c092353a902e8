"""What CTC takes: sequences, and lengths that bound them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from losskit.core.messages import Place, beside, integers
from losskit.core.ranges import LogProbability, Whole
from losskit.core.shapes import Shape
from losskit.core.slots import Slot

STEPS, LABELS = 8, 3  # of the sequences that are drawn as samples


@dataclass(frozen=True)
class Steps(Shape):
    """Every label at every step of a sequence."""

    def dim(self, dims: int) -> int | None:
        return dims - 1

    def items(self, shape: torch.Size) -> torch.Size:
        return shape[1:-1]

    def sizes(self, items: tuple[int, ...], classes: int) -> tuple[int, ...]:
        return (STEPS, *items, classes)

    def require(self, place: Place, value: Tensor) -> None:
        if value.dim() not in (2, 3):
            raise ValueError(
                f"{place} must have shape (T, N, C) or (T, C): steps, samples, labels with the blank; "
                f"got {tuple(value.shape)}"
            )

    def words(self, first: str | None) -> str:
        return "(T, N, C) or (T, C): steps, samples, labels with the blank"


@dataclass(frozen=True)
class _Integers(Whole):
    judges = False  # the loss itself looks at what bounds what

    def dtype(self, place: Place, value: Tensor) -> None:
        integers(place, value)


@dataclass(frozen=True)
class Label(_Integers):
    """A label, which is not the blank."""

    def sample(self, shape: tuple[int, ...], classes: int, dim: int, generator: torch.Generator) -> Tensor:
        return torch.randint(1, classes, shape, generator=generator, device=generator.device)

    def words(self, squash: str) -> str:
        return "Labels in [0, C) but the blank, of any integer dtype"


@dataclass(frozen=True)
class Sequences(Shape):
    """The labels of each sample in their order, with no word on where in the input they are."""

    def sizes(self, items: tuple[int, ...], classes: int) -> tuple[int, ...]:
        return (*items, LABELS)

    def require(self, place: Place, value: Tensor) -> None:
        shape, items = tuple(value.shape), tuple(place.shape[1:-1])
        if value.dim() == 1 or (value.dim() == 2 and shape[0] == (items[0] if items else 1)):
            return
        swapped = bool(items) and value.dim() == 2 and shape[0] == place.shape[0]
        raise ValueError(
            f"{beside(place, value)}: it must be "
            + (f"({items[0]}, S), or all targets one after the other" if items else "(S)")
            + (f"; if the samples come first, use {place.first}.transpose(0, 1)" if swapped else "")
        )

    def words(self, first: str | None) -> str:
        return "(N, S) or one after the other, for (T, C) also (S)"


@dataclass(frozen=True)
class Length(_Integers):
    """How much of each sample counts.

    Args:
        of: What it counts, ``"steps"`` or ``"labels"``.
    """

    of: str

    def sample(self, shape: tuple[int, ...], classes: int, dim: int, generator: torch.Generator) -> Tensor:
        low, high = (2 * LABELS, STEPS) if self.of == "steps" else (1, LABELS)  # steps enough for any repeats
        return torch.randint(low, high + 1, shape, generator=generator, device=generator.device)

    def words(self, squash: str) -> str:
        return f"How many {self.of} of each sample count, in [0, {'T' if self.of == 'steps' else 'S'}]"


@dataclass(frozen=True)
class Samples(Shape):
    """A number for each sample."""

    def require(self, place: Place, value: Tensor) -> None:
        items = tuple(place.shape[1:-1])
        if tuple(value.shape) != items and (items or tuple(value.shape) != (1,)):
            mend = f"; for equal lengths use torch.full(({items[0]},), length)" if items else ""
            raise ValueError(f"{beside(place, value)}: it must hold one length for each sample, shape {items}{mend}")

    def words(self, first: str | None) -> str:
        return "a tensor (N) of any integer dtype, or a list"


LOG_PROBS = Slot(LogProbability("for logits use from_logits=True, for probabilities {name}.log()"), Steps())
TARGETS = Slot(Label(), Sequences())
STEPS_OF_EACH, LABELS_OF_EACH = Slot(Length("steps"), Samples()), Slot(Length("labels"), Samples())
