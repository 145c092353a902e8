"""The plan of a comparison, fixed before the run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from losskit.catalog import STANDARD
from losskit.compare.contender import Contender, contender, usual
from losskit.compare.data import Data
from losskit.compare.errors import CompareError, argument
from losskit.compare.metrics import METRICS, Metric
from losskit.compare.verdict import LEAST_FOLDS
from losskit.core.head import Task
from losskit.names import meant
from losskit.optimizers import RATES, TUTORIAL, USUAL

STEPS = 189  # of a training: three passes over the 4,000 rows of a training fold of mnist


@dataclass(frozen=True)
class Configuration:
    """An optimizer at a learning rate."""

    optimizer: str
    rate: float


@dataclass(frozen=True)
class Plan:
    """What is compared, on what, by which rule.

    Args:
        data: Name of the data.
        task: What is learnt.
        losses: The losses, as they are written in the report (see :mod:`losskit.compare.contender`).
        reference: The one that the others are tested against.
        metric: What ranks, a key of :data:`~losskit.compare.metrics.METRICS`.
        steps: Steps of the optimizer in each training that is tested.
        batch: Rows a step.
        hidden: Width of the hidden layer.
        folds: Folds a repeat.
        repeats: How often the rows are split into folds anew.
        seeds: Trainings a fold, each with its own weights and batches; their scores are averaged.
        seed: Seed of all random numbers.
        rows: Rows that are used.
        features: Columns of the data.
        classes: Classes of the target; 0 in a regression.
        splits: Parts of a training fold; each in turn is held out to choose among the finalists.
        finalists: How many configurations are tried for longer.
        baselines: What is set beside them, outside the tests (see :mod:`losskit.compare.baselines`).
        alpha: The probability of calling any loss different when none is.
        rates: Learning rates to choose from, by optimizer.
    """

    data: str
    task: Task
    losses: tuple[str, ...]
    reference: str
    metric: str
    steps: int
    batch: int
    hidden: int
    folds: int
    repeats: int
    seeds: int
    seed: int
    rows: int
    features: int
    classes: int
    splits: int = 2
    finalists: int = 2
    baselines: tuple[str, ...] = ("constant",)
    alpha: float = 0.05
    rates: Mapping[str, Sequence[float]] = field(default_factory=lambda: RATES)

    @property
    def measure(self) -> Metric:
        """The metric that ranks."""
        return METRICS[self.task][self.metric]

    @property
    def search_steps(self) -> tuple[int, int]:
        """Steps of a trial of each configuration, and of each finalist: on a half of the rows, half the steps."""
        return max(1, self.steps // 3), max(2, self.steps // 2)

    def inner_metric(self, contender: Contender) -> str:
        """The metric by which a loss's configuration is chosen: the one that ranks, if the loss has it."""
        if self.measure.calibration and not contender.gives_probabilities:
            return next(iter(METRICS[self.task]))
        return self.metric

    def sign(self, contender: Contender) -> int:
        """1 if more is better of that metric, else -1."""
        return 1 if METRICS[self.task][self.inner_metric(contender)].higher else -1

    def configurations(self, contender: Contender) -> list[Configuration]:
        """All optimizers at all rates, those nearest to the tutorials' rates first: they win ties."""
        every = [Configuration(optimizer, rate) for optimizer in self.rates for rate in self.grid(contender, optimizer)]
        return sorted(every, key=lambda chosen: round(abs(math.log(chosen.rate / TUTORIAL[chosen.optimizer])), 6))

    def grid(self, contender: Contender, optimizer: str) -> list[float]:
        """The rates of an optimizer.

        Those of SGD follow the scale of the gradient: a mean over C classes divides it by C. With two classes such a loss equals
        one of class ids, so their rates grow by C / 2.
        """
        scale = self.classes / 2 if optimizer == "SGD" and contender.elements else 1
        return [float(f"{rate * scale:.3g}") for rate in self.rates[optimizer]]

    def beyond(self, contender: Contender, chosen: Configuration) -> Configuration | None:
        """The next configuration outside the grid, if this one lies at its edge."""
        rates = self.grid(contender, chosen.optimizer)
        if len(rates) < 2 or chosen.rate not in (rates[0], rates[-1]):
            return None
        first, second = (rates[0], rates[1]) if chosen.rate == rates[0] else (rates[-1], rates[-2])
        return Configuration(chosen.optimizer, float(f"{first * first / second:.2g}"))

    @property
    def test_over_train(self) -> float:
        """Size of a test fold over that of its training fold."""
        return 1 / (self.folds - 1)

    def as_json(self) -> dict[str, Any]:
        """The plan and its rules as plain values."""
        rules = {"margin": rule(self.measure, self.reference), "test_over_train": self.test_over_train}
        return asdict(self) | rules | {"search_steps": self.search_steps}


