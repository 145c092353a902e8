"""What was found in the tests of a run, in the process that reports; it needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from losskit.checker.coverage import Coverage
from losskit.checker.finding import ORDER, Severity
from losskit.checker.report import NEVER
from losskit.terminal import wrapped

OUTSIDE = "calls at import, between tests and in other processes"


@dataclass
class Found:
    """A finding, and the tests that have it."""

    finding: dict[str, Any]
    tests: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """In short."""
        of = self.finding
        return f"{of['file']}:{of['line']}: {of['severity']} {of['code']} {of['what']}"

    @property
    def where(self) -> str:
        """The tests, in words."""
        others = len(self.tests) - 1
        return self.tests[0] + (f" and {others} other{'s' if others > 1 else ''}" if others else "")


class Summary:
    """Adds up the tests.

    Args:
        room: The columns of the terminal.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self.coverage = Coverage()
        self.tests = self.calling = 0
        self.found: dict[tuple[str, int, str, str], Found] = {}
        self.ignored: dict[str, int] = {}

    def add(self, test: str, record: dict[str, Any]) -> None:
        """Count a test in: its ``OfTest.record``."""
        coverage = Coverage(**record["coverage"])
        self.coverage.add(coverage)
        self.tests += 1
        self.calling += bool(coverage.calls)
        for finding in record["findings"]:
            key = finding["file"], finding["line"], finding["code"], finding["severity"]
            self.found.setdefault(key, Found(finding)).tests.append(test)
        for code in record["ignored"]:
            self.ignored[code] = self.ignored.get(code, 0) + 1

    def lines(self, brief: bool) -> list[str]:
        """The summary: warnings in full unless it is brief, and what was checked."""
        lines: list[str] = []
        for severity in ORDER:
            for each in self.found.values():
                if each.finding["severity"] == severity:
                    lines += self._of(each, full=severity is Severity.WARNING and not brief)
        return [*lines, *wrapped(self._coverage(), self.room)]

    def _of(self, each: Found, full: bool) -> list[str]:
        lines = each.finding["text"].split("\n") if full else wrapped(each.line, self.room, "  ")
        return [*lines, *wrapped(f"  {'in':<9} {each.where}", self.room, " " * 12), *([""] if full else [])]

    def _coverage(self) -> str:
        tests = f"{self.tests} test{'s' if self.tests != 1 else ''}"
        ran = f", in {self.calling} of {tests}" if self.calling else f" in {tests}"
        ignored = ", ".join(f"{code} ({count})" for code, count in sorted(self.ignored.items()))
        left = "; ".join([*self.coverage.unchecked(), OUTSIDE, NEVER])
        return (
            f"checked: {self.coverage.checked()}{ran}; {f'ignored: {ignored}; ' if ignored else ''}not checked: {left}."
        )
