"""Its slope at the kink."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from cases import gradient

from losskit import functional


def test_a_hinge_has_the_slope_of_torchs_at_its_kink() -> None:
    one, target = torch.ones(1), -torch.ones(1)
    ours, theirs = (partial(each.hinge_embedding_loss, target=target) for each in (functional, F))
    assert gradient(ours, one) == gradient(theirs, one)
