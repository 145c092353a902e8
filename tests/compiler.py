"""The C++ compiler of this machine, if one works: torch.compile needs it as much as the kernels do."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def _working() -> str | None:
    path = shutil.which(os.environ.get("CXX", "c++"))
    works = path is not None and subprocess.run([path, "--version"], capture_output=True).returncode == 0
    return path if works else None


COMPILER = _working()
WHY = "no C++ compiler works"
needs_compiler = pytest.mark.skipif(COMPILER is None, reason=WHY)
