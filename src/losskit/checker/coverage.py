"""How much was looked at, and what was not: counts that can be added up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from losskit.checker.phrase import Phrase


@dataclass
class Coverage:
    """The counts of a watch, or of several.

    Args:
        rules: By how many rules each call is looked at.
        calls: How many calls there were, by their line.
        looked: How many of all calls were looked at.
        hidden: How many had an input of which the graph does not tell what made it.
        own: How many backward passes came from no loss of torch or losskit, by their line.
        passed: How many calls were not looked at, by the reason.
        broken: The rules that failed, and with which error.
    """

    rules: int = 0
    calls: dict[str, int] = field(default_factory=dict)
    looked: int = 0
    hidden: int = 0
    own: dict[str, int] = field(default_factory=dict)
    passed: dict[str, int] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    def add(self, other: Coverage) -> None:
        """Count in what another watch has counted."""
        self.rules = max(self.rules, other.rules)
        self.looked += other.looked
        self.hidden += other.hidden
        for mine, theirs in ((self.calls, other.calls), (self.own, other.own), (self.passed, other.passed)):
            _add(mine, theirs)
        self.broken.update(other.broken)

    def checked(self) -> str:
        """What was looked at, in words."""
        calls = sum(self.calls.values())
        if not calls:
            return "no loss was called"
        lines = Phrase("{count} line" if len(self.calls) == 1 else "{count} lines", count=len(self.calls))
        told = "{looked} of {calls} in {lines}, by {rules} rules"
        return Phrase(told, looked=self.looked, calls=_calls(calls), lines=lines, rules=self.rules)

    def unchecked(self) -> tuple[str, ...]:
        """What was not, in words."""
        told = [Phrase("{calls} {why}", calls=_calls(count), why=why) for why, count in self.passed.items()]
        failed = "{what}, which failed with {error}"
        told += [Phrase(failed, what=what, error=error) for what, error in self.broken.items()]
        if self.own:
            own = "the loss behind {passes}, which calls none of torch's ({lines})"
            count = sum(self.own.values())
            passes = Phrase("{count} backward pass" if count == 1 else "{count} backward passes", count=count)
            told.append(Phrase(own, passes=passes, lines=", ".join(list(self.own)[:3])))
        if self.hidden:
            hidden = "what made the input in {calls}, where the graph does not tell"
            told.append(Phrase(hidden, calls=_calls(self.hidden)))
        return tuple(told)


def _add(mine: dict[str, int], theirs: Mapping[str, int]) -> None:
    for name, count in theirs.items():
        mine[name] = mine.get(name, 0) + count


def _calls(count: int) -> Phrase:
    return Phrase("{count} call" if count == 1 else "{count} calls", count=count)
