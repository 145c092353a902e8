"""What these losses must get right where torch does not (or refuses what is meant).

Each test runs the installed torch as well; ``claims.py`` says what happens where torch has mended its ways.
"""

from __future__ import annotations

import gc
import math
import subprocess
import sys
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import pytest
import torch
import torch.nn.functional as F
from claims import Claim, fails
from torch import Tensor

import losskit
from losskit import functional


def gradient(loss: Callable[[Tensor], Tensor], input: Tensor) -> Tensor:
    leaf = input.clone().requires_grad_()
    loss(leaf).backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    return leaf.grad


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


@pytest.mark.parametrize("name", ["mse_loss", "poisson_nll_loss"])
def test_what_is_masked_leaves_no_nan_in_the_gradient(torch_still: Claim, name: str) -> None:
    input, target, mask = torch.tensor([1.0, torch.inf]), torch.tensor([0.0, 1.0]), torch.tensor([True, False])

    def masked_after(x: Tensor) -> Tensor:
        loss: Tensor = getattr(F, name)(x, target, reduction="none")
        return torch.where(mask, loss, 0).sum()

    torch_still(not gradient(masked_after, input).isfinite().all(), f"NaN gradient of {name} behind a mask")
    own = gradient(lambda x: getattr(functional, name)(x, target, mask=mask), input)
    alone = gradient(lambda x: getattr(F, name)(x, target[:1]), input[:1])
    torch.testing.assert_close(own, torch.cat([alone, torch.zeros(1)]))


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
    torch_still(F.cross_entropy(input, target).item() == 0, "cross entropy over one logit is 0")
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


def test_a_class_out_of_range_is_named() -> None:
    input, target = torch.randn(4, 3), torch.tensor([0, 3, 1, 3])
    with pytest.raises(IndexError, match=r"CrossEntropyLoss: target .*\[0, 3\), got 3 at \(1,\) \(2 of 4"):
        functional.cross_entropy(input, target)
    with pytest.raises(IndexError, match="start at 1 need target - 1"):
        functional.cross_entropy(input, torch.tensor([1, 2, 3, 1]))


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
    logits = torch.tensor([[17.0, 0.0]], requires_grad=True)
    torch_still(F.cross_entropy(logits, torch.tensor([0])).item() == 0, "the loss of a sure class rounds to 0")
    loss = functional.cross_entropy(logits, torch.tensor([0]))
    (gradient,) = torch.autograd.grad(loss, logits)
    exact = torch.tensor(-17.0).exp()
    torch.testing.assert_close(loss, exact, rtol=1e-6, atol=0)
    torch.testing.assert_close(gradient, exact * torch.tensor([[-1.0, 1.0]]), rtol=1e-6, atol=0)


@pytest.mark.parametrize("shapes", [((5, 1), (5,)), ((5,), (5, 1)), ((5, 3), (3,)), ((5, 3), (1, 3))])
@pytest.mark.parametrize(
    "name",
    [
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "focal_loss",
        "huber_loss",
        "l1_loss",
        "mse_loss",
        "smooth_l1_loss",
    ],
)
def test_nothing_is_broadcast_in_silence(name: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    input, target = (torch.rand(shape) for shape in shapes)
    with pytest.raises(ValueError, match="does not fit input of shape") as caught:
        getattr(functional, name)(input, target)
    assert str(shapes[0]) in str(caught.value)
    assert str(shapes[1]) in str(caught.value)


def test_smooth_l1_at_zero_is_l1() -> None:
    input, target = torch.tensor([1.0, 2.0, 2.0]), torch.tensor([3.0, 2.0, -1.0])
    leaf = input.requires_grad_()
    loss = functional.smooth_l1_loss(leaf, target, "sum", 0.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 5
    assert leaf.grad is not None
    assert leaf.grad.tolist() == [-1, 0, 1]


def test_losses_of_extreme_logits_are_finite() -> None:
    input = torch.tensor([1e4, -1e4, 88.0, -104.0, 0.0])
    for target in (torch.zeros(5), torch.ones(5)):
        for name in ("binary_cross_entropy_with_logits", "focal_loss"):
            loss = getattr(functional, name)
            assert loss(input, target).isfinite()
            assert gradient(lambda x, f=loss, y=target: f(x, y), input).isfinite().all()  # type: ignore[misc]
    rows = torch.tensor([[1e4, -1e4, 0.0], [3e38, -3e38, 1.0]])
    assert gradient(lambda x: functional.cross_entropy(x, torch.tensor([1, 0])), rows).isfinite().all()


def test_focal_without_focus_is_cross_entropy() -> None:
    input, target = torch.randn(8), torch.rand(8)
    torch.testing.assert_close(
        functional.focal_loss(input, target, gamma=0.0), F.binary_cross_entropy_with_logits(input, target)
    )


def test_a_softmax_before_cross_entropy_has_a_floor() -> None:
    """Why the docstring says that cross-entropy takes logits: log(e + C - 1) - 1."""
    certain = F.one_hot(torch.arange(10), 10).float()
    floor = functional.cross_entropy(certain, torch.arange(10)).item()
    assert floor == pytest.approx(math.log(math.e + 9) - 1, abs=1e-6)
    assert floor == pytest.approx(1.4612, abs=1e-4)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (math.nan, r"input holds NaN: nan at \(1,\)"),
        (1.5, r"input must lie in \[0, 1\], got 1.5 at \(1,\).*BCEWithLogitsLoss"),
    ],
)
def test_what_is_no_probability_is_called_what_it_is(torch_still: Claim, value: float, words: str) -> None:
    input, target = torch.tensor([0.5, value]), torch.ones(2)
    try:
        F.binary_cross_entropy(input, target)
    except RuntimeError as error:
        torch_still("nan" not in str(error).lower(), "NaN is called 'not between 0 and 1'")
    with pytest.raises(ValueError, match=f"BCELoss: {words}"):
        functional.binary_cross_entropy(input, target)
    keep = torch.tensor([True, False])
    assert functional.binary_cross_entropy(input, target, mask=keep).item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.uint8])
def test_answers_of_any_dtype_beside_probabilities(torch_still: Claim, dtype: torch.dtype) -> None:
    input, target = torch.tensor([0.2, 0.9, 0.4, 0.6]), torch.tensor([0, 1, 1, 0])
    torch_still(fails(lambda: F.binary_cross_entropy(input, target.to(dtype))), f"{dtype} targets refused")
    torch.testing.assert_close(
        functional.binary_cross_entropy(input, target.to(dtype)), F.binary_cross_entropy(input, target.float())
    )


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


def test_a_right_answer_of_certainty_keeps_its_gradient(torch_still: Claim) -> None:
    input, target = torch.tensor([0.0, 1e-20, 1.0]), torch.tensor([0.0, 0.0, 1.0])
    theirs = gradient(lambda x: F.binary_cross_entropy(x, target, reduction="sum"), input)
    torch_still(bool((theirs.abs() < 1e-6).all()), "the gradient of -log(1 - p) falls to 0 at p = 0, where it is 1")
    ours = gradient(lambda x: functional.binary_cross_entropy(x, target, reduction="sum"), input)
    torch.testing.assert_close(ours, torch.tensor([1.0, 1.0, -1.0]))


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


