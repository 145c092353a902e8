"""The corpus: every fault is found by its rule, and nothing of weight in the mended twin."""

from __future__ import annotations

import pytest
from checked.corpus import CORPUS, NOT_OURS, PRELUDE, Case
from checked.habits import HABITS
from checked.recall import report_of

from losskit.checker.finding import Severity

pytestmark = pytest.mark.filterwarnings("ignore")  # torch warns of some


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: f"{case.code}-{case.thread or 'made'}")
def test_the_fault_is_found_and_the_twin_is_clean(case: Case) -> None:
    report = report_of(case.faulty)
    assert case.code in {finding.code for finding in report.findings}, report
    twin = report_of(case.mended)
    assert twin.exit_code == 0
    assert not [finding for finding in twin.findings if finding.severity is not Severity.NOTE], twin
    assert case.code not in {finding.code for finding in twin.findings}
    assert "which failed" not in report.coverage + twin.coverage


@pytest.mark.parametrize("fault", NOT_OURS)
def test_what_does_not_concern_losses_is_left_alone(fault: str) -> None:
    assert report_of(PRELUDE + NOT_OURS[fault]).findings == ()


@pytest.mark.parametrize("habit", HABITS)
def test_correct_scripts_that_look_like_faults_are_left_alone(habit: str) -> None:
    report = report_of(PRELUDE + HABITS[habit])
    assert report.exit_code == 0
    assert not [finding for finding in report.findings if finding.severity is not Severity.NOTE], report
    assert "which failed" not in report.coverage


def test_half_of_it_is_after_real_threads() -> None:
    assert len(CORPUS) >= 40
    assert 2 * sum(bool(case.thread) for case in CORPUS) >= len(CORPUS)
