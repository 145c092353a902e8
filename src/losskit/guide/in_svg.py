"""The curves of a loss as SVG."""

from __future__ import annotations

from collections.abc import Iterator

from losskit.guide.curves import Curve, Picture
from losskit.guide.words import say
from losskit.svg import COLOURS, document, length, path, tag, text, ticks
from losskit.terminal import wrapped

MARGIN, LEFT, TALL = 14.0, 44.0, 210.0  # around everything; for the numbers beside a panel; the height of its curves
ROW, SAMPLE = 20.0, 34.0  # of the legend
DASHES = ("none", "7 4", "2 3")  # by the place of the case


def svg(picture: Picture, language: str, *, beside: bool = True) -> str:
    """Value and gradient, ``beside`` each other 700 pixels wide, or below each other for a phone."""
    wide = 700.0 if beside else 380.0
    room = (wide - 2 * MARGIN - (20 if beside else 0)) / (2 if beside else 1)
    body, top = [text(MARGIN, 28.0, picture.loss.__name__, class_="big")], 40.0
    for place, what in enumerate(("value", "gradient")):
        left = MARGIN + (place * (room + 20) if beside else 0)
        body += _panel(picture, what, left, top, room, language)
        top += 0 if beside and place == 0 else TALL + 48
    body.append(text(wide / 2, top + 14, say(picture.axis.name, language), class_="faint", text_anchor="middle"))
    legend, bottom = _legend(picture, wide, top + 42, language)
    return document(
        wide, bottom, picture.loss.__name__ + say("colon", language) + say("picture", language), [*body, *legend]
    )


def thumbnail(picture: Picture) -> str:
    """The values alone, without words."""
    low, high = picture.window("value")
    ground = 120 * high / (high - low)
    line = tag("path", d=path([(0.0, ground), (240.0, ground)]), class_="line", stroke="var(--grid)", stroke_width=1.5)
    return document(240, 120, f"{picture.loss.__name__}", [line, *_lines(picture, "value", 240.0, 120.0)])


def _panel(picture: Picture, what: str, left: float, top: float, room: float, language: str) -> list[str]:
    axis, (low, high) = picture.axis, picture.window(what)
    x, y, wide = left + LEFT, top + 26, room - LEFT
    parts = [text(x, top + 14, say(what, language), class_="strong")]
    for tick in ticks(low, high):
        at = y + TALL * (high - tick) / (high - low)
        ink = "var(--faint)" if tick == 0 else "var(--grid)"
        parts.append(tag("path", d=path([(x, at), (x + wide, at)]), stroke=ink, class_="line"))
        parts.append(text(x - 7, at + 4, f"{tick:g}", class_="faint", text_anchor="end"))
    for tick in ticks(axis.low, axis.high, 8):
        at = x + wide * (tick - axis.low) / (axis.high - axis.low)
        parts.append(tag("path", d=path([(at, y), (at, y + TALL)]), stroke="var(--grid)", class_="line"))
        parts.append(text(at, y + TALL + 17, f"{tick:g}", class_="faint", text_anchor="middle"))
    lines = _lines(picture, what, wide, TALL)  # in an svg of their own, which cuts them at its edges
    return [*parts, tag("svg", *lines, x=x, y=y, width=wide, height=TALL)]


def _lines(picture: Picture, what: str, wide: float, tall: float) -> Iterator[str]:
    axis, (low, high) = picture.axis, picture.window(what)
    for curve in reversed(picture.curves):  # the loss itself above its relatives
        points = [
            (wide * (place - axis.low) / (axis.high - axis.low), tall * (high - value) / (high - low))
            for place, value in zip(picture.places, curve.of(what), strict=True)
        ]
        yield _line(points, curve)


def _line(points: list[tuple[float, float]], curve: Curve) -> str:
    return tag(
        "path",
        d=path(points),
        class_="line",
        stroke=f"var(--c{curve.colour % len(COLOURS)})",
        stroke_width=1.8 if curve.colour else 3.2,
        stroke_dasharray=DASHES[curve.dash],
    )


def _legend(picture: Picture, wide: float, top: float, language: str) -> tuple[list[str], float]:
    """What each line is, and where the legend ends."""
    parts, left, y, deepest = [], MARGIN, top, 1
    for curve in picture.curves:
        room = int((wide - 2 * MARGIN - SAMPLE) / length("x"))
        lines = wrapped(curve.label(language), room)
        needed = SAMPLE + max(map(length, lines)) * (1 if curve.colour else 1.1)  # bold
        if left > MARGIN and left + needed > wide - MARGIN:
            left, y, deepest = MARGIN, y + ROW * deepest, 1
        parts.append(_line([(left, y - 4), (left + SAMPLE - 8, y - 4)], curve))
        kind = "faint" if curve.colour else "strong"
        parts += [text(left + SAMPLE, y + ROW * place, line, class_=kind) for place, line in enumerate(lines)]
        left, deepest = left + needed + 18, max(deepest, len(lines))
    return parts, y + ROW * deepest - 4
