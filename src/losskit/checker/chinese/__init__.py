"""The Chinese of what reports and rules say, in pairs: the English, as the rule's file has it, and the Chinese below it.

A file for each hundred of codes, and ``shared`` for what reports and several rules say. Where the English changes, its Chinese
is not found any more, and ``tests/test_check_chinese.py`` fails with the text that lacks one.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from losskit.chinese import pairs

FILES = ("shared", "inputs", "targets", "reductions", "numerics")


def chinese(text: str) -> str:
    """The Chinese of a text, its braces kept; the text itself if there is none."""
    return known().get(" ".join(text.split()), text)


@cache
def known() -> dict[str, str]:
    """The Chinese of each English text."""
    return {english: said for file in FILES for english, said in in_file(file).items()}


def in_file(file: str) -> dict[str, str]:
    """The same of one file."""
    return pairs(import_module(f"{__name__}.{file}").TEXT)
