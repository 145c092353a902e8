"""Torch's numbers, and rates that are learnt."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from cases import gradient

import losskit
from losskit import functional


@pytest.mark.parametrize("log_input", [True, False])
@pytest.mark.parametrize("full", [True, False])
def test_poisson_agrees_with_torch(log_input: bool, full: bool) -> None:
    """Stirling's terms too, which counts up to 1 do not get; and a rate of 0 beside ``eps``."""
    rates, target = torch.rand(64, dtype=torch.float64) * 5, torch.poisson(torch.full((64,), 2.0, dtype=torch.float64))
    rates[0], target[:4] = 0, torch.tensor([2.0, 0.0, 1.0, 1.5])
    input = rates.clamp(min=0.1).log() if log_input else rates
    for eps in (1e-8, 0.3):
        for reduction in ("none", "mean", "sum"):
            ours = functional.poisson_nll_loss(input, target, log_input, full, eps, reduction)
            theirs = F.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=reduction)
            torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
        own, torchs = (
            gradient(lambda x, f=f, eps=eps: f(x, target, log_input, full, eps=eps), input)  # type: ignore[misc]
            for f in (functional.poisson_nll_loss, F.poisson_nll_loss)
        )
        torch.testing.assert_close(own, torchs, rtol=1e-12, atol=1e-12)


def test_rates_are_predicted_whatever_the_input_is() -> None:
    """Trained behind the activation that its head names, a free output comes to predict the counts."""
    counts = torch.tensor([[0.5], [2.0], [7.0]])
    for log_input in (True, False):
        criterion = losskit.PoissonNLLLoss(log_input)
        output = torch.zeros(3, 1, requires_grad=True)
        optimizer = torch.optim.Adam([output], 0.2)
        for _ in range(150):
            optimizer.zero_grad()
            criterion(criterion.head("counts").training(output, 1), counts).backward()
            optimizer.step()
        torch.testing.assert_close(criterion.predict(output.detach()), counts, atol=0.01, rtol=0.01)
