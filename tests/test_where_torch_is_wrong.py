"""What these losses must get right where torch does not (or refuses what is meant).

Each test runs the installed torch as well. Where torch has mended its ways the test is reported as ``xpassed`` by
:func:`torch_still`, so that a claim expires; it does not fail on that.
"""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import losskit
from losskit import functional


def torch_still(wrong: bool, claim: str) -> None:
    """Warn, in words that pytest shows, once a claim about torch has expired."""
    if not wrong:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn(f"torch {torch.__version__} mended: {claim}", stacklevel=2)


def fails(call: Callable[[], object]) -> bool:
    try:
        call()
    except (RuntimeError, ValueError, IndexError):
        return True
    return False


def gradient(loss: Callable[[Tensor], Tensor], input: Tensor) -> Tensor:
    leaf = input.clone().requires_grad_()
    loss(leaf).backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    return leaf.grad


def test_an_ignored_row_of_masked_logits_has_no_gradient() -> None:
    input = torch.tensor([[1.0, 2.0, 3.0], [-torch.inf] * 3])
    target = torch.tensor([2, -100])
    torch_still(
        bool(gradient(lambda x: F.cross_entropy(x, target), input).isnan().any()), "NaN gradient of ignored -inf row"
    )
    ours = gradient(lambda x: functional.cross_entropy(x, target), input)
    torch.testing.assert_close(ours[:1], gradient(lambda x: F.cross_entropy(x, target[:1]), input[:1]))
    assert (ours[1] == 0).all()


def test_label_smoothing_leaves_masked_classes_out() -> None:
    input = torch.tensor([[1.0, 2.0, -torch.inf]])
    target = torch.tensor([1])
    torch_still(not F.cross_entropy(input, target, label_smoothing=0.1).isfinite().item(), "smoothing over -inf is inf")
    ours = functional.cross_entropy(input, target, label_smoothing=0.1)
    torch.testing.assert_close(ours, F.cross_entropy(input[:, :2], target, label_smoothing=0.1))
    assert gradient(lambda x: functional.cross_entropy(x, target, label_smoothing=0.1), input).isfinite().all()


def test_zero_probability_of_a_masked_class_counts_nothing() -> None:
    input, target = torch.tensor([[1.0, 2.0, -torch.inf]]), torch.tensor([[0.3, 0.7, 0.0]])
    torch_still(not F.cross_entropy(input, target).isfinite().item(), "0 · -inf of soft targets is NaN")
    torch.testing.assert_close(functional.cross_entropy(input, target), F.cross_entropy(input[:, :2], target[:, :2]))
    assert gradient(lambda x: functional.cross_entropy(x, target), input).isfinite().all()


def test_one_logit_is_refused() -> None:
    input, target = torch.randn(4, 1), torch.zeros(4, dtype=torch.long)
    torch_still(F.cross_entropy(input, target).item() == 0, "cross entropy over one logit is 0")
    with pytest.raises(ValueError, match=r"one class.*BCEWithLogitsLoss"):
        functional.cross_entropy(input, target)


def test_the_half_precision_mean_of_many_rows_exists() -> None:
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
def test_soft_targets_are_checked(target: list[list[float]], words: str) -> None:
    torch_still(not fails(lambda: F.cross_entropy(torch.randn(1, 2), torch.tensor(target))), "soft targets unchecked")
    with pytest.raises(ValueError, match=words):
        functional.cross_entropy(torch.randn(1, 2), torch.tensor(target))


def test_one_dimension_of_floats_is_not_taken_for_one_sample() -> None:
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
def test_class_ids_of_any_integer_dtype(dtype: torch.dtype) -> None:
    input, target = torch.randn(4, 3), torch.tensor([0, 2, 1, -100])
    torch_still(fails(lambda: F.cross_entropy(input, target.to(dtype))), f"class ids of {dtype} refused")
    torch.testing.assert_close(functional.cross_entropy(input, target.to(dtype)), F.cross_entropy(input, target))


def test_classes_may_stand_last() -> None:
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
def test_binary_targets_outside_their_range_are_refused(value: float) -> None:
    target = torch.tensor([0.0, value])
    torch_still(not fails(lambda: F.binary_cross_entropy_with_logits(torch.zeros(2), target)), "range unchecked")
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], got .* at \(1,\)"):
        functional.binary_cross_entropy_with_logits(torch.zeros(2), target)


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.uint8])
def test_binary_targets_of_any_dtype(dtype: torch.dtype) -> None:
    input, target = torch.randn(4), torch.tensor([0, 1, 1, 0])
    torch_still(fails(lambda: F.binary_cross_entropy_with_logits(input, target.to(dtype))), f"{dtype} targets refused")
    torch.testing.assert_close(
        functional.binary_cross_entropy_with_logits(input, target.to(dtype)),
        F.binary_cross_entropy_with_logits(input, target.float()),
    )


