"""The page: each piece of its code is run by a test."""

from __future__ import annotations

import re
from pathlib import Path

import snippets


def test_each_piece_of_code_is_run() -> None:
    assert snippets.PAGE.read_text(encoding="utf-8").count("```python") == len(snippets.blocks())
    tests = "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    for heading in snippets.blocks():
        assert re.search(rf'"{re.escape(heading)}"', tests), f"no test runs the code under {heading}"
