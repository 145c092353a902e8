"""Torch's numbers, of lists of any length and at the kink."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from cases import gradient

from losskit import functional


def test_multilabel_margin_is_torchs_for_lists_of_any_length() -> None:
    target = torch.tensor([[3, 0, -1, 1], [-1, 2, 2, 9], [0, 1, 2, 3], [2, -1, -1, -1]]).clamp(max=3)
    input = torch.randn(4, 4)
    for reduction in ("none", "mean", "sum"):
        ours = functional.multilabel_margin_loss(input, target, reduction)
        torch.testing.assert_close(ours, F.multilabel_margin_loss(input, target, reduction=reduction))
    torch.testing.assert_close(
        functional.multilabel_margin_loss(input[0], target[0]), F.multilabel_margin_loss(input[0], target[0])
    )
    kink, first = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0, -1, 0])
    for loss in (functional.multilabel_margin_loss, F.multilabel_margin_loss):
        assert (gradient(partial(loss, target=first), kink) == 0).all()
