"""Claims that torch is wrong, and the report of those that are true no longer.

A test makes its claim by the fixture ``torch_still``, beside what losskit must get right. Where torch has mended its ways
nothing fails, but pytest says so: in its last line, and in a section that lists test and claim.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

import pytest

Claim = Callable[[bool | Callable[[], bool], str], None]
MENDED = "torch mended"


@pytest.fixture
def torch_still(record_property: Callable[[str, object], None]) -> Claim:
    """Take whether torch was just seen to be wrong, and the claim in words: they travel with the report, from any process.

    What a right torch would refuse is asked by a function: it is wrong no longer where that raises.
    """

    def claim(wrong: bool | Callable[[], bool], words: str) -> None:
        if not (wrong if isinstance(wrong, bool) else not fails(wrong) and wrong()):
            record_property(MENDED, words)

    return claim


def fails(call: Callable[[], object]) -> bool:
    try:
        call()
    except (RuntimeError, ValueError, IndexError):
        return True
    return False


def expired(report: object) -> list[str]:
    """The claims of a test that are true no longer."""
    called = getattr(report, "when", None) == "call"
    return [words for name, words in getattr(report, "user_properties", ()) if name == MENDED and called]


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Count such a test apart from those that passed."""
    return (MENDED, "M", ("MENDED", {"yellow": True})) if report.passed and expired(report) else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    every = [report for reports in terminalreporter.stats.values() for report in reports]
    lines = [f"{report.nodeid}: {words}" for report in every for words in expired(report)]
    if lines:
        terminalreporter.section(f"torch {version('torch')} is right by now", yellow=True, bold=True)
        for line in sorted(lines):
            terminalreporter.write_line(line, yellow=True)
        terminalreporter.write_line("Drop a claim once every torch that losskit supports is right.")
