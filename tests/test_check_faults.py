"""The faults of ``checked/faults.py``: each planted in its program, and found by its rule."""

from __future__ import annotations

import pytest
from checked import PROGRAMS, needs_saved_tensors
from checked.faults import FAULTS, Fault
from checked.recall import report_of


@pytest.mark.filterwarnings("ignore")  # torch warns of some
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.program}-{fault.code}")
def test_a_planted_fault_is_found(fault: Fault) -> None:
    needs_saved_tensors(fault.code, fault.program)
    report = report_of(fault.text)
    assert fault.code in {finding.code for finding in report.findings}, report
    assert "which failed" not in report.coverage


def test_every_program_has_faults() -> None:
    assert {fault.program for fault in FAULTS} == {program.stem for program in PROGRAMS}
