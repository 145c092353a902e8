"""Programs that train, and the faults that can be planted in them."""

from pathlib import Path

import pytest
import torch

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))


def needs_saved_tensors(code: str) -> None:
    """Skip where torch does not tell what a node has saved, which this rule must know."""
    if code == "LK215" and not hasattr(torch._C._autograd.SavedTensor, "data"):
        pytest.skip("this torch does not tell what a node has saved")
