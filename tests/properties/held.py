"""The register of properties, and what several of them use."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
import torch
from cases import Subject, draw
from torch import Tensor

from losskit.loss import Loss

Property = Callable[[Subject], None]
PROPERTIES: dict[str, Property] = {}


def holds(check: Property) -> Property:
    PROPERTIES[check.__name__] = check
    return check


def formula_of(subject: Subject) -> Subject:
    """The same loss by its formula alone: a formula of its own disowns kernel and operator, though it computes the same."""

    class ByFormula(subject.loss):  # type: ignore[name-defined,misc]
        __doc__ = subject.loss.__doc__

        def formula(self, *tensors: Tensor, **kept: Any) -> Tensor:  # kept: where items see each other
            return super().formula(*tensors, **kept)  # type: ignore[no-any-return]

    ByFormula.__name__ = subject.loss.__name__

    def function(*tensors: Tensor, **given: Any) -> Tensor:
        own = {name: given.pop(name) for name in list(given) if name in ByFormula.arguments}
        loss: Tensor = ByFormula(**own)(*tensors, **given)
        return loss

    return Subject(ByFormula, function)


EITHER_WAY: list[str] = []


def either_way(check: Property) -> Property:
    """Check what computes an ordinary call, a kernel or torch's operator, and then the formula, which serves the others."""
    EITHER_WAY.append(check.__name__)

    @wraps(check)
    def twice(subject: Subject) -> None:
        check(subject)
        if subject.loss.about.kernel or subject.loss.about.torch:
            check(formula_of(subject))

    return twice


def loss_and_grad(criterion: Callable[..., Tensor], input: Tensor, *rest: Any, **at_call: Any) -> tuple[Tensor, Tensor]:
    """The loss, and the gradient under an upstream gradient that is not uniform."""
    leaf = input.detach().clone().requires_grad_()
    loss = criterion(leaf, *rest, **at_call)
    (loss * torch.linspace(1, 2, loss.numel(), dtype=loss.dtype).view(loss.shape)).sum().backward()
    assert leaf.grad is not None
    return loss.detach(), leaf.grad


def rows_stand_alone(subject: Subject) -> None:
    """What looks at a row at a time needs one item a row, on which no other row acts."""
    criterion, tensors = subject.loss(reduction="none"), draw(subject.loss, (6,))
    together = criterion(*tensors)
    assert together.shape == (6,), f"a row is not an item: {tuple(together.shape)}"
    alone = [criterion(*(each[i : i + 1] for each in tensors)) for i in range(6)]
    torch.testing.assert_close(together, torch.cat(alone), msg=lambda how: f"rows act on each other: {how}")


def reductions(loss: type[Loss]) -> tuple[Any, ...]:
    among = loss.arguments["reduction"].among
    assert among is not None
    return among


def double(target: Tensor) -> Tensor:
    return target.double() if target.is_floating_point() else target


def refused(
    kind: type[Exception] | tuple[type[Exception], ...],
    words: list[str],
    call: Callable[..., object],
    *args: Any,
    **kwargs: Any,
) -> None:
    with pytest.raises(kind) as caught:
        call(*args, **kwargs)
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in {caught.value!s}"
    assert len(str(caught.value)) < 400


def of_one(criterion: Callable[..., Tensor], tensors: tuple[Tensor, ...], place: int, value: Tensor) -> Tensor:
    return criterion(*tensors[:place], value, *tensors[place + 1 :])
