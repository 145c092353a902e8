"""Shapes, negative rates and counts, the gradient of a count of 0, masks."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from cases import gradient
from claims import Claim, fails

import losskit
from losskit import functional
from where_torch_is_wrong.alike import what_is_masked_leaves_no_nan


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
    torch_still(lambda: bool(F.poisson_nll_loss(input, target, log_input=False).isnan()), "a negative rate gives NaN")
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


def test_stirlings_terms_give_a_count_of_zero_no_nan(torch_still: Claim) -> None:
    input, target = torch.zeros(3), torch.tensor([0.0, 1.0, 2.0])
    theirs = gradient(lambda y: F.poisson_nll_loss(input, y, full=True), target)
    torch_still(bool(theirs.isnan().any()), "the gradient of a count of 0 is NaN with full=True")
    ours = gradient(lambda y: functional.poisson_nll_loss(input, y, full=True), target)
    torch.testing.assert_close(ours, torch.tensor([0.0, 0.0, (math.log(2) + 1 / 4) / 3]))


def test_a_float16_gradient_is_finite_where_it_fits(torch_still: Claim) -> None:
    """exp(11.5) is beyond float16, divided by 4,096 rows it is not."""
    input, target = torch.full((4096,), 11.5).half(), torch.ones(4096).half()
    torch_still(
        lambda: bool(gradient(lambda x: F.poisson_nll_loss(x, target), input).isinf().any()),
        "the mean's float16 gradient overflows where it fits",
    )
    ours = gradient(lambda x: functional.poisson_nll_loss(x, target), input)
    torch.testing.assert_close(ours.double(), (input.double().exp() - 1) / 4096, rtol=1e-3, atol=0)


def test_what_is_masked_leaves_no_nan_in_the_gradient(torch_still: Claim) -> None:
    what_is_masked_leaves_no_nan("poisson_nll_loss", torch_still)
