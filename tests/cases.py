"""Inputs, targets and arguments for every loss, drawn from what its class declares."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from oracles import ORACLES
from torch import Tensor

import losskit
from losskit import functional
from losskit.core.ranges import ZeroOne
from losskit.core.slots import Either
from losskit.fields import Arg, inside
from losskit.loss import Loss

ITEMS, CLASSES = (4, 4), 4  # a cube where there are classes, so that any dimension may hold them

#: Losses whose calls the generic suite cannot draw, and why; tests/test_<their file>.py holds them to the same rules.
OWN_TESTS: dict[str, str] = {
    "ArcFaceLoss": "it owns a weight, whose width its input must have, and which its oracle must know",
    "CTCLoss": "its input is a sequence, an item of which lies across the steps, and it takes lengths that bound each other",
    "LinearCrossEntropyLoss": "it owns a layer, whose width its input must have",
}


#: Other values of arguments where the usual ones make no difference to tensors as they are drawn.
HEARD: dict[tuple[str, str], Any] = {("ContrastiveLoss", "margin"): 7.5}  # vectors lie some 5 apart


@dataclass(frozen=True)
class Subject:
    """A loss under test: its class, its function, and its oracle."""

    loss: type[Loss]
    function: Callable[..., Tensor]

    def __str__(self) -> str:
        return self.loss.__name__

    def oracle(self, tensors: tuple[Tensor, ...], **arguments: Any) -> tuple[Tensor, Tensor]:
        """The unreduced loss and each item's share of the denominator, in float64."""
        given = {name: array(value) if isinstance(value, Tensor) else value for name, value in arguments.items()}
        answer = ORACLES[self.loss.__name__](*map(array, tensors), **given)
        loss, share = answer if isinstance(answer, tuple) else (answer, np.ones(answer.shape))
        return torch.as_tensor(loss), torch.as_tensor(np.array(share))


def array(value: Tensor) -> Any:
    value = value.detach()
    return (value.double() if value.is_floating_point() else value).numpy()


def subjects() -> list[Subject]:
    """The catalog less :data:`OWN_TESTS`; a loss and its function live in one file, under one stem."""
    by_file = {getattr(functional, name).__module__: getattr(functional, name) for name in vars(functional)["__all__"]}
    return [Subject(loss, by_file[loss.__module__]) for loss in losskit.CATALOG if loss.__name__ not in OWN_TESTS]


def draw(
    loss: type[Loss] | Loss,
    items: tuple[int, ...] = ITEMS,
    classes: int = CLASSES,
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
) -> tuple[Tensor, ...]:
    """What a loss takes, from its declared domains."""
    generator = torch.Generator().manual_seed(seed)
    domains = (loss if isinstance(loss, Loss) else loss()).domains.values()
    drawn = [domain.sample(items, classes, generator) for domain in domains]
    return tuple(value.to(dtype) if value.is_floating_point() else value for value in drawn)


def kinds(
    loss: type[Loss] | Loss, items: tuple[int, ...] = ITEMS, classes: int = CLASSES
) -> Iterator[tuple[Tensor, ...]]:
    """What a loss takes, with every kind of target: hard, and soft where it may be."""
    criterion = loss if isinstance(loss, Loss) else loss()
    tensors = draw(criterion, items, classes, seed=7)
    yield tensors
    target, input = criterion.domains.get("target"), tensors[0]
    if isinstance(target, Either):
        dim = criterion.class_dim(input)
        assert dim is not None
        yield input, input.softmax(dim)
    if target is not None and isinstance(target.range, ZeroOne) and target.range.soft:
        yield input, input.sigmoid()


def variants(loss: type[Loss], items: tuple[int, ...] = ITEMS, classes: int = CLASSES) -> Iterator[dict[str, Any]]:
    """No argument, each argument by itself at another value than its default, and all of them together."""
    other = {
        name: HEARD.get((loss.__name__, name)) or another(argument, items, classes)
        for name, argument in loss.arguments.items()
        if name != "reduction" and not argument.opaque
    }
    yield {}
    for name, value in other.items():
        yield {name: value}
        if loss.arguments[name].number:  # for each of the last dimension, as of labels
            yield {name: torch.linspace(0.2, 0.9, items[-1] if items else 1, dtype=torch.float64).reshape(items[-1:])}
        if loss.arguments[name].several:
            yield {name: (value, 0.2, 0.9)}
    if len(other) > 1:
        yield other


def another(argument: Arg, items: tuple[int, ...], classes: int) -> Any:
    """A value of an argument that is not its default."""
    generator = torch.Generator().manual_seed(3)
    if argument.shape is not None and not argument.number:
        shape = {"classes": (classes,), "elements": items, "broadcast": items[-1:]}[argument.shape]
        return torch.rand(shape, generator=generator, dtype=torch.float64) + 0.5
    if argument.function:
        return manhattan
    if argument.among is not None:
        return next(value for value in argument.among if value != argument.default)
    if isinstance(argument.default, bool):
        return not argument.default
    if isinstance(argument.default, int):
        return 1 if argument.default != 1 else -1
    assert argument.within is not None, "an argument of a new kind: say here what else it may be"
    value = next(v for v in (0.3, 0.7, 2.5) if v != argument.default and inside(argument.within, v))
    assert math.isfinite(value)
    return value


def manhattan(one: Any, other: Any) -> Any:
    """A distance, of tensors as well as of arrays."""
    return abs(one - other).sum(-1)


def close(ours: Tensor, theirs: Tensor, rtol: float = 1e-9, atol: float = 1e-12) -> None:
    torch.testing.assert_close(ours.double(), theirs.double(), rtol=rtol, atol=atol, equal_nan=True)


def gradient(loss: Callable[[Tensor], Tensor], input: Tensor) -> Tensor:
    leaf = input.clone().requires_grad_()
    loss(leaf).backward()
    assert leaf.grad is not None
    return leaf.grad
