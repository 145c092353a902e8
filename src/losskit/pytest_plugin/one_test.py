"""A test of a suite, its losses watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from losskit.checker.catalog import RULES
from losskit.checker.finding import Finding, Severity, Site
from losskit.checker.watching import watch
from losskit.names import meant

AT_FIRST = 20  # calls of a line that are all looked at


class OfTest(watch):
    """Watches one test; at which calls it looks does not depend on the time, so that no test fails by chance.

    Args:
        ignored: Codes of findings that are dropped, or what they start with.
    """

    def __init__(self, ignored: Sequence[str] = ()) -> None:
        super().__init__()
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
        codes = ", ".join(sorted({each.code for each in new}))
        return (
            "\n\n".join([f"{codes}: a misused loss", *(self.report().full(each, room) for each in new)]) if new else ""
        )

    def record(self, room: int) -> dict[str, Any]:
        """What the summary needs, which another process may write: text of at most ``room`` columns, and counts."""
        return {
            "findings": [{**each.as_json(), "text": self.report().full(each, room)} for each in self.findings()],
            "coverage": asdict(self.coverage()),
            "ignored": [each.code for each in self.report().findings if each.code.startswith(self.ignored)],
        }
