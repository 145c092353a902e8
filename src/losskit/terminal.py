"""Text that fits the terminal: lines of at most its width, and no word, name or piece of code cut; and pipes that close."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Collection, Sequence
from unicodedata import east_asian_width

WIDEST = 100  # wider lines are hard to read
GLUE = "\N{NO-BREAK SPACE}"
WIDE = "\u2e80-\u9fff\uff00-\uffef"  # Chinese, with its punctuation
#: Spaces, and what stands on one line: a word, or a Chinese character with the punctuation around it.
PIECE = re.compile(rf"([ \n]*)(（*(?:[{WIDE}]|[^ \n{WIDE}]+)[，。：；、）]*)")


def while_read(run: Callable[[], int]) -> int:
    """What ``run`` gives; 2 where the reader of standard output has left, as head does."""
    try:
        try:
            return run()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python fails once more at its end
        return 2


def width() -> int:
    """Columns to write in: the terminal's, at most 100; 100 where there is no terminal."""
    return min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)


def columns(text: str) -> int:
    """Columns that ``text`` takes; a Chinese character takes two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def code(text: str) -> str:
    """``text`` such that :func:`wrapped` leaves it on one line."""
    return text.replace(" ", GLUE)


def wrapped(text: str, room: int, indent: str = "") -> list[str]:
    """Lines of at most ``room`` columns, all but the first behind ``indent``; what is longer than a line keeps its own."""
    lines = [""]
    for space, piece in PIECE.findall(text.replace("\n", " ")):
        if lines[-1].strip() and columns(lines[-1] + space + piece) > room:
            lines.append(indent + piece)
        else:
            lines[-1] += space + piece
    return [line.replace(GLUE, " ") for line in lines]


def filled(*paragraphs: str) -> str:
    """Paragraphs, each on a line of its own, wrapped to the terminal's width."""
    return "\n".join(line for paragraph in paragraphs for line in wrapped(paragraph, width()))


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = (), gap: str = "  ", rule: str = ""
) -> list[str]:
    """The lines of the head, and those of the rows below it.

    The widest columns are wrapped as far as the terminal asks for it. If that is not enough, each cell has its own line.

    Args:
        head: The title of each column.
        rows: The cells.
        right: Columns whose cells stand to the right.
        gap: What stands between columns.
        rule: The character of the line below the head; none by default.
    """
    cells = list(zip(head, *rows, strict=True))
    sizes = [_size(column, WIDEST) for column in cells]
    while sum(sizes) + len(gap) * (len(sizes) - 1) > width():
        tighter = [_size(column, size - 1) for column, size in zip(cells, sizes, strict=True)]
        left = [place for place, size in enumerate(sizes) if tighter[place] < size]
        if not left:
            return _listed(head, rows)
        widest = max(left, key=sizes.__getitem__)
        sizes[widest] = tighter[widest]
    above, *below = [_row(row, sizes, right, gap, row is head) for row in (head, *rows)]
    ruled = [rule * (sum(sizes) + len(gap) * (len(sizes) - 1))] if rule else []
    return [*above, *ruled, *(line for row in below for line in row)]


def _size(cells: Sequence[str], room: int) -> int:
    return max(columns(line) for cell in cells for line in _lines(cell, room))


def _lines(cell: str, room: int) -> list[str]:
    return [line for part in cell.split("\n") for line in wrapped(part, room)]


def _row(cells: Sequence[str], sizes: Sequence[int], right: Collection[int], gap: str, low: bool) -> list[str]:
    parts = [_lines(cell, size) for cell, size in zip(cells, sizes, strict=True)]
    tall = max(map(len, parts))
    blank = [[""] * (tall - len(part)) for part in parts]
    full = [none + part if low else part + none for part, none in zip(parts, blank, strict=True)]
    return [gap.join(_padded(line, sizes, right)).rstrip() for line in zip(*full, strict=True)]


def _padded(cells: Sequence[str], sizes: Sequence[int], right: Collection[int]) -> list[str]:
    spaces = [" " * (size - columns(cell)) for cell, size in zip(cells, sizes, strict=True)]
    return [
        space + cell if place in right else cell + space
        for place, (cell, space) in enumerate(zip(cells, spaces, strict=True))
    ]


def _listed(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Each row as its first cell, and the others below it behind their titles."""
    lines = []
    for first, *others in rows:
        lines += wrapped(first, width())
        for title, cell in zip(head[1:], others, strict=True):
            lines += wrapped(f"  {title}: {cell}", width(), "    ") if cell else []
    return lines
