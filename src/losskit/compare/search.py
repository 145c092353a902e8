"""The choice of optimizer and learning rate, on inner splits of a training fold; it never sees the test fold.

Every configuration is trained for a third of the steps on one half of the rows and scored on the other, the best few again for half of
the steps, on each half in turn. Large parts that are held out make for a choice that seldom errs. Each training has a
decay of its own, so that no score hangs on where a longer one was cut off. An early score ranks well enough to drop the worst, and the
mean over splits lowers what the choice adds to a result's spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from losskit.compare.contender import Contender
from losskit.compare.metrics import measured
from losskit.compare.plan import Configuration, Plan
from losskit.compare.prepare import Split
from losskit.compare.train import read, train


@dataclass(frozen=True)
class Trial:
    """The result of a configuration on inner splits.

    Args:
        configuration: Optimizer and rate.
        score: The mean score; None: it diverged, or was the only one.
        steps: Steps of each training.
    """

    configuration: Configuration
    score: float | None
    steps: int

    def as_json(self) -> dict[str, Any]:
        """The trial in plain values."""
        return asdict(self.configuration) | {"score": self.score, "steps": self.steps}


def search(plan: Plan, contender: Contender, inner: Sequence[Split], seeds: Sequence[int]) -> list[Trial]:
    """All trials, the best last."""
    every = plan.configurations(contender)
    if len(every) == 1:
        return [Trial(every[0], None, 0)]
    early, late = plan.search_steps
    sign = plan.sign(contender)
    # of equals the last one wins, so the first of the configurations comes last
    tried = [trial(plan, contender, inner[:1], seeds, chosen, early) for chosen in reversed(every)]
    tried.sort(key=lambda each: rank(each, sign))
    finalists = [trial(plan, contender, inner, seeds, each.configuration, late) for each in tried[-plan.finalists :]]
    finalists.sort(key=lambda each: rank(each, sign))
    outside = plan.beyond(contender, finalists[-1].configuration)
    probes = [] if outside is None else [trial(plan, contender, inner, seeds, outside, late)]
    return sorted([*probes, *tried, *finalists], key=lambda each: rank(each, sign))


def trial(
    plan: Plan, contender: Contender, inner: Sequence[Split], seeds: Sequence[int], chosen: Configuration, steps: int
) -> Trial:
    """Train on each inner split, and take the mean of the scores."""
    scores = []
    for split, seed in zip(inner, seeds, strict=False):
        metrics, diverged = measure(plan, contender, split, chosen, seed, steps)
        if diverged:
            return Trial(chosen, None, steps)
        scores.append(metrics[plan.inner_metric(contender)])
    return Trial(chosen, float(np.mean(scores)), steps)


def rank(trial: Trial, sign: int) -> tuple[bool, int, float]:
    """Sort key of trials, the best last: those with a score, then those of longer trainings, then by score."""
    return trial.score is not None, trial.steps, sign * (trial.score or 0.0)


def measure(
    plan: Plan, contender: Contender, split: Split, chosen: Configuration, seed: int, steps: int
) -> tuple[dict[str, float], bool]:
    """Train on one side of a split; all metrics of the task on the other, and whether the network diverged."""
    network = train(contender, plan, chosen, split, seed, steps)
    predicted, diverged = read(contender, network, split)
    return measured(plan.task, split.truth, predicted), diverged
