"""Shapes; labels of 0 and 1."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from claims import Claim

from losskit import functional
from where_torch_is_wrong.alike import zero_and_one_are_not_taken_for_signs


def test_no_distance_is_broadcast_against_the_targets(torch_still: Claim) -> None:
    input, target = torch.rand(4, 1), torch.tensor([1.0, -1.0, 1.0, 1.0])
    torch_still(
        lambda: F.hinge_embedding_loss(input, target, reduction="none").shape == (4, 4), "hinge embedding broadcasts"
    )
    with pytest.raises(
        ValueError, match=r"target of shape \(4,\) does not fit input of shape \(4, 1\).*unsqueeze\(1\)"
    ):
        functional.hinge_embedding_loss(input, target)


def test_zero_and_one_are_not_taken_for_plus_and_minus_one(torch_still: Claim) -> None:
    zero_and_one_are_not_taken_for_signs("hinge_embedding_loss", 1, torch_still)
