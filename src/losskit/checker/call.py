"""A call of a loss, as the rules see it: detached copies of its tensors, what made them, and the loss as a function of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from losskit.checker.finding import Site
from losskit.checker.origin import Origin, origin
from losskit.checker.phrase import Phrase
from losskit.core.slots import Slot
from losskit.loss import Loss

LARGEST = 1 << 22  # elements that are looked at; beyond, the leading rows stand for the batch
FEWEST = 8  # rows from which values tell what they are
CLOSE = {torch.float16: 1e-2, torch.bfloat16: 3e-2}  # how far probabilities in half precision sum from 1
EXACT = 1e-4


@dataclass(eq=False)
class Call:
    """A call of a loss.

    Args:
        who: The loss, as the caller names it.
        loss: losskit's loss of the same arguments.
        given: The tensors of the call.
        function: The loss that was called, of these tensors; its result may be unreduced.
        result: What it gave; None where it raised.
        by_torch: Whether torch computes it.
        where: The line of the call.
        model: The model under training, where it is known.
        optimizer: And its optimizer.
        recording: Whether autograd recorded the call.
        number: Of the call, at its line.
    """

    who: str
    loss: Loss
    given: tuple[Tensor, ...]
    function: Callable[..., Tensor]
    result: Tensor | None = None
    by_torch: bool = True
    where: Site | None = None
    model: nn.Module | None = None
    optimizer: Any = None
    recording: bool = True
    number: int = 1

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of its tensors."""
        return tuple(self.loss.domains)

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """What each of them may hold."""
        return tuple(slot.of(value) for slot, value in zip(self.loss.domains.values(), self.given))

    @cached_property
    def values(self) -> tuple[Tensor, ...]:
        """Detached, in float32 or more, and of a large batch the leading rows alone."""
        part = self._part()
        return tuple(_wide(value.detach()[part] if part else value.detach()) for value in self.given)

    def _part(self) -> slice | None:
        input = self.given[0]
        rows = input.shape[0] if input.dim() else 0
        alike = rows and all(value.dim() and value.shape[0] == rows for value in self.given)
        if input.numel() <= LARGEST or not alike or self.dim == 0:
            return None
        return slice(max(FEWEST, rows * LARGEST // input.numel()))

    @property
    def input(self) -> Tensor:
        """The first tensor: the network's output."""
        return self.values[0]

    @property
    def target(self) -> Tensor:
        """What it is compared with; for a loss without one, its last tensor."""
        return self.values[self.names.index("target")] if "target" in self.names else self.values[-1]

    @property
    def labels(self) -> Tensor:
        """The same of the whole batch: ``values`` are few rows of it where there are many classes."""
        return (self.given[self.names.index("target")] if "target" in self.names else self.given[-1]).detach()

    @property
    def slot(self) -> Slot:
        """What the input may hold."""
        return self.slots[0]

    @cached_property
    def dim(self) -> int | None:
        """The dimension of the classes, where the loss knows it."""
        return self.loss.class_dim(self.given[0])

    @cached_property
    def origins(self) -> tuple[Origin, ...]:
        """What made each of its tensors."""
        return tuple(map(origin, self.given))

    @property
    def origin(self) -> Origin:
        """What made the input."""
        return self.origins[0]

    @cached_property
    def kept(self) -> Tensor | None:
        """Which elements count, where the target itself leaves some out."""
        return self.loss.kept(self.target)

    @cached_property
    def counted(self) -> Tensor | None:
        """The same of the whole batch: which of its labels count."""
        return self.loss.kept(self.labels)

    @property
    def reduction(self) -> str:
        """The loss's reduction."""
        return self.loss.reduction

    def argument(self, name: str) -> Any:
        """An argument of the loss, None if it has no such."""
        return getattr(self.loss, name, None) if name in self.loss.arguments else None

    def weighed(self, wrong: Tensor) -> Tensor:
        """Those of the wrong elements whose weight is not 0."""
        weight = self.argument("weight")
        if not isinstance(weight, Tensor) or self.loss.arguments["weight"].shape != "broadcast":
            return wrong
        return wrong & (weight != 0).expand_as(wrong) if _expands(weight, wrong) else wrong

    def marks(self, value: Tensor, wrong: Tensor) -> bool:
        """Whether the wrong values are one and the same among others, of a loss that is not reduced: a mask may leave them out."""
        odd = value[wrong]
        return self.reduction == "none" and 0 < odd.numel() < value.numel() and bool((odd == odd[0]).all())

    @property
    def swapped(self) -> bool:
        """Whether the target alone has a graph."""
        at = self.names.index("target") if "target" in self.names else 0
        return self.given[at].requires_grad and not self.given[0].requires_grad

    # The loss as a function

    def at(self, input: Tensor, **others: Tensor) -> Tensor:
        """The loss with another input, and other tensors by name; an unreduced one is averaged."""
        tensors = [others.get(name, value) for name, value in zip(self.names, self.values)]
        tensors[0] = input
        return self.function(*tensors).float().mean()

    def slope(self, at: Tensor, before: Callable[[Tensor], Tensor]) -> float:
        """The norm of the gradient, at ``at``, of the loss behind ``before``."""
        with torch.inference_mode(False), torch.enable_grad():
            leaf = at.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(self.at(before(leaf)), leaf)
        return float(gradient.norm())

    def least(self, input: Tensor) -> float:
        """The loss of an input that is the best of its kind."""
        with torch.no_grad():
            return float(self.at(input))

    def attempt(self, input: Tensor, **others: Tensor) -> float | str:
        """The same where the loss may refuse them."""
        try:
            return float(self.at(input, **others))
        except (RuntimeError, ValueError, IndexError):
            return "not computed"

    def best(self, low: float, high: float) -> Tensor | None:
        """The input within these bounds whose loss is least: high where the target holds, low elsewhere."""
        target, input = self.target, self.input
        if target.shape == input.shape:
            return low + (high - low) * target.to(input.dtype).clamp(0, 1)
        dim = self.dim
        if dim is None or target.is_floating_point() or target.shape != input.shape[:dim] + input.shape[dim + 1 :]:
            return None
        ids = target.long().clamp(0, input.shape[dim] - 1).unsqueeze(dim)
        return torch.full_like(input, low).scatter(dim, ids, high)


def _expands(value: Tensor, other: Tensor) -> bool:
    try:
        return bool(torch.broadcast_shapes(value.shape, other.shape) == other.shape)
    except RuntimeError:
        return False


def _wide(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() and value.dtype.itemsize < 4 else value


def distribution(value: Tensor, dim: int, like: torch.dtype = torch.float32, fewest: int = FEWEST) -> bool:
    """Whether there are enough rows along ``dim``, all of them probabilities that sum to 1."""
    size = value.shape[dim]
    if size < 2 or value.numel() < fewest * size or not value.is_floating_point():
        return False
    return bool((value >= 0).all()) and bool(((value.sum(dim) - 1).abs() <= CLOSE.get(like, EXACT)).all())


def log_distribution(value: Tensor, dim: int, like: torch.dtype = torch.float32) -> bool:
    """The same of logarithms."""
    if value.shape[dim] < 2 or not value.is_floating_point():
        return False
    return bool((value.exp().sum(dim) - 1).abs().max() <= CLOSE.get(like, 1e-3))


def inside(value: Tensor, low: float, high: float) -> bool:
    """Whether all values lie within these bounds."""
    return bool(((value >= low) & (value <= high)).all())


def share(wrong: Tensor) -> Phrase:
    """How many are wrong, in words: "3 of 8"."""
    return Phrase("{wrong} of {all}", wrong=int(wrong.sum()), all=wrong.numel())


def shapes(one: Tensor, other: Tensor) -> Phrase:
    """Their shapes, in words."""
    return Phrase("{one} with {other}", one=tuple(one.shape), other=tuple(other.shape))
