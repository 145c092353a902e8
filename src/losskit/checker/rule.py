"""The root of the rules: what each has, and how it makes a finding."""

from __future__ import annotations

from typing import Any, ClassVar

from losskit.checker.call import Call
from losskit.checker.finding import Finding, Says, Severity


class Rule:
    """A misuse that can be seen in a call.

    A subclass states ``code``, ``name`` and ``says``; its docstring has the sections *What it does*, *Why it is wrong*, *Bad*
    and *Good*. The tests run Bad, in which it must find something, and Good, in which no rule may.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    says: ClassVar[Says]
    #: Whether a single call shows it; else it must be found in most calls of a site.
    one_is_enough: ClassVar[bool] = True

    def inspect(self, call: Call) -> Finding | None:
        """The finding of this call, or None."""
        raise NotImplementedError

    def found(self, severity: Severity, call: Call, **values: Any) -> Finding:
        """A finding with what was measured."""
        return Finding(self.code, self.name, severity, self.says, {"who": call.who, **values}, call.where)

    def error(self, call: Call, **values: Any) -> Finding:
        """A finding whose harm was measured."""
        return self.found(Severity.ERROR, call, **values)

    def warning(self, call: Call, **values: Any) -> Finding:
        """A finding that is likely wrong."""
        return self.found(Severity.WARNING, call, **values)

    def note(self, call: Call, **values: Any) -> Finding:
        """A finding that does no harm."""
        return self.found(Severity.NOTE, call, **values)


def evidence(call: Call, at: int = 0) -> str:
    """How it is known what a tensor holds: by its graph, or else by its values."""
    made, name = call.origins[at], call.names[at]
    if made.known:
        return f"the graph of {name} ends in {made.node}"
    return f"the graph does not tell what made {name}; its values do"
