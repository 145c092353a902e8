"""Shapes; labels beyond 0 and 1."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from claims import Claim, fails

from losskit import functional


def test_no_label_is_broadcast(torch_still: Claim) -> None:
    input, target = torch.randn(4, 3), torch.tensor([1.0, 0.0, 1.0])
    torch_still(not fails(lambda: F.multilabel_soft_margin_loss(input, target)), "multilabel soft margin broadcasts")
    with pytest.raises(ValueError, match=r"target of shape \(3,\) does not fit input of shape \(4, 3\)"):
        functional.multilabel_soft_margin_loss(input, target)
    with pytest.raises(ValueError, match=r"target of shape \(4, 3\) does not fit input of shape \(4, 1\)"):
        functional.multilabel_soft_margin_loss(input[:, :1], target.expand(4, 3))


def test_labels_beyond_zero_and_one_are_refused(torch_still: Claim) -> None:
    input, target = torch.tensor([[9.0, 1.0]]), torch.tensor([[2.0, 1.0]])
    torch_still(lambda: F.multilabel_soft_margin_loss(input, target).item() < 0, "a label of 2 gives a negative loss")
    with pytest.raises(ValueError, match=r"target must lie in \[0, 1\], got 2"):
        functional.multilabel_soft_margin_loss(input, target)
