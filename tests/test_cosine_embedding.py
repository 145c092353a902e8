"""Leading dimensions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from losskit import functional


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
def test_cosine_embedding_takes_any_leading_dimensions(shape: tuple[int, ...]) -> None:
    one, other, target = torch.randn(shape), torch.randn(shape), 2.0 * torch.randint(2, shape[:-1]) - 1
    ours = functional.cosine_embedding_loss(one, other, target, 0.2, "none")
    rows = F.cosine_embedding_loss(one.reshape(-1, 4), other.reshape(-1, 4), target.reshape(-1), 0.2, reduction="none")
    torch.testing.assert_close(ours.reshape(-1), rows)
