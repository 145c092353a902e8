"""The gradient of a loss at outliers and confident mistakes, measured on the loss itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from losskit.core.ranges import ClassId, Logit, PlusMinusOne, Probability, Real, ZeroOne
from losskit.guide.words import translated
from losskit.loss import Loss

ERRORS, MARGINS, CHANCES = (0.1, 1.0, 10.0, 100.0), (-100.0, -10.0, -1.0, 0.0, 1.0, 10.0), (0.001, 0.1, 0.5, 0.9, 0.999)


def slopes(loss: type[Loss], language: str = "en") -> str:
    """A table of the gradient, and what it means; empty if one number cannot show it."""
    found = measured(loss)
    if found is None:
        return ""
    title, at, slope, meaning = found
    head = "".join(f"{place:>11g}" for place in at)
    row = "".join(f"{each:>11.3g}" for each in slope)
    lines = [translated(title, loss, language), f"    {head}", f"    {row}"]
    return "\n".join([*lines, *([f"    {translated(meaning, loss, language)}"] if meaning else [])])


def measured(loss: type[Loss]) -> tuple[str, tuple[float, ...], list[float], str] | None:
    """Title, places, slopes there, and what they mean; None if one number cannot show the gradient."""
    domains = loss.about.tensors
    if list(domains) != ["input", "target"]:
        return None
    input, target = domains["input"].range, domains["target"].range
    if type(input) is Real and type(target) is Real:
        found = [_slope(loss, [error], [0.0]) for error in ERRORS]
        return "Gradient at an error of", ERRORS, found, _of_errors(found)
    if isinstance(input, Probability):
        found = [_slope(loss, [chance], [1.0]) for chance in CHANCES]
        return "Gradient where the right answer has the probability", CHANCES, found, ""
    if isinstance(input, Logit) and isinstance(target, ClassId):
        found = [_slope(loss, [[margin, 0.0]], [0]) for margin in MARGINS]
        return "Gradient where the right class leads by a logit of", MARGINS, found, _of_margins(found)
    if isinstance(target, PlusMinusOne) or (isinstance(input, Logit) and isinstance(target, ZeroOne)):
        try:
            found = [_slope(loss, [margin], [1.0]) for margin in MARGINS]
        except (ValueError, TypeError):  # a loss over several labels
            return None
        return "Gradient where the right answer has a score of", MARGINS, found, _of_margins(found)
    return None


def _slope(loss: type[Loss], input: list[Any], target: list[float]) -> float:
    leaf = torch.tensor(input, device="cpu", requires_grad=True)
    value: Tensor = loss(reduction="sum")(leaf, torch.tensor(target, device="cpu"))
    return float(torch.autograd.grad(value, leaf)[0].flatten()[0])


def _of_errors(found: list[float]) -> str:
    if found[-1] > 2 * found[1]:
        return "It grows with the error: one outlier can outweigh a whole batch."
    return "It stops growing: an outlier pulls no harder than any large error."


def _of_margins(found: list[float]) -> str:
    if abs(found[0]) > 2 * abs(found[1]):
        return "It grows with the mistake: one wrong label can outweigh a whole batch."
    return "A confident mistake pulls with bounded strength, so a wrong label does bounded harm."
