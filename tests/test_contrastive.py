"""Its derivatives at equal vectors, large ones, and the targets that others use."""

from __future__ import annotations

import pytest
import torch
from cases import gradient

from losskit.functional import contrastive_loss


@pytest.mark.parametrize("alike", [True, False])
def test_equal_vectors_have_no_gradient(alike: bool) -> None:
    vectors, target = torch.tensor([[1.0, 2.0, -3.0]]), torch.tensor([alike])
    loss = contrastive_loss(vectors, vectors, target, 2.0)
    assert loss.item() == (0 if alike else 2)
    assert bool((gradient(lambda x: contrastive_loss(x, vectors, target, 2.0), vectors) == 0).all())


def test_it_is_curved_where_vectors_that_are_alike_are_equal() -> None:
    vectors, target = torch.randn(1, 3), torch.tensor([1])
    hessian = torch.func.hessian(lambda x: contrastive_loss(x, vectors, target))(vectors)
    torch.testing.assert_close(hessian.reshape(3, 3), torch.eye(3))


def test_no_square_overflows_that_the_loss_does_not_need() -> None:
    far, zero = torch.tensor([[1e30, -1e30]], requires_grad=True), torch.zeros(1, 2)
    loss = contrastive_loss(far, zero, torch.tensor([0]))
    loss.backward()
    assert loss.item() == 0
    assert far.grad is not None
    assert bool((far.grad == 0).all())
    largest = torch.finfo(torch.float32).max
    near = torch.full((1, 1), (1.9 * largest) ** 0.5)  # whose square is too large, and half of it is not
    assert contrastive_loss(near, torch.zeros(1, 1), torch.tensor([1])).item() == pytest.approx(0.95 * largest)
    apart = torch.tensor([[3e17, 4e17]])
    assert contrastive_loss(apart, zero, torch.tensor([0]), 1e18).item() == pytest.approx(0.125e36)


def test_targets_of_other_losses_are_refused_with_the_mend() -> None:
    first, second = torch.randn(4, 2), torch.randn(4, 2)
    signs = torch.tensor([1, -1, 1, -1])
    with pytest.raises(ValueError, match=r"target must be 0 or 1, got -1 at \(1,\).*use \(target \+ 1\) / 2") as caught:
        contrastive_loss(first, second, signs)
    assert "2 of 4" in str(caught.value)
    expected = contrastive_loss(first, second, signs == 1)
    torch.testing.assert_close(contrastive_loss(first, second, (signs + 1) / 2), expected)
    with pytest.raises(ValueError, match=r"must be 0 or 1, got 0\.5") as caught:
        contrastive_loss(first, second, torch.tensor([1, 0.5, -1, 0]))
    assert "+ 1" not in str(caught.value)
