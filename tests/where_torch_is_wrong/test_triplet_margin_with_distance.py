"""A distance that forgets the batch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from claims import Claim, fails
from torch import Tensor

from losskit import functional


def norm_of_all(one: Tensor, other: Tensor) -> Tensor:
    norm: Tensor = (one - other).norm()
    return norm


def test_a_distance_that_forgets_the_batch_is_refused(torch_still: Claim) -> None:
    triplet = [torch.randn(4, 3) for _ in range(3)]
    torch_still(
        not fails(lambda: F.triplet_margin_with_distance_loss(*triplet, distance_function=norm_of_all)),
        "a single distance for the whole batch",
    )
    with pytest.raises(ValueError, match=r"distance_function must give a distance for each item.*\(4,\).*got \(\)"):
        functional.triplet_margin_with_distance_loss(*triplet, distance_function=norm_of_all)
    assert functional.triplet_margin_with_distance_loss(
        *(each[0] for each in triplet), distance_function=norm_of_all
    ).isfinite()
