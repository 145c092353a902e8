"""Whether losses differ: statistics on scores, nothing else.

Scores of repeated cross-validation are not independent, since training folds overlap; an ordinary t-test finds
differences where there are none. Nadeau and Bengio (2003, Inference for the generalization error) widen the variance
of the mean difference from s²/J to s² (1/J + n_test/n_train).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats


class Reading(str, Enum):
    """The conclusion of a comparison with the reference."""

    REFERENCE = "reference"
    IDENTICAL = "identical"
    SAME = "practically the same"
    DIFFERENT = "different"
    UNKNOWN = "cannot tell"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Verdict:
    """A loss against the reference.

    Args:
        name: The loss.
        mean: Its mean score.
        sd: Standard deviation of its scores over the test folds.
        difference: Mean score less that of the reference.
        low: Lower end of the difference's confidence interval, for this loss by itself.
        high: Its upper end.
        p: Corrected t-test of no difference, adjusted by Holm over the losses.
        p_same: Test that the difference is beyond the margin (two one-sided tests), adjusted by Holm.
        reading: The conclusion.
        better: Whether the difference is in the better direction.
    """

    name: str
    mean: float
    sd: float
    difference: float
    low: float
    high: float
    p: float
    p_same: float
    reading: Reading
    better: bool


def compare(
    scores: Mapping[str, NDArray[Any] | Sequence[float]],
    reference: str,
    test_over_train: float,
    margin: float,
    higher_is_better: bool,
    alpha: float = 0.05,
) -> list[Verdict]:
    """Test every loss against the reference.

    Args:
        scores: For each loss one score a test fold, folds in the same order.
        reference: The loss that the others are tested against, fixed before the run.
        test_over_train: Size of a test fold over that of its training fold.
        margin: Differences smaller than it do not matter in practice.
        higher_is_better: Which direction of a score is the better one.
        alpha: The probability of calling any loss different when none is.

    Returns:
        A verdict for each loss, the reference's too, in the order of ``scores``.
    """
    arrays = {name: _checked(name, values) for name, values in scores.items()}
    if len({len(values) for values in arrays.values()}) != 1:
        raise ValueError(f"every loss needs a score on every fold, got { {n: len(v) for n, v in arrays.items()} }")
    if reference not in arrays:
        raise ValueError(f"the reference must be one of {', '.join(arrays)}, got {reference!r}")
    others = {n: values - arrays[reference] for n, values in arrays.items() if n != reference}
    errors = {name: standard_error(values, test_over_train) for name, values in others.items()}
    df = len(arrays[reference]) - 1
    p = dict(zip(others, holm([two_sided(others[n].mean(), errors[n], df) for n in others]), strict=True))
    same = dict(zip(others, holm([equivalence(others[n].mean(), errors[n], df, margin) for n in others]), strict=True))
    verdicts = []
    for name, values in arrays.items():
        if name == reference:
            verdicts.append(Verdict(name, *_spread(values), 0.0, 0.0, 0.0, 1.0, 0.0, Reading.REFERENCE, False))
            continue
        mean = float(others[name].mean())
        half = float(stats.t.ppf(1 - alpha / 2, df)) * errors[name]
        reading = _reading(others[name], p[name], same[name], alpha)
        better = mean > 0 if higher_is_better else mean < 0
        limits = (mean - half, mean + half)
        verdicts.append(Verdict(name, *_spread(values), mean, *limits, p[name], same[name], reading, better))
    return verdicts


def _checked(name: str, values: NDArray[Any] | Sequence[float]) -> NDArray[Any]:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(f"{name}: at least 2 scores are needed to tell a difference from chance, got {array.size}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: scores must be finite, got {array[~np.isfinite(array)][0]}")
    return array


def _spread(values: NDArray[Any]) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1))


def _reading(difference: NDArray[Any], p: float, p_same: float, alpha: float) -> Reading:
    if not difference.any():
        return Reading.IDENTICAL
    if p_same < alpha:  # first: a difference may be both sure and too small to matter
        return Reading.SAME
    return Reading.DIFFERENT if p < alpha else Reading.UNKNOWN


def standard_error(difference: NDArray[Any], test_over_train: float) -> float:
    """The corrected standard error of the mean of differences over resampled folds."""
    return float(np.sqrt((1 / len(difference) + test_over_train) * difference.var(ddof=1)))


def two_sided(mean: float, error: float, df: int) -> float:
    """The p-value of a mean difference of 0."""
    return min(1.0, 2 * _above(abs(mean), error, df))


def equivalence(mean: float, error: float, df: int, margin: float) -> float:
    """The p-value of a mean difference beyond ``margin`` on either side: two one-sided tests, the larger counts."""
    return _above(margin - abs(mean), error, df)


def _above(distance: float, error: float, df: int) -> float:
    """Chance of a t at or above ``distance / error``; a difference that is the same on all folds has no error."""
    if error == 0:
        return 0.5 if distance == 0 else float(distance < 0)
    return float(stats.t.sf(distance / error, df))


def holm(p: Sequence[float]) -> list[float]:
    """P-values adjusted by Holm's step-down procedure, in the order given."""
    adjusted, running = [0.0] * len(p), 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        running = max(running, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = running
    return adjusted
