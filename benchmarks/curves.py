"""Cost against size: a picture of every table of one thread, and the slope from 10^5 to 10^8 elements.

Usage: python benchmarks/curves.py docs/benchmarks.json > docs/benchmarks.svg
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from math import prod
from pathlib import Path

import paired
import torch
import variants
from paired import Effort
from results import Results, Slope

import losskit
from losskit.svg import document, path, tag, text

ELEMENTS = (10**5, 10**6, 10**7, 10**8)
COLUMNS = 100  # of the tensors whose slope is measured
DRAWN = {"losskit function": "losskit", "torch function": "torch", "compiled function": "compiled", "optax": "optax"}
WIDE, PANEL, ROOM = 5, (176.0, 130.0), (56.0, 48.0)  # panels in a row, a panel, and what lies left of and above it
TOP = 64.0


def slope(loss: type[losskit.Loss], effort: Effort) -> Slope:
    """By which power of the elements the time of ``value_and_grad`` grows: 1 is linear."""
    bare = losskit.value_and_grad(variants.build(loss, COLUMNS))
    seconds = []
    for elements in ELEMENTS:
        tensors = tuple(each.detach() for each in variants.draw(loss, (elements // COLUMNS, COLUMNS)))

        def step(tensors: tuple[torch.Tensor, ...] = tensors) -> torch.Tensor:
            return bare(*tensors)[0]

        step()
        seconds.append(statistics.median(paired.alternate({"losskit": step}, effort)["losskit"]))
    over = [math.log(elements) for elements in ELEMENTS]
    grown = statistics.linear_regression(over, [math.log(each) for each in seconds]).slope
    return {"loss": loss.__name__, "seconds": [float(f"{each:.4g}") for each in seconds], "slope": round(grown, 3)}


def picture(results: Results) -> str:
    """A panel for each loss: seconds over bytes of the input, both in powers of ten."""
    found = points(results)
    axes = list(zip(*(point for lines in found.values() for line in lines.values() for point in line), strict=True))
    low, high = [math.floor(min(axis)) for axis in axes], [math.ceil(max(axis)) for axis in axes]
    rows = -(-len(found) // WIDE)
    width, height = WIDE * (PANEL[0] + ROOM[0]) + 12, TOP + rows * (PANEL[1] + ROOM[1]) + 30
    body = [
        text(14, 26, "Forward and backward: seconds over bytes of the input", class_="big"),
        *(
            tag("path", d=path([(x, 44), (x + 22, 44)]), class_="line", stroke=f"var(--c{place})", stroke_width=2)
            + text(x + 28, 48, said)
            for place, said in enumerate(DRAWN.values())
            for x in [14.0 + 110 * place]
        ),
    ]
    for place, (loss, lines) in enumerate(found.items()):
        left = ROOM[0] + place % WIDE * (PANEL[0] + ROOM[0])
        body += panel(loss, lines, left, TOP + 22 + place // WIDE * (PANEL[1] + ROOM[1]), low, high)
    return document(width, height, "seconds over bytes, for each loss", body)


def points(results: Results) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """By loss and variant, what one thread takes with the default heap, in powers of ten."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for table in results["tables"]:
        if (table["heap"], table["threads"]) != ("default", 1):
            continue
        for row in table["rows"]:
            for name in DRAWN:
                if name in row["seconds"]:
                    lines = found.setdefault(row["loss"], {}).setdefault(name, [])
                    lines.append((math.log10(4 * prod(table["shape"])), math.log10(row["seconds"][name])))
    return found


def panel(
    loss: str,
    lines: dict[str, list[tuple[float, float]]],
    left: float,
    top: float,
    low: list[int],
    high: list[int],
) -> list[str]:
    def at(point: tuple[float, float]) -> tuple[float, float]:
        x, y = ((point[axis] - low[axis]) / (high[axis] - low[axis]) for axis in (0, 1))
        return left + x * PANEL[0], top + PANEL[1] * (1 - y)

    body = [text(left, top - 7, loss.removesuffix("Loss"), class_="strong")]
    for power in range(low[1], high[1] + 1, 2):
        y = at((low[0], power))[1]
        body.append(tag("path", d=path([(left, y), (left + PANEL[0], y)]), stroke="var(--grid)"))
        body.append(text(left - 4, y + 4, _seconds_of(power), class_="faint", text_anchor="end"))
    for power in range(low[0], high[0] + 1, 3):
        x = at((power, low[1]))[0]
        body.append(tag("path", d=path([(x, top), (x, top + PANEL[1])]), stroke="var(--grid)"))
        body.append(text(x, top + PANEL[1] + 18, _bytes(power), class_="faint", text_anchor="middle"))
    for place, name in reversed(list(enumerate(DRAWN))):  # ours above the rest
        if name in lines:
            places = [at(point) for point in sorted(lines[name])]
            colour = f"var(--c{place})"
            body.append(tag("path", d=path(places), class_="line", stroke=colour, stroke_width=2))
            body += [tag("circle", cx=x, cy=y, r=2.4, fill=colour) for x, y in places]
    return body


def _seconds_of(power: int) -> str:
    unit, size = ("s", 0) if power >= 0 else ("ms", -3) if power >= -3 else ("µs", -6)
    return f"{10 ** (power - size)} {unit}"


def _bytes(power: int) -> str:
    unit, size = ("GB", 9) if power >= 9 else ("MB", 6) if power >= 6 else ("kB", 3) if power >= 3 else ("B", 0)
    return f"{10 ** (power - size)} {unit}"


if __name__ == "__main__":
    print(picture(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