def test_probabilities_are_no_log_probabilities(torch_still: Claim) -> None:
    logits, target = torch.randn(4, 3), torch.tensor([0, 2, 1, -100])
    torch_still(F.nll_loss(logits.softmax(1), target).item() < 0, "probabilities give a negative loss")
    with pytest.raises(ValueError, match=r"NLLLoss: input .* log-probabilities.*\(0, 0\).*log_softmax\(1\)"):
        functional.nll_loss(logits.softmax(1), target)
    with pytest.raises(ValueError, match=r"input.log\(\)"):
        functional.nll_loss(logits[0].softmax(0), target[0])
    rounded = logits.log_softmax(1) + 5e-4
    torch.testing.assert_close(functional.nll_loss(rounded, target), F.nll_loss(rounded, target))


def test_one_log_probability_is_refused(torch_still: Claim) -> None:
    input, target = torch.zeros(4, 1), torch.zeros(4, dtype=torch.long)
    torch_still(F.nll_loss(input, target).item() == 0, "the loss over one class is 0")
    with pytest.raises(ValueError, match="NLLLoss: input has one class"):
        functional.nll_loss(input, target)


@pytest.mark.parametrize("items", [(), (5,), (2, 3), (2, 3, 4)])
def test_the_shapes_of_nll_are_torchs(items: tuple[int, ...]) -> None:
    input = torch.randn(*items[:1], 3, *items[1:]).log_softmax(1 if items else 0)
    target, weight = torch.randint(3, items), torch.tensor([0.2, 1.0, 5.0])
    torch.testing.assert_close(functional.nll_loss(input, target, weight), F.nll_loss(input, target, weight))
    with pytest.raises(ValueError, match="class dimension"):
        functional.nll_loss(torch.tensor(-1.0), torch.tensor(0))


def test_the_advice_for_classes_that_come_last_names_what_the_loss_has() -> None:
    with pytest.raises(ValueError, match=r"use input.movedim\(-1, 1\)") as caught:
        functional.nll_loss(-torch.rand(2, 5, 7), torch.randint(7, (2, 5)))
    assert "dim=-1" not in str(caught.value)


@pytest.mark.parametrize("name", ["l1_loss", "huber_loss"])
def test_weights_of_elements_have_torchs_denominators(name: str) -> None:
    """Σ weight for L1, the number of elements for Huber."""
    input, target, weight = torch.randn(6), torch.randn(6), torch.rand(6)
    for reduction in ("none", "mean", "sum"):
        torch.testing.assert_close(
            getattr(functional, name)(input, target, reduction=reduction, weight=weight),
            getattr(F, name)(input, target, reduction=reduction, weight=weight),
        )


def test_huber_is_curved_at_its_very_minimum() -> None:
    """And its square never overflows."""
    zero = torch.zeros(1)
    hessian = torch.func.hessian(lambda x: functional.huber_loss(x, zero, "sum"))(zero)
    assert hessian.item() == 1
    input = torch.tensor([1e30, -1e30])
    assert functional.huber_loss(input, torch.zeros(2), "sum").item() == pytest.approx(2e30)
    assert gradient(lambda x: functional.huber_loss(x, torch.zeros(2), "sum"), input).tolist() == [1, -1]


def test_huber_is_delta_times_smooth_l1() -> None:
    input, target = 3 * torch.randn(50), torch.randn(50)
    for delta in (0.3, 1.0, 2.5):
        torch.testing.assert_close(
            functional.huber_loss(input, target, delta=delta),
            delta * functional.smooth_l1_loss(input, target, beta=delta),
        )


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


def test_tutorial_numbers() -> None:
    logits = torch.tensor([[1.2, 0.4, -0.5, 2.1, 0.3], [0.8, 1.9, -1.2, 0.4, 1.1], [-0.1, 2.4, 0.7, 1.5, -0.5]])
    target = torch.tensor([3, 1, 4])
    weight = torch.tensor([0.1, 0.2, 0.3, 0.2, 0.2])
    assert losskit.CrossEntropyLoss(weight)(logits, target).item() == pytest.approx(1.5892, abs=5e-5)


@pytest.mark.parametrize("shapes", [((5, 1), (5,)), ((5,), (5, 1)), ((5, 3), (3,)), ((5, 3), (1, 3))])
def test_counts_are_not_broadcast_in_silence(
    torch_still: Claim, shapes: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    input, target = torch.randn(shapes[0]), torch.ones(shapes[1])
    torch_still(not fails(lambda: F.poisson_nll_loss(input, target)), "Poisson NLL broadcasts in silence")
    with pytest.raises(ValueError, match=r"PoissonNLLLoss: target of shape .* does not fit input of shape") as caught:
        functional.poisson_nll_loss(input, target)
    assert str(shapes[0]) in str(caught.value)
    assert str(shapes[1]) in str(caught.value)


def test_a_negative_rate_is_called_one(torch_still: Claim) -> None:
    input, target = torch.tensor([2.0, -0.5]), torch.tensor([1.0, 1.0])
    torch_still(bool(F.poisson_nll_loss(input, target, log_input=False).isnan()), "a negative rate gives NaN")
    words = r"PoissonNLLLoss: input is a rate, which is not negative, got -0.5 at \(1,\) \(1 of 2 values\); .*log_input=True"
    with pytest.raises(ValueError, match=words):
        functional.poisson_nll_loss(input, target, log_input=False)
    functional.poisson_nll_loss(input, target)  # as a logarithm it is one
    keep = torch.tensor([True, False])
    for reduction in ("mean", "sum"):
        loss = losskit.PoissonNLLLoss(log_input=False, reduction=reduction)(input, target, mask=keep)
        assert loss.item() == pytest.approx(2 - math.log(2))


def test_a_negative_count_is_called_one(torch_still: Claim) -> None:
    torch_still(not fails(lambda: F.poisson_nll_loss(torch.zeros(2), -torch.ones(2))), "negative counts are taken")
    with pytest.raises(ValueError, match="target is a count, which is not negative"):
        functional.poisson_nll_loss(torch.zeros(2), -torch.ones(2))


@pytest.mark.parametrize("log_input", [True, False])
@pytest.mark.parametrize("full", [True, False])
def test_poisson_agrees_with_torch(log_input: bool, full: bool) -> None:
    """Stirling's terms too, which counts up to 1 do not get; and a rate of 0 beside ``eps``."""
    rates, target = torch.rand(64, dtype=torch.float64) * 5, torch.poisson(torch.full((64,), 2.0, dtype=torch.float64))
    rates[0], target[:4] = 0, torch.tensor([2.0, 0.0, 1.0, 1.5])
    input = rates.clamp(min=0.1).log() if log_input else rates
    for eps in (1e-8, 0.3):
        for reduction in ("none", "mean", "sum"):
            ours = functional.poisson_nll_loss(input, target, log_input, full, eps, reduction)
            theirs = F.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=reduction)
            torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
        own, torchs = (
            gradient(lambda x, f=f, eps=eps: f(x, target, log_input, full, eps=eps), input)  # type: ignore[misc]
            for f in (functional.poisson_nll_loss, F.poisson_nll_loss)
        )
        torch.testing.assert_close(own, torchs, rtol=1e-12, atol=1e-12)


def test_stirlings_terms_give_a_count_of_zero_no_nan(torch_still: Claim) -> None:
    input, target = torch.zeros(3), torch.tensor([0.0, 1.0, 2.0])
    theirs = gradient(lambda y: F.poisson_nll_loss(input, y, full=True), target)
    torch_still(bool(theirs.isnan().any()), "the gradient of a count of 0 is NaN with full=True")
    ours = gradient(lambda y: functional.poisson_nll_loss(input, y, full=True), target)
    torch.testing.assert_close(ours, torch.tensor([0.0, 0.0, (math.log(2) + 1 / 4) / 3]))


