"""Its end at beta = 0."""

from __future__ import annotations

import torch

from losskit import functional


def test_smooth_l1_at_zero_is_l1() -> None:
    input, target = torch.tensor([1.0, 2.0, 2.0]), torch.tensor([3.0, 2.0, -1.0])
    leaf = input.requires_grad_()
    loss = functional.smooth_l1_loss(leaf, target, "sum", 0.0)
    loss.backward()
    assert loss.item() == 5
    assert leaf.grad is not None
    assert leaf.grad.tolist() == [-1, 0, 1]
