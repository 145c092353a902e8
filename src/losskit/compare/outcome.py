"""The findings of a run: its rows by loss, and a verdict on each loss."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from losskit.compare.baselines import BASELINES
from losskit.compare.contender import contender
from losskit.compare.engine import Row
from losskit.compare.metrics import METRICS, Metric
from losskit.compare.plan import Configuration, Plan
from losskit.compare.verdict import Reading, Verdict, compare

FAR = 10  # margins below the reference: so far behind, a loss is said to stall


@dataclass(frozen=True)
class Found:
    """A loss over all folds.

    Args:
        loss: Its name in the report.
        mean: Mean score.
        sd: Standard deviation of its scores over the test folds.
        verdict: Its scores against those of the reference (their logarithms, if ratios are tested); None if the metric that
            ranks takes probabilities, and the loss gives none.
        calibration: Mean Brier score; None without probabilities.
        chosen: The configuration of the best mean inner score.
        beyond: How often a rate beyond the grid was chosen.
        diverged: How many of the final trainings diverged.
        stalls: Whether it stays far behind the reference at every rate that was tried.
    """

    loss: str
    mean: float
    sd: float
    verdict: Verdict | None
    calibration: float | None
    chosen: Configuration
    beyond: int
    diverged: int
    stalls: bool

    @property
    def reading(self) -> Reading:
        """The conclusion."""
        return Reading.UNKNOWN if self.verdict is None else self.verdict.reading

    def as_json(self) -> dict[str, Any]:
        """The finding in plain values."""
        return asdict(self) | {"reading": str(self.reading)}


@dataclass(frozen=True)
class Outcome:
    """What a run says.

    Args:
        found: All losses, the best mean first.
        recommended: The one to take.
        reference: The one that the others are tested against.
        metric: What ranks them.
        saturated: Metrics that were to rank, but are perfect for every loss.
        margin: In the unit of the differences; a logarithm, if ratios are tested.
        folds: Test folds.
        baselines: Mean scores of what is no loss: the constant predictor, and other learners.
    """

    found: tuple[Found, ...]
    recommended: Found
    reference: Found
    metric: str
    saturated: tuple[str, ...]
    margin: float
    folds: int
    baselines: Mapping[str, float]


def conclude(plan: Plan, rows: Sequence[Row]) -> Outcome:
    """Gather the rows of a whole run; they may come in any order."""
    by_loss = {loss: _of(loss, rows) for loss in plan.losses}
    metric, saturated = _ranking(plan, by_loss.values())
    measure = METRICS[plan.task][metric]
    scores = {loss: _scores(metric, own) for loss, own in by_loss.items() if metric in own[0].metrics}
    margin = math.log1p(measure.margin) if measure.relative else measure.margin
    tested = {loss: np.log(np.maximum(values, np.finfo(float).tiny)) for loss, values in scores.items()}
    verdicts = compare(
        tested if measure.relative else scores,
        plan.reference,
        plan.test_over_train,
        margin,
        measure.higher,
        plan.alpha,
    )
    told = {verdict.name: verdict for verdict in verdicts}
    found = [_found(plan, metric, margin, told.get(loss), own) for loss, own in by_loss.items()]
    ranked = tuple(sorted(found, key=lambda each: _order(each, measure)))
    better = [each for each in ranked if each.reading is Reading.BETTER]
    reference = next(each for each in ranked if each.loss == plan.reference)
    baselines = {name: _of(name, rows) for name in BASELINES}
    return Outcome(
        found=ranked,
        recommended=better[0] if better else reference,
        reference=reference,
        metric=metric,
        saturated=saturated,
        margin=margin,
        folds=len(by_loss[plan.reference]),
        baselines={
            name: float(_scores(metric, own).mean())
            for name, own in baselines.items()
            if own and metric in own[0].metrics
        },
    )


def _of(loss: str, rows: Sequence[Row]) -> list[Row]:
    return sorted((row for row in rows if row.loss == loss), key=lambda row: (row.repeat, row.fold))


def _scores(metric: str, rows: Sequence[Row]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([row.metrics[metric] for row in rows])


def _order(found: Found, measure: Metric) -> tuple[bool, float]:
    return found.verdict is None, -found.mean if measure.higher else found.mean


def _ranking(plan: Plan, rows: Iterable[Sequence[Row]]) -> tuple[str, tuple[str, ...]]:
    """The metric that ranks, and those before it that are perfect for every loss on every fold."""
    every = [row for own in rows for row in own]
    names = [plan.metric, *(name for name in METRICS[plan.task] if name != plan.metric)]
    for at, name in enumerate(names):
        perfect = METRICS[plan.task][name].perfect
        if any(row.metrics[name] != perfect for row in every if name in row.metrics):
            return name, tuple(names[:at])
    return plan.metric, ()


def _found(plan: Plan, metric: str, margin: float, verdict: Verdict | None, rows: Sequence[Row]) -> Found:
    scores = _scores(metric, rows) if metric in rows[0].metrics else np.full(len(rows), np.nan)
    far = verdict is not None and verdict.reading is Reading.WORSE and abs(verdict.difference) > FAR * margin
    brier = [row.metrics["brier"] for row in rows if "brier" in row.metrics]
    beyond = sum(row.beyond for row in rows)
    return Found(
        loss=rows[0].loss,
        mean=float(scores.mean()),
        sd=float(scores.std(ddof=1)),
        verdict=verdict,
        calibration=float(np.mean(brier)) if brier else None,
        chosen=recommended(plan, rows),
        beyond=beyond,
        diverged=sum(row.diverged for row in rows),
        stalls=far,
    )


def recommended(plan: Plan, rows: Sequence[Row]) -> Configuration:
    """The configuration of the best mean inner score, at equal steps over all folds.

    Every configuration has early trials on all folds. Late ones are compared as well, on the folds that a pair of configurations
    has in common: the best of the early trials is replaced where another beats it over most folds.
    """
    made = contender(rows[0].loss, plan.task)
    every = plan.configurations(made)
    if len(every) == 1:
        return every[0]
    sign = plan.sign(made)
    early, late = plan.search_steps
    means = {chosen: _mean(rows, chosen, early, sign) for chosen in every}
    tried = {chosen: _late(rows, chosen, late, sign) for chosen in every}
    often = [chosen for chosen in every if 2 * len(tried[chosen]) >= len(rows)] or [max(every, key=means.__getitem__)]
    best = max(often, key=means.__getitem__)
    for other in often:
        common = tried[best].keys() & tried[other].keys()
        if 2 * len(common) >= len(rows) and sum(tried[other][at] - tried[best][at] for at in common) > 0:
            best = other
    return best


def _mean(rows: Sequence[Row], chosen: Configuration, steps: int, sign: int) -> float:
    scores = [trial["score"] for row in rows for trial in row.inner if _is(trial, chosen, steps)]
    return -math.inf if not scores or None in scores else sign * float(np.mean(scores))


def _late(rows: Sequence[Row], chosen: Configuration, steps: int, sign: int) -> dict[int, float]:
    return {
        at: sign * trial["score"]
        for at, row in enumerate(rows)
        for trial in row.inner
        if _is(trial, chosen, steps) and trial["score"] is not None
    }


def _is(trial: Mapping[str, object], chosen: Configuration, steps: int) -> bool:
    return (trial["optimizer"], trial["rate"], trial["steps"]) == (chosen.optimizer, chosen.rate, steps)
