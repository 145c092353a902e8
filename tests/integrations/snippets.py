"""The code of docs/integrations.md, which the tests run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

torch.set_num_threads(1)  # the networks are small

PAGE = Path(__file__).parents[2] / "docs" / "integrations.md"
BLOCK = re.compile(r"^## (?P<heading>.+?)\n(?:(?!^##? ).*\n)*?^```python\n(?P<code>(?:.*\n)*?)^```$", re.M)


def blocks() -> dict[str, str]:
    """The code under each heading, on the lines that it has on the page, so that a traceback shows them."""
    text = PAGE.read_text(encoding="utf-8")
    return {
        found["heading"]: "\n" * text.count("\n", 0, found.start("code")) + found["code"]
        for found in BLOCK.finditer(text)
    }


def run(heading: str, **given: Any) -> dict[str, Any]:
    """What the code under ``heading`` has defined, beside ``given``: what the page says is the reader's own."""
    names = {"__name__": "integrations", **given}
    exec(compile(blocks()[heading], str(PAGE), "exec"), names)
    return names
