"""The curves of a loss as text: dots of Braille in colour, or a letter for each curve where there is no colour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from losskit.guide.curves import Curve, Picture
from losskit.guide.show import summary
from losskit.guide.words import say
from losskit.svg import ticks
from losskit.terminal import columns, filled, width, wrapped

SIGNS = "│┤└─╌●○◆⠿"  # that are not ASCII
TALL = 16  # rows of a panel
LEFT = 8  # columns beside it, for its numbers
GAP = "  "
#: Colours of the 256 that terminals have, in the order of the curves; each can be read on black and on white.
COLOURS = (33, 208, 71, 134, 168, 37)
BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of the dots in a character, by row and column


@dataclass(frozen=True)
class Means:
    """What the terminal can show.

    Args:
        colour: Whether it has colours.
        letters: Whether it has more than ASCII.
    """

    colour: bool
    letters: bool

    @property
    def dots(self) -> tuple[int, int]:
        """Dots of a character, side by side and one above the other."""
        return (2, 4) if self.colour and self.letters else (1, 1)

    @property
    def signs(self) -> tuple[str, str, str, str, str]:
        """The axis upright, a tick on it, its corner, the axis along, and the line at 0."""
        return ("│", "┤", "└", "─", "╌") if self.letters else ("|", "+", "+", "-", ".")

    def mark(self, curve: Curve) -> str:
        """What the curve is drawn with, where it is not drawn with dots."""
        if not curve.colour:
            return ("●○◆" if self.letters else "#*@")[curve.dash]
        letter = "abcdefghijklmnop"[curve.colour - 1]
        return (letter, letter.upper(), letter)[curve.dash]

    def painted(self, text: str, curve: Curve) -> str:
        """``text`` in the colour of the curve."""
        return f"\x1b[38;5;{COLOURS[curve.colour % len(COLOURS)]}m{text}\x1b[0m" if self.colour else text


def drawing(picture: Picture, language: str, means: Means) -> str:
    """Value and gradient beside each other, as wide as the terminal, and below them what each line is."""
    wide = (width() - len(GAP)) // 2
    panels = [_panel(picture, what, wide, language, means) for what in ("value", "gradient")]
    rows = [GAP.join(pair).rstrip() for pair in zip(*panels, strict=True)]
    over = say(picture.axis.name, language)
    rows += [" " * max((width() - columns(over)) // 2, 0) + over, ""]
    title = filled(picture.loss.__name__ + say("colon", language) + summary(picture.loss, language))
    return "\n".join([title, "", *rows, *_legend(picture, language, means)]) + "\n"


def _panel(picture: Picture, what: str, wide: int, language: str, means: Means) -> list[str]:
    low, high = picture.window(what)
    upright, tick, corner, along, _ = means.signs
    numbers = {round((high - at) / (high - low) * (TALL - 1)): f"{at:g}" for at in ticks(low, high)}
    canvas = _canvas(picture, what, wide - LEFT, means)
    lines = [" " * LEFT + say(what, language)]
    for row, cells in enumerate(canvas):
        lines.append(f"{numbers.get(row, ''):>{LEFT - 2}} {tick if row in numbers else upright}{cells}")
    lines += [" " * (LEFT - 1) + corner + along * (wide - LEFT), " " * LEFT + _below(picture, wide - LEFT)]
    return [line if "\x1b" in line else line + " " * (wide - columns(line)) for line in lines]


def _canvas(picture: Picture, what: str, wide: int, means: Means) -> Iterator[str]:
    """The rows of the curves, each ``wide`` columns."""
    low, high = picture.window(what)
    zero = round(high / (high - low) * (TALL - 1))
    across, down = means.dots
    cells: dict[tuple[int, int], tuple[int, Curve]] = {}
    for curve in reversed(picture.curves):  # the loss itself above its relatives
        for x, y in _dots(picture, curve, what, wide * across, TALL * down):
            at = x // across, y // down
            bits = BRAILLE[y % down][x % across] if across > 1 else 0
            before, owner = cells.get(at, (0, curve))
            cells[at] = (before if owner is curve else 0) | bits, curve
    for row in range(TALL):
        ground = means.signs[4] if row == zero else " "
        yield "".join(_cell(*cells[at], means) if (at := (column, row)) in cells else ground for column in range(wide))


def _cell(bits: int, curve: Curve, means: Means) -> str:
    return means.painted(chr(0x2800 + bits) if bits else means.mark(curve), curve)


def _dots(picture: Picture, curve: Curve, what: str, wide: int, tall: int) -> Iterator[tuple[int, int]]:
    """The dots of a line through the curve's points, those outside left out; and gaps in that of a further case."""
    axis, (low, high) = picture.axis, picture.window(what)
    points = [
        ((place - axis.low) / (axis.high - axis.low) * (wide - 1), (high - value) / (high - low) * (tall - 1))
        for place, value in zip(picture.places, curve.of(what), strict=True)
    ]
    drawn = 0
    for (x, y), (x2, y2) in pairwise(points):
        steps = max(1, round(max(abs(x2 - x), abs(y2 - y))))
        for step in range(steps + 1):
            dot = round(x + (x2 - x) * step / steps), round(y + (y2 - y) * step / steps)
            drawn += 1
            if 0 <= dot[1] < tall and (not curve.dash or tall == TALL or drawn // (6 // curve.dash) % 2):
                yield dot


def _below(picture: Picture, wide: int) -> str:
    """The numbers of the axis."""
    line = [" "] * (wide + 1)
    axis = picture.axis
    for at in ticks(axis.low, axis.high, max(2, wide // 5)):
        told = f"{at:g}"
        start = round((at - axis.low) / (axis.high - axis.low) * (wide - 1)) - len(told) // 2
        start = min(max(start, 0), wide - len(told))
        line[start : start + len(told)] = told
    return "".join(line[:wide])


def _legend(picture: Picture, language: str, means: Means) -> Iterator[str]:
    for curve in picture.curves:
        sample = ("⠒⠒⠒" if not curve.dash else "⠒ ⠒") if means.dots != (1, 1) else means.mark(curve) * 3
        first, *others = wrapped(curve.label(language), width() - 6)
        yield f"  {means.painted(sample, curve)} {first}"
        yield from (" " * 6 + line for line in others)
