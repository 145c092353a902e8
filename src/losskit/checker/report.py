"""What a check found, what it looked at, and what it did not look at."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from typing import Any

from losskit.checker.finding import ORDER, Finding, Severity
from losskit.terminal import width, wrapped

#: What no check of losses looks at.
NEVER = "whether the labels are right, and what is done with the outputs after training"


@dataclass(frozen=True)
class Report:
    """The result of a check; ``str`` gives its text, and a notebook shows it as a table.

    Args:
        findings: What was found, the worst first.
        checked: What was looked at, in words.
        unchecked: What was not looked at, in words.
        exit_code: Of the script that was run, if one was.
    """

    findings: tuple[Finding, ...]
    checked: str
    unchecked: tuple[str, ...] = ()
    exit_code: int | None = None

    @property
    def failed(self) -> bool:
        """Whether there is an error, whose harm was measured."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    @property
    def coverage(self) -> str:
        """What was checked, and what was not: silence is no proof."""
        ended = f" The script ended with exit code {self.exit_code}." if self.exit_code else ""
        return f"checked: {self.checked}; not checked: {'; '.join([*self.unchecked, NEVER])}.{ended}"

    def __str__(self) -> str:
        return "\n\n".join([self._head(), *map(_text, self.findings), _filled(self.coverage)])

    def concise(self) -> str:
        """A line for each finding."""
        lines = [f"{_place(finding)}: {finding.severity} {finding.code} {finding.what}" for finding in self.findings]
        return "\n".join([*lines, self.coverage])

    def as_json(self) -> str:
        """The report for a machine."""
        content: dict[str, Any] = {
            "findings": [finding.as_json() for finding in self.findings],
            "checked": self.checked,
            "not_checked": [*self.unchecked, NEVER],
            "exit_code": self.exit_code,
        }
        return json.dumps(content, indent=2, ensure_ascii=False)

    def _repr_html_(self) -> str:
        rows = "".join(_row(finding) for finding in self.findings)
        return f"<p><b>{html.escape(self._head())}</b></p><table>{rows}</table><p>{html.escape(self.coverage)}</p>"

    def _head(self) -> str:
        counts = [(sum(finding.severity is kind for finding in self.findings), str(kind)) for kind in ORDER]
        told = [f"{count} {kind}{'s' if count > 1 else ''}" for count, kind in counts if count]
        return f"losskit check: {', '.join(told) or 'nothing found'}"


def _place(finding: Finding) -> str:
    return str(finding.where) if finding.where else "the call"


def _text(finding: Finding) -> str:
    lines = [f"{_place(finding)}: {finding.severity} {finding.code} {finding.name}"]
    if finding.where and finding.where.source:
        lines.append(f"  > {finding.where.source}")
    lines += wrapped(f"  {finding.what}.", width(), "  ")
    parts = {"evidence": finding.evidence, "harm": finding.harm, "mend": finding.mend}
    if finding.of > 1:
        parts["seen"] = f"in {finding.seen} of {finding.of} calls that were looked at"
    for title, text in parts.items():
        lines += wrapped(f"  {title:<9} {text}", width(), " " * 12)
    return "\n".join(lines)


def _row(finding: Finding) -> str:
    told = (
        _place(finding),
        str(finding.severity),
        f"{finding.code} {finding.name}",
        finding.what,
        finding.harm,
        finding.mend,
    )
    cells = "".join(f'<td style="text-align: left">{html.escape(each)}</td>' for each in told)
    return f"<tr>{cells}</tr>"


def _filled(text: str) -> str:
    return "\n".join(wrapped(text, width()))
