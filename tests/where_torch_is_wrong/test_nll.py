"""Probabilities taken for their logarithms; a single class."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from claims import Claim

from losskit import functional


def test_probabilities_are_no_log_probabilities(torch_still: Claim) -> None:
    logits, target = torch.randn(4, 3), torch.tensor([0, 2, 1, -100])
    torch_still(lambda: F.nll_loss(logits.softmax(1), target).item() < 0, "probabilities give a negative loss")
    with pytest.raises(ValueError, match=r"NLLLoss: input .* log-probabilities.*\(0, 0\).*log_softmax\(1\)"):
        functional.nll_loss(logits.softmax(1), target)
    with pytest.raises(ValueError, match=r"input.log\(\)"):
        functional.nll_loss(logits[0].softmax(0), target[0])
    rounded = logits.log_softmax(1) + 5e-4
    torch.testing.assert_close(functional.nll_loss(rounded, target), F.nll_loss(rounded, target))


def test_one_log_probability_is_refused(torch_still: Claim) -> None:
    input, target = torch.zeros(4, 1), torch.zeros(4, dtype=torch.long)
    torch_still(lambda: F.nll_loss(input, target).item() == 0, "the loss over one class is 0")
    with pytest.raises(ValueError, match="NLLLoss: input has one class"):
        functional.nll_loss(input, target)
