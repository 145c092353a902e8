"""Its slope at equal scores."""

from __future__ import annotations

from functools import partial

import torch
from cases import gradient

from losskit import functional


def test_equal_scores_are_pushed_apart() -> None:
    """Or a network that scores all alike would not start to learn; from torch 2.14 on torch's has no slope there."""
    zero, target = torch.zeros(1), torch.ones(1)
    assert gradient(partial(functional.margin_ranking_loss, input2=zero, target=target), zero).item() == -1
