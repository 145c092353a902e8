"""The losses that fit a task, chosen before any data is seen."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from losskit.catalog import CATALOG, STANDARD
from losskit.core.head import Activation, Head, Situation, Task
from losskit.core.ranges import Logit, LogProbability, Probability
from losskit.loss import Loss

#: Outputs of a last layer, and the range of a loss that takes them. The first match names a loss's output.
OUTPUTS = {"log-probabilities": LogProbability, "probabilities": Probability, "logits": Logit}


#: The tasks for which a situation matters.
CONCERNS = {
    Situation.OUTLIERS: {Task.REGRESSION},
    Situation.IMBALANCED: {Task.BINARY, Task.MULTICLASS, Task.MULTILABEL},
}


@dataclass(frozen=True)
class Pick:
    """A loss for a task.

    Args:
        loss: The loss.
        head: Its head for the task.
        arguments: Arguments for the given situations, as code.
        suits: The given situations that it is meant for.
    """

    loss: type[Loss]
    head: Head
    arguments: str
    suits: tuple[Situation, ...]

    def __repr__(self) -> str:
        return f"Pick({self.loss.__name__}({self.arguments}), {self.head}, suits={self.suits})"


def output_of(loss: type[Loss]) -> str:
    """What the loss takes from the network: one of :data:`OUTPUTS`, or values."""
    values = loss.about.input.range
    return next((name for name, known in OUTPUTS.items() if isinstance(values, known)), "values")


def choose(task: Task, output: str | None = None, situations: Collection[Situation] = ()) -> list[Pick]:
    """The losses that serve ``task``, best first.

    Losses that suit the situations come first, then the task's standard loss, then losses of raw outputs.

    Args:
        task: What the network is for.
        output: What its last layer gives; None: not decided yet.
        situations: What the data is like.
    """
    picks = []
    for loss in CATALOG:
        about = loss.about
        if task in about.serves and output in (None, output_of(loss)):
            suits = tuple(
                situation for situation in situations if situation in about.suits and task in CONCERNS[situation]
            )
            arguments = ", ".join(filter(None, (about.start, *(about.suits[situation] for situation in suits))))
            picks.append(Pick(loss, about.serves[task], arguments, suits))
    return sorted(picks, key=lambda pick: _order(task, pick))


def matters(situation: Situation, task: Task | None, output: str | None) -> bool:
    """Whether the situation changes which losses come first, if any do."""
    tasks = Task if task is None else (task,)
    before, after = ([choose(each, output, told) for each in tasks] for told in ((), (situation,)))
    return before != after or not any(before)


def _order(task: Task, pick: Pick) -> tuple[bool | int, ...]:
    name, training = pick.loss.__name__, pick.head.training
    return (
        -len(pick.suits),
        name != STANDARD[task],
        training is not Activation.NONE,
    )
