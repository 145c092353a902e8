"""Decoding: a network's output as probabilities, or as a prediction."""

from __future__ import annotations

from torch import Tensor

from losskit.core.head import Head, Task
from losskit.tensors import Takes


class Decodes(Takes):
    """Decodes outputs with the head that ``about`` states for each task."""

    def head(self, task: Task | str | None = None) -> Head:
        """The head for ``task``: encoding, activations and decoding. Default: the loss's usual task."""
        serves = self.about.serves
        known = ", ".join(repr(str(task)) for task in serves)
        if task is None:
            return next(iter(serves.values()))
        if task not in serves:
            raise ValueError(f"{type(self).__name__}: task must be one that it serves ({known}), got {str(task)!r}")
        return serves[Task(task)]

    def probabilities(self, output: Tensor, task: Task | str | None = None) -> Tensor:
        """Class probabilities of the network's output, of its shape.

        For a loss whose minimiser is not a probability (Focal, SmoothL1) they are uncalibrated scores in [0, 1].

        Args:
            output: The network's output, as the loss takes it.
            task: One of the tasks that the loss serves; None for its usual one.
        """
        return self.head(task).probabilities(self.logits(output), self._output_dim(output))

    def predict(self, output: Tensor, task: Task | str | None = None) -> Tensor:
        """The network's prediction: class ids, 0 or 1 for each label, or the values of a regression.

        Args:
            output: The network's output, as the loss takes it.
            task: One of the tasks that the loss serves; None for its usual one.
        """
        return self.head(task).predict(self.logits(output), self._output_dim(output))

    def logits(self, output: Tensor) -> Tensor:
        """What the head decodes: the output itself, or the result of a layer that the loss owns."""
        return output

    def _output_dim(self, output: Tensor) -> int:
        dim = self.class_dim(output)
        return min(1, output.dim() - 1) if dim is None else dim
