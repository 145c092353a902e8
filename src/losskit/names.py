"""The names that a mistyped or abbreviated one may mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

UNLIKE = 0.4  # of 1: a name that differs by more is not proposed


def plain(name: str) -> str:
    """A name without case, punctuation and the word "loss" at its end."""
    return re.sub(r"(?<=.)loss$", "", re.sub(r"[\W_]", "", name.lower()))


def close(name: str, known: Iterable[str], number: int = 3) -> list[str]:
    """The ``known`` names that ``name`` may mean, the likeliest first."""
    found = {each: _distance(plain(name), each) for each in known}
    return sorted((each for each in found if found[each] <= UNLIKE), key=found.__getitem__)[:number]


def meant(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown ``name``: "; did you mean 'that'?", or nothing."""
    return proposed(close(name, known))


def proposed(names: Sequence[str]) -> str:
    """The same of names that are known to be close."""
    return f"; did you mean {' or '.join(map(repr, names))}?" if names else ""


def _distance(wanted: str, name: str) -> float:
    """How far ``name`` is from what is ``wanted``, from 0 to 1: by its initials, its beginning, a part, or its spelling."""
    text = plain(name)
    initials = "".join(re.findall(r"[A-Z0-9]|\b[a-z]|(?<=_)[a-z]", re.sub("Loss$", "", name))).lower()
    if wanted in (text, initials):
        return 0
    if wanted and text.startswith(wanted):
        return 0.1
    if len(wanted) > 1 and wanted in initials:
        return 0.2
    start = 1 - SequenceMatcher(None, wanted, text[: len(wanted)]).ratio() + 0.1  # its beginning, mistyped
    part = min(len(wanted), len(text)) > 2 and (wanted in text or text in wanted)
    return min(0.3 if part else 1, start if len(wanted) > 4 else 1, 1 - SequenceMatcher(None, wanted, text).ratio())