def test_rates_are_predicted_whatever_the_input_is() -> None:
    """Trained behind the activation that its head names, a free output comes to predict the counts."""
    counts = torch.tensor([[0.5], [2.0], [7.0]])
    for log_input in (True, False):
        criterion = losskit.PoissonNLLLoss(log_input)
        output = torch.zeros(3, 1, requires_grad=True)
        optimizer = torch.optim.Adam([output], 0.2)
        for _ in range(150):
            optimizer.zero_grad()
            criterion(criterion.head("counts").training(output, 1), counts).backward()
            optimizer.step()
        torch.testing.assert_close(criterion.predict(output.detach()), counts, atol=0.01, rtol=0.01)


@pytest.mark.parametrize("shape", [(4, 3, 1, 1), (1, 3, 1, 1), (1, 1, 1, 1), (1,), (), (4, 1, 2, 2), (4, 3, 2), None])
def test_a_variance_may_be_shared(torch_still: Claim, shape: tuple[int, ...] | None) -> None:
    """By any dimensions, named by 1s; by the last one, left out; or by all, as a number."""
    input, target = torch.randn(4, 3, 2, 2), torch.randn(4, 3, 2, 2)
    var = 2 if shape is None else torch.rand(shape) + 0.5
    claim = f"a var of shape {shape} is refused beside (4, 3, 2, 2)"
    if shape not in ((4, 1, 2, 2), (4, 3, 2)):
        torch_still(type_fails(lambda: F.gaussian_nll_loss(input, target, var)), claim)
    aligned = torch.as_tensor(var, dtype=torch.float32)
    aligned = (aligned.unsqueeze(-1) if shape == (4, 3, 2) else aligned).expand(4, 3, 2, 2)
    mask = torch.rand(4, 3, 2, 2) > 0.3
    for reduction in ("none", "mean", "sum"):
        expected = F.gaussian_nll_loss(input, target, aligned.contiguous(), reduction=reduction)
        torch.testing.assert_close(functional.gaussian_nll_loss(input, target, var, reduction=reduction), expected)
        torch.testing.assert_close(losskit.GaussianNLLLoss(reduction=reduction)(input, target, var), expected)
    torch.testing.assert_close(
        functional.gaussian_nll_loss(input, target, var, mask=mask),
        F.gaussian_nll_loss(input[mask], target[mask], aligned[mask]),
    )


def type_fails(call: Callable[[], object]) -> bool:
    try:
        return fails(call)
    except TypeError:
        return True


def test_whose_variances_is_not_guessed() -> None:
    """A variance for each column: torch reads it as one for each row where there are as many of them."""
    input, target, var = torch.zeros(3, 3), torch.zeros(3, 3), torch.tensor([1.0, 2.0, 3.0])
    torch.testing.assert_close(
        functional.gaussian_nll_loss(input, target, var), F.gaussian_nll_loss(input, target, var)
    )
    with pytest.raises(
        ValueError, match=r"var of shape \(3,\) does not fit input of shape \(4, 3\).*expand_as\(input\)"
    ):
        functional.gaussian_nll_loss(torch.zeros(4, 3), torch.zeros(4, 3), var)
    functional.gaussian_nll_loss(torch.zeros(4, 3), torch.zeros(4, 3), var.expand_as(torch.zeros(4, 3)))
    functional.gaussian_nll_loss(torch.zeros(4, 3), torch.zeros(4, 3), var.unsqueeze(0))


