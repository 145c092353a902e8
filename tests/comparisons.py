"""Data, plans and rows of comparisons that the tests make up."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from losskit import Task
from losskit.compare import METRICS, Data, Plan, load, make_plan
from losskit.compare.contender import contender
from losskit.compare.engine import Row
from losskit.compare.outcome import Outcome, conclude

NAMES = ("wine", "breast_cancer", "diabetes")
TASKS = (Task.MULTICLASS, Task.BINARY, Task.REGRESSION)
CLASSES = {Task.REGRESSION: (), Task.BINARY: ("no", "yes"), Task.MULTICLASS: ("a", "b", "c")}


@functools.cache
def loaded(name: str) -> Data:
    return load(name)


def some(rows: int, columns: int = 3, task: Task = Task.REGRESSION, classes: Sequence[str] = ()) -> Data:
    """Data of so many rows; nothing can be learnt from it."""
    rng = np.random.default_rng(rows)
    names = tuple(classes) or CLASSES[task]
    target = rng.permutation(rows) % len(names) if names else rng.normal(size=rows)
    return Data("some", "some", {}, rng.normal(size=(rows, columns)).astype(np.float32), target, task, names)


def small(data: Data, **changes: Any) -> Plan:
    """A plan of trainings that take no time."""
    plan = make_plan(data, folds=5, repeats=1, steps=8, seeds=2)
    usual: dict[str, Any] = {"hidden": 4, "splits": 2, "rates": {"SGD": (0.05,), "Adam": (0.001, 0.01)}}
    return replace(plan, **(usual | changes))


def rows_of(plan: Plan, scores: Mapping[str, Any], **changes: Any) -> list[Row]:
    """Rows with these scores, fold by fold; the second metric lies 1 higher, and so on."""
    made = []
    for loss, values in scores.items():
        calibrated = loss in plan.baselines or contender(loss, plan.task).gives_probabilities
        kept = [name for name, metric in METRICS[plan.task].items() if calibrated or not metric.calibration]
        for place, score in enumerate(values):
            metrics = {name: float(score) + number for number, name in enumerate(kept)}
            where = divmod(place, plan.folds)
            row = Row(loss, *where, "Adam", 0.004, False, metrics, 0, 100, 0.1, [])
            made.append(replace(row, **{name: value(loss, place) for name, value in changes.items()}))
    return made


def concluded(plan: Plan, scores: Mapping[str, Any], **changes: Any) -> Outcome:
    return conclude(plan, rows_of(plan, scores, **changes))


def spoiled(data: Data, rows: Any, what: str) -> Data:
    """``data`` with other targets, or other features, in some rows."""
    if what == "targets":
        target = data.target.copy()
        target[rows] = (target[rows] + 1) % len(data.classes) if data.classes else target[rows] + 1e6
        return replace(data, target=target)
    features = np.array(data.features, dtype=float)
    features[rows] *= -100
    frame: Any = data.features
    return replace(data, features=type(frame)(features, columns=frame.columns))
