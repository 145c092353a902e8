"""Its ends: certain answers, and no focus."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from losskit import functional


def test_softmax_focal_without_focus_is_cross_entropy() -> None:
    input, target, weight = torch.randn(8, 3), torch.randint(3, (8,)), torch.tensor([0.2, 1.0, 5.0])
    target[0] = -100
    torch.testing.assert_close(
        functional.softmax_focal_loss(input, target, 0.0, weight), F.cross_entropy(input, target, weight)
    )


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.0])
def test_softmax_focal_of_certain_answers_is_finite(gamma: float) -> None:
    rows = torch.tensor([[1e4, -1e4, 0.0], [3e38, -3e38, 1.0], [18.0, 0.0, 0.0], [1.0, -torch.inf, -torch.inf]])
    for target in (torch.zeros(4, dtype=torch.long), torch.tensor([1, 2, 1, 0])):
        for dtype in (torch.float32, torch.float64):
            leaf = rows.to(dtype).requires_grad_()
            loss = functional.softmax_focal_loss(leaf, target, gamma, reduction="sum")
            (first,) = torch.autograd.grad(loss, leaf, create_graph=True)
            (second,) = torch.autograd.grad(first.sum(), leaf)
            assert first.isfinite().all()
            assert second.isfinite().all()