@pytest.mark.parametrize("shapes", [((5, 1), (5,)), ((5,), (5, 1)), ((5, 3), (3,)), ((1, 3), (5, 3)), ((5,), ())])
def test_a_target_of_other_dimensions_is_not_broadcast(
    torch_still: Claim, shapes: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    input, target = torch.randn(shapes[0]), torch.randn(shapes[1])
    torch_still(not fails(lambda: F.gaussian_nll_loss(input, target, 1.0)), f"{shapes} is broadcast in silence")
    with pytest.raises(ValueError, match=r"GaussianNLLLoss: target of shape .* does not fit input of shape"):
        functional.gaussian_nll_loss(input, target, 1.0)


@pytest.mark.parametrize("shape", [(5, 1), (1, 3), (1, 1)])
def test_a_target_may_be_shared_as_torch_documents(shape: tuple[int, ...]) -> None:
    input, target, var = torch.randn(5, 3), torch.randn(shape), torch.rand(5, 3) + 0.1
    ours = functional.gaussian_nll_loss(input, target, var, True, reduction="none")
    torch.testing.assert_close(ours, F.gaussian_nll_loss(input, target, var, True, reduction="none"))
    keep = torch.rand(5, 3) > 0.5
    ours = functional.gaussian_nll_loss(input, target, var, True, mask=keep)
    torch.testing.assert_close(ours, F.gaussian_nll_loss(input[keep], target.expand(5, 3)[keep], var[keep], True))


def test_variances_compile_without_a_break(torch_still: Claim) -> None:
    input, target, var = torch.zeros(2, 3), torch.ones(2, 3), torch.tensor([0.5, 2.0])

    def breaks(loss: Callable[..., Tensor], var: Tensor | float) -> bool:
        torch._dynamo.reset()
        try:
            torch.compile(loss, fullgraph=True, backend="aot_eager")(input, target, var)
        except Exception:  # the compiler's own kinds differ from one torch to the next
            return True
        return False

    torch_still(breaks(F.gaussian_nll_loss, var), "Gaussian NLL breaks the graph to look for negative variances")
    assert not breaks(functional.gaussian_nll_loss, var)
    compiled = torch.compile(losskit.GaussianNLLLoss(), fullgraph=True, backend="aot_eager")
    for number in (2.0, 3.0, 4):
        torch.testing.assert_close(compiled(input, target, number), F.gaussian_nll_loss(input, target, float(number)))


def test_a_variance_that_is_none_is_refused() -> None:
    input, target = torch.zeros(3), torch.zeros(3)
    for var in (-1.0, torch.tensor([1.0, -1.0, 2.0])):
        assert fails(lambda var=var: F.gaussian_nll_loss(input, target, var))  # type: ignore[misc]
        with pytest.raises(ValueError, match=r"GaussianNLLLoss: var is a variance, which is not negative, got -1 at"):
            functional.gaussian_nll_loss(input, target, var)
    for wrong in (True, "1", None):
        with pytest.raises(TypeError, match="GaussianNLLLoss: var must be a tensor"):
            functional.gaussian_nll_loss(input, target, wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("eps", [1e-6, 0.3])
def test_a_variance_below_eps_is_clamped_as_torch_clamps_it(eps: float) -> None:
    """Its gradient passes the clamp: the exemption of ``eps`` from gradcheck."""
    input, target = torch.randn(6, dtype=torch.float64), torch.randn(6, dtype=torch.float64)
    var = torch.tensor([0.0, 1e-9, 0.1, 0.29, 0.31, 4.0], dtype=torch.float64)
    for full in (True, False):
        for reduction in ("none", "mean", "sum"):
            torch.testing.assert_close(
                functional.gaussian_nll_loss(input, target, var, full, eps, reduction),
                F.gaussian_nll_loss(input, target, var, full, eps, reduction),
            )
    own, torchs = (
        gradient(lambda v, f=f: f(input, target, v, eps=eps), var)  # type: ignore[misc]
        for f in (functional.gaussian_nll_loss, F.gaussian_nll_loss)
    )
    torch.testing.assert_close(own, torchs)
    assert (own[:2] != 0).all()


def test_variance_and_mean_are_learnt() -> None:
    target = torch.randn(4000, dtype=torch.float64) * 3 + 1
    mean, log_var = (torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in range(2))
    optimizer = torch.optim.Adam([mean, log_var], 0.1)
    for _ in range(200):
        optimizer.zero_grad()
        functional.gaussian_nll_loss(mean.expand(4000), target, log_var.exp()).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    torch.testing.assert_close(mean.detach(), target.mean(), atol=1e-2, rtol=1e-2)
    torch.testing.assert_close(log_var.detach().exp(), target.var(correction=0), atol=1e-2, rtol=1e-2)


def of_kl(loss: Callable[..., Tensor], log_target: bool) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda x, q: loss(x, q, reduction="sum", log_target=log_target)


@pytest.mark.parametrize("log_target", [False, True])
def test_zero_log_zero_of_a_divergence_is_zero(torch_still: Claim, log_target: bool) -> None:
    """In value and in both gradients: a target of 0, whatever the input is there."""
    q = torch.tensor([0.0, 0.0, 0.25, 0.75])
    target = q.log() if log_target else q
    ours, theirs = of_kl(functional.kl_div, log_target), of_kl(F.kl_div, log_target)
    plain = torch.tensor([0.25, 0.25, 0.25, 0.25]).log()
    masked = torch.tensor([-torch.inf, math.log(0.5), math.log(0.3), math.log(0.2)])
    torch_still(bool(theirs(masked, target).isnan()), "0 · log 0 is NaN where the input is -inf")
    if log_target:
        torch_still(bool(theirs(plain, target).isnan()), "a log-target of -inf is NaN")
    for input in (plain, masked):
        expected = of_kl(F.kl_div, False)(input[2:], q[2:])
        torch.testing.assert_close(ours(input, target), expected)
        torch.testing.assert_close(gradient(lambda x, y=target: ours(x, y), input), -q)  # type: ignore[misc]
        of_target = gradient(lambda y, x=input: ours(x, y), target)  # type: ignore[misc]
        assert (of_target[:2] == 0).all()
        torch.testing.assert_close(
            of_target[2:],
            gradient(lambda y, x=input[2:]: theirs(x, y), target[2:]),  # type: ignore[misc]
        )
        leaf = input.clone().requires_grad_()
        (first,) = torch.autograd.grad(ours(leaf.log_softmax(0), target), leaf, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), leaf)
        assert second.isfinite().all()
    batch, reference = (
        f(masked.expand(2, 4), target.expand(2, 4), "batchmean", log_target=log_target)
        for f in (functional.kl_div, lambda x, y, _, log_target: ours(x, y) / 2)
    )
    torch.testing.assert_close(batch, reference)


@pytest.mark.parametrize("log_target", [False, True])
def test_what_the_input_calls_impossible_costs_inf(log_target: bool) -> None:
    input, q = torch.tensor([-torch.inf, 0.0]), torch.tensor([0.5, 0.5])
    loss = of_kl(functional.kl_div, log_target)
    assert loss(input, q.log() if log_target else q) == torch.inf
    grad = gradient(lambda x: loss(x, q.log() if log_target else q), input)
    torch.testing.assert_close(grad, -q)


def test_a_divergence_of_what_rounds_to_zero_exists(torch_still: Claim) -> None:
    """exp(-200) is 0 in float32, and so 0 log 0 again."""
    input, target = torch.tensor([-torch.inf, 0.0]), torch.tensor([-200.0, 0.0])
    torch_still(bool(F.kl_div(input, target, reduction="sum", log_target=True).isnan()), "exp(-200) · inf is NaN")
    assert functional.kl_div(input, target, "sum", True) == 0


@pytest.mark.parametrize("shapes", [((5, 1), (5,)), ((5,), (5, 1)), ((5, 3), (3,)), ((5, 3), (1, 3))])
def test_distributions_are_not_broadcast_in_silence(
    torch_still: Claim, shapes: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    input, target = -torch.rand(shapes[0]), torch.rand(shapes[1])
    torch_still(not fails(lambda: F.kl_div(input, target, reduction="sum")), "KLDiv broadcasts in silence")
    with pytest.raises(ValueError, match=r"KLDivLoss: target of shape .* does not fit input of shape") as caught:
        functional.kl_div(input, target)
    assert str(shapes[0]) in str(caught.value)
    assert str(shapes[1]) in str(caught.value)


def test_probabilities_are_no_logarithms_of_them(torch_still: Claim) -> None:
    p, q = torch.tensor([[0.2, 0.8]]), torch.tensor([[0.3, 0.7]])
    torch_still(F.kl_div(p, q, reduction="sum").item() < 0, "probabilities as input give a negative divergence")
    with pytest.raises(ValueError, match=r"KLDivLoss: input must hold log-probabilities.*\(0, 0\).*input.log\(\)"):
        functional.kl_div(p, q)
    with pytest.raises(ValueError, match=r"target must lie in \[0, 1\], got -1.2.* at \(0, 0\).*log_target=True"):
        functional.kl_div(p.log(), q.log())
    with pytest.raises(ValueError, match=r"target must hold log-probabilities.*log_target=False"):
        functional.kl_div(p.log(), q, log_target=True)
    with pytest.raises(ValueError, match="target holds NaN"):
        functional.kl_div(p.log(), q * math.nan)


def test_the_mean_of_terms_is_no_divergence() -> None:
    """It is 1 / C of one; batchmean is one, and both are torch's."""
    input, target = torch.randn(4, 5).log_softmax(1), torch.randn(4, 5).softmax(1)
    divergence = torch.distributions.kl_divergence(
        torch.distributions.Categorical(probs=target), torch.distributions.Categorical(logits=input)
    ).mean()
    torch.testing.assert_close(functional.kl_div(input, target, "batchmean"), divergence)
    torch.testing.assert_close(functional.kl_div(input, target, "mean"), divergence / 5)
    for log_target in (False, True):
        y = target.log() if log_target else target
        for shape in ((4, 5), (20,), (2, 2, 5)):
            for reduction in ("none", "sum", "batchmean"):
                ours = functional.kl_div(input.view(shape), y.view(shape), reduction, log_target)
                theirs = F.kl_div(input.view(shape), y.view(shape), reduction=reduction, log_target=log_target)
                torch.testing.assert_close(ours, theirs)
    one = torch.tensor(-0.5)
    torch.testing.assert_close(
        functional.kl_div(one, one.exp() / 2, "batchmean"), F.kl_div(one, one.exp() / 2, reduction="batchmean")
    )


def test_one_hot_teachers_of_any_dtype(torch_still: Claim) -> None:
    input, hot = torch.randn(4, 3).log_softmax(1), F.one_hot(torch.tensor([0, 2, 1, 1]), 3)
    torch_still(fails(lambda: F.kl_div(input, hot, reduction="sum")), "integer targets of KLDiv are refused")
    for dtype in (torch.int64, torch.uint8, torch.bool):
        ours = functional.kl_div(input, hot.to(dtype), "batchmean")
        torch.testing.assert_close(ours, F.nll_loss(input, hot.argmax(1)))


def test_a_student_is_trained_on_logarithms_as_well() -> None:
    teacher = torch.tensor([[0.2, 0.7, 0.1], [1.0, 0.0, 0.0]])
    for log_target in (False, True):
        criterion = losskit.KLDivLoss("batchmean", log_target)
        head = criterion.head("distillation")
        target, output = head.encode(teacher, 3), torch.zeros(2, 3, requires_grad=True)
        optimizer = torch.optim.Adam([output], 0.2)
        for _ in range(150):
            optimizer.zero_grad()
            criterion(head.training(output, 1), target).backward()
            optimizer.step()
        torch.testing.assert_close(criterion.probabilities(output.detach()), teacher, atol=0.01, rtol=0.01)
        assert criterion.predict(output.detach()).tolist() == [1, 0]


def test_batchmean_is_what_kl_alone_has() -> None:
    with pytest.raises(ValueError, match="MSELoss: reduction must be one of 'none', 'mean', 'sum', got 'batchmean'"):
        losskit.MSELoss("batchmean")  # type: ignore[arg-type]
    assert losskit.KLDivLoss("batchmean").reduction == "batchmean"


# SoftMarginLoss


def test_no_score_overflows_the_soft_margin(torch_still: Claim) -> None:
    input, target = torch.tensor([-200.0, 200.0, 0.0]), torch.tensor([1.0, 1.0, -1.0])
    torch_still(not F.soft_margin_loss(input, target).isfinite().item(), "soft margin of -200 for 1 is inf")
    torch_still(bool(gradient(lambda x: F.soft_margin_loss(x, target), input).isnan().any()), "and its gradient is NaN")
    assert functional.soft_margin_loss(input, target, "none").tolist() == pytest.approx([200, 0, math.log(2)])
    assert gradient(lambda x: functional.soft_margin_loss(x, target, "sum"), input).tolist() == pytest.approx(
        [-1, 0, 0.5]
    )


@pytest.mark.parametrize("name", ["soft_margin_loss", "hinge_embedding_loss", "margin_ranking_loss"])
def test_zero_and_one_are_not_taken_for_plus_and_minus_one(torch_still: Claim, name: str) -> None:
    tensors = [torch.randn(4) for _ in range(2 if name == "margin_ranking_loss" else 1)]
    labels = torch.tensor([0.0, 1.0, 1.0, 0.0])
    torch_still(not fails(lambda: getattr(F, name)(*tensors, labels)), f"{name} takes 0 for -1 in silence")
    with pytest.raises(ValueError, match=r"target must be 1 or -1, got 0 at \(0,\).*use 2 \* target - 1"):
        getattr(functional, name)(*tensors, labels)
    with pytest.raises(TypeError, match=r"torch.bool; use 2 \* target.int\(\) - 1"):
        getattr(functional, name)(*tensors, labels.bool())
    signs = 2 * labels - 1
    torch.testing.assert_close(getattr(functional, name)(*tensors, signs), getattr(F, name)(*tensors, signs))


# HingeEmbeddingLoss


def test_no_distance_is_broadcast_against_the_targets(torch_still: Claim) -> None:
    input, target = torch.rand(4, 1), torch.tensor([1.0, -1.0, 1.0, 1.0])
    torch_still(F.hinge_embedding_loss(input, target, reduction="none").shape == (4, 4), "hinge embedding broadcasts")
    with pytest.raises(
        ValueError, match=r"target of shape \(4,\) does not fit input of shape \(4, 1\).*unsqueeze\(1\)"
    ):
        functional.hinge_embedding_loss(input, target)


def test_a_hinge_has_the_slope_of_torchs_at_its_kink() -> None:
    one, target = torch.ones(1), -torch.ones(1)
    ours, theirs = (partial(each.hinge_embedding_loss, target=target) for each in (functional, F))
    assert gradient(ours, one) == gradient(theirs, one)


# MarginRankingLoss


def test_no_score_is_broadcast_against_another(torch_still: Claim) -> None:
    one, other, target = torch.randn(4, 1), torch.randn(1, 4), torch.ones(4, 4)
    torch_still(
        F.margin_ranking_loss(one, other, target, reduction="none").shape == (4, 4), "margin ranking broadcasts"
    )
    with pytest.raises(ValueError, match=r"input2 of shape \(1, 4\) does not fit input1 of shape \(4, 1\)"):
        functional.margin_ranking_loss(one, other, target)
    with pytest.raises(ValueError, match=r"target of shape \(4,\).*use target.unsqueeze\(1\) or input1.squeeze\(1\)"):
        functional.margin_ranking_loss(one, one, torch.ones(4))


def test_equal_scores_are_pushed_apart() -> None:
    """Or a network that scores all alike would not start to learn; from torch 2.14 on torch's has no slope there."""
    zero, target = torch.zeros(1), torch.ones(1)
    assert gradient(partial(functional.margin_ranking_loss, input2=zero, target=target), zero).item() == -1


# MultiMarginLoss


@pytest.mark.parametrize("p", [1, 2])
def test_multi_margin_can_be_differentiated_twice(torch_still: Claim, p: Literal[1, 2]) -> None:
    input, target = torch.randn(5, 3), torch.randint(3, (5,))

    def penalty(loss: Callable[..., Tensor], x: Tensor) -> Tensor:
        (first,) = torch.autograd.grad(loss(x, target, p=p, margin=4.0), x, create_graph=True)
        return (first**2).sum()

    torch_still(
        fails(lambda: gradient(partial(penalty, F.multi_margin_loss), input)), "multi margin, differentiated twice"
    )
    assert (gradient(partial(penalty, functional.multi_margin_loss), input) != 0).any() == (p == 2)


def test_weights_of_classes_may_be_learnt(torch_still: Claim) -> None:
    input, target = torch.randn(4, 5, requires_grad=True), torch.tensor([0, 1, 4, 4])
    torch_still(
        fails(lambda: F.multi_margin_loss(input, target, weight=torch.rand(5, requires_grad=True))),
        "weights of multi_margin_loss have no gradient",
    )
    weight = torch.rand(5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x, w: functional.multi_margin_loss(x, target, weight=w), (input.double(), weight)
    )


def test_multi_margin_is_torchs_with_weights_and_at_the_kink() -> None:
    input, target, weight = torch.randn(9, 4), torch.randint(4, (9,)), torch.tensor([0.2, 1.0, 5.0, 0.0])
    for reduction in ("none", "mean", "sum"):
        arguments: dict[str, Any] = {"p": 2, "margin": 0.7, "weight": weight, "reduction": reduction}
        torch.testing.assert_close(
            functional.multi_margin_loss(input, target, **arguments), F.multi_margin_loss(input, target, **arguments)
        )
    zero, first = torch.zeros(3), torch.tensor(0)
    for loss in (functional.multi_margin_loss, F.multi_margin_loss):
        assert (gradient(partial(loss, target=first, margin=0.0), zero) == 0).all()


def test_multi_margin_takes_pixels_where_torch_does_not(torch_still: Claim) -> None:
    input, target = torch.randn(2, 3, 4, 4), torch.randint(3, (2, 4, 4))
    torch_still(fails(lambda: F.multi_margin_loss(input, target)), "multi margin of (N, C, d...)")
    rows = F.multi_margin_loss(input.movedim(1, -1).reshape(-1, 3), target.reshape(-1))
    torch.testing.assert_close(functional.multi_margin_loss(input, target), rows)
    assert not losskit.MultiMarginLoss().torch_is_right(input, target)


def test_multi_margin_of_one_class_is_refused(torch_still: Claim) -> None:
    input, target = torch.randn(4, 1), torch.zeros(4, dtype=torch.long)
    torch_still(F.multi_margin_loss(input, target).item() == 0, "the multi margin of one class is 0")
    with pytest.raises(ValueError, match=r"one class.*BCEWithLogitsLoss"):
        functional.multi_margin_loss(input, target)


# MultiLabelMarginLoss


def test_multilabel_margin_can_be_differentiated_twice(torch_still: Claim) -> None:
    input, target = torch.randn(5, 3), torch.tensor([[0, 2, -1]]).expand(5, 3)

    def penalty(loss: Callable[..., Tensor], x: Tensor) -> Tensor:
        (first,) = torch.autograd.grad((loss(x, target) + 1) ** 2, x, create_graph=True)
        return (first**2).sum()

    torch_still(fails(lambda: gradient(partial(penalty, F.multilabel_margin_loss), input)), "multilabel margin, twice")
    assert (gradient(partial(penalty, functional.multilabel_margin_loss), input) != 0).any()


def test_multilabel_margin_is_torchs_for_lists_of_any_length() -> None:
    target = torch.tensor([[3, 0, -1, 1], [-1, 2, 2, 9], [0, 1, 2, 3], [2, -1, -1, -1]]).clamp(max=3)
    input = torch.randn(4, 4)
    for reduction in ("none", "mean", "sum"):
        ours = functional.multilabel_margin_loss(input, target, reduction)
        torch.testing.assert_close(ours, F.multilabel_margin_loss(input, target, reduction=reduction))
    torch.testing.assert_close(
        functional.multilabel_margin_loss(input[0], target[0]), F.multilabel_margin_loss(input[0], target[0])
    )
    kink, first = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0, -1, 0])
    for loss in (functional.multilabel_margin_loss, F.multilabel_margin_loss):
        assert (gradient(partial(loss, target=first), kink) == 0).all()


