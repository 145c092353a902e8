"""Variances: whose they are, which are none, clamped and learnt ones; targets that are shared."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from cases import gradient
from claims import fails

from losskit import functional


def test_whose_variances_is_not_guessed() -> None:
    """A variance for each column: torch reads it as one for each row where there are as many of them."""
    input, target, var = torch.zeros(3, 3), torch.zeros(3, 3), torch.tensor([1.0, 2.0, 3.0])
    torch.testing.assert_close(
        functional.gaussian_nll_loss(input, target, var), F.gaussian_nll_loss(input, target, var)
    )
    with pytest.raises(
        ValueError, match=r"var of shape \(3,\) does not fit input of shape \(4, 3\).*expand_as\(input\)"
    ):
        functional.gaussian_nll_loss(torch.zeros(4, 3), torch.zeros(4, 3), var)
    functional.gaussian_nll_loss(torch.zeros(4, 3), torch.zeros(4, 3), var.expand_as(torch.zeros(4, 3)))
    functional.gaussian_nll_loss(torch.zeros(4, 3), torch.zeros(4, 3), var.unsqueeze(0))


@pytest.mark.parametrize("shape", [(5, 1), (1, 3), (1, 1)])
def test_a_target_may_be_shared_as_torch_documents(shape: tuple[int, ...]) -> None:
    input, target, var = torch.randn(5, 3), torch.randn(shape), torch.rand(5, 3) + 0.1
    ours = functional.gaussian_nll_loss(input, target, var, True, reduction="none")
    torch.testing.assert_close(ours, F.gaussian_nll_loss(input, target, var, True, reduction="none"))
    keep = torch.rand(5, 3) > 0.5
    ours = functional.gaussian_nll_loss(input, target, var, True, mask=keep)
    torch.testing.assert_close(ours, F.gaussian_nll_loss(input[keep], target.expand(5, 3)[keep], var[keep], True))


def test_a_variance_that_is_none_is_refused() -> None:
    input, target = torch.zeros(3), torch.zeros(3)
    for var in (-1.0, torch.tensor([1.0, -1.0, 2.0])):
        assert fails(lambda var=var: F.gaussian_nll_loss(input, target, var))  # type: ignore[misc]
        with pytest.raises(ValueError, match=r"GaussianNLLLoss: var is a variance, which is not negative, got -1 at"):
            functional.gaussian_nll_loss(input, target, var)
    for wrong in (True, "1", None):
        with pytest.raises(TypeError, match="GaussianNLLLoss: var must be a tensor"):
            functional.gaussian_nll_loss(input, target, wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("eps", [1e-6, 0.3])
def test_a_variance_below_eps_is_clamped_as_torch_clamps_it(eps: float) -> None:
    """Its gradient passes the clamp: the exemption of ``eps`` from gradcheck."""
    input, target = torch.randn(6, dtype=torch.float64), torch.randn(6, dtype=torch.float64)
    var = torch.tensor([0.0, 1e-9, 0.1, 0.29, 0.31, 4.0], dtype=torch.float64)
    for full in (True, False):
        for reduction in ("none", "mean", "sum"):
            torch.testing.assert_close(
                functional.gaussian_nll_loss(input, target, var, full, eps, reduction),
                F.gaussian_nll_loss(input, target, var, full, eps, reduction),
            )
    own, torchs = (
        gradient(lambda v, f=f: f(input, target, v, eps=eps), var)  # type: ignore[misc]
        for f in (functional.gaussian_nll_loss, F.gaussian_nll_loss)
    )
    torch.testing.assert_close(own, torchs)
    assert (own[:2] != 0).all()


def test_variance_and_mean_are_learnt() -> None:
    target = torch.randn(4000, dtype=torch.float64) * 3 + 1
    mean, log_var = (torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in range(2))
    optimizer = torch.optim.Adam([mean, log_var], 0.1)
    for _ in range(200):
        optimizer.zero_grad()
        functional.gaussian_nll_loss(mean.expand(4000), target, log_var.exp()).backward()
        optimizer.step()
    torch.testing.assert_close(mean.detach(), target.mean(), atol=1e-2, rtol=1e-2)
    torch.testing.assert_close(log_var.detach().exp(), target.var(correction=0), atol=1e-2, rtol=1e-2)
