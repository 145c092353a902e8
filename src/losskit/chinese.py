"""Texts in pairs of paragraphs: the English, and its Chinese below it."""

from __future__ import annotations

import re

from losskit.terminal import WIDE

#: Ends of lines that are no spaces: between Chinese characters, and behind Chinese punctuation.
NO_SPACE = re.compile(rf"(?<=[{WIDE}])\n(?=[{WIDE}])|(?<=[，。；：、（）])\n")


def pairs(text: str) -> dict[str, str]:
    """The Chinese of each English paragraph, the spaces of both made one."""
    blocks = text.strip().split("\n\n")
    return {
        " ".join(english.split()): NO_SPACE.sub("", translation).replace("\n", " ")
        for english, translation in zip(blocks[::2], blocks[1::2], strict=True)
    }