def test_a_compiled_list_of_labels_ends_at_minus_one(torch_still: Claim) -> None:
    """pt#141017, said to be mended in torch 2.14."""
    input, target = torch.tensor([[1.0, -1.0, 0.5, 0.3, -0.2]]), torch.tensor([[0, 1, -1, -1, -1]])
    right = F.multilabel_margin_loss(input, target)
    theirs = torch.compile(F.multilabel_margin_loss, backend="aot_eager")(input, target)
    torch_still(not torch.isclose(theirs, right), "a compiled multilabel_margin_loss counts the padding behind -1")
    ours = torch.compile(functional.multilabel_margin_loss, backend="aot_eager", fullgraph=True)(input, target)
    torch.testing.assert_close(ours, right)


def test_a_row_of_zeros_and_ones_is_not_taken_for_a_list_of_labels(torch_still: Claim) -> None:
    criterion, scores, hot = losskit.MultiLabelMarginLoss(), torch.randn(2, 3), torch.tensor([[0, 1, 1], [1, 0, 0]])
    torch_still(not fails(lambda: F.multilabel_margin_loss(scores, hot)), "0 and 1 a label are taken for ids")
    with pytest.raises(ValueError, match=r"names a label twice in 2 of 2 lists.*head\(\).encode\(target, C\)"):
        criterion(scores, hot)
    with pytest.raises(TypeError, match=r"torch.float32.*head\(\).encode\(target, C\)"):
        criterion(scores, hot.float())
    lists = criterion.head().encode(hot, 3)
    assert lists.tolist() == [[1, 2, -1], [0, -1, -1]]
    torch.testing.assert_close(criterion(scores, lists), F.multilabel_margin_loss(scores, lists))


