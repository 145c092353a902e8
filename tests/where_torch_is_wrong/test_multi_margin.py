"""Second derivatives, learnt weights, pixels; a single class."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import pytest
import torch
import torch.nn.functional as F
from cases import gradient
from claims import Claim, fails
from torch import Tensor

import losskit
from losskit import functional


@pytest.mark.parametrize("p", [1, 2])
def test_multi_margin_can_be_differentiated_twice(torch_still: Claim, p: Literal[1, 2]) -> None:
    input, target = torch.randn(5, 3), torch.randint(3, (5,))

    def penalty(loss: Callable[..., Tensor], x: Tensor) -> Tensor:
        (first,) = torch.autograd.grad(loss(x, target, p=p, margin=4.0), x, create_graph=True)
        return (first**2).sum()

    torch_still(
        fails(lambda: gradient(partial(penalty, F.multi_margin_loss), input)), "multi margin, differentiated twice"
    )
    assert (gradient(partial(penalty, functional.multi_margin_loss), input) != 0).any() == (p == 2)


def test_weights_of_classes_may_be_learnt(torch_still: Claim) -> None:
    input, target = torch.randn(4, 5, requires_grad=True), torch.tensor([0, 1, 4, 4])
    torch_still(
        fails(lambda: F.multi_margin_loss(input, target, weight=torch.rand(5, requires_grad=True))),
        "weights of multi_margin_loss have no gradient",
    )
    weight = torch.rand(5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x, w: functional.multi_margin_loss(x, target, weight=w), (input.double(), weight)
    )


def test_multi_margin_takes_pixels_where_torch_does_not(torch_still: Claim) -> None:
    input, target = torch.randn(2, 3, 4, 4), torch.randint(3, (2, 4, 4))
    torch_still(fails(lambda: F.multi_margin_loss(input, target)), "multi margin of (N, C, d...)")
    rows = F.multi_margin_loss(input.movedim(1, -1).reshape(-1, 3), target.reshape(-1))
    torch.testing.assert_close(functional.multi_margin_loss(input, target), rows)
    assert not losskit.MultiMarginLoss().torch_is_right(input, target)


def test_multi_margin_of_one_class_is_refused(torch_still: Claim) -> None:
    input, target = torch.randn(4, 1), torch.zeros(4, dtype=torch.long)
    torch_still(lambda: F.multi_margin_loss(input, target).item() == 0, "the multi margin of one class is 0")
    with pytest.raises(ValueError, match=r"one class.*BCEWithLogitsLoss"):
        functional.multi_margin_loss(input, target)