def test_tiny_losses_of_sure_answers_do_not_vanish() -> None:
    input, target = torch.tensor([-50.0, -20.0]), torch.zeros(2)
    theirs = F.binary_cross_entropy_with_logits(input, target, reduction="none")
    torch_still(theirs[0].item() == 0, "the loss of a sure negative rounds to 0")
    ours = functional.binary_cross_entropy_with_logits(input, target, reduction="none")
    torch.testing.assert_close(ours, input.exp(), rtol=1e-6, atol=0)


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
def test_what_is_no_probability_is_called_what_it_is(value: float, words: str) -> None:
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
def test_answers_of_any_dtype_beside_probabilities(dtype: torch.dtype) -> None:
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


def test_a_right_answer_of_certainty_keeps_its_gradient() -> None:
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


def test_probabilities_are_no_log_probabilities() -> None:
    logits, target = torch.randn(4, 3), torch.tensor([0, 2, 1, -100])
    torch_still(F.nll_loss(logits.softmax(1), target).item() < 0, "probabilities give a negative loss")
    with pytest.raises(ValueError, match=r"NLLLoss: input .* log-probabilities.*\(0, 0\).*log_softmax\(1\)"):
        functional.nll_loss(logits.softmax(1), target)
    with pytest.raises(ValueError, match=r"input.log\(\)"):
        functional.nll_loss(logits[0].softmax(0), target[0])
    rounded = logits.log_softmax(1) + 5e-4
    torch.testing.assert_close(functional.nll_loss(rounded, target), F.nll_loss(rounded, target))


def test_one_log_probability_is_refused() -> None:
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


def in_another_process(code: str) -> int:
    """How torch ends that might not come back."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120).returncode


@pytest.mark.parametrize("label", [5, -1, 2**30])
def test_a_label_that_there_is_not_is_named(label: int) -> None:
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


def test_the_blank_is_no_label() -> None:
    input, target = torch.randn(6, 1, 4).log_softmax(2), torch.tensor([[1, 0, 2]])
    lengths = torch.tensor([6]), torch.tensor([3])
    torch_still(not fails(lambda: F.ctc_loss(input, target, *lengths)), "the blank is accepted inside a target")
    with pytest.raises(ValueError, match=r"must not hold the blank.*0 at \(0, 1\)"):
        functional.ctc_loss(input, target, [6], [3])
    with pytest.raises(ValueError, match=r"must not hold the blank.*2 at \(0, 2\)"):
        functional.ctc_loss(input, target, [6], [3], 2)


def test_the_gradient_of_ctc_is_that_of_ctc() -> None:
    scores = torch.randn(5, 2, 4, dtype=torch.float64, requires_grad=True)
    rest = torch.tensor([[1, 2], [3, 3]]), torch.tensor([5, 4]), torch.tensor([2, 2])
    wrong = not torch.autograd.gradcheck(lambda x: F.ctc_loss(x, *rest), scores, raise_exception=False)
    torch_still(wrong, "the gradient of ctc_loss is right only behind a log-softmax")
    assert torch.autograd.gradcheck(lambda x: functional.ctc_loss(x, *rest), scores)
    assert torch.autograd.gradcheck(lambda x: functional.ctc_loss(40 * x, *rest), scores)  # whose exponentials are huge


def test_ctc_has_a_second_derivative() -> None:
    scores = torch.randn(3, 1, 3, dtype=torch.float64, requires_grad=True)
    rest = torch.tensor([[1, 2]]), torch.tensor([3]), torch.tensor([2])
    (first,) = torch.autograd.grad(F.ctc_loss(scores.log_softmax(2), *rest), scores, create_graph=True)
    torch_still(fails(lambda: torch.autograd.grad(first.sum(), scores)), "ctc_loss has no second derivative")
    for flag in (False, True):
        assert torch.autograd.gradgradcheck(lambda x, f=flag: functional.ctc_loss(x, *rest, from_logits=f), scores)


def test_a_target_that_does_not_fit_leaves_its_neighbours_alone() -> None:
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
