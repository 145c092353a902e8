"""``losskit explain NAME --plot``: the curve of a loss, in the terminal or as a file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from losskit.guide.axes import NoAxisError, relatives
from losskit.guide.curves import picture
from losskit.guide.in_svg import svg
from losskit.guide.in_terminal import SIGNS, Means, drawing
from losskit.guide.show import ADAPTIVE, find
from losskit.names import plain


def plot(name: str, file: str | None, language: str) -> str:
    """What to print: the drawing, or which file was written."""
    if plain(name.rpartition(".")[2]) == plain(ADAPTIVE):
        raise NoAxisError(f"{ADAPTIVE} cannot be drawn: it is a layer, whose loss depends on its weights")
    loss, _ = find(name)
    drawn = picture(loss)
    if file is None:
        return drawing(drawn, language, means())
    Path(file).write_text(svg(drawn, language) + "\n", encoding="utf-8")
    return f"{file}: {', '.join(other.__name__ for other, _ in relatives(loss))}\n"


def means() -> Means:
    """What standard output can show."""
    try:
        SIGNS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        letters = False
    else:
        letters = True
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return Means(colour, letters)
