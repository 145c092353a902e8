"""How long a run will take, measured by a few steps of each loss; and a plan that ends within a budget."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median

import torch

from losskit.compare.baselines import baseline
from losskit.compare.contender import contender
from losskit.compare.data import Data
from losskit.compare.engine import Fold, prepared
from losskit.compare.errors import CompareError, argument
from losskit.compare.plan import Plan, batch_of, splits_of
from losskit.compare.search import measure
from losskit.compare.verdict import LEAST_FOLDS

START = 4.0  # seconds until all workers have imported torch and scikit-learn
FEW, MORE = 3, 12  # steps: their difference times a step, the rest is building and measuring
SPARE = 0.8  # of a budget is planned, since an estimate may be off
LEAST_ROWS = 500


@dataclass(frozen=True)
class Cost:
    """Seconds on one core.

    Args:
        fold: To prepare a fold.
        step: Of one step, for each loss.
        training: Of a training apart from its steps, for each loss.
        baselines: Of the baselines on a fold.
    """

    fold: float
    step: dict[str, float]
    training: dict[str, float]
    baselines: float

    def seconds(self, plan: Plan, workers: int) -> float:
        """How long a run takes."""
        alone = sum(self._of(plan, loss) for loss in plan.losses) + self.baselines
        places = plan.folds * plan.repeats
        if workers == 1:
            return places * (self.fold + alone)
        # each worker prepares the fold of its jobs by itself
        return START + places * self.fold + places * alone / min(workers, os.cpu_count() or 1)

    def _of(self, plan: Plan, loss: str) -> float:
        early, late = plan.search_steps
        pairs, last = len(plan.configurations(contender(loss, plan.task))), plan.finalists * plan.splits
        trainings, steps = float(plan.seeds), float(plan.seeds * plan.steps)
        if pairs > 1:
            trainings, steps = trainings + pairs + last, steps + pairs * early + last * late
            probes = plan.splits / 2  # on about half of the folds the best rate lies at the edge of the grid
            trainings, steps = trainings + probes, steps + probes * late
        return trainings * self.training[loss] + steps * self.step[loss]


def measured_cost(plan: Plan, data: Data) -> Cost:
    """Time a few steps of each loss on the first fold, on one thread as in a run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        started = time.perf_counter()
        place = prepared(plan, data, 0, 0)
        fold = time.perf_counter() - started
        step, training = {}, {}
        for loss in plan.losses:
            step[loss], training[loss] = _of_a_training(plan, place, loss)
        started = time.perf_counter()
        for name in plan.baselines:
            baseline(plan, name, place.outer, 0)
        beside = time.perf_counter() - started
        return Cost(fold, step, training, beside)
    finally:
        torch.set_num_threads(threads)


def _of_a_training(plan: Plan, fold: Fold, loss: str) -> tuple[float, float]:
    """Seconds of a step, and of a training apart from its steps."""
    made = contender(loss, plan.task)
    chosen = plan.configurations(made)[0]
    took: dict[int, list[float]] = {FEW: [], MORE: []}
    for steps in (FEW, MORE) * 3:
        started = time.perf_counter()
        measure(plan, made, fold.outer, chosen, 0, steps)
        took[steps].append(time.perf_counter() - started)
    few, more = (median(took[steps]) for steps in (FEW, MORE))
    step = max(0.0, more - few) / (MORE - FEW)
    return step, max(0.0, few - FEW * step)


def within(plan: Plan, data: Data, budget: float, workers: int) -> tuple[Plan, Data, float]:
    """The first plan that ends within a budget, its data, and its seconds.

    Given up are, in this order: the number of seeds, of rates, of repeats, and of rows. A budget that is larger than needed buys
    more seeds and repeats.

    Raises:
        CompareError: Not even the least plan fits.
    """
    part, whole = 1, data
    while True:
        cost = measured_cost(plan, data)
        for smaller in _plans(plan):
            seconds = cost.seconds(smaller, workers)
            if seconds <= SPARE * budget:
                return smaller, data, seconds
        part *= 2
        if len(whole.target) // part < LEAST_ROWS:
            raise CompareError(
                f"{argument('budget')} of {budget:g} s is too small: the least plan takes {seconds:.0f} s on {workers} "
                f"processes; use {argument('budget', f'{math.ceil(seconds / SPARE)}s')}, or name fewer losses"
            )
        data = whole.sample(part, plan.seed)
        rows = len(data.target)
        data.require_folds(plan.folds)
        batch = batch_of(rows * (plan.folds - 1) // plan.folds)
        plan = replace(plan, rows=rows, batch=batch, splits=splits_of(data, plan.folds))


def _plans(plan: Plan) -> Iterator[Plan]:
    """Plans of falling cost: more than usual, the usual one, and less."""
    for repeats, seeds in ((2 * plan.repeats, plan.seeds + 2), (2 * plan.repeats, plan.seeds)):
        yield replace(plan, repeats=repeats, seeds=seeds)
    for seeds in range(plan.seeds, 0, -1):
        yield replace(plan, seeds=seeds)
    fewer = {name: rates[1:3] if len(rates) > 2 else rates for name, rates in plan.rates.items()}
    yield replace(plan, seeds=1, rates=fewer)
    for repeats in range(plan.repeats - 1, 0, -1):
        if repeats * plan.folds >= LEAST_FOLDS:
            yield replace(plan, seeds=1, rates=fewer, repeats=repeats)
