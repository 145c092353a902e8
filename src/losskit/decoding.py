"""What a loss's other half does with a network's output: it is read as probabilities, or as a prediction."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from losskit.core.about import About
from losskit.core.head import Head, Task


class Decodes:
    """Reads outputs by the head that ``about`` states for each task."""

    about: ClassVar[About]

    def class_dim(self, input: Tensor) -> int | None:
        """The dimension of ``input`` that an item's loss reads whole, as that of the classes; None where there is none."""
        return next(iter(self.about.tensors.values())).shape.dim(input.dim())

    def head(self, task: Task | str | None = None) -> Head:
        """The loss's other half for ``task`` (default: its usual one)."""
        serves = self.about.serves
        known = ", ".join(repr(str(task)) for task in serves)
        if task is None:
            return next(iter(serves.values()))
        if task not in serves:
            raise ValueError(f"{type(self).__name__}: task must be one that it serves ({known}), got {str(task)!r}")
        return serves[Task(task)]

    def probabilities(self, output: Tensor, task: Task | str | None = None) -> Tensor:
        """Class probabilities of the network's output, of its shape.

        For a loss whose minimiser is no probability (Focal, SmoothL1) they are scores in [0, 1], not calibrated.

        Args:
            output: What the network gave, as the loss takes it.
            task: One of the tasks that the loss serves; None for its usual one.
        """
        return self.head(task).probabilities(self.logits(output), self._output_dim(output))

    def predict(self, output: Tensor, task: Task | str | None = None) -> Tensor:
        """What the network's output says: class ids, 0 or 1 for each label, or the values of a regression.

        Args:
            output: What the network gave, as the loss takes it.
            task: One of the tasks that the loss serves; None for its usual one.
        """
        return self.head(task).predict(self.logits(output), self._output_dim(output))

    def logits(self, output: Tensor) -> Tensor:
        """What the head reads: the output itself, or what a layer that the loss owns makes of it."""
        return output

    def _output_dim(self, output: Tensor) -> int:
        dim = self.class_dim(output)
        return min(1, output.dim() - 1) if dim is None else dim
