"""0 log 0; shapes; probabilities taken for their logarithms; targets of any dtype."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from cases import gradient
from claims import Claim, fails
from torch import Tensor

from losskit import functional


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
    torch_still(lambda: F.kl_div(p, q, reduction="sum").item() < 0, "probabilities as input give a negative divergence")
    with pytest.raises(ValueError, match=r"KLDivLoss: input must hold log-probabilities.*\(0, 0\).*input.log\(\)"):
        functional.kl_div(p, q)
    with pytest.raises(ValueError, match=r"target must lie in \[0, 1\], got -1.2.* at \(0, 0\).*log_target=True"):
        functional.kl_div(p.log(), q.log())
    with pytest.raises(ValueError, match=r"target must hold log-probabilities.*log_target=False"):
        functional.kl_div(p.log(), q, log_target=True)
    with pytest.raises(ValueError, match="target holds NaN"):
        functional.kl_div(p.log(), q * math.nan)


def test_one_hot_teachers_of_any_dtype(torch_still: Claim) -> None:
    input, hot = torch.randn(4, 3).log_softmax(1), F.one_hot(torch.tensor([0, 2, 1, 1]), 3)
    torch_still(fails(lambda: F.kl_div(input, hot, reduction="sum")), "integer targets of KLDiv are refused")
    for dtype in (torch.int64, torch.uint8, torch.bool):
        ours = functional.kl_div(input, hot.to(dtype), "batchmean")
        torch.testing.assert_close(ours, F.nll_loss(input, hot.argmax(1)))
