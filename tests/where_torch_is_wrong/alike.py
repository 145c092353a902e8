"""What several of torch's losses get wrong alike."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from cases import gradient
from claims import Claim, fails
from torch import Tensor

from losskit import functional


def what_is_masked_leaves_no_nan(name: str, torch_still: Claim) -> None:
    """In the gradient of a loss that masks before it computes, where people mask what torch has computed."""
    input, target, mask = torch.tensor([1.0, torch.inf]), torch.tensor([0.0, 1.0]), torch.tensor([True, False])

    def masked_after(x: Tensor) -> Tensor:
        loss: Tensor = getattr(F, name)(x, target, reduction="none")
        return torch.where(mask, loss, 0).sum()

    torch_still(not gradient(masked_after, input).isfinite().all(), f"NaN gradient of {name} behind a mask")
    own = gradient(lambda x: getattr(functional, name)(x, target, mask=mask), input)
    alone = gradient(lambda x: getattr(F, name)(x, target[:1]), input[:1])
    torch.testing.assert_close(own, torch.cat([alone, torch.zeros(1)]))


def zero_and_one_are_not_taken_for_signs(name: str, inputs: int, torch_still: Claim) -> None:
    """By a loss of so many inputs, whose target is 1 or -1."""
    tensors = [torch.randn(4) for _ in range(inputs)]
    labels = torch.tensor([0.0, 1.0, 1.0, 0.0])
    torch_still(not fails(lambda: getattr(F, name)(*tensors, labels)), f"{name} takes 0 for -1 in silence")
    with pytest.raises(ValueError, match=r"target must be 1 or -1, got 0 at \(0,\).*use 2 \* target - 1"):
        getattr(functional, name)(*tensors, labels)
    with pytest.raises(TypeError, match=r"torch.bool; use 2 \* target.int\(\) - 1"):
        getattr(functional, name)(*tensors, labels.bool())
    signs = 2 * labels - 1
    torch.testing.assert_close(getattr(functional, name)(*tensors, signs), getattr(F, name)(*tensors, signs))
