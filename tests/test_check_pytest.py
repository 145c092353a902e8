"""pytest's plugin, in real runs of pytest."""

from __future__ import annotations

import re

import pytest
import torch.nn.functional as F

from losskit.checker import watching  # so that it stays: pytester drops what a run has imported
from losskit.terminal import columns

pytest_plugins = ["pytester"]

START = """
import unittest
import losskit, pytest, torch
from torch import nn
from torch.nn import functional as F

IDS = torch.arange(16) % 5

def logits():
    return torch.randn(16, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)

def misuse():
    F.cross_entropy(logits().softmax(1), IDS).backward()

def divergence():
    return F.kl_div(logits().log_softmax(1), logits().softmax(1).detach())
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("COLUMNS", "80")
    pytester.makeini("[pytest]\naddopts = -p no:cacheprovider\nfilterwarnings = ignore\n")
    return pytester


def run(suite: pytest.Pytester, tests: str, *options: str, fail: int = 0, **counts: int) -> str:
    """The output of a run in which so many tests pass and fail."""
    suite.makepyfile(START + tests)
    result = suite.runpytest_inprocess("--losskit", *options)
    result.assert_outcomes(failed=fail, **counts)
    return str(result.stdout)


def summary(shown: str) -> str:
    """Its part of a run's output, on one line."""
    part = re.split(r"=+ losskit =+\n", shown)[1]
    return re.sub(r"\s+", " ", re.split(r"^=", part, flags=re.M)[0])


def test_an_error_fails_the_test_and_is_told_in_80_columns(suite: pytest.Pytester) -> None:
    tests = """
@pytest.mark.parametrize("last", [nn.Identity(), nn.Softmax(1)], ids=["none", "softmax"])
def test_learns(last):
    F.cross_entropy(last(logits()), IDS).backward()

def test_without_a_loss():
    pass
"""
    shown = run(suite, tests, fail=1, passed=2)
    name = "test_an_error_fails_the_test_and_is_told_in_80_columns.py"
    assert f"\n{name}:19: error LK101 softmax-before-logits\n  > F.cross_entropy(last(logits()), IDS)" in shown
    assert f"in {name}::test_learns[softmax] checked: 2 of 2 calls in 1 line, by " in summary(shown)
    assert ", in 2 of 3 tests; not checked: what made the input in " in summary(shown)
    assert "; calls at import, between tests and in other processes; whether " in summary(shown)
    assert max(len(line) for line in shown.split("=== losskit ===")[1].splitlines() if name not in line) <= 80


def test_warnings_and_notes_are_in_the_summary_alone(suite: pytest.Pytester) -> None:
    tests = """
def test_first():
    divergence()

def test_second():
    divergence()
    F.cross_entropy(logits().log_softmax(1), IDS)
"""
    shown = run(suite, tests, passed=2)
    assert ":15: warning LK301 mean-of-elements > return F.kl_div(" in summary(shown)
    assert re.search(r"::test_first and 1 other .*: note LK105 cross_entropy applies", summary(shown))
    assert "mean-of-elements" not in summary(run(suite, tests, "-q", passed=2))


def test_findings_that_are_meant_to_be(suite: pytest.Pytester) -> None:
    tests = """
@pytest.mark.losskit(ignore=["LK101"])
def test_marked():
    misuse()

@pytest.mark.losskit("LK102", ignore=("LK3", "LK4"))
def test_marked_otherwise():
    misuse()

def test_from_the_ini():
    divergence()

@pytest.mark.losskit(ignore=["LK999"])
def test_mistyped():
    pass

@pytest.mark.losskit(ignored=["LK101"])
def test_mistyped_otherwise():
    pass
"""
    shown = run(suite, tests, "-o", "losskit_ignore=LK3", "--strict-markers", fail=1, passed=2, errors=2)
    assert "FAILED test_findings_that_are_meant_to_be.py::test_marked_otherwise" in shown
    assert "no rule of losskit has the code 'LK999'; did you mean" in shown
    assert "no rule of losskit has the code 'ignored'" in shown
    assert "ignored: LK101 (1), LK301 (1); not checked" in summary(shown)


