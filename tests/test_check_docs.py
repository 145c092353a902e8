"""docs/checking.md: its code runs, and its table, and that of its Chinese, has every rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from losskit.checker.catalog import RULES, summary
from losskit.checker.phrase import told

DOCS = Path(__file__).parent.parent / "docs"
PAGES = {"en": DOCS / "checking.md", "zh": DOCS / "zh" / "checking.md"}


def test_the_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    known: dict[str, object] = {}
    for code in re.findall(r"^```python\n(.*?)^```", PAGES["en"].read_text(encoding="utf-8"), re.S | re.M):
        exec(code, known)
    assert "error LK101 softmax-before-logits" in capsys.readouterr().out


@pytest.mark.parametrize("language", PAGES)
def test_the_table_has_every_rule(language: str) -> None:
    rows = re.findall(r"^\| (LK\d+) \| (\S+) \| (.*) \|$", PAGES[language].read_text(encoding="utf-8"), re.M)
    assert rows == [(rule.code, rule.name, told(summary(rule), language)) for rule in RULES]
