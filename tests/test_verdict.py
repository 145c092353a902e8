"""The statistics of ``losskit compare``."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from losskit.compare.verdict import (
    FLOOR,
    Reading,
    Verdict,
    beyond,
    compare,
    equivalence,
    folds_that_tell,
    holm,
    rows_that_tell,
    two_sided,
)

RATIO = 0.25  # test over train at 5 folds
WOBBLE = [0.001, -0.001] * 5


def verdicts(
    scores: dict[str, list[float]], margin: float = 0.01, higher: bool = True, alpha: float = 0.05
) -> dict[str, Verdict]:
    return {each.name: each for each in compare(scores, next(iter(scores)), RATIO, margin, higher, alpha)}


def shifted(shift: float, spread: float = 1.0) -> list[float]:
    return list(np.add(shift, np.multiply(WOBBLE, spread)))


def test_corrected_t_by_hand() -> None:
    """Differences 1, 2, 3, 6: mean 3, s² = 14/3; variance of the mean (1/4 + 1/4) · 14/3 = 7/3."""
    found = verdicts({"a": [0, 0, 0, 0], "b": [1, 2, 3, 6]}, margin=0.5)["b"]
    error = math.sqrt(7 / 3)
    assert found.p == pytest.approx(2 * stats.t.sf(3 / error, 3))
    assert found.p_beyond == pytest.approx(stats.t.sf(2.5 / error, 3) + stats.t.sf(3.5 / error, 3))
    assert found.p_same == pytest.approx(stats.t.sf(-2.5 / error, 3))
    assert found.low == pytest.approx(3 - 3.182446305 * error)
    assert found.half == pytest.approx(3.182446305 * error)


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_that_of_statsmodels(seed: int) -> None:
    p = list(np.random.default_rng(seed).uniform(size=7) ** 3)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_holm_adjusts_each_test() -> None:
    rng = np.random.default_rng(1)
    scores = {name: list(rng.normal(shift, 0.01, 10)) for name, shift in zip("abcd", (0, 0.01, 0.02, 0), strict=True)}
    found = verdicts(scores)
    differences = [np.subtract(scores[name], scores["a"]) for name in "bcd"]
    errors = [math.sqrt((0.1 + RATIO) * each.var(ddof=1)) for each in differences]
    for test, adjusted in ((two_sided, "p"), (beyond, "p_beyond"), (equivalence, "p_same")):
        raw = [test(float(d.mean()), e, 9, 0.01) for d, e in zip(differences, errors, strict=True)]
        expected = multipletests(raw, method="holm")[1]
        assert [getattr(found[name], adjusted) for name in "bcd"] == pytest.approx(expected)


@pytest.mark.parametrize("mean", [-0.02, -0.004, 0.0, 0.007, 0.01, 0.02])
def test_the_tests_by_hand(mean: float) -> None:
    lower, upper = stats.t.sf((mean + 0.01) / 0.003, 9), stats.t.cdf((mean - 0.01) / 0.003, 9)
    assert equivalence(mean, 0.003, 9, 0.01) == pytest.approx(max(lower, upper))
    below, above = stats.t.cdf((-0.01 - abs(mean)) / 0.003, 9), stats.t.sf((abs(mean) - 0.01) / 0.003, 9)
    assert beyond(mean, 0.003, 9, 0.01) == pytest.approx(min(1, below + above))
    assert two_sided(mean, 0.003, 9) == pytest.approx(2 * stats.t.sf(abs(mean) / 0.003, 9))
    assert beyond(mean, 0.003, 9, 0) == pytest.approx(two_sided(mean, 0.003, 9))


def test_every_reading() -> None:
    base = np.array([0.9, 0.91, 0.89, 0.9, 0.92, 0.9, 0.91, 0.9, 0.89, 0.9])
    others = {"near": (0, 1), "high": (0.05, 1), "low": (-0.05, 1), "little": (0.004, 1), "noisy": (0, 40)}
    scores = {"base": list(base), "copy": list(base)}
    found = verdicts(scores | {name: list(base + shifted(*each)) for name, each in others.items()})
    assert {name: str(each.reading) for name, each in found.items()} == {
        "base": "reference",
        "copy": "identical",
        "near": "practically the same",
        "high": "better",
        "low": "worse",
        "little": "differs, by less than matters",
        "noisy": "cannot tell",
    }
    assert found["copy"].p == 1
    assert found["copy"].p_same == pytest.approx(0, abs=1e-6)
    assert [reading for reading in Reading if reading.matters] == [Reading.BETTER, Reading.WORSE]


def test_the_reference_differs_from_itself_by_nothing() -> None:
    found = verdicts({"a": [0.5, 1.5, 4.0], "b": [1, 2, 3]})
    assert found["a"] == Verdict("a", 2.0, math.sqrt(3.25), 0, 0, 0, 1, 1, 0, Reading.REFERENCE)
    assert (found["b"].mean, found["b"].sd, found["b"].difference) == (2, 1, 0)


def test_alpha_is_where_readings_change() -> None:
    scores = {"a": [0.0] * 6, "b": [0.5, 1.5] * 3}
    sure = verdicts(scores, margin=0.3)["b"].p_beyond
    assert verdicts(scores, margin=0.3, alpha=sure * 2.01)["b"].reading is Reading.BETTER  # by interval and test
    assert verdicts(scores, margin=0.3, alpha=sure * 0.99)["b"].reading is Reading.UNKNOWN
    same = verdicts(scores, margin=3)["b"].p_same
    assert verdicts(scores, margin=3, alpha=same * 2.01)["b"].reading in (Reading.SAME, Reading.DIFFERS)
    assert verdicts(scores, margin=3, alpha=same * 0.99)["b"].reading is Reading.UNKNOWN
    wide, narrow = (verdicts(scores, alpha=alpha)["b"].half for alpha in (0.01, 0.2))
    assert wide > narrow > 0


def test_a_word_that_the_own_interval_denies_is_not_given() -> None:
    """A one-sided test of 5 % and an interval of 95 % differ: between the two nothing is said."""
    scores = {"a": [0.0] * 10, "b": shifted(1.0, 300)}
    error = math.sqrt((0.1 + RATIO) * np.var(scores["b"], ddof=1))
    for limit, reading in (
        (1.9, Reading.UNKNOWN),
        (2.4, Reading.BETTER),
    ):  # the one-sided limit is 1.83, the other 2.26
        found = verdicts(scores, margin=1 - limit * error)["b"]
        assert found.p_beyond < 0.05
        assert found.reading is reading
    for limit, reading in ((1.9, Reading.UNKNOWN), (2.4, Reading.DIFFERS)):
        found = verdicts(scores, margin=1 + limit * error)["b"]
        assert found.p_same < 0.05
        assert found.reading is reading


def test_a_constant_difference_is_no_certainty() -> None:
    """Differences without any spread are taken to have a tenth of the margin."""
    base = [0.5, 0.25, 0.75, 0.5, 0.25]
    for shift, reading in ((0.25, Reading.BETTER), (0.0078125, Reading.UNKNOWN), (0.001953125, Reading.SAME)):
        found = verdicts({"a": base, "b": [score + shift for score in base]}, margin=0.008)["b"]
        error = math.sqrt(1 / 5 + RATIO) * FLOOR * 0.008
        assert found.half == pytest.approx(stats.t.ppf(0.975, 4) * error)
        assert found.p == pytest.approx(2 * stats.t.sf(shift / error, 4))
        assert 0 < found.p < 0.05
        assert found.reading is (Reading.DIFFERS if reading is Reading.SAME else reading)


@pytest.mark.parametrize("folds", [2, 4, 5])
def test_fewer_than_five_folds_tell_nothing(folds: int) -> None:
    for shift in (0.5, 1e-4):
        found = verdicts({"a": [0.0] * folds, "b": [shift] * (folds - 1) + [shift * 1.001]})["b"]
        assert (found.reading is Reading.UNKNOWN) == (folds < 5)


def test_identical_never_gives_nan() -> None:
    for found in verdicts({"a": [0.5] * 10, "b": [0.5] * 10, "c": [0.5] * 10}).values():
        assert not any(math.isnan(value) for value in vars(found).values() if isinstance(value, float))
        assert found.reading in (Reading.REFERENCE, Reading.IDENTICAL)


def test_direction_and_unit() -> None:
    rng = np.random.default_rng(2)
    scores = {"a": list(rng.normal(1, 0.02, 10)), "b": list(rng.normal(1.2, 0.02, 10))}
    up = verdicts(scores)["b"]
    down = verdicts({name: [-x for x in each] for name, each in scores.items()}, higher=False)["b"]
    scaled = verdicts({name: [1000 * x for x in each] for name, each in scores.items()}, margin=10)["b"]
    assert up.reading is down.reading is scaled.reading is Reading.BETTER
    assert verdicts(scores, higher=False)["b"].reading is Reading.WORSE
    assert up.p_beyond == pytest.approx(down.p_beyond) == pytest.approx(scaled.p_beyond)
    assert scaled.difference == pytest.approx(1000 * up.difference)


def test_so_many_folds_or_rows_would_tell() -> None:
    """With them the half width is what is left to the margin, if mean and standard deviation stay."""
    scores = {"a": [0.0] * 10, "b": shifted(0.0095, 1)}
    found = verdicts(scores)["b"]
    assert found.reading is Reading.UNKNOWN
    left = 0.01 - found.difference
    spread = found.half / math.sqrt(1 / 10 + RATIO)
    assert rows_that_tell(found, 0.01, 500) == pytest.approx(500 * (found.half / left) ** 2)
    assert folds_that_tell(found, 0.01, 10, RATIO) == math.inf  # narrower than endless repeats would make it
    for margin in (0.0102, 0.0105):
        left, folds = margin - found.difference, folds_that_tell(found, margin, 10, RATIO)
        if folds < math.inf:
            assert math.sqrt(1 / folds + RATIO) * spread <= left < math.sqrt(1 / (folds - 1) + RATIO) * spread
    assert rows_that_tell(found, found.difference, 500) == math.inf


def test_false_positives_of_correlated_scores() -> None:
    """Differences that share a part, as folds that share training rows do: correlation 1/5, what the correction assumes."""
    rng, wrong, runs = np.random.default_rng(3), 0, 400
    for _ in range(runs):
        shared = rng.normal(0, math.sqrt(0.2), 4)
        scores = {"a": [0.0] * 10}
        for name, common in zip("bcde", shared, strict=True):
            scores[name] = list(common + rng.normal(0, math.sqrt(0.8), 10))
        wrong += any(each.reading.matters for each in verdicts(scores, margin=1e-9).values())
    assert 0.01 * runs < wrong <= 0.08 * runs


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"a": [1.0], "b": [1.0]}, "a: at least 2 scores .* got 1"),
        ({"a": [1.0, 2.0], "b": [-math.inf, 1.0]}, "b: scores must be finite, got -inf"),
        ({"a": [1.0, 2.0], "b": [1.0, math.nan]}, "b: scores must be finite"),
        ({"a": [1.0, 2.0], "b": [1.0, 2.0, 3.0]}, "every loss needs a score on every fold"),
    ],
)
def test_refusals(scores: dict[str, list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        verdicts(scores)


def test_a_reference_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="the reference must be one of a, b, got 'c'"):
        compare({"a": [1.0, 2.0], "b": [1.0, 2.0]}, "c", RATIO, 0.01, True)


@pytest.mark.parametrize("margin", [0.0, -1.0, math.nan])
def test_a_margin_that_is_none(margin: float) -> None:
    with pytest.raises(ValueError, match="margin must be positive"):
        verdicts({"a": [1.0, 2.0], "b": [1.0, 2.0]}, margin)
