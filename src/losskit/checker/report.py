"""What a check found, what it looked at, and what it did not look at."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from typing import Any

from losskit.checker.finding import ORDER, Finding, Severity
from losskit.checker.phrase import LANGUAGES, Phrase, told
from losskit.terminal import columns, width, wrapped

#: What no check of losses looks at.
NEVER = "whether the labels are right, and what is done with the outputs, but for a threshold of 0.5 beside their loss"


@dataclass(frozen=True)
class Report:
    """The result of a check; ``str`` gives its text, and a notebook shows it as a table.

    Args:
        findings: What was found, the worst first.
        checked: What was looked at, in words.
        unchecked: What was not looked at, in words.
        exit_code: Of the script that was run, if one was.
        language: In which it is told: English or, as ``"zh"``, Chinese.
    """

    findings: tuple[Finding, ...]
    checked: str
    unchecked: tuple[str, ...] = ()
    exit_code: int | None = None
    language: str = "en"

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise ValueError(f"language must be one of {', '.join(LANGUAGES)}, got {self.language!r}")

    @property
    def failed(self) -> bool:
        """Whether there is an error, whose harm was measured."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    @property
    def coverage(self) -> str:
        """What was checked, and what was not: silence is no proof."""
        unchecked = self._told("; ").join(map(self._told, (*self.unchecked, NEVER)))
        told = Phrase("checked: {checked}; not checked: {unchecked}.", checked=self.checked, unchecked=unchecked)
        ended = Phrase("The script ended with exit code {code}.", code=self.exit_code)
        return self._told(Phrase("{told} {ended}", told=told, ended=ended) if self.exit_code else told)

    def __str__(self) -> str:
        coverage = "\n".join(wrapped(self.coverage, width()))
        return "\n\n".join([self._head(), *map(self.full, self.findings), coverage])

    def concise(self) -> str:
        """A line for each finding."""
        lines = [
            f"{self._place(each)}: {self._told(each.severity)} {each.code} {self._told(each.what)}"
            for each in self.findings
        ]
        return "\n".join([*lines, self.coverage])

    def full(self, finding: Finding, within: int | None = None) -> str:
        """All that is said of a finding, in lines of at most so many columns: the terminal's."""
        across = width() if within is None else within
        lines = [f"{self._place(finding)}: {self._told(finding.severity)} {finding.code} {finding.name}"]
        if finding.where and finding.where.source:
            lines.append(f"  > {finding.where.source}")
        what = self._told(Phrase("{what}.", what=finding.what))
        lines += wrapped(f"  {what}", across, "  ")
        parts = {"evidence": finding.evidence, "harm": finding.harm, "mend": finding.mend}
        if finding.of > 1:
            seen = Phrase("in {seen} of {of} calls that were looked at", seen=finding.seen, of=finding.of)
            parts["seen"] = seen
        titles = [self._told(title) for title in parts]
        room = max(map(columns, titles)) + 2
        for title, text in zip(titles, parts.values(), strict=True):
            padded = title + " " * (room - columns(title))
            lines += wrapped(f"  {padded}{self._told(text)}", across, " " * (room + 2))
        return "\n".join(lines)

    def as_json(self) -> str:
        """The report for a machine: its keys are English, its texts in the language of the report."""
        content: dict[str, Any] = {
            "findings": [finding.as_json(self.language) for finding in self.findings],
            "checked": self._told(self.checked),
            "not_checked": [self._told(each) for each in (*self.unchecked, NEVER)],
            "exit_code": self.exit_code,
        }
        return json.dumps(content, indent=2, ensure_ascii=False)

    def _repr_html_(self) -> str:
        rows = "".join(map(self._row, self.findings))
        return f"<p><b>{html.escape(self._head())}</b></p><table>{rows}</table><p>{html.escape(self.coverage)}</p>"

    def _told(self, text: str) -> str:
        return told(text, self.language)

    def _head(self) -> str:
        counts = [(sum(finding.severity is kind for finding in self.findings), str(kind)) for kind in ORDER]
        found = [
            self._told(Phrase("{count} {kind}", count=count, kind=f"{kind}s" if count > 1 else kind))
            for count, kind in counts
            if count
        ]
        return self._told(Phrase("losskit check: {found}", found=self._told(", ").join(found) or "nothing found"))

    def _place(self, finding: Finding) -> str:
        return str(finding.where) if finding.where else self._told("the call")

    def _row(self, finding: Finding) -> str:
        cells = (
            self._place(finding),
            self._told(finding.severity),
            f"{finding.code} {finding.name}",
            *map(self._told, (finding.what, finding.harm, finding.mend)),
        )
        shown = "".join(f'<td style="text-align: left">{html.escape(each)}</td>' for each in cells)
        return f"<tr>{shown}</tr>"
