"""Certain and doubtful probabilities, autocast, and the weight of positives."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from cases import gradient

from losskit import functional


def test_probabilities_are_taken_under_autocast() -> None:
    input, target = torch.tensor([0.2, 0.9], dtype=torch.bfloat16), torch.tensor([0, 1])
    with torch.autocast("cpu", torch.bfloat16):
        loss = functional.binary_cross_entropy(input, target)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, F.binary_cross_entropy(input.float(), target.float()))


def test_certain_answers_end_at_100_with_a_finite_gradient() -> None:
    input = torch.tensor([0.0, 0.0, 1.0, 1.0, 1e-45, 1e-13, 1 - 1e-7], dtype=torch.float32)
    target = torch.tensor([0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0])
    for dtype in (torch.float32, torch.float64):
        x, y = input.to(dtype), target.to(dtype)
        ours, theirs = (f(x, y, reduction="none") for f in (functional.binary_cross_entropy, F.binary_cross_entropy))
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=0)
        own = gradient(lambda x, y=y: functional.binary_cross_entropy(x, y, reduction="sum"), x)  # type: ignore[misc]
        torchs = gradient(lambda x, y=y: F.binary_cross_entropy(x, y, reduction="sum"), x)  # type: ignore[misc]
        wrong = (input - target).abs() > 0.5
        torch.testing.assert_close(own[wrong], torchs[wrong], rtol=1e-6, atol=0)
        leaf = x.clone().requires_grad_()
        loss = functional.binary_cross_entropy(leaf, y, reduction="sum")
        (first,) = torch.autograd.grad(loss, leaf, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), leaf)
        assert second.isfinite().all()


def test_a_negative_zero_is_a_zero() -> None:
    for dtype in (torch.float32, torch.float64):
        for target in (torch.tensor([0.0, 1.0, 1.0]), torch.tensor([0.0, 0.5, 1.0])):  # two ways of the kernel
            input = torch.tensor([-0.0, -0.0, 0.5], dtype=dtype)
            ours = functional.binary_cross_entropy(input, target.to(dtype), reduction="none")
            torch.testing.assert_close(ours, F.binary_cross_entropy(input, target.to(dtype), reduction="none"))


def test_probabilities_agree_with_torch_wherever_they_are_doubtful() -> None:
    input = torch.rand(1000, dtype=torch.float64).clamp(1e-6, 1 - 1e-6)
    weight = torch.rand(1000, dtype=torch.float64)
    for target in (torch.rand(1000, dtype=torch.float64), torch.randint(2, (1000,)).double()):
        ours, theirs = (
            gradient(lambda x, f=f, y=target: f(x, y, weight), input)  # type: ignore[misc]
            for f in (functional.binary_cross_entropy, F.binary_cross_entropy)
        )
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-15)


def test_pos_weight_of_probabilities_is_that_of_logits() -> None:
    logits, target, weight = torch.randn(6, 3), torch.rand(6, 3), torch.tensor([0.5, 1.0, 4.0])
    torch.testing.assert_close(
        functional.binary_cross_entropy(logits.sigmoid(), target, pos_weight=weight),
        F.binary_cross_entropy_with_logits(logits, target, pos_weight=weight),
    )
