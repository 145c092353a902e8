"""What a loss states about itself, read by the module, its documentation, the tests and the verbs.

A fact enters :class:`About` only when two places read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from losskit.core.head import Head, Situation, Task
from losskit.core.slots import Slot


@dataclass(frozen=True)
class About:
    """The facts of a loss.

    Args:
        tensors: What a call takes, in its order: the network's output first, what it is measured against as ``target``.
        serves: The head for each task; the first task is the usual one.
        source: Where the loss comes from.
        torch: The name of its function in ``torch.nn.functional``, where torch has it.
        kernel: The name of its kernel, where it has one.
        twin: The loss that it equals at its defaults, behind the activation of training.
        start: Arguments to start with, as code, if torch's defaults are a bad start.
        interacting: Whether items see each other, or elements are summed into items. A mask cannot then act on the
            loss: the formula takes it as ``kept``, a mask of the elements or None, and leaves out what is False.
        drawn: Arguments that its picture is drawn with, if its defaults do not show what it is for.
        suits: The situations it is meant for, each with the arguments for it, as code.
    """

    tensors: Mapping[str, Slot]
    serves: Mapping[Task, Head]
    source: str
    torch: str | None = None
    kernel: str | None = None
    twin: str | None = None
    suits: Mapping[Situation, str] = field(default_factory=dict)
    start: str = ""
    drawn: Mapping[str, Any] = field(default_factory=dict)
    interacting: bool = False

    @property
    def input(self) -> Slot:
        """The slot of the network's output."""
        return next(iter(self.tensors.values()))

    @property
    def target(self) -> Slot:
        """The slot of the target; for a loss without one, of its last tensor."""
        return self.tensors.get("target") or list(self.tensors.values())[-1]
