"""Torch's numbers, with weights."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from losskit import functional


def test_multilabel_soft_margin_is_torchs_with_its_weights_and_its_last_dimension() -> None:
    input, target, weight = torch.randn(2, 5, 3), torch.randint(2, (2, 5, 3)), torch.tensor([0.2, 1.0, 5.0])
    for reduction in ("none", "mean", "sum"):
        arguments: dict[str, Any] = {"weight": weight, "reduction": reduction}
        torch.testing.assert_close(
            functional.multilabel_soft_margin_loss(input, target, **arguments),
            F.multilabel_soft_margin_loss(input, target.float(), **arguments),
        )
