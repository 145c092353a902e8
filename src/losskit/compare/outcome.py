"""The findings of a run: its rows by loss, and a verdict on each loss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from losskit.compare.engine import Row
from losskit.compare.plan import Configuration, Plan
from losskit.compare.verdict import Reading, Verdict, compare


@dataclass(frozen=True)
class Found:
    """A loss over all folds.

    Args:
        verdict: Its scores against those of the reference.
        beside: Mean of the second metric.
        chosen: The configuration that the inner splits chose most often.
        count: How often they chose it.
        edges: How often a rate at the edge of its grid was chosen.
        diverged: How many of the final trainings diverged.
        folds: Number of test folds.
    """

    verdict: Verdict
    beside: float
    chosen: Configuration
    count: int
    edges: int
    diverged: int
    folds: int

    @property
    def at_edge(self) -> bool:
        """Whether most chosen rates lie at the edge of the grid, so that a better one may lie beyond it."""
        return 2 * self.edges > self.folds


@dataclass(frozen=True)
class Outcome:
    """All losses, the best mean first, and which to take."""

    found: tuple[Found, ...]
    recommended: Found
    reference: Found
    margin: float


def conclude(plan: Plan, rows: Sequence[Row]) -> Outcome:
    """Gather the rows of a whole run; they may come in any order."""
    by_loss = {loss: sorted((r for r in rows if r.loss == loss), key=_place) for loss in plan.losses}
    scores = {loss: [row.metrics[plan.metric] for row in own] for loss, own in by_loss.items()}
    margin = plan.measure.margin
    if plan.measure.relative:
        margin *= abs(float(np.mean(scores[plan.reference])))
    higher = plan.measure.higher
    verdicts = compare(scores, plan.reference, plan.test_over_train, margin, higher, plan.alpha)
    found = {verdict.name: _found(plan, verdict, by_loss[verdict.name]) for verdict in verdicts}
    ranked = sorted(found.values(), key=lambda loss: loss.verdict.mean, reverse=higher)
    proven = [loss for loss in ranked if loss.verdict.reading is Reading.DIFFERENT and loss.verdict.better]
    reference = found[plan.reference]
    return Outcome(tuple(ranked), proven[0] if proven else reference, reference, margin)


def _place(row: Row) -> tuple[int, int]:
    return row.repeat, row.fold


def _found(plan: Plan, verdict: Verdict, rows: Sequence[Row]) -> Found:
    counts = Counter(Configuration(row.optimizer, row.rate) for row in rows)
    chosen = max(counts, key=lambda configuration: (counts[configuration], _inner_mean(plan, configuration, rows)))
    return Found(
        verdict=verdict,
        beside=float(np.mean([row.metrics[plan.beside] for row in rows])),
        chosen=chosen,
        count=counts[chosen],
        edges=sum(row.edge for row in rows),
        diverged=sum(row.diverged for row in rows),
        folds=len(rows),
    )


def _inner_mean(plan: Plan, chosen: Configuration, rows: Sequence[Row]) -> float:
    """Mean inner score of a configuration, more being better; breaks ties of how often it was chosen."""
    every = [trial for row in rows for trial in row.inner]
    own = [trial["score"] for trial in every if (trial["optimizer"], trial["rate"]) == (chosen.optimizer, chosen.rate)]
    if not own or any(score is None for score in own):
        return -np.inf
    return float(np.mean(own)) * (1 if plan.measure.higher else -1)
