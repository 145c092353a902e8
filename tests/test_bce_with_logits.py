"""Its ends."""

from __future__ import annotations

import pytest
import torch
from cases import gradient

from losskit import functional


@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_losses_of_extreme_logits_are_finite(answer: float) -> None:
    input, target = torch.tensor([1e4, -1e4, 88.0, -104.0, 0.0]), torch.full((5,), answer)
    assert functional.binary_cross_entropy_with_logits(input, target).isfinite()
    assert gradient(lambda x: functional.binary_cross_entropy_with_logits(x, target), input).isfinite().all()
