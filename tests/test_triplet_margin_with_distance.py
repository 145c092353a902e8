"""Distances: of whole items, along any dimension, learnt ones."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import losskit
from losskit import functional


def of_images(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).abs().sum((1, 2, 3))


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
