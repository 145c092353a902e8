"""Pixels, items and classes: what is summed, what is left out, and its digits at the ends."""

from __future__ import annotations

from math import inf

import pytest
import torch
from cases import Subject, close, gradient
from properties.held import loss_and_grad
from torch import Tensor

import losskit
from losskit.functional import dice_loss

SUBJECT = Subject(losskit.DiceLoss, dice_loss)


def drawn(shape: tuple[int, ...] = (3, 4, 5, 6), dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, ids, and 0 and 1 for each class."""
    generator = torch.Generator().manual_seed(1)
    input = 3 * torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
    ids = torch.randint(shape[1], (shape[0], *shape[2:]), generator=generator)
    return input, ids, torch.randint(2, shape, generator=generator)


def test_the_shape_tells_ids_from_masks_of_any_dtype() -> None:
    for shape in ((3, 4, 5, 6), (2, 2, 7), (5, 1, 3, 2), (6, 4)):
        input, ids, masks = drawn(shape)
        close(dice_loss(input, masks, reduction="none"), SUBJECT.oracle((input, masks.double()))[0])
        for dtype in (torch.bool, torch.uint8, torch.int32, torch.float16, torch.float32):
            close(dice_loss(input, masks.to(dtype)), dice_loss(input, masks))
        if shape[1] > 1:
            loss = dice_loss(input, ids, reduction="none")
            assert loss.shape == shape[:2]
            close(loss, SUBJECT.oracle((input, ids))[0])
            close(dice_loss(input, ids.to(torch.uint8)), loss.mean())


def test_classes_may_stand_in_any_dimension_but_the_first() -> None:
    input, ids, masks = drawn()
    for dim in (2, 3, -1):
        moved = input.movedim(1, dim)
        close(dice_loss(moved, ids, dim=dim, reduction="none"), dice_loss(input, ids, reduction="none"))
        close(dice_loss(moved, masks.movedim(1, dim), dim=dim), dice_loss(input, masks))
    for dim in (0, -4, 4):
        with pytest.raises(ValueError, match="class dimension after that of the samples"):
            dice_loss(input, ids, dim=dim)


def test_a_class_that_is_not_there_has_a_finite_loss() -> None:
    nothing = torch.zeros(1, 1, 8)
    for smooth in (0.0, 1e-300, 1e-5, 1.0, 1e300):
        for logits in (nothing, nothing - 80, nothing - inf, nothing + inf):
            loss, slope = loss_and_grad(losskit.DiceLoss(smooth), logits, nothing)
            assert bool(slope.isfinite().all())
            predicted, least = logits.double().sigmoid().sum(), torch.finfo(torch.float32).tiny
            assert loss.item() == pytest.approx(
                (predicted / (predicted + max(smooth, smooth and least) + 1e-300)).item()
            )
    assert dice_loss(nothing - inf, nothing, 0.0).item() == 0


def test_infinite_logits_are_certainty() -> None:
    right, masks = torch.tensor([[[inf, -inf, inf]]]), torch.tensor([[[1, 0, 1]]])
    for input, expected in ((right, 0.0), (-right, 1 - 1 / 4)):
        loss, slope = loss_and_grad(losskit.DiceLoss(), input, masks)
        assert loss.item() == expected
        assert bool((slope == 0).all())
    masked = torch.tensor([[[0.3, 1.0], [-inf, -inf], [2.0, -inf]]])  # classes that are ruled out
    loss, slope = loss_and_grad(losskit.DiceLoss(reduction="none"), masked, torch.tensor([[0, 0]]))
    close(loss, SUBJECT.oracle((masked, torch.tensor([[0, 0]])))[0], rtol=1e-6)
    assert bool(slope.isfinite().all())


@pytest.mark.parametrize("soft", [True, False])
def test_a_mask_takes_out_pixels(soft: bool) -> None:
    """They have no value and no gradient, whatever they hold; and are no pixels of the others' sums."""
    input, ids, masks = drawn((2, 3, 3, 4))  # as many rows as classes: a mask must not be taken for one of items
    target, keep = masks if soft else ids, torch.ones(2, 3, 4, dtype=torch.bool)
    keep[:, 1] = keep[0, :, 2] = False
    for reduction in ("none", "mean", "sum"):
        criterion = losskit.DiceLoss(reduction=reduction)
        spoilt = input.masked_fill(~keep.unsqueeze(1), torch.nan)
        loss, slope = loss_and_grad(criterion, spoilt, target, mask=keep)
        close(loss, loss_and_grad(criterion, input, target, mask=keep)[0])
        assert bool((slope.movedim(1, -1)[~keep] == 0).all())
        assert bool((slope.movedim(1, -1)[keep] != 0).all())
    few = target[:1, :, [0, 2]] if soft else target[:1, [0, 2]]
    rows = torch.tensor([True, False, True]).expand(2, 3)
    close(dice_loss(input[:1], target[:1], mask=rows[:1]), dice_loss(input[:1, :, [0, 2]], few))
    if not soft:
        close(dice_loss(input, ids, mask=keep), dice_loss(input, ids.masked_fill(~keep, 7), ignore_index=7))


def test_an_item_without_pixels_has_no_place_in_the_mean() -> None:
    input, ids, _ = drawn()
    keep = torch.tensor([True, False, True])
    close(dice_loss(input, ids, mask=keep), dice_loss(input[keep], ids[keep]))
    ignored = ids.clone()
    ignored[1] = -100
    close(dice_loss(input, ignored), dice_loss(input[keep], ids[keep]))
    each = dice_loss(input, ignored, reduction="none")
    assert bool((each[1] == 0).all())
    weight = torch.rand(3, 4, dtype=torch.float64)
    close(
        dice_loss(input, ids, mask=keep, sample_weight=weight),
        dice_loss(input[keep], ids[keep], sample_weight=weight[keep]),
    )
    assert dice_loss(input, torch.full_like(ids, -100)).isnan()


def test_ids_that_are_ignored_may_be_classes() -> None:
    input, ids, _ = drawn()
    for index in (0, 3, 4, -1, 255):
        target = ids.clone()
        target[:, 2] = index
        loss, share = SUBJECT.oracle((input, target), ignore_index=index)
        criterion = losskit.DiceLoss(ignore_index=index)
        close(criterion(input, target), loss.sum() / share.sum())
        slope = gradient(lambda x, y=target, loss=criterion: loss(x, y), input)  # type: ignore[misc]
        assert bool((slope.movedim(1, -1)[target == index] == 0).all())


def test_sample_weight_weighs_items() -> None:
    input, ids, masks = drawn()
    for target in (ids, masks):
        each = dice_loss(input, target, reduction="none")
        count = torch.tensor([2, 0, 1])
        rows = [value.repeat_interleave(count, 0) for value in (input, target)]
        close(dice_loss(input, target, sample_weight=count.double()), dice_loss(rows[0], rows[1]))
        weight = torch.rand(3, 4, dtype=torch.float64)
        weight[0, 1] = weight[2] = 0
        close(dice_loss(input, target, sample_weight=weight), (weight * each).sum() / weight.sum())
    for wrong in (torch.ones(3, 4, 5), torch.ones(4)):
        with pytest.raises(ValueError, match=r"sample_weight must have the unreduced loss's shape \(3, 4\)"):
            dice_loss(input, ids, sample_weight=wrong)
    with pytest.raises(ValueError, match=r"mask must have shape \(3, 5, 6\)"):
        dice_loss(input, ids, mask=torch.ones(3, 4).bool())


@pytest.mark.parametrize("soft", [True, False])
@pytest.mark.parametrize("scale", [1.0, 30.0, 3e3])
def test_float32_is_accurate_in_the_slopes_of_each_item(soft: bool, scale: float) -> None:
    """One item at a time: in a logit the slopes of several may cancel."""
    input, ids, masks = drawn((64, 4, 3), torch.float32)
    target, criterion = (masks, ids)[not soft], losskit.DiceLoss(reduction="none")
    for c in range(4):
        loss, slope = loss_and_grad(lambda *each, c=c: criterion(*each)[:, c], scale * input, target)
        exact, true = loss_and_grad(lambda *each, c=c: criterion(*each)[:, c], (scale * input).double(), target)
        close(loss, exact, rtol=1e-5, atol=1e-37)
        largest = true.abs().amax(1, keepdim=True)
        assert bool(((slope - true).abs() <= 1e-5 * largest + 1e-37).all())


@pytest.mark.parametrize("margin", [5.0, 17.0, 28.0, 80.0])
@pytest.mark.parametrize("right", [True, False])
def test_sure_answers_keep_their_digits(margin: float, right: bool) -> None:
    """Of one pixel: what the sigmoid, or the softmax of two classes, says against the target is known from the odds."""
    sign, criterion = 1 if right else -1, losskit.DiceLoss(0.0, reduction="none")
    odds = torch.tensor(-sign * margin, dtype=torch.float64).exp()  # against the target
    against, slope = odds / (1 + odds), odds / (1 + odds) ** 2
    one = sign * torch.tensor([[margin]])
    loss, found = loss_and_grad(criterion, one, torch.ones(1, 1))
    close(loss, (against / (2 - against)).view(1, 1), rtol=1e-5, atol=0)
    close(found, (-2 * slope / (2 - against) ** 2).view(1, 1), rtol=1e-5, atol=0)
    two = sign * torch.tensor([[margin / 2, -margin / 2]])
    close(criterion(two, torch.tensor([0]))[0, 0], against / (2 - against), rtol=1e-5, atol=0)
    leaf = two.clone().requires_grad_()
    criterion(leaf, torch.tensor([0]))[0, 0].backward()
    assert leaf.grad is not None
    close(leaf.grad[0], torch.stack([-slope, slope]) * 2 / (2 - against) ** 2, rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    ("input", "target", "words"),
    [
        ((2, 1, 4, 4), torch.zeros(2, 4, 4), "has one class, a yes or no: it must have the same shape"),
        ((2, 1, 4, 4), torch.zeros(2, 4, 4).long(), "use target.unsqueeze(1)"),
        ((2, 3, 4, 4), torch.zeros(2, 1, 4, 4).long(), "use target.squeeze(1)"),
        ((2, 4, 4, 3), torch.zeros(2, 4, 4).long(), "use dim=-1"),
        ((2, 0, 4), torch.zeros(2, 4).long(), "input has no class"),
        ((), torch.zeros(()), "(N, C, ...)"),
        ((2, 3, 4), torch.full((2, 3, 4), 2), "target must lie in [0, 1], got 2"),
        ((2, 3, 4), torch.full((2, 3, 4), 1.5), "target must lie in [0, 1], got 1.5"),
    ],
)
def test_other_targets_are_refused(input: tuple[int, ...], target: Tensor, words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        dice_loss(torch.zeros(input), target)
    assert words in str(caught.value)


def test_the_window_of_a_mean_is_counted_by_hand() -> None:
    input, ids, _ = drawn()
    with pytest.raises(ValueError, match=r"normalizer=N \* C"):
        losskit.global_count(losskit.DiceLoss(), ids)
    parts = [dice_loss(input[i : i + 1], ids[i : i + 1], normalizer=3 * 4) for i in range(3)]
    close(torch.stack(parts).sum(), dice_loss(input, ids))
