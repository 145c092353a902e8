"""A claim about torch that is true no longer turns nothing red, and cannot be overlooked."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PLANTED = """\
import pytest

@pytest.mark.parametrize("digit", [1, 2])
def test_digits(torch_still, digit):
    torch_still(digit == 1, f"{digit} is odd")
    torch_still(True, "the moon is far")

def test_of_two(torch_still):
    torch_still(False, "black is white")
    torch_still(lambda: False, "white is black")

def test_of_what_is_refused(torch_still):
    torch_still(lambda: int("x") == 0, "x is 0")
    torch_still(lambda: int("1") == 1, "1 is a letter")

def test_of_what_fails_for_another_reason(torch_still):
    torch_still(False, "fire is cold")
    assert OURS_IS_RIGHT

def test_without_a_claim():
    pass
"""


def run(folder: Path, ours_is_right: bool, *options: str) -> tuple[int, list[str]]:
    """Pytest's exit status and output, of the planted tests."""
    (folder / "test_planted.py").write_text(PLANTED.replace("OURS_IS_RIGHT", str(ours_is_right)))
    command = [sys.executable, "-m", "pytest", "-q", "-pclaims", "-pno:cacheprovider", *options]
    command += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # an editable install's, of the plugin
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("options", [(), ("-n1",)], ids=["here", "in other processes"])
def test_a_claim_that_has_expired_is_reported_and_fails_nothing(tmp_path: Path, options: tuple[str, ...]) -> None:
    status, lines = run(tmp_path, True, *options)
    assert status == 0
    start = next(n for n, line in enumerate(lines) if "is right by now" in line)
    assert lines[start].strip("= ").startswith("torch ")
    assert lines[start + 1 : start + 6] == [
        "test_planted.py::test_digits[2]: 2 is odd",
        "test_planted.py::test_of_two: black is white",
        "test_planted.py::test_of_two: white is black",
        "test_planted.py::test_of_what_fails_for_another_reason: fire is cold",
        "test_planted.py::test_of_what_is_refused: x is 0",
    ]
    assert lines[-1].startswith("2 passed, 4 torch mended in ")


def test_it_is_reported_of_a_test_that_fails_as_well(tmp_path: Path) -> None:
    status, lines = run(tmp_path, False)
    assert status == 1
    assert "test_planted.py::test_of_what_fails_for_another_reason: fire is cold" in lines
    assert lines[-1].startswith("1 failed, 2 passed, 3 torch mended in ")


def test_nothing_is_said_where_every_claim_is_true(tmp_path: Path) -> None:
    status, lines = run(tmp_path, True, "-k", "digits and 1 or without")
    assert (status, [line for line in lines if "by now" in line]) == (0, [])
    assert lines[-1].startswith("2 passed, 4 deselected in ")


def test_whoever_says_that_torch_is_wrong_asks_torch() -> None:
    """Every test of the folder claims; what is no evidence stands elsewhere."""
    silent = [
        f"{file.name}: {each.name}"
        for file in (TESTS / "where_torch_is_wrong").glob("test_*.py")
        for each in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")
        if "torch_still" not in [argument.arg for argument in each.args.args]
    ]
    assert silent == []
