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
class Predicted:
    """What a network says of some rows.

    Args:
        prediction: Class ids, or values.
        score: In a binary task, by which rows can be ranked.
        probabilities: Of each class, (N, C); None where the output does not stand for probabilities.
    """

    prediction: Array
    score: Array
    probabilities: Array | None = None


@dataclass(frozen=True)
class Metric:
    """A measure of predictions against targets.

    Args:
        title: Its name in a table.
        higher: Whether more is better.
        of: Takes targets and what was predicted.
        margin: Differences below it do not matter in practice.
        relative: Whether ``margin`` is a share of the reference's error, and ratios of errors are tested.
        perfect: The value that cannot be bettered.
        calibration: Whether it takes probabilities; losses whose output stands for none have no value.
    """

    title: str
    higher: bool
    of: Callable[[Array, Predicted], float]
    margin: float = 0.01
    relative: bool = False
    perfect: float = 1.0
    calibration: bool = False


def accuracy(target: Array, predicted: Predicted) -> float:
    """Share of samples whose class is predicted."""
    return float((target == predicted.prediction).mean())


def balanced_accuracy(target: Array, predicted: Predicted) -> float:
    """Mean recall over the classes."""
    hit = target == predicted.prediction
    return float(np.mean([hit[target == label].mean() for label in np.unique(target)]))


def macro_f1(target: Array, predicted: Predicted) -> float:
    """Mean over the classes of F1."""
    return float(f1_score(target, predicted.prediction, average="macro", zero_division=0))


def average_precision(target: Array, predicted: Predicted) -> float:
    """Area under the precision-recall curve of the second class; 0 if it does not occur."""
    return float(average_precision_score(target, predicted.score)) if target.any() else 0.0


def brier(target: Array, predicted: Predicted) -> float:
    """Mean squared distance of the probabilities from what came true, summed over the classes: 0 to 2."""
    p = _probabilities(predicted)
    return float((p**2).sum(1).mean() + 1 - 2 * p[np.arange(len(p)), target].mean())


def ece(target: Array, predicted: Predicted, bins: int = 15) -> float:
    """Expected calibration error: how far confidence lies from accuracy, over 15 equal bins of confidence."""
    p = _probabilities(predicted)
    confidence, hit = p.max(1), p.argmax(1) == target
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs((hit[bin_of == at] - confidence[bin_of == at]).sum()) for at in range(bins)]
    return float(sum(gaps) / len(target))


def _probabilities(predicted: Predicted) -> Array:
    if predicted.probabilities is None:
        raise ValueError("these outputs do not stand for probabilities")
    return predicted.probabilities


def rmse(target: Array, predicted: Predicted) -> float:
    """Root of the mean squared error, in units of the target."""
    return float(np.sqrt(np.mean((target - predicted.prediction) ** 2)))


def mae(target: Array, predicted: Predicted) -> float:
    """Mean absolute error, in units of the target."""
    return float(np.abs(target - predicted.prediction).mean())


CALIBRATION = {
    "brier": Metric("Brier score", False, brier, perfect=0.0, calibration=True),
    "ece": Metric("ECE", False, ece, perfect=0.0, calibration=True),
}

#: The metrics of each task. The first one ranks unless another is chosen before the run, or it is perfect for every loss.
METRICS: Mapping[Task, Mapping[str, Metric]] = {
    Task.MULTICLASS: {
        "accuracy": Metric("accuracy", True, accuracy),
        "balanced_accuracy": Metric("balanced accuracy", True, balanced_accuracy),
        "macro_f1": Metric("macro F1", True, macro_f1),
        **CALIBRATION,
    },
    Task.BINARY: {
        "average_precision": Metric("average precision", True, average_precision),
        "accuracy": Metric("accuracy", True, accuracy),
        "balanced_accuracy": Metric("balanced accuracy", True, balanced_accuracy),
        **CALIBRATION,
    },
    Task.REGRESSION: {
        "rmse": Metric("RMSE", False, rmse, margin=0.02, relative=True, perfect=0.0),
        "mae": Metric("MAE", False, mae, margin=0.02, relative=True, perfect=0.0),
    },
}


def measured(task: Task, target: Array, predicted: Predicted) -> dict[str, float]:
    """All metrics of a task; those of calibration only where there are probabilities."""
    return {
        name: metric.of(target, predicted)
        for name, metric in METRICS[task].items()
        if not metric.calibration or predicted.probabilities is not None
    }
