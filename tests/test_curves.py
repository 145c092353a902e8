"""``losskit explain NAME --plot``: every loss on its axis, and the pictures in SVG and in the terminal."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import losskit
from losskit import svg
from losskit.catalog import CATALOG
from losskit.cli import main
from losskit.core.head import Encoding, Head, Task
from losskit.guide import plot
from losskit.guide.axes import NoAxisError, grid, measured, own, relatives
from losskit.guide.curves import Curve, Picture, picture
from losskit.guide.in_svg import svg as as_svg, thumbnail
from losskit.guide.in_terminal import Means, drawing
from losskit.guide.words import LANGUAGES, say
from losskit.loss import Loss
from losskit.terminal import columns

PLAIN, ASCII, COLOURED = Means(False, True), Means(False, False), Means(True, True)
DRAWN = [loss for loss in CATALOG if loss is not losskit.CTCLoss]


@pytest.fixture(scope="module")
def pictures() -> dict[type[Loss], Picture]:
    return {loss: picture(loss) for loss in DRAWN}


def softmax_of(right: Tensor, others: int) -> Tensor:
    return torch.cat([right.unsqueeze(1), torch.zeros(len(right), others)], 1)


#: The value over each axis, by its formula or torch's function.
VALUES: dict[str, Callable[[Tensor], Tensor]] = {
    "MSELoss": lambda e: e**2,
    "L1Loss": lambda e: e.abs(),
    "HuberLoss": lambda e: F.huber_loss(e, 0 * e, reduction="none"),
    "QuantileLoss": lambda e: torch.where(e < 0, -0.9 * e, 0.1 * e),  # of 0.9, where too low a forecast costs more
    "GaussianNLLLoss": lambda e: e**2 / 2,
    "BCELoss": lambda p: -p.log(),
    "KLDivLoss": lambda p: 0.7 * (0.7 / p).log() + 0.3 * (0.3 / (1 - p)).log(),
    "BCEWithLogitsLoss": lambda z: F.softplus(-z),
    "SoftMarginLoss": lambda z: F.softplus(-z),
    "MultiLabelSoftMarginLoss": lambda z: F.softplus(-z),
    "FocalLoss": lambda z: (1 - z.sigmoid()) ** 2 * F.softplus(-z),
    "DiceLoss": lambda z: 1 - (20 * z.sigmoid() + 1) / (10 * z.sigmoid() + 90 * (1 - z.sigmoid()) + 11),
    "CrossEntropyLoss": lambda z: F.softplus(-z),
    "LinearCrossEntropyLoss": lambda z: F.softplus(-z),
    "NLLLoss": lambda z: F.softplus(-z),
    "MultiMarginLoss": lambda z: (1 - z).clamp(min=0) / 2,
    "MultiLabelMarginLoss": lambda z: (1 - z).clamp(min=0) / 2,
    "MarginRankingLoss": lambda z: (-z).clamp(min=0),
    "TripletMarginLoss": lambda d: (1 - d).clamp(min=0),
    "HingeEmbeddingLoss": lambda d: d,
    "ContrastiveLoss": lambda d: d**2 / 2,
    "CosineEmbeddingLoss": lambda c: 1 - c,
    "NTXentLoss": lambda c: F.cross_entropy(softmax_of(2 * c, 2), torch.zeros(len(c)).long(), reduction="none"),
    "PoissonNLLLoss": lambda r: r.exp(),  # of a count of 0
}


@pytest.mark.parametrize("name", VALUES)
def test_the_curve_is_the_loss_and_its_derivative(name: str) -> None:
    loss = getattr(losskit, name)
    way = own(loss)
    at = torch.tensor(grid(way.axis), dtype=torch.float64, requires_grad=True)
    expected = VALUES[name](at)
    (slope,) = torch.autograd.grad(expected.sum(), at)
    value, gradient = (torch.tensor(each, dtype=torch.float64) for each in measured(loss, way, 0, grid(way.axis)))
    torch.testing.assert_close(value, expected.detach(), rtol=1e-5, atol=1e-5)
    steps = slope.diff().abs() < 0.2
    smooth = steps[1:] & steps[:-1]  # at a kink either side's slope is right
    torch.testing.assert_close(gradient[1:-1][smooth], slope[1:-1][smooth], rtol=1e-4, atol=2e-3)
    assert smooth.sum() > 100


def test_a_loss_that_owns_a_layer_is_drawn_over_the_angle() -> None:
    value, gradient = measured(losskit.ArcFaceLoss, own(losskit.ArcFaceLoss), 0, (0.0, 60.0, 120.0))
    turned = [64 * torch.cos(torch.deg2rad(torch.tensor(angle)) + 0.5) for angle in (0.0, 60.0, 120.0)]
    assert list(value) == pytest.approx([float(F.softplus(-each)) for each in turned], rel=1e-4, abs=1e-5)
    assert gradient[2] > gradient[0]


def test_every_loss_but_a_sequences_is_drawn(pictures: dict[type[Loss], Picture]) -> None:
    for loss, shown in pictures.items():
        assert loss.__name__ in shown.curves[0].losses[0]
        assert [curve.colour == 0 for curve in shown.curves].index(True) == 0
        assert {name for curve in shown.curves for name in curve.losses} >= {shown.curves[0].losses[0]}
        for curve in shown.curves:
            assert len(curve.value) == len(curve.gradient) == len(shown.places)
            assert torch.tensor([curve.value, curve.gradient]).isfinite().all()
        for what in ("value", "gradient"):
            low, high = shown.window(what)
            assert low < 0 < high
            inside = [low <= value <= high for value in shown.curves[0].of(what)]
            assert sum(inside) > 0.75 * len(inside), loss
    with pytest.raises(NoAxisError, match=r"^CTCLoss cannot be drawn: it takes log_probs, targets, input_lengths and "):
        picture(losskit.CTCLoss)


def test_relatives_share_the_axis_and_equal_curves_are_one() -> None:
    def names(loss: type[Loss]) -> list[tuple[str, ...]]:
        return [curve.losses for curve in picture(loss).curves]

    assert {other.__name__ for other, _ in relatives(losskit.MSELoss)} >= {"L1Loss", "SmoothL1Loss", "HuberLoss"}
    assert names(losskit.HuberLoss)[0] == ("HuberLoss", "SmoothL1Loss")
    assert ("QuantileLoss(quantile=0.9)",) in names(losskit.HuberLoss)
    assert names(losskit.NLLLoss)[0] == ("NLLLoss", "CrossEntropyLoss", "LinearCrossEntropyLoss")
    beside = [each for curve in names(losskit.BCELoss) for each in curve]
    assert "MSELoss" in beside  # of yes or no, too
    assert "GaussianNLLLoss" not in beside
    assert [curve.case for curve in picture(losskit.ContrastiveLoss).curves] == ["alike", "unlike"] * 2


def test_a_loss_of_ones_own_is_drawn_by_what_it_states() -> None:
    class Quartic(losskit.MSELoss):
        """The fourth power of the error."""

        def formula(self, input: Tensor, target: Tensor) -> Tensor:
            return (input - target) ** 4

    shown = picture(Quartic)
    assert shown.axis.name == "error"
    assert shown.curves[0].losses == ("Quartic",)
    assert shown.curves[0].value[0] == pytest.approx(81.0)

    class Odd(losskit.MSELoss):
        about = replace(losskit.CTCLoss.about, serves={Task.REGRESSION: Head(Encoding.VALUE)})

    with pytest.raises(NoAxisError, match="Odd cannot be drawn"):
        picture(Odd)


def test_the_window_leaves_out_what_is_far_off() -> None:
    def window(own: list[float], other: list[float]) -> tuple[float, float]:
        curves = tuple(Curve((), "", "", place, 0, tuple(line), tuple(line)) for place, line in enumerate((own, other)))
        return Picture(losskit.MSELoss, own_axis, curves).window("value")

    own_axis = own(losskit.MSELoss).axis
    flat, steep = [1.0] * 100, [float(place) for place in range(100)]
    assert window(flat, flat)[1] == pytest.approx(1.06)
    assert window(flat, steep)[1] < 1.5  # relatives add a little
    assert window([*flat, 1e6], flat)[1] < 2
    assert window([0.0] * 100, [0.0] * 100) == pytest.approx((-0.06 * 0, 0.0), abs=2)


# SVG.


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("loss", DRAWN, ids=lambda loss: loss.__name__)
def test_the_svg_holds_what_it_must(
    loss: type[Loss], beside: bool, language: str, pictures: dict[type[Loss], Picture]
) -> None:
    shown = pictures[loss]
    root = ET.fromstring(as_svg(shown, language, beside=beside))
    wide, tall = map(float, root.attrib["viewBox"].split()[2:])
    assert wide == (700 if beside else 380)
    texts = list(root.iter("{http://www.w3.org/2000/svg}text"))
    told = " ".join(str(each.text) for each in texts)
    for word in (say("value", language), say("gradient", language), say(shown.axis.name, language)):
        assert word in told
    for curve in shown.curves:
        assert "".join(curve.label(language).split()) in "".join(told.split())
    for each in texts:  # on the page
        x, y, room = float(each.attrib["x"]), float(each.attrib["y"]), svg.length(str(each.text))
        left = x - {"end": room, "middle": room / 2}.get(each.attrib.get("text-anchor", ""), 0)
        assert left >= 0
        assert left + room <= wide + 8
        assert 0 < y < tall
    panels = root.findall("{http://www.w3.org/2000/svg}svg")
    assert [len(panel) for panel in panels] == [len(shown.curves)] * 2
    assert ET.fromstring(thumbnail(shown)).attrib["viewBox"] == "0 0 240 120"


def test_svg_escapes_and_rounds() -> None:
    made = svg.document(10, 20, "a < b & c", [svg.text(1.25, 2, "<x> & 'y'", class_='"'), svg.tag("g")])
    root = ET.fromstring(made)
    assert [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")] == ["<x> & 'y'"]
    assert "a &lt; b &amp; c" in made
    assert 'x="1.2"' in made
    assert svg.path([(-0.01, 1.0), (2.55, 1234.56)]) == "M0 1L2.5 1234.6"
    assert "prefers-color-scheme:dark" in made


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0.0, 1.0, 6, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-3.0, 3.0, 8, [-3, -2, -1, 0, 1, 2, 3]),
        (-3.0, 3.0, 6, [-2, 0, 2]),
        (-0.25, 0.31, 3, [-0.2, 0, 0.2]),
        (0.0, 180.0, 8, [0, 50, 100, 150]),
        (1e-9, 2e-9, 2, [1e-9, 2e-9]),
        (12_345.0, 67_890.0, 4, [20_000, 40_000, 60_000]),
    ],
)
def test_ticks_are_round_and_few(low: float, high: float, most: int, expected: list[float]) -> None:
    assert svg.ticks(low, high, most) == pytest.approx(expected)


# The terminal.


@pytest.mark.parametrize("width", [60, 80, 100, 140])
@pytest.mark.parametrize("means", [PLAIN, ASCII, COLOURED], ids=["plain", "ascii", "coloured"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_drawing_fits_the_terminal(
    width: int, means: Means, language: str, pictures: dict[type[Loss], Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for shown in pictures.values():
        text = drawing(shown, language, means)
        bare = re.sub(r"\x1b\[[\d;]*m", "", text)
        assert max(map(columns, bare.splitlines())) <= min(width, 100)
        assert ("\x1b" in text) == means.colour
        if not means.letters and language == "en":
            assert bare.isascii()
        for curve in shown.curves:
            assert "".join(curve.label(language).split()) in "".join(bare.split())
        if not means.colour:
            assert all(bare.count(means.mark(curve)) > 3 for curve in shown.curves)  # more than its legend


def test_a_drawing_shows_the_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = drawing(picture(losskit.MSELoss), "en", ASCII).splitlines()
    top = next(index for index, line in enumerate(lines) if line.startswith("        value"))
    value = [line[8:39] for line in lines[top + 1 : top + 17]]
    assert value[0][0] == "#" or value[1][0] == "#"  # high at both ends
    assert value[0][-1] == "#" or value[1][-1] == "#"
    lowest = max(row for row, line in enumerate(value) if "#" in line)
    assert abs(value[lowest].index("#") + value[lowest].rindex("#") - 30) <= 1  # and lowest in the middle
    steep = [line[49:80] for line in lines[top + 1 : top + 17]]
    where = [line.index("#") for line in steep if "#" in line]
    assert where == sorted(where, reverse=True)  # the gradient rises


def run(arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(arguments.split())
    return code, *capsys.readouterr()


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run("explain huber --plot", capsys)
    assert (code, err) == (0, "")
    assert out.startswith("HuberLoss: Squared error up to delta")
    assert "error: output - target" in out
    assert "\x1b" not in out  # not a terminal
    assert "误差：输出 - 目标" in run("explain huber --plot --lang zh", capsys)[1]
    code, out, _ = run("explain MeanSquaredError --plot m.svg", capsys)
    assert (code, out.split(", ")[0]) == (0, "m.svg: MSELoss")
    assert ET.fromstring((tmp_path / "m.svg").read_text(encoding="utf-8")).tag.endswith("svg")
    for arguments, message in (
        ("explain ctc --plot", "CTCLoss cannot be drawn: it takes log_probs"),
        ("explain AdaptiveLogSoftmaxWithLoss --plot", "cannot be drawn: it is a layer"),
        ("explain LK101 --plot", "--plot draws losses, and LK101 is a rule; leave --plot out"),
        ("explain hubber --plot", "no loss 'hubber'; did you mean 'HuberLoss'?"),
        ("explain huber --plot no/such.svg", "cannot write --plot no/such.svg (No such file or directory); name a"),
    ):
        code, out, err = run(arguments, capsys)
        assert (code, out) == (2, "")
        assert err.startswith("losskit: ")
        assert message in err
    with pytest.raises(SystemExit) as left:
        main(["explain", "--plot", "huber"])
    assert left.value.code == 2
    assert "a file whose name ends in .svg, got 'huber'; NAME goes before it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("encoding", "terminal", "environment", "expected"),
    [
        ("utf-8", True, {}, Means(True, True)),
        ("utf-8", False, {}, Means(False, True)),
        ("ascii", True, {}, Means(True, False)),
        ("utf-8", True, {"NO_COLOR": "1"}, Means(False, True)),
        ("utf-8", True, {"TERM": "dumb"}, Means(False, True)),
        (None, False, {}, Means(False, False)),
    ],
)
def test_what_the_terminal_can_show(
    encoding: str | None,
    terminal: bool,
    environment: dict[str, str],
    expected: Means,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Stream:
        def isatty(self) -> bool:
            return terminal

    stream: Any = Stream()
    stream.encoding = encoding
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert plot.means() == expected
