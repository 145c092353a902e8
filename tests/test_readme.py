"""The README in both languages: the same commands, code, figures and sections."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))


def blocks(text: str) -> list[str]:
    return re.findall(r"^```.*?^```", text, re.S | re.M)


def test_both_readmes_have_the_same_code_figures_links_and_sections() -> None:
    assert blocks(CHINESE) == blocks(ENGLISH)
    for pattern in (r"^\|.*\d\.\d.*$", r"\]\(((?!README)[^)]*)\)"):
        assert re.findall(pattern, CHINESE, re.M) == re.findall(pattern, ENGLISH, re.M)
    for text in (ENGLISH, CHINESE):
        assert len(re.findall(r"^##", text, re.M)) == len(re.findall(r"^##", ENGLISH, re.M))
    names = r"`\w+(?:Loss|loss)\b[^`]*`"
    assert sorted(set(re.findall(names, CHINESE))) == sorted(set(re.findall(names, ENGLISH)))
