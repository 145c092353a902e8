"""The Chinese of the losses' documentation: a file for each loss, and ``shared`` for what several of them say.

A file holds paragraphs in pairs: the English, as the loss's class has it, and the Chinese below it. Where the English changes, its
Chinese is not found any more, and ``tests/test_chinese.py`` fails with the pair to mend.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec

from losskit.chinese import pairs as paired


def chinese(text: str, loss: type[object]) -> str:
    """The Chinese of a text of the loss's documentation; the text itself if there is none."""
    english = " ".join(text.split())
    return pairs(file_of(loss)).get(english) or pairs("shared").get(english, text)


def file_of(loss: type[object]) -> str:
    """The name of the loss's file, here as in :mod:`losskit.losses`."""
    return loss.__module__.split(".")[2]


@cache
def pairs(file: str) -> dict[str, str]:
    """The Chinese of each English text of a file; empty if there is no such file."""
    if find_spec(f"{__name__}.{file}") is None:
        return {}
    return paired(import_module(f"{__name__}.{file}").TEXT)
