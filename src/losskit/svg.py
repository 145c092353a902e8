"""SVG pictures as text, readable on a light and on a dark page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from losskit.terminal import columns

#: For each line of a picture: its colour on a light page and on a dark one.
COLOURS = (
    ("#0b62d6", "#62a8ff"),
    ("#c2410c", "#ff9d5c"),
    ("#15803d", "#4ecb71"),
    ("#8b3fd1", "#c59bff"),
    ("#b4246f", "#ff85c0"),
    ("#0e7490", "#45c8e0"),
)
#: The same for the page, the text, what matters less, and the grid.
PAGE = {
    "page": ("#ffffff", "#0f1419"),
    "ink": ("#1b1f24", "#e8edf2"),
    "faint": ("#57606a", "#a3adb8"),
    "grid": ("#dfe3e8", "#2b323a"),
}
SIZE = 13  # of the text, in pixels


def _variables(which: int) -> str:
    told = {name: pair[which] for name, pair in PAGE.items()}
    told |= {f"c{place}": pair[which] for place, pair in enumerate(COLOURS)}
    return "".join(f"--{name}:{colour};" for name, colour in told.items())


STYLE = (
    f"svg{{{_variables(0)}}}@media(prefers-color-scheme:dark){{svg{{{_variables(1)}}}}}"
    f"svg text{{font:{SIZE}px system-ui,-apple-system,'Segoe UI','Noto Sans CJK SC',sans-serif;fill:var(--ink)}}"
    "svg .strong{font-weight:600}svg .big{font-size:16px;font-weight:600}svg .faint{fill:var(--faint)}svg .line{fill:none;stroke-linejoin:round}"
)


def document(width: float, height: float, title: str, body: Iterable[str]) -> str:
    """A whole picture on a page of its own colour; ``title`` is what a screen reader says."""
    page = tag("rect", width=width, height=height, rx=6, fill="var(--page)")
    return tag(
        "svg",
        tag("title", escape(title)),
        tag("style", STYLE),
        page,
        *body,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        role="img",
    )


def tag(name: str, *inside: str, **attributes: object) -> str:
    """An element; ``inside`` is SVG, and values of attributes are escaped. ``stroke_width`` is stroke-width."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(number(value))}"' for key, value in attributes.items()
    )
    return f"<{name}{told}>{''.join(inside)}</{name}>" if inside else f"<{name}{told}/>"


def text(x: float, y: float, said: str, **attributes: object) -> str:
    """``said``, escaped, on the base line ``y``."""
    return tag("text", escape(said), x=x, y=y, **attributes)


def number(value: object) -> str:
    """A number with at most one digit after its point; anything else as it is."""
    return f"{round(value, 1) + 0.0:g}" if isinstance(value, float) else str(value)  # 0.0 turns -0 into 0


def path(points: Sequence[tuple[float, float]]) -> str:
    """What ``d`` says of a line through ``points``."""
    return "M" + "L".join(f"{number(float(x))} {number(float(y))}" for x, y in points)


def length(said: str) -> float:
    """About how wide a text is; no font is asked."""
    return 0.6 * SIZE * columns(said)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """At most ``most`` round numbers from ``low`` to ``high``, evenly spaced."""
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(step for factor in (1, 2, 5, 10, 20) for step in [factor * power] if _count(low, high, step) <= most)
    first = math.ceil(low / step - 1e-9)
    return [round(place * step, 12) for place in range(first, first + _count(low, high, step))]


def _count(low: float, high: float, step: float) -> int:
    return math.floor(high / step + 1e-9) - math.ceil(low / step - 1e-9) + 1
