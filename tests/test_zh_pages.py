"""The Chinese tutorial, docs/zh: its code runs and prints what the pages show, and its links and figures hold."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

import losskit
from losskit.catalog import STANDARD
from losskit.cli import main

ROOT = Path(__file__).parent.parent
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs" / "zh").glob("*.md"))}
STEP = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if "```python" in page])
def test_the_code_prints_what_the_page_shows(name: str) -> None:
    """Words and whole numbers to the letter; others within two of the last digit shown, as trainings differ between machines."""
    pytest.importorskip("mlxtend")
    steps = STEP.findall(PAGES[name])
    assert len(steps) == PAGES[name].count("```python")
    known: dict[str, Any] = {}
    with warnings.catch_warnings():
        for code, shown in steps:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(code, name, "exec"), known)
            assert_alike(printed.getvalue(), shown)


def assert_alike(printed: str, shown: str) -> None:
    assert NUMBER.sub("#", printed) == NUMBER.sub("#", shown), f"printed:\n{printed}shown:\n{shown}"
    for got, said in zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True):
        digits = len(said.partition(".")[2])
        assert abs(float(got) - float(said)) <= (2.001 * 10**-digits if digits else 0), f"{got}, not {said}:\n{printed}"


@pytest.fixture(autouse=True)
def _threads() -> None:
    torch.set_num_threads(1)  # the pages do so; conftest puts the number back


def test_numbers_that_differ_are_told() -> None:
    assert_alike("准确率 0.88\n", "准确率 0.90\n")
    for printed in ("准确率 0.85\n", "精度 0.88\n", "准确率 0.88 0\n"):
        with pytest.raises(AssertionError):
            assert_alike(printed, "准确率 0.88\n")
    with pytest.raises(AssertionError):
        assert_alike("11 类\n", "10 类\n")


def test_the_table_of_traps_has_the_measured_figures() -> None:
    page = PAGES["traps.md"]
    printed = "".join(shown for _, shown in STEP.findall(page))
    rows = re.findall(r"(?m)^\| (\d+) \| .*? \| (.*?) \| (.*?) \|$", page)
    titles = re.findall(r"(?m)^## (\d+)\. ", page)
    assert [row[0] for row in rows] == titles == [str(place + 1) for place in range(len(titles))]
    for number, harm, told in rows:
        for figure in re.findall(r"\d+\.\d+", harm):
            assert figure in printed, harm
        found = re.findall(rf"陷阱 {number}：(LK\d+)", printed)
        assert set(found) <= set(re.findall(r"LK\d+", told))
        assert bool(found) == ("LK" in told)


def test_the_captures_are_what_the_commands_print(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    for page in PAGES.values():
        for command, head, shown in re.findall(
            r"```console\n\$ losskit (.*) \| head -n (\d+)\n(.*?)```", page, re.DOTALL
        ):
            assert main(command.split()) == 0
            assert capsys.readouterr().out.splitlines()[: int(head)] == shown.splitlines()


def test_the_table_of_tasks_names_losses_that_serve() -> None:
    rows = re.findall(r"(?m)^\| ([^|]+) \| (`\w+Loss.*?) \|", PAGES["choosing.md"])
    named = {name for _, losses in rows for name in re.findall(r"\w+Loss", losses)}
    assert named <= {loss.__name__ for loss in losskit.CATALOG}
    assert set(STANDARD.values()) <= named


def test_every_page_is_linked_and_links_to_what_is_there() -> None:
    for name, page in PAGES.items():
        assert f"({name})" in PAGES["README.md"] or name == "README.md"
        for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", page):
            file = ROOT / "docs" / "zh" / (target or name)
            assert file.exists(), target
            if anchor:
                heads = re.findall(r"(?m)^#+ (.*)$", file.read_text(encoding="utf-8"))
                assert anchor in [re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads], anchor
    for readme in ("README.md", "README.zh-CN.md"):
        assert "(docs/zh/README.md)" in (ROOT / readme).read_text(encoding="utf-8")
