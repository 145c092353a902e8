"""A fault, and where one may be planted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest


@dataclass(frozen=True)
class Mutant:
    """One file with one change.

    Args:
        file: The file's path in the repository.
        line: Where the change begins.
        operator: What kind of change it is.
        before: What differs, as it was.
        after: The same as it is now.
        source: The whole file, changed.
    """

    file: str
    line: int
    operator: str
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.operator}: {self.before} → {self.after}"


@dataclass(frozen=True)
class Place:
    """A place that may be changed in several ways, each of which gives the whole file, or None where nothing changes."""

    file: str
    source: str
    line: int
    ways: tuple[tuple[str, Callable[[], str | None]], ...]


def mutant(file: str, operator: str, old: str, new: str) -> Mutant:
    """What differs is found by stripping what is alike from both ends."""
    first = next(
        (n for n, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), min(len(old), len(new))
    )
    last = (
        next(n for n, pair in enumerate(zip_longest(old[first:][::-1], new[first:][::-1]), 1) if pair[0] != pair[1]) - 1
    )
    return Mutant(file, old.count("\n", 0, first) + 1, operator, part(old, first, last), part(new, first, last), new)


def part(source: str, first: int, last: int) -> str:
    """What differs with some words of its lines around it, on one line."""
    begin = max(source.rfind("\n", 0, first) + 1, first - 40)
    end = len(source) - last
    stop = min(source.find("\n", end) % (len(source) + 1), end + 25)
    return " ".join(source[begin:stop].split())
