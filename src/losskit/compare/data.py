"""The data of a comparison, and its folds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from losskit.compare.errors import DataError, argument
from losskit.compare.metrics import METRICS
from losskit.compare.words import note
from losskit.core.head import Task

Array = NDArray[Any]

MIN_ROWS = 20
HEAVY = 0.3  # of the variance: a normal target has 0.09 there, an exponential one 0.22


@dataclass(frozen=True)
class Data:
    """Features and target of one task.

    Args:
        name: What it is called in reports.
        source: What :func:`load` was given.
        options: The other arguments of :func:`load`, to load it again.
        features: A table, or a matrix of pixels.
        target: Class ids, or real values.
        task: What is to be learnt.
        classes: Names of the classes, by id; empty in a regression.
        notes: What was inferred or left out.
        part: One in so many rows of the source is used.
    """

    name: str
    source: str
    options: dict[str, Any]
    features: pd.DataFrame | Array
    target: Array
    task: Task
    classes: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())
    part: int = 1

    @property
    def kind(self) -> Literal["image", "table"]:
        """Whether all features are pixels of one scale."""
        return "table" if isinstance(self.features, pd.DataFrame) else "image"

    @property
    def outputs(self) -> int:
        """Number of classes, or of columns of a real target."""
        return len(self.classes) or 1

    @property
    def sizes(self) -> list[int]:
        """Rows of each class; empty in a regression."""
        return [int(size) for size in np.bincount(self.target, minlength=len(self.classes))] if self.classes else []

    @property
    def usual_metric(self) -> str:
        """The metric that ranks unless another is asked for; with heavy tails the error that a few rows do not decide."""
        return "mae" if self.tail > HEAVY else next(iter(METRICS[self.task]))

    @property
    def tail(self) -> float:
        """The share of a real target's variance that comes from the hundredth of its rows that lie farthest off."""
        if self.task is not Task.REGRESSION:
            return 0.0
        squares = np.sort((self.target - self.target.mean()) ** 2)
        return float(squares[-max(1, len(squares) // 100) :].sum() / squares.sum())

    def sample(self, part: int, seed: int) -> Data:
        """One in ``part`` rows, each class with its share."""
        kept = stratified(self.target, part, seed, self.task)[0][1]
        features = (
            self.features.iloc[kept].reset_index(drop=True)
            if isinstance(self.features, pd.DataFrame)
            else self.features[kept]
        )
        told = note("sampled", rows=len(kept), all=len(self.target))
        return replace(self, features=features, target=self.target[kept], notes=(*self.notes, told), part=part)

    def folds(self, number: int, seed: int) -> list[tuple[Array, Array]]:
        """Rows of ``number`` training folds and their test folds, each with its share of every class."""
        return stratified(self.target, number, seed, self.task)

    def require_folds(self, number: int) -> None:
        """Raise unless every class has a member in each of ``number`` test folds and two in each training fold."""
        if len(self.target) < max(MIN_ROWS, 2 * number):
            raise DataError(
                f"{self.name}: {len(self.target)} rows are too few for {number} folds; bring at least "
                f"{max(MIN_ROWS, 2 * number)}"
            )
        needed = number if number > 2 else 4
        for label, count in (
            zip(self.classes, np.bincount(self.target, minlength=len(self.classes)), strict=True)
            if self.classes
            else ()
        ):
            if count < needed:
                fewer = f"use {argument('folds', int(count))}, " if count >= 3 else ""
                raise DataError(
                    f"{self.name}: class {label!r} has {count} rows, fewer than {number} folds need "
                    f"({needed}); {fewer}merge it with another class or drop its rows"
                )


def stratified(target: Array, number: int, seed: int, task: Task) -> list[tuple[Array, Array]]:
    """Split rows into folds: shuffled, and stratified by class (a regression: shuffled alone)."""
    order = np.random.default_rng(seed).permutation(len(target))
    if task is not Task.REGRESSION:
        order = order[np.argsort(target[order], kind="stable")]
    fold = np.empty(len(target), dtype=int)
    fold[order] = np.arange(len(target)) % number
    return [(np.flatnonzero(fold != test), np.flatnonzero(fold == test)) for test in range(number)]
