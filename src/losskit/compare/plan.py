"""The plan of a comparison, fixed before the run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from losskit.catalog import READY_MADE, STANDARD
from losskit.compare.data import Data
from losskit.compare.errors import CompareError, argument
from losskit.compare.metrics import METRICS, Metric
from losskit.core.head import Task
from losskit.loss import Loss
from losskit.names import meant
from losskit.optimizers import RATES, TUTORIAL

STEPS = 200  # of a training: three epochs of 5,000 digits


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
        losses: For each name in the report, the loss of the catalog it stands for.
        reference: The one that the others are tested against.
        metric: What ranks, a key of :data:`~losskit.compare.metrics.METRICS`.
        epochs: Passes over the training rows.
        batch: Rows a step.
        hidden: Width of the hidden layer.
        folds: Folds a repeat.
        repeats: How often the rows are split into folds anew.
        seed: Seed of all random numbers.
        alpha: The probability of calling any loss different when none is.
        rates: Learning rates to choose from, by optimizer.
        shared: Whether all losses start from the same weights and see the same batches. A null run says no.
    """

    data: str
    task: Task
    losses: Mapping[str, str]
    reference: str
    metric: str
    epochs: int
    batch: int
    hidden: int
    folds: int
    repeats: int
    seed: int
    alpha: float = 0.05
    rates: Mapping[str, Sequence[float]] = field(default_factory=lambda: RATES)
    shared: bool = True

    @property
    def measure(self) -> Metric:
        """The metric that ranks."""
        return METRICS[self.task][self.metric]

    @property
    def beside(self) -> str:
        """The metric shown beside it."""
        return next(name for name in METRICS[self.task] if name != self.metric)

    @property
    def configurations(self) -> list[Configuration]:
        """All optimizers at all rates, those nearest to the tutorials' rates first: they win ties."""
        every = [Configuration(optimizer, rate) for optimizer, rates in self.rates.items() for rate in rates]
        return sorted(every, key=lambda chosen: round(abs(math.log(chosen.rate / TUTORIAL[chosen.optimizer])), 6))

    @property
    def halving(self) -> int:
        """The epoch of the inner search after which the worse half of the configurations is dropped."""
        return math.ceil(self.epochs / 3)

    @property
    def test_over_train(self) -> float:
        """Size of a test fold over that of its training fold."""
        return 1 / (self.folds - 1)

    def at_edge(self, chosen: Configuration) -> bool:
        """Whether a better rate may lie beyond the grid."""
        rates = self.rates[chosen.optimizer]
        return len(rates) > 1 and chosen.rate in (min(rates), max(rates))

    def criterion(self, name: str) -> Loss:
        """A fresh loss of that name, at its defaults."""
        return CLASSES[self.losses[name]]()

    def as_json(self) -> dict[str, Any]:
        """The plan and its rules as plain values."""
        rules = {"margin": self.measure.rule(self.reference), "test_over_train": self.test_over_train}
        return asdict(self) | rules | {"halving": self.halving}


#: A loss that owns its last layer cannot be compared behind the same network.
CLASSES: dict[str, type[Loss]] = {loss.__name__: loss for loss in READY_MADE}


def make_plan(
    data: Data,
    *,
    losses: Sequence[str] = (),
    metric: str | None = None,
    folds: int = 5,
    repeats: int = 2,
    epochs: int | None = None,
    seed: int = 0,
) -> Plan:
    """Plan a comparison on ``data``; defaults depend on the size of the data and on its task.

    Args:
        data: What to compare on.
        losses: Names of losses; none for all of the catalog that serve the task (see :func:`trains`). The reference
            always takes part.
        metric: What ranks; None for the task's usual one.
        folds: Folds a repeat.
        repeats: How often the rows are split into folds anew.
        epochs: Passes over the training rows.
        seed: Seed of all random numbers.
    """
    for name, value, least in (("folds", folds, 2), ("repeats", repeats, 1), ("epochs", epochs, 1), ("seed", seed, 0)):
        if value is not None and value < least:
            raise CompareError(f"{argument(name)} must be at least {least}, got {value}")
    metrics = METRICS[data.task]
    if metric is not None and metric not in metrics:
        raise CompareError(
            f"{argument('metric')} of a {data.task} task must be one of {', '.join(metrics)}, got {metric!r}"
            f"{meant(metric, metrics)}"
        )
    data.require_folds(folds)
    batch = _batch(len(data.target) * (folds - 1) // folds)
    return Plan(
        data=data.name,
        task=data.task,
        losses={name: name for name in _chosen(data.task, losses)},
        reference=STANDARD[data.task],
        metric=metric or next(iter(metrics)),
        epochs=epochs or _epochs(len(data.target) * (folds - 1) // folds, batch),
        batch=batch,
        hidden=_hidden(data.features.shape[1]),
        folds=folds,
        repeats=repeats,
        seed=seed,
    )


def trains(loss: type[Loss]) -> bool:
    """Whether a loss takes one output of the network and its target, as trainings here have them."""
    return tuple(loss.about.tensors) == ("input", "target")


def _chosen(task: Task, losses: Sequence[str]) -> list[str]:
    serving = [name for name, loss in CLASSES.items() if task in loss.about.serves and trains(loss)]
    for name in losses:
        if name not in serving:
            others = meant(name, serving) or f"; choose among {', '.join(serving)}"
            raise CompareError(f"{argument('losses')}: {name} {_why_not(task, name)}{others}")
    if losses and not set(losses) - {STANDARD[task]}:
        raise CompareError(
            f"{argument('losses')}: {losses[0]} is the reference itself; name another to compare with it"
        )
    # A twin would be trained twice, and a loss whose items see each other is not a loss of single rows.
    usual = [name for name in serving if not (CLASSES[name].about.twin or CLASSES[name].about.interacting)]
    return [name for name in serving if name in (losses or usual) or name == STANDARD[task]]


def _why_not(task: Task, name: str) -> str:
    if name not in CLASSES:
        return "is not a loss that networks can be compared with"
    if task not in CLASSES[name].about.serves:
        return f"does not serve a {task} task"
    return f"takes {', '.join(CLASSES[name].about.tensors)}, and a training here has input and target alone"


def _batch(rows: int) -> int:
    """The power of 2 that gives about 60 steps an epoch, from 16 to 512: 64 on 5,000 digits."""
    return min(512, max(16, 1 << round(math.log2(max(rows / 60, 1)))))


def _epochs(rows: int, batch: int) -> int:
    return max(2, round(STEPS / math.ceil(rows / batch)))


def _hidden(features: int) -> int:
    """The power of 2 at or above twice the features, from 16 to 128, the tutorial's."""
    return min(128, max(16, 1 << math.ceil(math.log2(2 * features))))
