"""The picture of a comparison: every row is on it, and one that is far off does not squash the others."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest

from losskit import svg
from losskit.compare.picture import Interval, interval_plot

SVG = "{http://www.w3.org/2000/svg}"
NEAR = [
    Interval("MSELoss", 0.012, -0.004, 0.028, "cannot tell"),
    Interval("FocalLoss", 0.0, -0.019, 0.019, "practically the same"),
    Interval("HuberLoss", -0.02, -0.03, -0.01, "different"),
]
FAR = Interval("L1Loss", -0.3, -0.5, -0.2, "different")


def drawn(rows: list[Interval], margin: float = 0.01) -> ET.Element:
    return ET.fromstring(interval_plot(rows, margin, "mnist: accuracy", "difference of accuracy"))


def texts(root: ET.Element) -> list[str]:
    return [str(each.text) for each in root.iter(f"{SVG}text")]


def lines(root: ET.Element) -> list[float]:
    """How long the intervals are drawn."""
    found = []
    for each in root.iter(f"{SVG}path"):
        if each.attrib.get("stroke-width") == "2.5":
            (start, _), (end, _) = re.findall(r"([\d.]+) ([\d.]+)", each.attrib["d"])
            found.append(float(end) - float(start))
    return found


@pytest.mark.parametrize("count", [1, 3, 15])
def test_every_row_is_on_the_page(count: int) -> None:
    names = ["TripletMarginWithDistanceLoss", "a" * 60, "损失" * 30, *(f"Loss{place}" for place in range(12))]
    rows = [Interval(name, 0.001 * place, -0.01, 0.03, "practically the same") for place, name in enumerate(names)]
    root = drawn(rows[:count])
    wide, tall = map(float, root.attrib["viewBox"].split()[2:])
    assert wide == 700
    assert "TripletMarginWithDistanceLoss" in texts(root)
    assert len(list(root.iter(f"{SVG}circle"))) == len(lines(root)) == count
    for each in root.iter(f"{SVG}text"):
        x, y, room = float(each.attrib["x"]), float(each.attrib["y"]), svg.length(str(each.text))
        left = x - {"end": room, "middle": room / 2}.get(each.attrib.get("text-anchor", ""), 0)
        assert left >= 0
        assert left + room <= wide
        assert 0 < y < tall


def test_lengths_and_places_are_those_of_the_intervals() -> None:
    root = drawn(NEAR)
    one, two, three = lines(root)
    assert two / one == pytest.approx(0.038 / 0.032, rel=0.01)
    assert three / one == pytest.approx(0.02 / 0.032, rel=0.01)
    middles = [float(each.attrib["cx"]) for each in root.iter(f"{SVG}circle")]
    assert middles[2] < middles[1] < middles[0]
    (strip,) = [each for each in root.iter(f"{SVG}rect") if each.attrib["fill"] == "var(--grid)"]
    assert float(strip.attrib["x"]) + float(strip.attrib["width"]) / 2 == pytest.approx(middles[1], abs=0.2)  # around 0
    assert "cannot tell" in texts(root)
    assert "difference of accuracy" in texts(root)


def test_a_row_that_is_far_off_does_not_squash_the_others() -> None:
    alone, beside = drawn(NEAR), drawn([*NEAR, FAR])
    assert lines(beside)[0] > 0.5 * lines(alone)[0]
    assert "-0.3 (-0.5 to -0.2)" in texts(beside)
    assert len(list(beside.iter(f"{SVG}circle"))) == 3
    assert any(each.attrib["d"].endswith("Z") for each in beside.iter(f"{SVG}path"))  # an arrow
    wider = drawn([*NEAR, Interval("L1Loss", 0.0, -0.5, 0.5, "cannot tell")])
    assert lines(wider)[0] > 0.5 * lines(alone)[0]
    assert len([each for each in wider.iter(f"{SVG}path") if each.attrib["d"].endswith("Z")]) == 2


@pytest.mark.parametrize(
    "row",
    [
        Interval("x", math.nan, math.nan, math.nan, "cannot tell"),
        Interval("x", 0.0, -math.inf, math.inf, "cannot tell"),
        Interval("x", 0.0, 0.0, 0.0, "identical"),
    ],
)
@pytest.mark.parametrize("margin", [0.0, 0.01])
def test_numbers_of_any_kind(row: Interval, margin: float) -> None:
    for rows in ([row], [row, *NEAR], []):
        assert "nan" not in ET.tostring(drawn(rows, margin), encoding="unicode").lower().replace("nanos", "")
        assert "x" in texts(drawn([row], margin))


def test_texts_are_escaped() -> None:
    text = interval_plot([Interval("<b>", 0.0, -1.0, 1.0, "a & b")], 0.1, 'x < "y"', "<metric>")
    assert {"<b>", "a & b", 'x < "y"', "<metric>"} <= set(texts(ET.fromstring(text)))
