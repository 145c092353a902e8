"""Weights of elements."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
import torch.nn.functional as F

from losskit import functional


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_its_weighted_mean_divides_by_the_sum_of_the_weights_as_torchs_does(
    reduction: Literal["none", "mean", "sum"],
) -> None:
    input, target, weight = torch.randn(6), torch.randn(6), torch.rand(6)
    torch.testing.assert_close(
        functional.l1_loss(input, target, reduction=reduction, weight=weight),
        F.l1_loss(input, target, reduction=reduction, weight=weight),  # type: ignore[call-arg]
    )
