"""Its ends: extreme logits, and no focus."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from cases import gradient

from losskit import functional


def test_focal_without_focus_is_cross_entropy() -> None:
    input, target = torch.randn(8), torch.rand(8)
    torch.testing.assert_close(
        functional.focal_loss(input, target, gamma=0.0), F.binary_cross_entropy_with_logits(input, target)
    )


@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_losses_of_extreme_logits_are_finite(answer: float) -> None:
    input, target = torch.tensor([1e4, -1e4, 88.0, -104.0, 0.0]), torch.full((5,), answer)
    assert functional.focal_loss(input, target).isfinite()
    assert gradient(lambda x: functional.focal_loss(x, target), input).isfinite().all()
