"""One job: a loss on a fold, from the choice of optimizer and rate to the metrics."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from losskit.compare.baselines import baseline
from losskit.compare.contender import contender
from losskit.compare.data import Data, stratified
from losskit.compare.plan import Configuration, Plan
from losskit.compare.prepare import Split
from losskit.compare.search import Trial, measure, search


@dataclass(frozen=True)
class Job:
    """One loss, or one of the baselines, on one fold."""

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
        optimizer: Chosen on the inner splits, together with the rate.
        rate: The learning rate.
        beyond: Whether the rate lies beyond the grid, since a probe there was better than the grid's edge.
        metrics: The metrics of the task on the test fold, each the mean over trainings with seeds of their own.
        diverged: How many of these ended in NaN or infinity.
        steps: Steps of the optimizer, over all trainings of the job.
        seconds: Duration of the whole job.
        inner: The trials on the inner splits: configuration, score (None where it diverged) and steps.
    """

    loss: str
    repeat: int
    fold: int
    optimizer: str
    rate: float
    beyond: bool
    metrics: dict[str, float]
    diverged: int
    steps: int
    seconds: float
    inner: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """The row in plain values."""
        return asdict(self)


def jobs(plan: Plan) -> list[Job]:
    """All jobs, fold by fold, so that an interrupted run has every loss on each finished fold."""
    names = (*plan.losses, *plan.baselines)
    return [Job(name, repeat, fold) for repeat in range(plan.repeats) for fold in range(plan.folds) for name in names]


@dataclass(frozen=True)
class Fold:
    """A fold, prepared for all losses.

    Args:
        outer: Its training rows and its test rows.
        inner: Splits of the training rows.
        search_seeds: Of weights and batches on each inner split.
        seeds: Of weights and batches of the trainings that are tested.
    """

    outer: Split
    inner: Sequence[Split]
    search_seeds: Sequence[int]
    seeds: Sequence[int]


class Engine:
    """Does jobs; keeps the fold of the last one, since jobs come fold by fold."""

    def __init__(self, plan: Plan, data: Data) -> None:
        self.plan, self.data = plan, data
        self._place: tuple[int, int] | None = None
        self._fold: Fold | None = None

    def do(self, job: Job) -> Row:
        """Choose optimizer and rate on inner splits of the training fold, train on all of it, measure on the test fold."""
        started, plan = time.perf_counter(), self.plan
        if self._fold is None or self._place != (job.repeat, job.fold):
            self._place, self._fold = (job.repeat, job.fold), prepared(plan, self.data, job.repeat, job.fold)
        fold = self._fold
        if job.loss in plan.baselines:
            metrics = baseline(plan, job.loss, fold.outer, fold.seeds[0])
            seconds = round(time.perf_counter() - started, 3)
            return Row(job.loss, job.repeat, job.fold, "", 0.0, False, metrics, 0, 0, seconds, [])
        loss = contender(job.loss, plan.task)
        trials = search(plan, loss, fold.inner, fold.search_seeds)
        chosen = trials[-1].configuration
        tested = [measure(plan, loss, fold.outer, chosen, seed, plan.steps) for seed in fold.seeds]
        return Row(
            loss=job.loss,
            repeat=job.repeat,
            fold=job.fold,
            optimizer=chosen.optimizer,
            rate=chosen.rate,
            beyond=chosen not in plan.configurations(loss),
            metrics={name: float(np.mean([metrics[name] for metrics, _ in tested])) for name in tested[0][0]},
            diverged=sum(diverged for _, diverged in tested),
            steps=_steps(trials, len(fold.inner), plan) + plan.seeds * plan.steps,
            seconds=round(time.perf_counter() - started, 3),
            inner=[trial.as_json() for trial in trials],
        )


def _steps(trials: Sequence[Trial], splits: int, plan: Plan) -> int:
    early, _ = plan.search_steps
    return sum(trial.steps * (1 if trial.steps == early else splits) for trial in trials)


def prepared(plan: Plan, data: Data, repeat: int, fold: int) -> Fold:
    """The rows and seeds of a fold. They are the same for all losses, which makes their differences smaller."""
    rows, test = data.folds(plan.folds, split_seed(plan, repeat))[fold]
    drawn = [
        int(seed)
        for seed in np.random.SeedSequence([plan.seed, repeat, 1 + fold]).generate_state(1 + plan.splits + plan.seeds)
    ]
    shuffle, search_seeds, seeds = drawn[0], drawn[1 : 1 + plan.splits], drawn[1 + plan.splits :]
    inner = stratified(data.target[rows], plan.splits, shuffle, data.task)
    splits = [Split(data, rows[kept], rows[held]) for kept, held in inner]
    return Fold(Split(data, rows, test), splits, search_seeds, seeds)


def split_seed(plan: Plan, repeat: int) -> int:
    """The seed by which the rows of a repeat are dealt into folds."""
    return int(np.random.SeedSequence([plan.seed, repeat]).generate_state(1)[0])


def fixed(plan: Plan, data: Data, loss: str, chosen: Configuration, repeat: int, fold: int) -> float:
    """The score on a fold without a search, by a configuration that is given."""
    made, place = contender(loss, plan.task), prepared(plan, data, repeat, fold)
    return float(
        np.mean([measure(plan, made, place.outer, chosen, seed, plan.steps)[0][plan.metric] for seed in place.seeds])
    )