# MultiLabelSoftMarginLoss


def test_no_label_is_broadcast(torch_still: Claim) -> None:
    input, target = torch.randn(4, 3), torch.tensor([1.0, 0.0, 1.0])
    torch_still(not fails(lambda: F.multilabel_soft_margin_loss(input, target)), "multilabel soft margin broadcasts")
    with pytest.raises(ValueError, match=r"target of shape \(3,\) does not fit input of shape \(4, 3\)"):
        functional.multilabel_soft_margin_loss(input, target)
    with pytest.raises(ValueError, match=r"target of shape \(4, 3\) does not fit input of shape \(4, 1\)"):
        functional.multilabel_soft_margin_loss(input[:, :1], target.expand(4, 3))


def test_multilabel_soft_margin_is_torchs_with_its_weights_and_its_last_dimension() -> None:
    input, target, weight = torch.randn(2, 5, 3), torch.randint(2, (2, 5, 3)), torch.tensor([0.2, 1.0, 5.0])
    for reduction in ("none", "mean", "sum"):
        arguments: dict[str, Any] = {"weight": weight, "reduction": reduction}
        torch.testing.assert_close(
            functional.multilabel_soft_margin_loss(input, target, **arguments),
            F.multilabel_soft_margin_loss(input, target.float(), **arguments),
        )


def test_labels_beyond_zero_and_one_are_refused(torch_still: Claim) -> None:
    input, target = torch.tensor([[9.0, 1.0]]), torch.tensor([[2.0, 1.0]])
    torch_still(F.multilabel_soft_margin_loss(input, target).item() < 0, "a label of 2 gives a negative loss")
    with pytest.raises(ValueError, match=r"target must lie in \[0, 1\], got 2"):
        functional.multilabel_soft_margin_loss(input, target)


# CosineEmbeddingLoss


def test_a_vector_of_zeros_has_a_finite_cosine_and_gradient(torch_still: Claim) -> None:
    zero, other = torch.zeros(1, 3), torch.tensor([[3.0, 4.0, 0.0]])
    for sign, value in ((1.0, 1.0), (-1.0, 0.0)):
        target = torch.tensor([sign])
        theirs = gradient(partial(F.cosine_embedding_loss, input2=other, target=target), zero)
        torch_still(theirs.norm().item() > 1e5, "the gradient of a vector of zeros is a million")
        assert functional.cosine_embedding_loss(zero, other, target).item() == value
        ours = gradient(partial(functional.cosine_embedding_loss, input2=other, target=target), zero)
        torch.testing.assert_close(ours, -sign * other / 5)
        assert functional.cosine_embedding_loss(zero, zero, target).item() == value
        assert (gradient(partial(functional.cosine_embedding_loss, input2=zero, target=target), zero) == 0).all()
        ours = gradient(partial(functional.cosine_embedding_loss, input2=zero, target=target), other)
        torch.testing.assert_close(ours, torch.zeros(1, 3), rtol=0, atol=1e-6)
    half = (zero.half(), other.half(), torch.ones(1).half())
    torch_still(bool(F.cosine_embedding_loss(*half).isnan()), "the cosine of zeros in half precision is NaN")
    assert functional.cosine_embedding_loss(*half).item() == 1


