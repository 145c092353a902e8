"""The benchmark runs, and its page says what it measured. Times are nobody's business here."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

import losskit

if TYPE_CHECKING:
    from results import Results

ROOT = Path(__file__).parent.parent
BENCH = ROOT / "benchmarks" / "bench.py"
LOSSES = ("MSELoss", "FocalLoss", "CrossEntropyLoss")


def bench(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(BENCH), *arguments], capture_output=True, text=True, timeout=300, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A short run: where it wrote, and what it printed."""
    file = tmp_path_factory.mktemp("bench") / "out.json"
    few = ("--sizes", "tiny", "--threads", "1", "--losses", *LOSSES)
    return file, bench("--quick", *few, "--json", str(file))


@pytest.fixture
def results(run: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Results:
    monkeypatch.syspath_prepend(str(BENCH.parent))
    read: Results = json.loads(run[0].read_text(encoding="utf-8"))
    return read


def test_every_variant_is_measured(results: Results) -> None:
    (table,) = results["tables"]
    assert [row["loss"] for row in table["rows"]] == [
        each.__name__ for each in losskit.CATALOG if each.__name__ in LOSSES
    ]
    for row in table["rows"]:
        assert set(row["ratios"]) == {"function", "module", "value_and_grad"}
        assert row["missing"] == {}
    assert [each["loss"] for each in results["memory"]] == ["CrossEntropyLoss"]
    assert len(results["steps"]) == 5
    assert table["bandwidth"] > 0


def test_the_page_is_narrow_and_rendered_from_the_file(run: tuple[Path, str]) -> None:
    file, printed = run
    assert bench("--table", str(file)) == printed
    assert max(map(len, printed.splitlines())) <= 100
    for name in LOSSES:
        assert f"| {name}" in printed


def test_a_long_name_fits_beside_losing_and_large_figures(results: Results) -> None:
    import page

    row = results["tables"][0]["rows"][0]
    row["loss"], row["kernel"] = "TripletMarginWithDistanceLoss", False
    for column, ratio in zip(page.HEADS, (0.12, 0.34, 123.45, 1234.5, 1.0, 8.5), strict=True):
        row["ratios"][column] = ratio
    lines = page.render(results).splitlines()
    assert max(map(len, lines)) <= 110
    (cells,) = (line for line in lines if line.startswith("| TripletMarginWithDistanceLoss†"))
    assert "**0.12** | **0.34**" in cells
    assert "* tiny, 1 thread, default heap, function: TripletMarginWithDistanceLoss 0.12" in page.render(results)


def test_the_curves_have_a_panel_for_each_loss(results: Results) -> None:
    import curves

    picture = ElementTree.fromstring(curves.picture(results))
    words = {"".join(each.itertext()) for each in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert {name.removesuffix("Loss") for name in LOSSES} | {"losskit", "torch", "100 B"} <= words


@pytest.mark.parametrize("power", [1, 2])
def test_a_slope_is_the_power_by_which_the_time_grows(monkeypatch: pytest.MonkeyPatch, power: int) -> None:
    monkeypatch.syspath_prepend(str(BENCH.parent))
    import curves
    import paired

    monkeypatch.setattr(curves, "ELEMENTS", (10**2, 10**3, 10**4))
    seconds = (1e-6 * 10 ** (power * place) for place in range(3))
    monkeypatch.setattr(paired, "alternate", lambda steps, effort: {"losskit": [next(seconds)]})
    assert curves.slope(losskit.MSELoss, paired.QUICK)["slope"] == power


def test_targets_are_held_against_the_figures(results: Results) -> None:
    import targets

    rows = results["tables"][0]["rows"]
    results["tables"][0]["size"] = "small"
    for row in rows:
        row["ratios"] |= {"function": 3.0, "module": 3.0, "value_and_grad": 5.0}
    judged = {each.says: each for each in targets.judge(results)}
    results["tables"][0]["size"] = "large"
    (many,) = (each for each in targets.judge(results) if "function at least 25.0" in each.says)
    assert (many.values, many.short) == ({"FocalLoss": 3.0}, {"FocalLoss": 3.0})
    results["tables"][0]["size"] = "small"
    bare = judged["small, 1 thread, default heap: value_and_grad at least 5.0 for each loss"]
    assert len(bare.values) == 3
    assert not bare.short
    del rows[0]["ratios"]["value_and_grad"]
    assert (rows[0]["loss"],) in [each.absent for each in targets.judge(results)]
    assert not judged["large, 1 thread, huge pages: × memory at most 1.7 for each element-wise loss"].values


def test_variants_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH.parent))
    import paired

    names, came = ["a", "b", "c"], list[str]()

    def called(name: str) -> int:
        came.append(name)
        return len(came)

    found = paired.in_turn({name: partial(called, name) for name in names}, paired.rotated(names, 4))
    assert "".join(came) == "abcbcacababc"
    assert found == {"a": [1, 6, 8, 10], "b": [2, 4, 9, 11], "c": [3, 5, 7, 12]}
    assert ["".join(order) for order in paired.to_and_fro(names, 3)] == ["cba", "abc", "cba"]
    orders = ["".join(order) for order in paired.shuffled(names, 20)]
    assert {"".join(sorted(order)) for order in orders} == {"abc"}
    assert len(set(orders)) > 3
    assert orders == ["".join(order) for order in paired.shuffled(names, 20)]  # the same ones in every run


def test_a_rival_that_fails_or_computes_something_else_is_left_out(results: Results) -> None:
    import torch
    import variants

    def fails() -> torch.Tensor:
        raise RuntimeError("no compiler\nand a trace")

    steps = {"losskit function": lambda: torch.tensor(1.0), "compiled function": fails}
    good, missing = variants.usable({**steps, "torch function": lambda: torch.tensor(1.1)})
    assert list(good) == ["losskit function"]
    assert missing == {
        "compiled function": "RuntimeError: no compiler",
        "torch function": "it computes 1.1, losskit's function 1",
    }


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch's, of means that will be others
def test_every_loss_has_a_rival_that_computes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH.parent))
    import variants

    for loss in losskit.CATALOG:
        if loss.__name__ not in variants.ELSEWHERE:
            steps = variants.variants(loss, variants.draw(loss, (8, 5)), ("eager",), module=True)
            assert "torch function" in steps, loss
            assert variants.usable(steps)[1] == {}, loss


def test_the_tables_of_the_docs_are_of_these_figures() -> None:
    rows = bench("--summary", str(ROOT / "docs" / "benchmarks.json")).splitlines()
    assert "\n".join(rows) in (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    cells = {row.split("|")[1]: [cell.strip() for cell in row.split("|")[2:-1]] for row in rows}
    for name in ("README.md", "README.zh-CN.md"):
        table = (ROOT / name).read_text(encoding="utf-8").split("| 64 × 10 |")[1].split("\n\n")[0].splitlines()[2:]
        assert len(table) >= 4
        for row in table:
            small, _, *rest = cells[row.split("|")[1]]
            assert [cell.strip() for cell in row.split("|")[2:-1]] == [small, *rest], name


def test_the_page_in_docs_is_that_of_its_figures() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert bench("--table", str(ROOT / "docs" / "benchmarks.json")) == page
