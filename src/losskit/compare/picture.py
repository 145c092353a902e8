"""The differences of a comparison with their intervals, as an SVG picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from losskit.svg import document, length, path, tag, text, ticks
from losskit.terminal import columns, wrapped

WIDE, EDGE, TOP, ROW, GAP = 700.0, 16.0, 52.0, 30.0, 14.0
NAMES, VERDICTS = 230.0, 150.0  # the most that each side may take
FAR = 4.0  # times as far as usual, which the axis need not show


@dataclass(frozen=True)
class Interval:
    """A loss against the reference.

    Args:
        name: The loss.
        difference: Its mean score less that of the reference.
        low: Lower end of the difference's interval.
        high: Its upper end.
        verdict: The conclusion, in words.
    """

    name: str
    difference: float
    low: float
    high: float
    verdict: str


def interval_plot(rows: Sequence[Interval], margin: float, title: str, metric: str) -> str:
    """One row a loss: its difference as a dot, its own interval as a line, its verdict in words.

    Args:
        rows: The losses, from above.
        margin: Differences up to it do not matter; the strip is shaded.
        title: Stands above, and is what a screen reader says.
        metric: What the differences are of; written below the axis.
    """
    lines = [_lines(row.verdict) for row in rows]
    left = EDGE + min(NAMES, max((length(row.name) for row in rows), default=0.0)) + GAP
    right = WIDE - EDGE - max((length(line) for each in lines for line in each), default=0.0) - GAP
    low, high = _ends(rows, margin)
    bottom = TOP + ROW * len(rows)

    def at(value: float) -> float:
        return left + (right - left) * (value - low) / (high - low)

    body = [text(EDGE, 30.0, title, class_="big")]
    body.append(
        tag("rect", x=at(-margin), y=TOP, width=at(margin) - at(-margin), height=bottom - TOP, fill="var(--grid)")
    )
    for tick in ticks(low, high, 6):
        body.append(tag("path", d=path([(at(tick), TOP), (at(tick), bottom)]), class_="line", stroke="var(--grid)"))
        body.append(text(at(tick), bottom + 18, f"{tick:+g}" if tick else "0", class_="faint", text_anchor="middle"))
    body.append(tag("path", d=path([(at(0.0), TOP), (at(0.0), bottom)]), class_="line", stroke="var(--faint)"))
    body.append(text((left + right) / 2, bottom + 40, metric, class_="faint", text_anchor="middle"))
    for place, row in enumerate(rows):
        y = TOP + ROW * (place + 0.5)
        body.append(text(EDGE, y + 4, _short(row.name)))
        first = y + 4 - 7 * (len(lines[place]) - 1)
        body += [text(right + GAP, first + 14 * number, line) for number, line in enumerate(lines[place])]
        body += _interval(row, y, left, right, at(row.low), at(row.difference), at(row.high))
    return document(WIDE, bottom + 54, title, body)


def _interval(
    row: Interval, y: float, left: float, right: float, low: float, middle: float, high: float
) -> Iterator[str]:
    """The line and its dot; an arrow where it leaves the axis, and its figures where the dot does."""
    if any(map(math.isnan, (row.low, row.difference, row.high))):
        return
    ink = "var(--c0)"
    start, end = (min(max(x, left), right) for x in (low, high))
    if end > start:
        yield tag("path", d=path([(start, y), (end, y)]), class_="line", stroke=ink, stroke_width=2.5)
    for x, outside, way in ((left, low < left, 1), (right, high > right, -1)):
        if outside:
            yield tag("path", d=path([(x + 8 * way, y - 5), (x, y), (x + 8 * way, y + 5)]) + "Z", fill=ink)
    if left <= middle <= right:
        yield tag("circle", cx=middle, cy=y, r=5.0, fill=ink)
    else:
        told = f"{row.difference:+.3g} ({row.low:+.3g} to {row.high:+.3g})"
        beyond = middle < left
        x = max(left + 14, end + 8 if beyond else 0.0) if beyond else min(right - 14, start - 8)
        yield text(x, y + 4, told, text_anchor="start" if beyond else "end", class_="strong")


def _ends(rows: Sequence[Interval], margin: float) -> tuple[float, float]:
    """The ends of the axis: all intervals, but of those that are far off only what others need, too."""
    reach = sorted(far for row in rows if math.isfinite(far := max(map(abs, (row.low, row.difference, row.high)))))
    usual = max(reach[(len(reach) - 1) // 2] if reach else 0.0, margin) or 1.0
    limit = FAR * usual if not reach or reach[-1] > FAR * usual else reach[-1]
    ends = [end for row in rows for end in (row.low, row.difference, row.high) if abs(end) <= limit]
    low, high = min([-margin, *ends]), max([margin, *ends])
    if low == high:
        low, high = -usual, usual
    air = 0.08 * (high - low)
    return low - air, high + air


def _lines(verdict: str) -> list[str]:
    return wrapped(verdict, int(VERDICTS / length("x")))


def _short(name: str) -> str:
    """As much of a name as there is room for."""
    if length(name) <= NAMES:
        return name
    room = int(NAMES / length("x")) - 1
    while columns(name) > room:
        name = name[:-1]
    return name + "…"
