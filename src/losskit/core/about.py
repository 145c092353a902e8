"""What a loss states about itself, read by the module, its documentation, the tests and the verbs.

A fact enters :class:`About` only when two places read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from losskit.core.head import Head, Situation, Task
from losskit.core.slots import Slot


@dataclass(frozen=True)
class About:
    """The facts of a loss.

    Args:
        tensors: What a call takes, in its order: the network's output first, what it is measured against as ``target``.
        serves: For each task, the loss's other half; the first is the usual one.
        source: Where the loss comes from.
        torch: The name of its function in ``torch.nn.functional``, where torch has it.
        kernel: The name of its kernel, where it has one.
        twin: The loss that it is at its defaults, behind the activation that training applies.
        start: The arguments, as code, to start with where torch's defaults are not them.
        interacting: Whether items see each other, or elements are summed into items before a mask could act on the
            loss: the formula then takes ``kept`` as well, a mask of the elements or None, and leaves out what is False.
        suits: The situations it is meant for, each with the arguments, as code, that it then takes.
    """

    tensors: Mapping[str, Slot]
    serves: Mapping[Task, Head]
    source: str
    torch: str | None = None
    kernel: str | None = None
    twin: str | None = None
    suits: Mapping[Situation, str] = field(default_factory=dict)
    start: str = ""
    interacting: bool = False

    @property
    def input(self) -> Slot:
        """What the network's output may be."""
        return next(iter(self.tensors.values()))

    @property
    def target(self) -> Slot:
        """What the target may be; for a loss that has none, its last tensor."""
        return self.tensors.get("target") or list(self.tensors.values())[-1]
