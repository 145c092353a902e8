"""What a rule finds: how bad it is, and what is said of it."""

from __future__ import annotations

import linecache
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from losskit.core.head import Name


class Severity(Name):
    """How bad a finding is; an error alone makes the exit code 1."""

    ERROR = "error"  # the harm was measured
    WARNING = "warning"  # likely wrong
    NOTE = "note"  # harmless, or a matter of taste


ORDER = tuple(Severity)


class Says(NamedTuple):
    """The texts of a rule, with the names of measured values in braces."""

    what: str
    evidence: str
    harm: str
    mend: str


class Site(NamedTuple):
    """A line of the user's code."""

    file: str
    line: int
    function: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def source(self) -> str:
        """The line itself, or nothing where it cannot be read."""
        return linecache.getline(self.file, self.line).strip()


@dataclass(frozen=True)
class Finding:
    """A misuse of a loss.

    Args:
        code: Of the rule, such as ``LK101``.
        name: Of the rule, in words.
        severity: How bad it is.
        says: The texts of the rule.
        values: What was measured, by the names in the texts.
        where: The line of the call, where it is known.
        seen: In how many calls it was found.
        of: How many calls were looked at.
    """

    code: str
    name: str
    severity: Severity
    says: Says
    values: Mapping[str, Any]
    where: Site | None = None
    seen: int = 1
    of: int = 1

    @property
    def what(self) -> str:
        """What is wrong."""
        return self._filled(self.says.what)

    @property
    def evidence(self) -> str:
        """How that is known."""
        return self._filled(self.says.evidence)

    @property
    def harm(self) -> str:
        """What it costs, measured on this batch."""
        return self._filled(self.says.harm)

    @property
    def mend(self) -> str:
        """What to do."""
        return self._filled(self.says.mend)

    def _filled(self, text: str) -> str:
        shown = {
            name: shown_number(value) if isinstance(value, float) else value for name, value in self.values.items()
        }
        return text.format_map(shown)

    def as_json(self) -> dict[str, Any]:
        """What a machine reads."""
        return {
            "code": self.code,
            "name": self.name,
            "severity": str(self.severity),
            "file": self.where.file if self.where else None,
            "line": self.where.line if self.where else None,
            "what": self.what,
            "evidence": self.evidence,
            "harm": self.harm,
            "mend": self.mend,
            "seen": self.seen,
            "of": self.of,
        }


def shown_number(value: float) -> str:
    """A number with three digits."""
    return f"{value:.3g}"
