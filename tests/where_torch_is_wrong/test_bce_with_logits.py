"""Answers outside [0, 1] and of any dtype; sure ones."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from claims import Claim, fails

from losskit import functional


@pytest.mark.parametrize("value", [-0.5, 1.5])
def test_binary_targets_outside_their_range_are_refused(torch_still: Claim, value: float) -> None:
    target = torch.tensor([0.0, value])
    torch_still(not fails(lambda: F.binary_cross_entropy_with_logits(torch.zeros(2), target)), "range unchecked")
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], got .* at \(1,\)"):
        functional.binary_cross_entropy_with_logits(torch.zeros(2), target)


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.uint8])
def test_binary_targets_of_any_dtype(torch_still: Claim, dtype: torch.dtype) -> None:
    input, target = torch.randn(4), torch.tensor([0, 1, 1, 0])
    torch_still(fails(lambda: F.binary_cross_entropy_with_logits(input, target.to(dtype))), f"{dtype} targets refused")
    torch.testing.assert_close(
        functional.binary_cross_entropy_with_logits(input, target.to(dtype)),
        F.binary_cross_entropy_with_logits(input, target.float()),
    )


def test_tiny_losses_of_sure_answers_do_not_vanish(torch_still: Claim) -> None:
    input, target = torch.tensor([-50.0, -20.0]), torch.zeros(2)
    theirs = F.binary_cross_entropy_with_logits(input, target, reduction="none")
    torch_still(theirs[0].item() == 0, "the loss of a sure negative rounds to 0")
    ours = functional.binary_cross_entropy_with_logits(input, target, reduction="none")
    torch.testing.assert_close(ours, input.exp(), rtol=1e-6, atol=0)
