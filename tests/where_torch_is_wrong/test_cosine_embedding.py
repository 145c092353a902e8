"""Vectors of zeros, of any length, nearly equal ones; labels of 0 and 1, shapes."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from cases import gradient
from claims import Claim, fails

from losskit import functional


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
        lambda: F.cosine_embedding_loss(one, other, labels, reduction="none")[0].item() == 0,
        "a label of 0 costs nothing",
    )
    with pytest.raises(ValueError, match=r"use 2 \* target - 1"):
        functional.cosine_embedding_loss(one, other, labels)
    torch_still(not fails(lambda: F.cosine_embedding_loss(one, other[:1], labels)), "one vector is broadcast to all")
    with pytest.raises(ValueError, match=r"input2 of shape \(1, 4\) does not fit input1 of shape \(3, 4\)"):
        functional.cosine_embedding_loss(one, other[:1], labels)
    with pytest.raises(ValueError, match="no features"):
        functional.cosine_embedding_loss(one[:, :0], other[:, :0], 2 * labels - 1)
