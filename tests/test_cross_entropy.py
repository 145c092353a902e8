"""Torch's denominators, extreme logits, numbers of a tutorial, and why it takes logits."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from cases import gradient

import losskit
from losskit import functional


def test_class_weights_and_means_are_torchs() -> None:
    """Torch's denominators, documented: Σ weight of the targets for ids, N for the same labels one-hot."""
    input, target, weight = torch.randn(6, 3), torch.randint(3, (6,)), torch.tensor([0.2, 1.0, 5.0])
    one_hot = F.one_hot(target, 3).float()
    for smoothing in (0.0, 0.1):
        for y in (target, one_hot):
            torch.testing.assert_close(
                functional.cross_entropy(input, y, weight, label_smoothing=smoothing),
                F.cross_entropy(input, y, weight, label_smoothing=smoothing),
            )


def test_a_softmax_before_cross_entropy_has_a_floor() -> None:
    """Why the docstring says that cross-entropy takes logits: log(e + C - 1) - 1."""
    certain = F.one_hot(torch.arange(10), 10).float()
    floor = functional.cross_entropy(certain, torch.arange(10)).item()
    assert floor == pytest.approx(math.log(math.e + 9) - 1, abs=1e-6)
    assert floor == pytest.approx(1.4612, abs=1e-4)


def test_tutorial_numbers() -> None:
    logits = torch.tensor([[1.2, 0.4, -0.5, 2.1, 0.3], [0.8, 1.9, -1.2, 0.4, 1.1], [-0.1, 2.4, 0.7, 1.5, -0.5]])
    target = torch.tensor([3, 1, 4])
    weight = torch.tensor([0.1, 0.2, 0.3, 0.2, 0.2])
    assert losskit.CrossEntropyLoss(weight)(logits, target).item() == pytest.approx(1.5892, abs=5e-5)


def test_extreme_logits_have_a_finite_gradient() -> None:
    rows = torch.tensor([[1e4, -1e4, 0.0], [3e38, -3e38, 1.0]])
    assert gradient(lambda x: functional.cross_entropy(x, torch.tensor([1, 0])), rows).isfinite().all()
