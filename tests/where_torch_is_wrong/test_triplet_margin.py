"""Second derivatives at equal vectors; shapes."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from cases import gradient
from claims import Claim, fails
from torch import Tensor

from losskit import functional


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
