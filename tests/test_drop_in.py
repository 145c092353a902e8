"""The properties of a drop-in, of what the generic suite cannot draw: losses that own a layer, sequences, Keras's classes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from properties.drop_in import Call, anywhere, changes_in_place, elsewhere, lets_go
from torch import Tensor, nn

import losskit

Case = tuple[Callable[[], Call], tuple[Tensor, ...]]


def sequences(reduction: Any, from_logits: bool = False) -> Case:
    scores = torch.randn(8, 3, 5)
    labels = torch.tensor([[1, 2], [2, 3], [1, 1]])
    tensors = (
        scores if from_logits else scores.log_softmax(-1),
        labels,
        torch.tensor([8, 8, 7]),
        torch.tensor([2, 2, 2]),
    )
    return partial(losskit.CTCLoss, reduction=reduction, from_logits=from_logits), tensors


def one_sequence(reduction: Any) -> Case:
    steps, labels = torch.randn(8, 5).log_softmax(-1), torch.tensor([1, 2])
    return (lambda: lambda x, y: losskit.functional.ctc_loss(x, y, [8], 2, reduction=reduction)), (steps, labels)


def layer(reduction: Any, items: tuple[int, ...] = (6,), **arguments: Any) -> Case:
    linear = nn.Linear(5, 7)

    def build() -> Call:
        call = losskit.functional.linear_cross_entropy
        return lambda x, y, **at_call: call(x, linear.weight.detach(), y, reduction=reduction, **arguments, **at_call)

    return build, (torch.randn(*items, 5), torch.randint(7, items))


def adaptive(which: int, items: tuple[int, ...]) -> Case:
    criterion = losskit.AdaptiveLogSoftmaxWithLoss(16, 20, [4, 9])
    return (lambda: lambda x, y: criterion(x, y)[which]), (torch.randn(*items, 16), torch.randint(20, items))


def in_keras(kind: Any, reduction: Any) -> Case:
    probabilities = torch.rand(4, 3).softmax(1)
    target = torch.tensor([0, 2, 1, 1]) if "Sparse" in kind.__name__ else torch.rand(4, 3).softmax(1)
    return (lambda: lambda x, y: kind(reduction=reduction)(y, x, torch.ones(4, 1, device=x.device))), (
        probabilities,
        target,
    )


KERAS = [kind for name in losskit.keras.__all__ if inspect.isclass(kind := getattr(losskit.keras, name))]
CASES: dict[str, Callable[[], Case]] = {
    **{f"CTC {r}": partial(sequences, r) for r in ("none", "sum", "mean")},
    "CTC of logits": partial(sequences, "none", from_logits=True),
    **{f"CTC of one {r}": partial(one_sequence, r) for r in ("none", "sum", "mean")},
    **{f"linear {r}": partial(layer, r) for r in ("none", "sum", "mean")},
    "linear of one": partial(layer, "none", ()),
    "linear in chunks": partial(layer, "sum", chunk_size=2),
    **{f"adaptive {i} {items}": partial(adaptive, i, items) for i in (0, 1) for items in ((6,), ())},
    **{f"{kind.__name__} {r}": partial(in_keras, kind, r) for kind in KERAS for r in (None, "sum")},
}


@pytest.mark.parametrize("name", CASES)
def test_changed_in_place(name: str) -> None:
    build, tensors = CASES[name]()
    changes_in_place(build(), tensors)


@pytest.mark.parametrize("name", CASES)
def test_keeps_nothing(name: str) -> None:
    build, tensors = CASES[name]()
    lets_go(build(), tensors)


@pytest.mark.parametrize("name", CASES)
def test_saved_where_hooks_say(name: str) -> None:
    build, tensors = CASES[name]()
    elsewhere(build(), tensors)


@pytest.mark.parametrize("name", CASES)
def test_defaults_around(name: str) -> None:
    anywhere(*CASES[name]())


@pytest.mark.parametrize("name", [name for name in CASES if "adaptive" not in name])
def test_made_under_inference_mode(name: str) -> None:
    build, (first, *rest) = CASES[name]()
    with torch.inference_mode():
        frozen = [each.clone() for each in rest]
    found = []
    for others in (frozen, rest):
        leaf = first.clone().requires_grad_()
        loss = build()(leaf, *others)
        loss.sum().backward()
        found += [(loss.detach(), leaf.grad)]
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("kind", [losskit.CTCLoss, losskit.LinearCrossEntropyLoss])
def test_a_new_formula_disowns_the_rest(kind: Any) -> None:
    build = (lambda each: each()) if kind is losskit.CTCLoss else (lambda each: each(5, 7))
    tensors = sequences("mean")[1] if kind is losskit.CTCLoss else layer("mean")[1]

    def twice(self: Any, *tensors: Tensor) -> Tensor:
        return 2 * kind.formula(self, *tensors)  # type: ignore[no-any-return]

    plain = build(kind)
    for members in ({"formula": twice}, {"formula": twice, "about": replace(kind.about, source="me")}):
        criterion = build(type("Twice", (kind,), members))
        criterion.load_state_dict(plain.state_dict())
        torch.testing.assert_close(criterion(*tensors), 2 * plain(*tensors))
    expected = plain(*tensors)
    plain.formula = lambda *given: 2 * kind.formula(plain, *given)
    torch.testing.assert_close(plain(*tensors), 2 * expected)


def test_instances_of_torchs_classes() -> None:
    assert isinstance(losskit.CTCLoss(), nn.CTCLoss)
    assert isinstance(losskit.AdaptiveLogSoftmaxWithLoss(16, 20, [4]), nn.AdaptiveLogSoftmaxWithLoss)
    if hasattr(nn, "LinearCrossEntropyLoss"):
        assert isinstance(losskit.LinearCrossEntropyLoss(5, 7), nn.LinearCrossEntropyLoss)
