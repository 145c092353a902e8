"""Shapes; labels of 0 and 1."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from claims import Claim

from losskit import functional
from where_torch_is_wrong.alike import zero_and_one_are_not_taken_for_signs


def test_no_score_is_broadcast_against_another(torch_still: Claim) -> None:
    one, other, target = torch.randn(4, 1), torch.randn(1, 4), torch.ones(4, 4)
    torch_still(
        lambda: F.margin_ranking_loss(one, other, target, reduction="none").shape == (4, 4), "margin ranking broadcasts"
    )
    with pytest.raises(ValueError, match=r"input2 of shape \(1, 4\) does not fit input1 of shape \(4, 1\)"):
        functional.margin_ranking_loss(one, other, target)
    with pytest.raises(ValueError, match=r"target of shape \(4,\).*use target.unsqueeze\(1\) or input1.squeeze\(1\)"):
        functional.margin_ranking_loss(one, one, torch.ones(4))


def test_zero_and_one_are_not_taken_for_plus_and_minus_one(torch_still: Claim) -> None:
    zero_and_one_are_not_taken_for_signs("margin_ranking_loss", 2, torch_still)
