"""Weights of elements, its minimum and its ends, and its likeness to smooth L1."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
import torch.nn.functional as F
from cases import gradient

from losskit import functional


def test_huber_is_curved_at_its_very_minimum() -> None:
    """And its square never overflows."""
    zero = torch.zeros(1)
    hessian = torch.func.hessian(lambda x: functional.huber_loss(x, zero, "sum"))(zero)
    assert hessian.item() == 1
    input = torch.tensor([1e30, -1e30])
    assert functional.huber_loss(input, torch.zeros(2), "sum").item() == pytest.approx(2e30)
    assert gradient(lambda x: functional.huber_loss(x, torch.zeros(2), "sum"), input).tolist() == [1, -1]


def test_huber_is_delta_times_smooth_l1() -> None:
    input, target = 3 * torch.randn(50), torch.randn(50)
    for delta in (0.3, 1.0, 2.5):
        torch.testing.assert_close(
            functional.huber_loss(input, target, delta=delta),
            delta * functional.smooth_l1_loss(input, target, beta=delta),
        )


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_its_weighted_mean_divides_by_the_number_of_elements_as_torchs_does(
    reduction: Literal["none", "mean", "sum"],
) -> None:
    input, target, weight = torch.randn(6), torch.randn(6), torch.rand(6)
    torch.testing.assert_close(
        functional.huber_loss(input, target, reduction=reduction, weight=weight),
        F.huber_loss(input, target, reduction=reduction, weight=weight),  # type: ignore[call-arg]
    )
