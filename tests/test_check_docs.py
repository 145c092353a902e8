"""docs/checking.md: its code runs, and its table has every rule."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from losskit.checker.catalog import RULES

TEXT = (Path(__file__).parent.parent / "docs" / "checking.md").read_text(encoding="utf-8")


def test_the_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    known: dict[str, object] = {}
    for code in re.findall(r"^```python\n(.*?)^```", TEXT, re.S | re.M):
        exec(code, known)
    assert "error LK101 softmax-before-logits" in capsys.readouterr().out


def test_the_table_has_every_rule() -> None:
    rows = re.findall(r"^\| (LK\d+) \| (\S+) \| (.*) \|$", TEXT, re.M)
    assert rows == [(rule.code, rule.name, inspect.cleandoc(str(rule.__doc__)).split("\n")[0]) for rule in RULES]
