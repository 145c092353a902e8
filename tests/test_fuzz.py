"""A few thousand of the calls of ``fuzz.py``; ``python tests/fuzz.py`` makes 100,000."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_wild_calls_end_in_a_loss_or_a_named_error() -> None:
    script = Path(__file__).with_name("fuzz.py")
    done = subprocess.run(
        [sys.executable, str(script), "--calls", "3000", "--seed", "1"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "refused" in done.stdout
    assert "computed" in done.stdout