def test_errors_that_calls_raise(suite: pytest.Pytester) -> None:
    """They are a help where the test fails of them, and expected where it does not."""
    tests = """
def test_expected():
    with pytest.raises(IndexError):
        F.cross_entropy(logits(), IDS + 1)

def test_not_expected():
    F.cross_entropy(logits(), IDS + 1)
"""
    shown = run(suite, tests, fail=1, passed=1)
    assert ":22: error LK208 class-out-of-range\n" in shown
    assert "IndexError: Target 5 is out of bounds" in shown
    assert "watching.py" not in shown
    assert ":19: " not in shown


def test_fixtures_classes_and_own_watches(suite: pytest.Pytester) -> None:
    tests = """
@pytest.fixture(scope="module")
def trained():
    misuse()
    yield
    divergence()

def test_fixture(trained):
    pass

class TestCase(unittest.TestCase):
    def setUp(self):
        misuse()

    def test_case(self):
        with losskit.watch() as watching:
            misuse()
        assert watching.report().failed

@pytest.mark.xfail
def test_expected_to_fail(trained):
    misuse()
    raise KeyError

def test_loop():
    for _ in range(33):
        F.cross_entropy(logits(), IDS)
"""
    shown = run(suite, tests, fail=2, passed=1, xfailed=1)
    assert "::test_fixture and 2 others" in summary(shown)
    assert "mean-of-elements" in summary(shown)
    assert "checked: 26 of 38 calls in 3 lines" in summary(shown), "in the loop the first 20, and the 32nd"
    assert F.cross_entropy.__code__.co_filename == F.cross_entropy.__code__.co_filename
    assert not watching._held
    assert "ask" not in F.cross_entropy.__code__.co_varnames, "torch is as it was"


def test_off_it_imports_no_torch(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
import sys
import pytest

@pytest.mark.losskit(ignore=["LK101"])
def test_off():
    assert "losskit.pytest_plugin" in sys.modules
    assert not {"torch", "losskit.checker", "losskit.pytest_plugin.hooks"} & set(sys.modules)
""")
    result = suite.runpytest_subprocess("--strict-markers")
    result.assert_outcomes(passed=1)
    assert "losskit:" not in str(result.stdout)


def test_the_ini_switches_it_on(suite: pytest.Pytester) -> None:
    suite.makepyfile(START + "def test_misuse():\n    misuse()\n")
    suite.runpytest_inprocess("-o", "losskit_check=true").assert_outcomes(failed=1)
    suite.runpytest_inprocess().assert_outcomes(passed=1)


def test_workers_of_xdist_tell_the_summary(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xdist")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    tests = """
@pytest.mark.parametrize("number", range(4))
def test_divergence(number):
    divergence()

def test_misuse():
    misuse()

@pytest.mark.losskit(ignore=["LK101"])
def test_meant():
    misuse()
"""
    shown = run(suite, tests, "-n", "2", fail=1, passed=5)
    assert ":12: error LK101 softmax-before-logits" in shown
    told = summary(shown)
    assert re.search(r":15: warning LK301 mean-of-elements .*::test_divergence\[\d\] and 3 others ", told)
    assert "checked: 6 of 6 calls in 2 lines" in told
    assert ", in 6 of 6 tests; ignored: LK101 (1); not checked: " in told


@pytest.mark.parametrize("way", [["--losskit-lang", "zh"], ["-o", "losskit_lang=zh"]], ids=["option", "ini"])
def test_in_chinese(suite: pytest.Pytester, way: list[str]) -> None:
    tests = """
def test_misuse():
    misuse()
    divergence()

def test_passed_by():
    divergence()
    F.huber_loss(logits(), logits(), delta=float("inf"))
"""
    shown = run(suite, tests, *way, fail=1, passed=1)
    assert "LK101：损失使用有误\n" in shown
    assert re.search("losskit：.*，检查测试所调用的损失", shown)
    part = re.split(r"=+ losskit =+\n", shown)[1].split("\n=")[0]
    assert "\n  位于  test_in_chinese.py::test_misuse 及其他 1 个\n" in part
    assert not re.findall("[a-z]{2,} [a-z]{2,}", re.sub("> .*", "", part)), part
    told = re.sub(r"\s", "", part)
    assert "，涉及2个测试中的2个；未检查：losskit无法读取（ValueError）的1次调用；" in told, told
    assert all(columns(line) <= 80 for line in part.splitlines() if not line.lstrip().startswith((">", "test_in")))


def test_a_language_that_is_not_there(suite: pytest.Pytester) -> None:
    result = suite.runpytest_inprocess("--losskit", "-o", "losskit_lang=de")
    assert "losskit_lang must be one of en, zh, got 'de'" in str(result.stderr)
