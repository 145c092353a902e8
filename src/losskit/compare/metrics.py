"""Metrics that rank the losses, in the same unit for every loss.

The validation loss cannot rank them: its unit differs from loss to loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score

from losskit.core.head import Task

Array = NDArray[Any]


@dataclass(frozen=True)
class Metric:
    """A measure of predictions against targets.

    Args:
        title: Its name in a table.
        higher: Whether more is better.
        of: Takes targets, predictions and (in a binary task) scores, by which samples can be ranked.
        margin: Differences below it do not matter in practice.
        relative: Whether ``margin`` is a share of the reference's mean rather than a difference.
    """

    title: str
    higher: bool
    of: Callable[[Array, Array, Array], float]
    margin: float = 0.01
    relative: bool = False

    def rule(self, reference: str) -> str:
        """The margin in words."""
        if self.relative:
            return f"{self.margin:.0%} of the mean {self.title} of {reference}"
        return f"{self.margin:g} of {self.title}"


def accuracy(target: Array, prediction: Array, score: Array) -> float:
    """Share of samples whose class is predicted."""
    return float((target == prediction).mean())


def balanced_accuracy(target: Array, prediction: Array, score: Array) -> float:
    """Mean recall over the classes."""
    hit = target == prediction
    return float(np.mean([hit[target == label].mean() for label in np.unique(target)]))


def macro_f1(target: Array, prediction: Array, score: Array) -> float:
    """Mean over the classes of F1."""
    return float(f1_score(target, prediction, average="macro", zero_division=0))


def average_precision(target: Array, prediction: Array, score: Array) -> float:
    """Area under the precision-recall curve of the second class; 0 if it does not occur."""
    return float(average_precision_score(target, score)) if target.any() else 0.0


def rmse(target: Array, prediction: Array, score: Array) -> float:
    """Root of the mean squared error, in units of the target."""
    return float(np.sqrt(np.mean((target - prediction) ** 2)))


def mae(target: Array, prediction: Array, score: Array) -> float:
    """Mean absolute error, in units of the target."""
    return float(np.abs(target - prediction).mean())


#: The metrics of each task. The first one ranks unless another is chosen before the run; the next one is shown beside it.
METRICS: Mapping[Task, Mapping[str, Metric]] = {
    Task.MULTICLASS: {
        "accuracy": Metric("accuracy", True, accuracy),
        "balanced_accuracy": Metric("balanced accuracy", True, balanced_accuracy),
        "macro_f1": Metric("macro F1", True, macro_f1),
    },
    Task.BINARY: {
        "average_precision": Metric("average precision", True, average_precision),
        "accuracy": Metric("accuracy", True, accuracy),
        "balanced_accuracy": Metric("balanced accuracy", True, balanced_accuracy),
    },
    Task.REGRESSION: {
        "rmse": Metric("RMSE", False, rmse, margin=0.02, relative=True),
        "mae": Metric("MAE", False, mae, margin=0.02, relative=True),
    },
}
