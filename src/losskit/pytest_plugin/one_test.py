"""A test of a suite, its losses watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from losskit.checker.catalog import RULES
from losskit.checker.finding import Finding, Severity, Site
from losskit.checker.phrase import Phrase, told
from losskit.checker.watching import watch
from losskit.names import meant

AT_FIRST = 20  # calls of a line that are all looked at


class OfTest(watch):
    """Watches one test; at which calls it looks does not depend on the time, so that no test fails by chance.

    Args:
        ignored: Codes of findings that are dropped, or what they start with.
        language: In which it tells.
    """

    def __init__(self, ignored: Sequence[str] = (), language: str = "en") -> None:
        super().__init__()
        self.language = language
        self.ignored = tuple(ignored)
        self.failed = False  # by an error of its own
        self._told: set[tuple[str, Site | None]] = set()

    def affords(self, number: int) -> bool:
        """Whether to look at a later call of a line."""
        return number <= AT_FIRST or number.bit_count() == 1

    @property
    def unknown(self) -> str:
        """A message on an ignored code that no rule has; empty if all are known."""
        codes = [rule.code for rule in RULES]
        wrong = (each for each in self.ignored if not any(code.startswith(each) for code in codes))
        return next((f"no rule of losskit has the code {each!r}{meant(each, codes)}" for each in wrong), "")

    def findings(self) -> list[Finding]:
        """What was found. A test that passes expects the errors that calls have raised."""
        kept = [each for each in self.report().findings if not each.code.startswith(self.ignored)]
        return [each for each in kept if self.failed or not each.raised]

    def told(self, room: int) -> str:
        """The errors that were found since the last time, in lines of at most ``room`` columns; empty if none were."""
        errors = [each for each in self.findings() if each.severity is Severity.ERROR]
        new = [each for each in errors if (each.code, each.where) not in self._told]
        self._told |= {(each.code, each.where) for each in new}
        if not new:
            return ""
        head = Phrase("{codes}: a misused loss", codes=", ".join(sorted({each.code for each in new})))
        return "\n\n".join([told(head, self.language), *(self._full(each, room) for each in new)])

    def record(self, room: int) -> dict[str, Any]:
        """What the summary needs, which another process may write: text of at most ``room`` columns, and counts."""
        coverage = self.coverage()
        coverage.passed = {told(why, self.language): count for why, count in coverage.passed.items()}
        return {
            "findings": [{**each.as_json(self.language), "text": self._full(each, room)} for each in self.findings()],
            "coverage": asdict(coverage),
            "ignored": [each.code for each in self.report().findings if each.code.startswith(self.ignored)],
        }

    def _full(self, finding: Finding, room: int) -> str:
        return self.report(self.language).full(finding, room)
