"""One job: a loss on a fold, from the choice of optimizer and rate to the metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import nn

from losskit.compare.data import Array, Data, stratified
from losskit.compare.metrics import METRICS
from losskit.compare.plan import Configuration, Plan
from losskit.compare.prepare import Preprocessor
from losskit.compare.train import Training, epochs, read, train
from losskit.loss import Loss

INNER = 5  # a fifth of the training fold chooses optimizer and rate


@dataclass(frozen=True)
class Job:
    """One loss on one fold."""

    loss: str
    repeat: int
    fold: int


@dataclass(frozen=True)
class Row:
    """The result of a job.

    Args:
        loss: The loss.
        repeat: The repeat, from 0.
        fold: The fold, from 0.
        optimizer: Chosen on the inner split, together with the rate.
        rate: The learning rate.
        edge: Whether the rate is the least or the largest of the optimizer's grid.
        metrics: All metrics of the task on the test fold.
        diverged: Whether the final training ended in NaN or infinity.
        seconds: Duration of the whole job.
        inner: The trial of every configuration on the inner split: its score (None where it diverged) and its epochs.
    """

    loss: str
    repeat: int
    fold: int
    optimizer: str
    rate: float
    edge: bool
    metrics: dict[str, float]
    diverged: bool
    seconds: float
    inner: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """The row in plain values."""
        return asdict(self)


def jobs(plan: Plan) -> list[Job]:
    """All jobs, fold by fold, so that an interrupted run has every loss on each finished fold."""
    return [
        Job(loss, repeat, fold) for repeat in range(plan.repeats) for fold in range(plan.folds) for loss in plan.losses
    ]


def do(plan: Plan, data: Data, job: Job) -> Row:
    """Choose optimizer and rate on an inner split of the training fold, train on all of it, measure on the test fold."""
    started = time.perf_counter()
    split_seed, train_seed = seeds(plan, job)
    rows, test = data.folds(plan.folds, split_seed)[job.fold]
    inner = _search(plan, data, job.loss, rows, train_seed)
    chosen = best(plan, inner)
    metrics, diverged = measure(plan, Split(data, rows, test), job.loss, chosen, train_seed)
    return Row(
        loss=job.loss,
        repeat=job.repeat,
        fold=job.fold,
        optimizer=chosen.optimizer,
        rate=chosen.rate,
        edge=plan.at_edge(chosen),
        metrics=metrics,
        diverged=diverged,
        seconds=round(time.perf_counter() - started, 3),
        inner=[trial.as_json() for trial in inner],
    )


def seeds(plan: Plan, job: Job) -> tuple[int, int]:
    """Seeds of the repeat's folds, and of the fold's weights and batches."""
    stream = 0 if plan.shared else 1 + list(plan.losses).index(job.loss)
    split = np.random.SeedSequence([plan.seed, job.repeat]).generate_state(1)
    training = np.random.SeedSequence([plan.seed, job.repeat, 1 + job.fold, stream]).generate_state(1)
    return int(split[0]), int(training[0])


@dataclass(frozen=True)
class Trial:
    """The result of a configuration on the inner split. A score of None: it diverged, or was the only one."""

    configuration: Configuration
    score: float | None
    epochs: int

    def as_json(self) -> dict[str, Any]:
        """The trial in plain values."""
        return asdict(self.configuration) | {"score": self.score, "epochs": self.epochs}


def _search(plan: Plan, data: Data, loss: str, rows: Array, seed: int) -> list[Trial]:
    """Train every configuration on a part of the training fold, and score it on the rest.

    After a third of the epochs only the better half goes on, which saves a third of the time.
    """
    if len(plan.configurations) == 1:
        return [Trial(plan.configurations[0], None, 0)]
    kept, held = stratified(data.target[rows], INNER, seed, data.task)[0]
    split = Split(data, rows[kept], rows[held])
    criterion, width = plan.criterion(loss), split.features.shape[1]
    every = [Training(criterion, plan, chosen, width, split.outputs, seed) for chosen in plan.configurations]
    encoded = criterion.head(plan.task).encode(split.target, split.outputs)
    left, out = every, []
    for number, batches in enumerate(epochs(plan, split.features, encoded, seed), 1):
        for training in left:
            training.epoch(batches)
        if number == plan.halving:
            ranked = sorted([_trial(plan, split, training) for training in left], key=_rank(plan), reverse=True)
            staying = {trial.configuration for trial in ranked[: (len(ranked) + 1) // 2]}
            out = [trial for trial in ranked if trial.configuration not in staying]
            left = [training for training in left if training.chosen in staying]
    return [_trial(plan, split, training) for training in left] + out


def _trial(plan: Plan, split: Split, training: Training) -> Trial:
    metrics, diverged = assess(plan, split, training.criterion, training.network)
    return Trial(training.chosen, None if diverged else metrics[plan.metric], training.epochs)


def _rank(plan: Plan) -> Callable[[Trial], tuple[bool, int, float]]:
    """Sort key of trials: those with a score first, then by epochs trained, then by score."""
    sign = 1 if plan.measure.higher else -1
    return lambda trial: (trial.score is not None, trial.epochs, sign * (trial.score or 0.0))


def best(plan: Plan, trials: Sequence[Trial]) -> Configuration:
    """The configuration of the best score; the first of equals."""
    return max(trials, key=_rank(plan)).configuration


class Split:
    """Training and test rows as tensors; the preparation uses statistics of the training rows only."""

    def __init__(self, data: Data, rows: Array, test: Array) -> None:
        self.fitted = Preprocessor(data, rows)
        self.features, self.target = self.fitted.features(rows), self.fitted.target(rows)
        self.test_features, self.truth = self.fitted.features(test), data.target[test]
        self.outputs = data.outputs


def measure(
    plan: Plan, split: Split, loss: str, configuration: Configuration, seed: int
) -> tuple[dict[str, float], bool]:
    """Train on one side of a split; all metrics of the task on the other, and whether the training diverged."""
    criterion = plan.criterion(loss)
    network = train(criterion, plan, configuration, split.features, split.target, split.outputs, seed)
    return assess(plan, split, criterion, network)


def assess(plan: Plan, split: Split, criterion: Loss, network: nn.Module) -> tuple[dict[str, float], bool]:
    """All metrics of the task on the test side, and whether the network diverged."""
    output = read(criterion, plan.task, network, split.test_features)
    prediction = split.fitted.restored(output.prediction)
    metrics = METRICS[plan.task].items()
    return {name: metric.of(split.truth, prediction, output.score) for name, metric in metrics}, output.diverged