@pytest.mark.parametrize("length", [1e-44, 1e-30, 1e-6, 1.0, 1e10, 3e37])
def test_a_cosine_does_not_depend_on_lengths(torch_still: Claim, length: float) -> None:
    one, other = torch.tensor([[3.0, 4.0]]), torch.tensor([[4.0, 3.0]])
    for sign, value in ((1.0, 0.04), (-1.0, 0.96)):
        target = torch.tensor([sign])
        theirs = F.cosine_embedding_loss(one * length, other * length, target).item()
        torch_still(length == 1 or not abs(theirs - value) < 1e-3, f"cosine of vectors of length {length}")
        if length == 1e-44:  # so few digits are left of these vectors
            assert functional.cosine_embedding_loss(one * length, other * length, target).isfinite()
        else:
            ours = functional.cosine_embedding_loss(one * length, other * length, target).item()
            assert ours == pytest.approx(value, rel=1e-5)


def test_the_cosine_loss_of_nearly_equal_vectors_is_right_and_never_negative(torch_still: Claim) -> None:
    one = torch.randn(500, 16, generator=torch.Generator().manual_seed(0))
    other, target = one + 1e-4 * one.flip(0), torch.ones(500)
    exact = functional.cosine_embedding_loss(one.double(), other.double(), target, reduction="none")
    theirs = F.cosine_embedding_loss(one, other, target, reduction="none")
    torch_still(bool((theirs < 0).any()), "1 - cos of nearly equal vectors is negative")
    ours = functional.cosine_embedding_loss(one, other, target, reduction="none")
    assert (ours > 0).all()
    torch.testing.assert_close(ours.double(), exact, rtol=1e-2, atol=0)


def test_zero_and_one_are_not_taken_for_pairs(torch_still: Claim) -> None:
    one, other, labels = torch.randn(3, 4), torch.randn(3, 4), torch.tensor([0.0, 1.0, 1.0])
    torch_still(
        F.cosine_embedding_loss(one, other, labels, reduction="none")[0].item() == 0, "a label of 0 costs nothing"
    )
    with pytest.raises(ValueError, match=r"use 2 \* target - 1"):
        functional.cosine_embedding_loss(one, other, labels)
    torch_still(not fails(lambda: F.cosine_embedding_loss(one, other[:1], labels)), "one vector is broadcast to all")
    with pytest.raises(ValueError, match=r"input2 of shape \(1, 4\) does not fit input1 of shape \(3, 4\)"):
        functional.cosine_embedding_loss(one, other[:1], labels)
    with pytest.raises(ValueError, match="no features"):
        functional.cosine_embedding_loss(one[:, :0], other[:, :0], 2 * labels - 1)


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
def test_cosine_embedding_takes_any_leading_dimensions(shape: tuple[int, ...]) -> None:
    one, other, target = torch.randn(shape), torch.randn(shape), 2.0 * torch.randint(2, shape[:-1]) - 1
    ours = functional.cosine_embedding_loss(one, other, target, 0.2, "none")
    rows = F.cosine_embedding_loss(one.reshape(-1, 4), other.reshape(-1, 4), target.reshape(-1), 0.2, reduction="none")
    torch.testing.assert_close(ours.reshape(-1), rows)


# TripletMarginLoss


@pytest.mark.parametrize("eps", [1e-6, 0.0])
@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0, math.inf])
def test_equal_vectors_of_a_triplet_have_finite_derivatives(torch_still: Claim, p: float, eps: float) -> None:
    same, far = torch.zeros(2, 3), torch.tensor([[0.3, 0.2, 0.1], [0.0, 0.0, 0.0]])

    def penalty(loss: Callable[..., Tensor], x: Tensor) -> Tensor:
        (first,) = torch.autograd.grad(loss(x, same, far, p=p, eps=eps), x, create_graph=True)
        assert first.isfinite().all()
        return (first**2).sum()

    if p == 2 and eps == 0:
        theirs = gradient(partial(penalty, F.triplet_margin_loss), same)
        torch_still(bool(theirs.isnan().any()), "the second derivative of a triplet at anchor == positive is NaN")
    assert gradient(partial(penalty, functional.triplet_margin_loss), same).isfinite().all()
    for swap in (True, False):
        for x in (same, torch.randn(2, 3)):
            arguments: dict[str, Any] = {"p": p, "eps": eps, "swap": swap}
            torch.testing.assert_close(
                functional.triplet_margin_loss(x, same, far, **arguments),
                F.triplet_margin_loss(x, same, far, **arguments),
            )
            torch.testing.assert_close(
                gradient(lambda a, n=arguments: functional.triplet_margin_loss(a, same, far, **n), x),  # type: ignore[misc]
                gradient(lambda a, n=arguments: F.triplet_margin_loss(a, same, far, **n), x),  # type: ignore[misc]
            )


def test_no_vector_of_a_triplet_is_broadcast(torch_still: Claim) -> None:
    one, few = torch.randn(4, 3), torch.randn(1, 3)
    torch_still(not fails(lambda: F.triplet_margin_loss(one, few, one)), "one positive is broadcast to all anchors")
    with pytest.raises(ValueError, match=r"positive of shape \(1, 3\) does not fit anchor of shape \(4, 3\)"):
        functional.triplet_margin_loss(one, few, one)
    with pytest.raises(ValueError, match=r"negative of shape \(3,\) does not fit anchor of shape \(4, 3\)"):
        functional.triplet_margin_loss(one, one, one[0])


# TripletMarginWithDistanceLoss


def norm_of_all(one: Tensor, other: Tensor) -> Tensor:
    norm: Tensor = (one - other).norm()
    return norm


def of_images(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).abs().sum((1, 2, 3))


def test_a_distance_that_forgets_the_batch_is_refused(torch_still: Claim) -> None:
    triplet = [torch.randn(4, 3) for _ in range(3)]
    torch_still(
        not fails(lambda: F.triplet_margin_with_distance_loss(*triplet, distance_function=norm_of_all)),
        "a single distance for the whole batch",
    )
    with pytest.raises(ValueError, match=r"distance_function must give a distance for each item.*\(4,\).*got \(\)"):
        functional.triplet_margin_with_distance_loss(*triplet, distance_function=norm_of_all)
    assert functional.triplet_margin_with_distance_loss(
        *(each[0] for each in triplet), distance_function=norm_of_all
    ).isfinite()


@pytest.mark.parametrize(
    ("distance", "shape"),
    [
        (of_images, (4, 3, 5, 5)),
        (torch.nn.CosineSimilarity(-1), (4, 3, 5)),
        (torch.nn.PairwiseDistance(keepdim=True), (4, 3)),
    ],
)
def test_a_distance_of_whole_items_is_taken_and_masked(
    distance: Callable[[Tensor, Tensor], Tensor], shape: tuple[int, ...]
) -> None:
    triplet = [torch.randn(shape, requires_grad=True) for _ in range(3)]
    criterion = losskit.TripletMarginWithDistanceLoss(distance_function=distance, swap=True)
    theirs = F.triplet_margin_with_distance_loss(*triplet, distance_function=distance, swap=True, reduction="none")
    mask = torch.tensor([True, False, True, True])
    torch.testing.assert_close(criterion(*triplet), theirs.mean())
    loss = criterion(*triplet, mask=mask)
    torch.testing.assert_close(loss, theirs[mask].mean())
    loss.backward()
    assert all(each.grad is not None and (each.grad[1] == 0).all() for each in triplet)


def test_a_distance_along_any_dimension_is_torchs_but_cannot_be_masked() -> None:
    triplet = [torch.randn(4, 3, 5) for _ in range(3)]
    criterion = losskit.TripletMarginWithDistanceLoss(distance_function=torch.nn.CosineSimilarity(1))
    theirs = F.triplet_margin_with_distance_loss(*triplet, distance_function=torch.nn.CosineSimilarity(1))
    torch.testing.assert_close(criterion(*triplet), theirs)
    with pytest.raises(ValueError, match=r"over the leading dimensions of \(4, 3, 5\), got \(4, 5\); use movedim"):
        criterion(*triplet, mask=torch.ones(4).bool())


