"""Scores that overflow; labels of 0 and 1."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from cases import gradient
from claims import Claim

from losskit import functional
from where_torch_is_wrong.alike import zero_and_one_are_not_taken_for_signs


def test_no_score_overflows_the_soft_margin(torch_still: Claim) -> None:
    input, target = torch.tensor([-200.0, 200.0, 0.0]), torch.tensor([1.0, 1.0, -1.0])
    torch_still(not F.soft_margin_loss(input, target).isfinite().item(), "soft margin of -200 for 1 is inf")
    torch_still(bool(gradient(lambda x: F.soft_margin_loss(x, target), input).isnan().any()), "and its gradient is NaN")
    assert functional.soft_margin_loss(input, target, "none").tolist() == pytest.approx([200, 0, math.log(2)])
    assert gradient(lambda x: functional.soft_margin_loss(x, target, "sum"), input).tolist() == pytest.approx(
        [-1, 0, 0.5]
    )


def test_zero_and_one_are_not_taken_for_plus_and_minus_one(torch_still: Claim) -> None:
    zero_and_one_are_not_taken_for_signs("soft_margin_loss", 1, torch_still)
