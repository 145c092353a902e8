"""What a mask leaves of a gradient."""

from __future__ import annotations

from claims import Claim

from where_torch_is_wrong.alike import what_is_masked_leaves_no_nan


def test_what_is_masked_leaves_no_nan_in_the_gradient(torch_still: Claim) -> None:
    what_is_masked_leaves_no_nan("mse_loss", torch_still)
