"""What was found in the tests of a run, in the process that reports; it needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from losskit.checker.coverage import Coverage
from losskit.checker.finding import ORDER, Severity
from losskit.checker.phrase import Phrase, told
from losskit.checker.report import NEVER
from losskit.terminal import columns, wrapped

OUTSIDE = "calls at import, between tests and in other processes"


@dataclass
class Found:
    """A finding, and the tests that have it."""

    finding: dict[str, Any]
    tests: list[str] = field(default_factory=list)

    def line(self, language: str) -> str:
        """In short."""
        of = self.finding
        return f"{of['file']}:{of['line']}: {told(of['severity'], language)} {of['code']} {of['what']}"

    @property
    def where(self) -> str:
        """The tests, in words."""
        others = len(self.tests) - 1
        more = "{test} and {count} other" if others == 1 else "{test} and {count} others"
        return Phrase(more, test=self.tests[0], count=others) if others else self.tests[0]


class Summary:
    """Adds up the tests.

    Args:
        room: The columns of the terminal.
        language: In which it tells; that of the findings, too.
    """

    def __init__(self, room: int, language: str = "en") -> None:
        self.room = room
        self.language = language
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
        return [*lines, *wrapped(told(self._coverage(), self.language), self.room)]

    def _of(self, each: Found, full: bool) -> list[str]:
        lines = each.finding["text"].split("\n") if full else wrapped(each.line(self.language), self.room, "  ")
        title = told("in", self.language)
        across = columns(told("evidence", self.language)) + 2  # as the findings' own titles
        place = f"  {title}{' ' * (across - columns(title))}{told(each.where, self.language)}"
        return [*lines, *wrapped(place, self.room, " " * (2 + across)), *([""] if full else [])]

    def _coverage(self) -> Phrase:
        tests = Phrase("{count} test" if self.tests == 1 else "{count} tests", count=self.tests)
        ran = "{checked}, in {calling} of {tests}" if self.calling else "{checked} in {tests}"
        ignored = ", ".join(f"{code} ({count})" for code, count in sorted(self.ignored.items()))
        left = told("; ", self.language).join(
            told(each, self.language) for each in (*self.coverage.unchecked(), OUTSIDE, NEVER)
        )
        return Phrase(
            "checked: {checked}; ignored: {ignored}; not checked: {unchecked}."
            if ignored
            else "checked: {checked}; not checked: {unchecked}.",
            checked=Phrase(ran, checked=self.coverage.checked(), calling=self.calling, tests=tests),
            ignored=ignored,
            unchecked=left,
        )
