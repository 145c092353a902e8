"""The curves of a loss and its relatives, and which part of them a picture shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from losskit.guide.axes import Axis, Way, grid, measured, own, relatives
from losskit.guide.words import say
from losskit.loss import Loss

BEYOND = 0.35  # how much of the picture's height relatives may add


@dataclass(frozen=True)
class Curve:
    """A loss along an axis.

    Args:
        losses: The losses that have this curve, with the arguments that they are drawn with.
        note: What is said of tensors that do not vary.
        case: The target, where there are several.
        colour: The place of its colour, 0 for the loss itself.
        dash: The place of the case.
        value: The loss at each place of the axis.
        gradient: Its gradient there.
    """

    losses: tuple[str, ...]
    note: str
    case: str
    colour: int
    dash: int
    value: tuple[float, ...]
    gradient: tuple[float, ...]

    def of(self, what: str) -> tuple[float, ...]:
        """The value or the gradient."""
        return self.value if what == "value" else self.gradient

    def label(self, language: str) -> str:
        """Which loss it is, and for which target."""
        names = " = ".join(self.losses) + (say("beside", language, say(self.note, language)) if self.note else "")
        return names + (say("comma", language) + say(self.case, language) if self.case else "")


@dataclass(frozen=True)
class Picture:
    """The curves over an axis, those of the loss itself first."""

    loss: type[Loss]
    axis: Axis
    curves: tuple[Curve, ...]

    @property
    def places(self) -> tuple[float, ...]:
        """Where the curves are measured."""
        return grid(self.axis)

    def window(self, what: str) -> tuple[float, float]:
        """The lowest and the highest value or gradient that is shown."""
        low, high = _shown([curve.of(what) for curve in self.curves if not curve.colour])
        others = [curve.of(what) for curve in self.curves if curve.colour]
        if others:
            further, room = _shown(others), BEYOND * (high - low)
            low, high = max(min(low, further[0]), low - room), min(max(high, further[1]), high + room)
        air = 0.06 * (high - low)
        return low - air, high + air


def picture(loss: type[Loss]) -> Picture:
    """The curves of ``loss`` and its relatives; raises NoAxisError if it has no axis."""
    axis = own(loss).axis
    alike: dict[tuple[object, ...], tuple[Way, list[type[Loss]]]] = {}
    for other, way in relatives(loss):
        lines = [measured(other, way, case, grid(axis)) for case in range(len(way.cases))]
        rounded = tuple(round(value, 6) for line in lines for part in line for value in part)
        alike.setdefault((way.cases, way.note, rounded), (way, []))[1].append(other)
    curves = []
    for colour, (way, losses) in enumerate(alike.values()):
        names = tuple(map(_called, losses))
        for dash, case in enumerate(way.cases):
            value, gradient = measured(losses[0], way, dash, grid(axis))
            curves.append(Curve(names, way.note, case, colour, dash, value, gradient))
    return Picture(loss, axis, tuple(curves))


def _called(loss: type[Loss]) -> str:
    arguments = ", ".join(f"{name}={value}" for name, value in loss.about.drawn.items())
    return loss.__name__ + (f"({arguments})" if arguments else "")


def _shown(lines: Sequence[tuple[float, ...]]) -> tuple[float, float]:
    """From the lowest to the highest value, 0 among them; not to where few values are far off."""
    values = sorted(value for line in lines for value in line)
    tenth = len(values) // 10
    most = 1.6 * max(abs(values[tenth]), abs(values[-1 - tenth])) or 1.0
    return max(min(values[0], 0.0), -most), min(max(values[-1], 0.0), most)
