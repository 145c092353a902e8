"""Whether losses differ: statistics on scores, nothing else.

Scores of repeated cross-validation are not independent, since training folds overlap; an ordinary t-test finds
differences where there are none. Nadeau and Bengio (2003, Inference for the generalization error) widen the variance
of the mean difference from s²/J to s² (1/J + n_test/n_train).

Each loss has three tests: of no difference, of one within the margin, and of one beyond it. A word is given where the test says so
after Holm's adjustment over the losses, and only if the loss's own interval agrees. Holm's own simultaneous intervals are not used:
the width of one would hang on the rank of another loss.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEAST_FOLDS = 5  # with fewer, the spread of differences is not known well enough
FLOOR = 0.1  # of the margin: the least standard deviation that differences are taken to have


class Reading(str, Enum):
    """The conclusion of a comparison with the reference."""

    REFERENCE = "reference"
    IDENTICAL = "identical"
    BETTER = "better"
    WORSE = "worse"
    SAME = "practically the same"
    DIFFERS = "differs, by less than matters"
    UNKNOWN = "cannot tell"

    def __str__(self) -> str:
        return self.value

    @property
    def matters(self) -> bool:
        """Whether the difference is beyond the margin."""
        return self in (Reading.BETTER, Reading.WORSE)


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
        p: Test of no difference, adjusted by Holm over the losses.
        p_beyond: Test of a difference within the margin, adjusted: small where it is beyond.
        p_same: Test of a difference beyond the margin (two one-sided tests), adjusted: small where it is within.
        reading: The conclusion.
    """

    name: str
    mean: float
    sd: float
    difference: float
    low: float
    high: float
    p: float
    p_beyond: float
    p_same: float
    reading: Reading

    @property
    def half(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2


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
    if not margin > 0:
        raise ValueError(f"margin must be positive, got {margin}")
    others = {n: values - arrays[reference] for n, values in arrays.items() if n != reference}
    means = {name: float(values.mean()) for name, values in others.items()}
    errors = {name: standard_error(values, test_over_train, FLOOR * margin) for name, values in others.items()}
    df = len(arrays[reference]) - 1
    tests = [two_sided, beyond, equivalence]
    adjusted = [holm([test(means[name], errors[name], df, margin) for name in others]) for test in tests]
    p = {name: (adjusted[0][at], adjusted[1][at], adjusted[2][at]) for at, name in enumerate(others)}
    verdicts = []
    for name, values in arrays.items():
        mean, sd = float(values.mean()), float(values.std(ddof=1))
        if name == reference:
            verdicts.append(Verdict(name, mean, sd, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, Reading.REFERENCE))
            continue
        half = float(stats.t.ppf(1 - alpha / 2, df)) * errors[name]
        interval = means[name] - half, means[name] + half
        if not others[name].any():
            reading = Reading.IDENTICAL
        elif df + 1 < LEAST_FOLDS:
            reading = Reading.UNKNOWN
        else:
            reading = _reading(*interval, *p[name], margin, higher_is_better, alpha)
        verdicts.append(Verdict(name, mean, sd, means[name], *interval, *p[name], reading))
    return verdicts


def _checked(name: str, values: NDArray[Any] | Sequence[float]) -> NDArray[Any]:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(f"{name}: at least 2 scores are needed to tell a difference from chance, got {array.size}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: scores must be finite, got {array[~np.isfinite(array)][0]}")
    return array


def _reading(
    low: float, high: float, p: float, p_beyond: float, p_same: float, margin: float, higher: bool, alpha: float
) -> Reading:
    if p_beyond < alpha and (low > margin or high < -margin):
        return Reading.BETTER if (low > 0) == higher else Reading.WORSE
    if p_same < alpha and -margin < low and high < margin:
        return Reading.DIFFERS if p < alpha and (low > 0 or high < 0) else Reading.SAME
    return Reading.UNKNOWN


def standard_error(difference: NDArray[Any], test_over_train: float, floor: float = 0.0) -> float:
    """The corrected standard error of the mean of differences over resampled folds; ``floor``: their least deviation."""
    spread = max(float(difference.std(ddof=1)), floor)
    return math.sqrt(1 / len(difference) + test_over_train) * spread


def two_sided(mean: float, error: float, df: int, margin: float = 0.0) -> float:
    """The p-value of a mean difference of 0; ``margin`` is not used."""
    return min(1.0, 2 * _above(abs(mean), error, df))


def beyond(mean: float, error: float, df: int, margin: float) -> float:
    """The p-value of a mean difference of at most ``margin`` on either side; with a margin of 0, the two-sided test."""
    return min(1.0, _above(abs(mean) - margin, error, df) + _above(abs(mean) + margin, error, df))


def equivalence(mean: float, error: float, df: int, margin: float) -> float:
    """The p-value of a mean difference beyond ``margin`` on either side: two one-sided tests, the larger counts."""
    return _above(margin - abs(mean), error, df)


def _above(distance: float, error: float, df: int) -> float:
    """Chance of a t at or above ``distance / error``."""
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


def folds_that_tell(verdict: Verdict, margin: float, folds: int, test_over_train: float, alpha: float = 0.05) -> float:
    """How many test folds would settle an open verdict if difference and spread stayed as they are; inf: none would.

    More folds narrow the interval only so far, since the training folds overlap; then only more rows help.
    """
    share = room(verdict, margin) / verdict.half if verdict.half else math.inf
    left = share**2 * (1 / folds + test_over_train) - test_over_train
    return math.ceil(1 / left) if left > 0 else math.inf


def rows_that_tell(verdict: Verdict, margin: float, rows: int) -> float:
    """How many rows would: the spread of scores falls with the root of the rows."""
    inside = room(verdict, margin)
    return rows * (verdict.half / inside) ** 2 if inside else math.inf


def room(verdict: Verdict, margin: float) -> float:
    """How far the difference lies from the nearest margin: an interval of a smaller half settles the verdict."""
    return abs(abs(verdict.difference) - margin)
