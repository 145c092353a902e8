"""What a rule finds: how bad it is, and what is said of it."""

from __future__ import annotations

import linecache
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from losskit.checker.phrase import Phrase, told
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
        return f"{self.path}:{self.line}"

    @property
    def path(self) -> str:
        """The file, as seen from the current folder if it lies there."""
        try:
            here = os.path.join(os.getcwd(), "")
        except OSError:  # it was removed
            return self.file
        return self.file.removeprefix(here)

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
        raised: Whether the call raised an error, so that it is no secret.
    """

    code: str
    name: str
    severity: Severity
    says: Says
    values: Mapping[str, Any]
    where: Site | None = None
    seen: int = 1
    of: int = 1
    raised: bool = False

    @property
    def what(self) -> Phrase:
        """What is wrong."""
        return Phrase(self.says.what, **self.values)

    @property
    def evidence(self) -> Phrase:
        """How that is known."""
        return Phrase(self.says.evidence, **self.values)

    @property
    def harm(self) -> Phrase:
        """What it costs, measured on this batch."""
        return Phrase(self.says.harm, **self.values)

    @property
    def mend(self) -> Phrase:
        """What to do."""
        return Phrase(self.says.mend, **self.values)

    def as_json(self, language: str = "en") -> dict[str, Any]:
        """What a machine reads: the keys are English, the texts in this language."""
        return {
            "code": self.code,
            "name": self.name,
            "severity": str(self.severity),
            "file": self.where.path if self.where else None,
            "line": self.where.line if self.where else None,
            "what": told(self.what, language),
            "evidence": told(self.evidence, language),
            "harm": told(self.harm, language),
            "mend": told(self.mend, language),
            "seen": self.seen,
            "of": self.of,
        }
