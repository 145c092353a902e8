"""The root of the rules: what each has, and how it makes a finding."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from losskit.checker.call import Call
from losskit.checker.finding import Finding, Says, Severity
from losskit.checker.phrase import Phrase
from losskit.checker.thresholds import Threshold
from losskit.checker.training import Backward, Step

Seen = Call | Backward | Step | Threshold


class Rule:
    """A misuse that can be seen in a call, in a backward pass, in a step of an optimizer, or at a threshold.

    A subclass states ``code``, ``name`` and ``says``; its docstring has the sections *What it does*, *Why it is wrong*, *Bad*
    and *Good*. The tests run Bad, in which it must find something, and Good, in which no rule may. It overrides one of the
    four methods.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    says: ClassVar[Says]
    #: Whether a single call shows it; else it must be found in most calls of a site.
    one_is_enough: ClassVar[bool] = True
    #: Whether a finding of a step no longer holds if a later step shows none.
    taken_back: ClassVar[bool] = False
    #: Its findings hold no longer once the model is reached, by any gradient, or shared, by the step of another optimizer.
    until: ClassVar[Literal["", "reached", "shared"]] = ""

    def inspect(self, call: Call) -> Finding | None:
        """The finding of this call, or None."""
        return None

    def of_backward(self, backward: Backward) -> Finding | None:
        """The finding of this backward pass, or None."""
        return None

    def of_step(self, step: Step) -> Finding | None:
        """The finding of this step, or None."""
        return None

    def of_threshold(self, threshold: Threshold) -> Finding | None:
        """The finding of a threshold that is wrong for the loss beside it, or None."""
        return None

    def found(self, severity: Severity, seen: Seen, **values: Any) -> Finding:
        """A finding with what was measured."""
        return Finding(self.code, self.name, severity, self.says, {"who": seen.who, **values}, seen.where)

    def error(self, seen: Seen, **values: Any) -> Finding:
        """A finding whose harm was measured."""
        return self.found(Severity.ERROR, seen, **values)

    def warning(self, seen: Seen, **values: Any) -> Finding:
        """A finding that is likely wrong."""
        return self.found(Severity.WARNING, seen, **values)

    def note(self, seen: Seen, **values: Any) -> Finding:
        """A finding that does no harm."""
        return self.found(Severity.NOTE, seen, **values)


def evidence(call: Call, at: int = 0) -> Phrase:
    """How it is known what a tensor holds: by its graph, or else by its values."""
    made, name = call.origins[at], call.names[at]
    if made.known:
        return Phrase("the graph of {name} ends in {node}", name=name, node=made.node)
    return Phrase("the graph does not tell what made {name}; its values do", name=name)
