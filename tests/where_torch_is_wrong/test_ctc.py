"""Labels out of bounds, the blank in a target, both derivatives, targets that do not fit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from cases import gradient
from claims import Claim, fails
from torch import Tensor

from losskit import functional


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
