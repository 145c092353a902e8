"""``losskit.check``: one call of a loss, looked at by every rule."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from losskit.checker.phrase import Phrase
from losskit.checker.report import Report
from losskit.checker.watching import first_line, watch


class _OfOneCall(watch):
    """Looks at all that a criterion calls."""

    def affords(self, number: int) -> bool:
        """Whether to look at a later call of a line."""
        return True


def check(
    criterion: Callable[..., Any],
    *tensors: Any,
    model: nn.Module | None = None,
    optimizer: Any = None,
    language: str = "en",
) -> Report:
    """Whether a loss is misused in this call, and what that costs.

    The loss is called once, and each loss of torch or losskit in it is looked at: its values, its shapes, and what made them, as
    the graph tells. Random state and gradients stay as they are.

    Args:
        criterion: A loss: a module or a function, of torch, of losskit or your own.
        tensors: What it is called with, the network's output first, with its graph.
        model: The model; what never gets a gradient can then be told.
        optimizer: Its optimizer; parameters that it does not have can then be told.
        language: Of the report: English or, as ``"zh"``, Chinese.

    Example:
        >>> import torch, losskit
        >>> probabilities = torch.randn(32, 5, requires_grad=True).softmax(1)
        >>> report = losskit.check(torch.nn.CrossEntropyLoss(), probabilities, torch.arange(32) % 5)
        >>> for finding in report.findings:
        ...     print(finding.code, finding.severity, finding.name)
        LK101 error softmax-before-logits
    """
    watching = _OfOneCall(model, optimizer)
    watching.thread = threading.get_ident()
    devices = {value.device.index or 0 for value in tensors if isinstance(value, Tensor) and value.is_cuda}
    with torch.random.fork_rng(devices), watching, torch.enable_grad():
        try:
            criterion(*tensors)
        except Exception as error:
            watching.pass_by(Phrase("that raised {error}", error=first_line(error)))
    return watching.report(language)
