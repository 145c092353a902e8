"""Several quantiles, scikit-learn's mean_pinball_loss, and what is refused."""

from __future__ import annotations

import pytest
import torch
from cases import gradient
from sklearn.metrics import mean_pinball_loss

import losskit
from losskit.functional import l1_loss, quantile_loss

THREE = (0.1, 0.5, 0.9)


@pytest.mark.parametrize("quantile", [0.05, 0.5, 0.9])
def test_it_is_scikit_learns(quantile: float) -> None:
    input, target = torch.randn(50, dtype=torch.float64), torch.randn(50, dtype=torch.float64)
    weight = torch.rand(50, dtype=torch.float64)
    for own, given in ((None, None), (weight, weight.numpy())):
        theirs = mean_pinball_loss(target.numpy(), input.numpy(), alpha=quantile, sample_weight=given)
        assert quantile_loss(input, target, quantile, sample_weight=own).item() == pytest.approx(theirs, rel=1e-12)


def test_several_quantiles_are_one_loss_for_each_side_by_side() -> None:
    for shape in ((), (7,), (2, 5)):
        input, target = torch.randn(*shape, 3), torch.randn(shape)
        each = [quantile_loss(input[..., i], target, q, "none") for i, q in enumerate(THREE)]
        torch.testing.assert_close(quantile_loss(input, target, THREE, "none"), torch.stack(each, -1))
        torch.testing.assert_close(quantile_loss(input, target, list(THREE)), torch.stack(each, -1).mean())
    alone, target = torch.randn(7, 1), torch.randn(7)
    torch.testing.assert_close(quantile_loss(alone, target, [0.3]), quantile_loss(alone[:, 0], target, 0.3))


def test_at_one_half_it_is_half_of_l1() -> None:
    input, target = torch.randn(9), torch.randn(9)
    torch.testing.assert_close(quantile_loss(input, target), l1_loss(input, target) / 2)


def test_it_is_least_at_the_quantile() -> None:
    target, input = torch.arange(101.0), torch.zeros(3, requires_grad=True)
    criterion, optimizer = losskit.QuantileLoss(THREE), torch.optim.Adam([input], 1.0)
    for _ in range(600):
        optimizer.zero_grad()
        criterion(input.expand(101, 3), target).backward()
        optimizer.step()
    torch.testing.assert_close(input.detach(), torch.tensor([10.0, 50.0, 90.0]), atol=2, rtol=0)


def test_a_mask_of_the_targets_shape_takes_out_all_quantiles_of_a_target() -> None:
    input, target = torch.randn(4, 3), torch.tensor([1.0, torch.nan, 3.0, torch.inf])
    mask = torch.tensor([True, False, True, False])
    criterion = losskit.QuantileLoss(THREE)
    torch.testing.assert_close(criterion(input, target, mask=mask), criterion(input[mask], target[mask]))
    slope = gradient(lambda x: criterion(x, target, mask=mask), input)
    assert bool((slope[~mask] == 0).all())
    assert bool((slope[mask] != 0).all())
    one = torch.ones(4, 3, dtype=torch.bool)
    one[1:] = False
    one[0, 1] = False
    torch.testing.assert_close(criterion(input, target, mask=one), criterion(input[:1], target[:1], mask=one[:1]))


def test_micro_batches_of_several_quantiles_add_up_to_the_exact_mean() -> None:
    input, target, mask = torch.randn(6, 3), torch.randn(6), torch.tensor([True, True, True, False, False, True])
    criterion = losskit.QuantileLoss(THREE)
    parts = [(input[i : i + 2], target[i : i + 2], mask[i : i + 2]) for i in (0, 2, 4)]
    n = losskit.global_count(criterion, [y for _, y, _ in parts], mask=[m for _, _, m in parts])
    assert n.item() == 12
    total = torch.stack([criterion(x, y, mask=m, normalizer=n) for x, y, m in parts]).sum()
    torch.testing.assert_close(total, criterion(input, target, mask=mask))


@pytest.mark.parametrize(
    ("input", "target", "words"),
    [
        ((5, 2), (5,), "one output for each of 3 quantiles in its last dimension, (..., 3), got shape (5, 2)"),
        ((), (), "(..., 3), got shape ()"),
        ((5, 3), (5, 3), "all quantiles are of the same target, of shape (5,); use target[..., 0] where they repeat"),
        ((5, 3), (5, 1), "of shape (5,); use target.squeeze(-1)"),
        ((5, 3), (4,), "target of shape (4,) does not fit input of shape (5, 3)"),
    ],
)
def test_other_shapes_are_refused(input: tuple[int, ...], target: tuple[int, ...], words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        losskit.QuantileLoss(THREE)(torch.zeros(input), torch.zeros(target))
    assert words in str(caught.value)


def test_what_is_no_quantile_is_refused() -> None:
    for wrong in ((), (0.5, 1.0), [0.0]):
        with pytest.raises(ValueError, match="QuantileLoss: quantile"):
            losskit.QuantileLoss(wrong)
    for array in (torch.tensor([0.1, 0.5]), torch.tensor([0.1, 0.5]).numpy()):
        with pytest.raises(TypeError, match=r"QuantileLoss: quantile must be .*; use quantile\.tolist\(\)"):
            losskit.QuantileLoss(array)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="QuantileLoss: quantile"):
        losskit.QuantileLoss(("0.5",))  # type: ignore[arg-type]