def test_a_distance_that_learns_belongs_to_the_loss() -> None:
    """As in torch: its parameters are the loss's; and no cache of losses keeps it alive."""
    learnt = torch.nn.Bilinear(3, 3, 1)
    criterion = losskit.TripletMarginWithDistanceLoss(distance_function=learnt)
    assert list(criterion.parameters()) == list(learnt.parameters())
    assert set(criterion.state_dict()) == {"distance_function.weight", "distance_function.bias"}
    watched = weakref.ref(learnt)
    functional.triplet_margin_with_distance_loss(*(torch.randn(4, 3) for _ in range(3)), distance_function=learnt)
    del learnt, criterion
    gc.collect()
    assert watched() is None


# NLLLoss2d


def test_the_old_name_of_nll_is_an_alias() -> None:
    assert losskit.NLLLoss2d is losskit.NLLLoss
    assert losskit.CATALOG.count(losskit.NLLLoss) == 1
    input, target = torch.randn(2, 3, 4, 4).log_softmax(1), torch.randint(3, (2, 4, 4))
    torch.testing.assert_close(losskit.NLLLoss2d()(input, target), F.nll_loss(input, target))


def in_another_process(code: str) -> int:
    """How torch ends that might not come back."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120).returncode


@pytest.mark.parametrize("label", [5, -1, 2**30])
def test_a_label_that_there_is_not_is_named(torch_still: Claim, label: int) -> None:
    ended = in_another_process(
        "import torch\nx = torch.zeros(4, 1, 5).log_softmax(2).requires_grad_()\n"
        f"loss = torch.nn.functional.ctc_loss(x, torch.tensor([[1, {label}]]), [4], [2])\nloss.backward()\n"
        "import sys; sys.exit(0 if loss.isfinite() else 3)"
    )
    torch_still(ended != 1, "a CTC label out of range is read out of bounds")  # 1: a Python error
    input = torch.zeros(4, 1, 5).log_softmax(2)
    with pytest.raises(IndexError, match=r"CTCLoss: targets .*\[0, 5\), got .* at \(0, 1\) \(1 of 2"):
        functional.ctc_loss(input, torch.tensor([[1, label]]), [4], [2])
    padded = functional.ctc_loss(input, torch.tensor([[1, label]]), [4], [1])  # beyond the length anything may stand
    torch.testing.assert_close(padded, functional.ctc_loss(input, torch.tensor([[1]]), [4], [1]))


def test_the_blank_is_no_label(torch_still: Claim) -> None:
    input, target = torch.randn(6, 1, 4).log_softmax(2), torch.tensor([[1, 0, 2]])
    lengths = torch.tensor([6]), torch.tensor([3])
    torch_still(not fails(lambda: F.ctc_loss(input, target, *lengths)), "the blank is accepted inside a target")
    with pytest.raises(ValueError, match=r"must not hold the blank.*0 at \(0, 1\)"):
        functional.ctc_loss(input, target, [6], [3])
    with pytest.raises(ValueError, match=r"must not hold the blank.*2 at \(0, 2\)"):
        functional.ctc_loss(input, target, [6], [3], 2)


def test_the_gradient_of_ctc_is_that_of_ctc(torch_still: Claim) -> None:
    scores = (-torch.randn(5, 2, 4, dtype=torch.float64).abs()).requires_grad_()  # not normalised
    rest = torch.tensor([[1, 2], [3, 3]]), torch.tensor([5, 4]), torch.tensor([2, 2])
    wrong = not torch.autograd.gradcheck(lambda x: F.ctc_loss(x, *rest), scores, raise_exception=False)
    torch_still(wrong, "the gradient of ctc_loss is right only behind a log-softmax")
    assert torch.autograd.gradcheck(lambda x: functional.ctc_loss(x, *rest), scores)
    assert torch.autograd.gradcheck(lambda x: functional.ctc_loss(40 * x, *rest), scores)  # whose exponentials vanish


def test_ctc_has_a_second_derivative(torch_still: Claim) -> None:
    scores = (-torch.randn(3, 1, 3, dtype=torch.float64).abs()).requires_grad_()
    rest = torch.tensor([[1, 2]]), torch.tensor([3]), torch.tensor([2])
    (first,) = torch.autograd.grad(F.ctc_loss(scores.log_softmax(2), *rest), scores, create_graph=True)
    torch_still(fails(lambda: torch.autograd.grad(first.sum(), scores)), "ctc_loss has no second derivative")
    for flag in (False, True):
        assert torch.autograd.gradgradcheck(lambda x, f=flag: functional.ctc_loss(x, *rest, from_logits=f), scores)


def test_a_target_that_does_not_fit_leaves_its_neighbours_alone(torch_still: Claim) -> None:
    """And labels of probability 0 have no gradient, where torch has NaN."""
    input, target = torch.randn(4, 3, 4).log_softmax(2), torch.tensor([[1, 1, 1], [1, 2, 3], [2, 3, 1]])
    input[1, 2, 0] = -torch.inf
    steps, lengths = torch.tensor([4, 4, 4]), torch.tensor([3, 3, 3])  # three equal labels need five steps

    def ctc(x: Tensor, function: Callable[..., Tensor] = functional.ctc_loss) -> Tensor:
        return function(x, target, steps, lengths, reduction="sum")

    theirs = gradient(lambda x: ctc(x, F.ctc_loss), input)
    torch_still(bool(theirs[:, 0].isnan().any() and theirs[:, 2].isnan().any()), "no chance gives a NaN gradient")
    loss = functional.ctc_loss(input, target, steps, lengths, reduction="none")
    torch.testing.assert_close(loss, F.ctc_loss(input, target, steps, lengths, reduction="none"))
    assert loss[0].isinf()
    ours = gradient(ctc, input)
    assert ours.isfinite().all()
    assert (ours[:, 0] == 0).all()
    alone = gradient(
        lambda x: functional.ctc_loss(x, target[1:], steps[1:], lengths[1:], reduction="sum"), input[:, 1:]
    )
    torch.testing.assert_close(ours[:, 1:], alone)
    zeroed = functional.ctc_loss(input, target, steps, lengths, 0, "none", True)
    assert zeroed[0] == 0
    torch.testing.assert_close(zeroed[1:], loss[1:])


def test_the_mean_of_ctc_divides_by_the_target_first() -> None:
    """Torch's mean, documented: the average of loss/length, not the sum of losses over that of lengths."""
    input, target = torch.randn(9, 2, 4).log_softmax(2), torch.tensor([[1, 2, 3], [2, 0, 0]])
    steps, lengths = torch.tensor([9, 9]), torch.tensor([3, 1])
    items = functional.ctc_loss(input, target, steps, lengths, reduction="none")
    mean = functional.ctc_loss(input, target, steps, lengths)
    torch.testing.assert_close(mean, F.ctc_loss(input, target, steps, lengths))
    torch.testing.assert_close(mean, (items / lengths).mean())
    assert not torch.isclose(mean, items.sum() / lengths.sum())
    assert "divides each sample's loss by its target length" in " ".join(str(losskit.CTCLoss.__doc__).split())
