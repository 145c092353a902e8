"""Torch's numbers, with weights and at the kink."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from cases import gradient

from losskit import functional


def test_multi_margin_is_torchs_with_weights_and_at_the_kink() -> None:
    input, target, weight = torch.randn(9, 4), torch.randint(4, (9,)), torch.tensor([0.2, 1.0, 5.0, 0.0])
    for reduction in ("none", "mean", "sum"):
        arguments: dict[str, Any] = {"p": 2, "margin": 0.7, "weight": weight, "reduction": reduction}
        torch.testing.assert_close(
            functional.multi_margin_loss(input, target, **arguments), F.multi_margin_loss(input, target, **arguments)
        )
    zero, first = torch.zeros(3), torch.tensor(0)
    for loss in (functional.multi_margin_loss, F.multi_margin_loss):
        assert (gradient(partial(loss, target=first, margin=0.0), zero) == 0).all()