def rule(measure: Metric, reference: str) -> str:
    """The margin in words."""
    if measure.relative:
        return f"{measure.margin:.0%} of the {measure.title} of {reference}"
    return f"{measure.margin:g} of {measure.title}"


def make_plan(
    data: Data,
    *,
    losses: Sequence[str] = (),
    metric: str | None = None,
    folds: int = 5,
    repeats: int = 2,
    steps: int | None = None,
    seeds: int = 4,
    seed: int = 0,
    optimizers: Sequence[str] = (),
    baselines: bool = False,
) -> Plan:
    """Plan a comparison on ``data``; defaults depend on the size of the data and on its task.

    Args:
        data: What to compare on.
        losses: The losses, with arguments or without; none for all of the catalog that serve the task
            (see :func:`~losskit.compare.contender.usual`). The reference always takes part.
        metric: What ranks; None for the task's usual one.
        folds: Folds a repeat.
        repeats: How often the rows are split into folds anew.
        steps: Steps of the optimizer in each training that is tested.
        seeds: Trainings a fold.
        seed: Seed of all random numbers.
        optimizers: Optimizers to choose from; none for SGD, Adam and RMSprop.
        baselines: Whether a learner that is no network is set beside the losses, as the constant predictor always is.
    """
    given = (("folds", folds, 2), ("repeats", repeats, 1), ("steps", steps, 4), ("seeds", seeds, 1), ("seed", seed, 0))
    for name, value, least in given:
        if value is not None and value < least:
            raise CompareError(f"{argument(name)} must be at least {least}, got {value}")
    if folds * repeats < LEAST_FOLDS:
        raise CompareError(
            f"{folds * repeats} test folds are too few for a verdict, which needs {LEAST_FOLDS}; use "
            f"{argument('repeats', -(-LEAST_FOLDS // folds))}"
        )
    metrics = METRICS[data.task]
    if metric is not None and metric not in metrics:
        raise CompareError(
            f"{argument('metric')} of a {data.task} task must be one of {', '.join(metrics)}, got {metric!r}"
            f"{meant(metric, metrics)}"
        )
    data.require_folds(folds)
    return Plan(
        data=data.name,
        task=data.task,
        losses=_chosen(data, losses),
        reference=STANDARD[data.task],
        metric=metric or data.usual_metric,
        steps=steps or STEPS,
        batch=batch_of(len(data.target) * (folds - 1) // folds),
        hidden=_hidden(data.features.shape[1]),
        folds=folds,
        repeats=repeats,
        seeds=seeds,
        seed=seed,
        rows=len(data.target),
        features=data.features.shape[1],
        classes=len(data.classes),
        splits=splits_of(data, folds),
        baselines=("constant", "learner") if baselines else ("constant",),
        rates=_rates(optimizers),
    )


def _chosen(data: Data, losses: Sequence[str]) -> tuple[str, ...]:
    standard = STANDARD[data.task]
    if losses and not set(losses) - {standard}:
        raise CompareError(
            f"{argument('losses')}: {losses[0]} is the reference itself; name another to compare with it"
        )
    names = list(losses) or usual(data.task, data.sizes)
    for name in names:
        contender(name, data.task)
    return tuple(dict.fromkeys([standard, *names]))


def _rates(optimizers: Sequence[str]) -> Mapping[str, Sequence[float]]:
    for name in optimizers:
        if name not in RATES:
            raise CompareError(
                f"{argument('optimizers')} must be of {', '.join(RATES)}, got {name!r}{meant(name, RATES)}"
            )
    return {name: RATES[name] for name in optimizers or USUAL}


def splits_of(data: Data, folds: int) -> int:
    """Halves of the training fold; fifths where a half would have fewer than 50 rows of the rarest class, or 200 in all."""
    half = (folds - 1) / folds / 2
    return 2 if half * min(data.sizes, default=math.inf) >= 50 and half * len(data.target) >= 200 else 5


def batch_of(rows: int) -> int:
    """The power of 2 that gives about 60 steps a pass over the rows, from 16 to 512: 64 on 5,000 digits."""
    return min(512, max(16, 1 << round(math.log2(max(rows / 60, 1)))))


def _hidden(features: int) -> int:
    """The power of 2 at or above twice the features, from 16 to 128, the tutorial's."""
    return min(128, max(16, 1 << math.ceil(math.log2(2 * features))))
