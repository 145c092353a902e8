"""Programs that train, and the faults that can be planted in them."""

from pathlib import Path

import pytest
import torch

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))


#: What is told only by what a node has saved: a rule, or a rule in a program.
SAVED = {("LK215", ""), ("LK216", "attention"), ("LK314", ""), ("LK215", "language_model"), ("LK110", "translation")}


def needs_saved_tensors(code: str, program: str = "") -> None:
    """Skip where torch does not tell what a node has saved, which this rule must know."""
    if (code, program) in SAVED and not hasattr(torch._C._autograd.SavedTensor, "data"):
        pytest.skip("this torch does not tell what a node has saved")
