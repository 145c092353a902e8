"""Masked logits, means of nothing and of much, soft targets, ids of any dtype, classes anywhere, sure answers."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from cases import gradient
from claims import Claim, fails

from losskit import functional


def test_an_ignored_row_of_masked_logits_has_no_gradient(torch_still: Claim) -> None:
    input = torch.tensor([[1.0, 2.0, 3.0], [-torch.inf] * 3])
    target = torch.tensor([2, -100])
    torch_still(
        bool(gradient(lambda x: F.cross_entropy(x, target), input).isnan().any()), "NaN gradient of ignored -inf row"
    )
    ours = gradient(lambda x: functional.cross_entropy(x, target), input)
    torch.testing.assert_close(ours[:1], gradient(lambda x: F.cross_entropy(x, target[:1]), input[:1]))
    assert (ours[1] == 0).all()


def test_nothing_kept_is_zero_where_the_denominator_is_given(torch_still: Claim) -> None:
    input, target = torch.randn(2, 3), torch.tensor([-100, -100])
    torch_still(bool(F.cross_entropy(input, target).isnan()), "NaN where all targets are ignored")
    ours = gradient(lambda x: functional.cross_entropy(x, target, normalizer=4), input)
    assert (ours == 0).all()
    assert functional.cross_entropy(input, target, normalizer=4) == 0
    assert functional.cross_entropy(input, target).isnan()  # a mean of nothing stays what it is


def test_label_smoothing_leaves_masked_classes_out(torch_still: Claim) -> None:
    input = torch.tensor([[1.0, 2.0, -torch.inf]])
    target = torch.tensor([1])
    torch_still(not F.cross_entropy(input, target, label_smoothing=0.1).isfinite().item(), "smoothing over -inf is inf")
    ours = functional.cross_entropy(input, target, label_smoothing=0.1)
    torch.testing.assert_close(ours, F.cross_entropy(input[:, :2], target, label_smoothing=0.1))
    assert gradient(lambda x: functional.cross_entropy(x, target, label_smoothing=0.1), input).isfinite().all()


def test_zero_probability_of_a_masked_class_counts_nothing(torch_still: Claim) -> None:
    input, target = torch.tensor([[1.0, 2.0, -torch.inf]]), torch.tensor([[0.3, 0.7, 0.0]])
    torch_still(not F.cross_entropy(input, target).isfinite().item(), "0 · -inf of soft targets is NaN")
    torch.testing.assert_close(functional.cross_entropy(input, target), F.cross_entropy(input[:, :2], target[:, :2]))
    assert gradient(lambda x: functional.cross_entropy(x, target), input).isfinite().all()


def test_one_logit_is_refused(torch_still: Claim) -> None:
    input, target = torch.randn(4, 1), torch.zeros(4, dtype=torch.long)
    torch_still(lambda: F.cross_entropy(input, target).item() == 0, "cross entropy over one logit is 0")
    with pytest.raises(ValueError, match=r"one class.*BCEWithLogitsLoss"):
        functional.cross_entropy(input, target)


def test_the_half_precision_mean_of_many_rows_exists(torch_still: Claim) -> None:
    input, target = torch.zeros(70_000, 4, dtype=torch.float16), torch.zeros(70_000, dtype=torch.long)
    torch_still(not F.cross_entropy(input, target).isfinite().item(), "fp16 mean of 70,000 rows is NaN")
    loss = functional.cross_entropy(input, target)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log(4), rel=1e-6)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ([[0.5, 0.6]], "sum to 1"),
        ([[-0.5, 1.5]], r"\[0, 1\]"),
        ([[float("nan"), 1.0]], "NaN"),
    ],
)
def test_soft_targets_are_checked(torch_still: Claim, target: list[list[float]], words: str) -> None:
    torch_still(not fails(lambda: F.cross_entropy(torch.randn(1, 2), torch.tensor(target))), "soft targets unchecked")
    with pytest.raises(ValueError, match=words):
        functional.cross_entropy(torch.randn(1, 2), torch.tensor(target))


def test_one_dimension_of_floats_is_not_taken_for_one_sample(torch_still: Claim) -> None:
    """Twenty answers of yes or no, handed to cross-entropy: torch reads one sample of twenty classes."""
    input, target = torch.randn(20), torch.ones(20)
    torch_still(not fails(lambda: F.cross_entropy(input, target)), "1-D float target is read as one sample")
    with pytest.raises(ValueError, match="sum to 1"):
        functional.cross_entropy(input, target)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int16, torch.int8])
def test_class_ids_of_any_integer_dtype(torch_still: Claim, dtype: torch.dtype) -> None:
    input, target = torch.randn(4, 3), torch.tensor([0, 2, 1, -100])
    torch_still(fails(lambda: F.cross_entropy(input, target.to(dtype))), f"class ids of {dtype} refused")
    torch.testing.assert_close(functional.cross_entropy(input, target.to(dtype)), F.cross_entropy(input, target))


def test_classes_may_stand_last(torch_still: Claim) -> None:
    input, target = torch.randn(2, 5, 7), torch.randint(7, (2, 5))
    torch_still(fails(lambda: F.cross_entropy(input, target)), "the class dimension must be 1")
    torch.testing.assert_close(functional.cross_entropy(input, target, dim=-1), F.cross_entropy(input.mT, target))
    with pytest.raises(ValueError, match="dim=-1"):
        functional.cross_entropy(input, target)


def test_the_tiny_loss_of_a_sure_class_does_not_vanish(torch_still: Claim) -> None:
    logits = torch.tensor([[17.0, 0.0]], requires_grad=True)
    torch_still(F.cross_entropy(logits, torch.tensor([0])).item() == 0, "the loss of a sure class rounds to 0")
    loss = functional.cross_entropy(logits, torch.tensor([0]))
    (slope,) = torch.autograd.grad(loss, logits)
    exact = torch.tensor(-17.0).exp()
    torch.testing.assert_close(loss, exact, rtol=1e-6, atol=0)
    torch.testing.assert_close(slope, exact * torch.tensor([[-1.0, 1.0]]), rtol=1e-6, atol=0)
