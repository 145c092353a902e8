"""The gradient of a loss at outliers and confident mistakes, measured on the loss itself."""

from __future__ import annotations

from collections.abc import Sequence

from losskit.guide.axes import ERROR, LEAD, PROBABILITY, SCORE, NoAxisError, measured, own
from losskit.guide.words import translated
from losskit.loss import Loss

TITLES = {
    ERROR: "Gradient at an error of",
    PROBABILITY: "Gradient where the right answer has the probability",
    SCORE: "Gradient where the right answer has a score of",
    LEAD: "Gradient where the right class leads by a logit of",
}


def slopes(loss: type[Loss], language: str = "en") -> str:
    """A table of the gradient, and what it means; empty if one number cannot show it."""
    try:
        way = own(loss)
    except NoAxisError:
        return ""
    if not way.axis.places or way.note or list(loss.about.tensors) != ["input", "target"]:
        return ""
    _, found = measured(loss, way, 0, way.axis.places)
    meaning = "" if way.axis is PROBABILITY else (_of_errors if way.axis is ERROR else _of_margins)(found)
    head = "".join(f"{place:>11g}" for place in way.axis.places)
    row = "".join(f"{slope:>11.3g}" for slope in found)
    lines = [translated(TITLES[way.axis], loss, language), f"    {head}", f"    {row}"]
    return "\n".join([*lines, *([f"    {translated(meaning, loss, language)}"] if meaning else [])])


def _of_errors(found: Sequence[float]) -> str:
    if found[-1] > 2 * found[1]:
        return "It grows with the error: one outlier can outweigh a whole batch."
    return "It stops growing: an outlier pulls no harder than any large error."


def _of_margins(found: Sequence[float]) -> str:
    if abs(found[0]) > 2 * abs(found[1]):
        return "It grows with the mistake: one wrong label can outweigh a whole batch."
    return "A confident mistake pulls with bounded strength, so a wrong label does bounded harm."
