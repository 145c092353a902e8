"""The statistics of ``losskit compare``."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from losskit.compare.verdict import Reading, Verdict, compare, equivalence, holm

RATIO = 0.25  # test over train at 5 folds


def verdicts(
    scores: dict[str, list[float]], margin: float = 0.01, higher: bool = True, alpha: float = 0.05
) -> dict[str, Verdict]:
    return {each.name: each for each in compare(scores, next(iter(scores)), RATIO, margin, higher, alpha)}


def test_corrected_t_by_hand() -> None:
    """Differences 1, 2, 3, 6: mean 3, s² = 14/3; variance of the mean (1/4 + 1/4) · 14/3 = 7/3."""
    found = verdicts({"a": [0, 0, 0, 0], "b": [1, 2, 3, 6]})["b"]
    t = 3 / math.sqrt(7 / 3)
    assert found.p == pytest.approx(2 * stats.t.sf(t, 3))
    assert found.low == pytest.approx(3 - 3.182446305 * math.sqrt(7 / 3))
    assert found.high - found.difference == pytest.approx(found.difference - found.low)


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_that_of_statsmodels(seed: int) -> None:
    p = list(np.random.default_rng(seed).uniform(size=7) ** 3)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_holm_adjusts_both_tests() -> None:
    rng = np.random.default_rng(1)
    scores = {name: list(rng.normal(shift, 0.01, 10)) for name, shift in zip("abcd", (0, 0.01, 0.02, 0), strict=True)}
    found = verdicts(scores)
    differences = [np.subtract(scores[name], scores["a"]) for name in "bcd"]
    errors = [math.sqrt((0.1 + RATIO) * each.var(ddof=1)) for each in differences]
    raw = [2 * stats.t.sf(abs(d.mean() / e), 9) for d, e in zip(differences, errors, strict=True)]
    same = [equivalence(d.mean(), e, 9, 0.01) for d, e in zip(differences, errors, strict=True)]
    assert [found[name].p for name in "bcd"] == pytest.approx(multipletests(raw, method="holm")[1])
    assert [found[name].p_same for name in "bcd"] == pytest.approx(multipletests(same, method="holm")[1])


def test_equivalence_is_two_one_sided_tests() -> None:
    for mean in (-0.004, 0.0, 0.007, 0.02):
        lower = stats.t.sf((mean + 0.01) / 0.003, 9)
        upper = stats.t.cdf((mean - 0.01) / 0.003, 9)
        assert equivalence(mean, 0.003, 9, 0.01) == pytest.approx(max(lower, upper))


def test_every_reading() -> None:
    base = [0.9, 0.91, 0.89, 0.9, 0.92, 0.9, 0.91, 0.9, 0.89, 0.9]
    wobble = [0.001, -0.001] * 5
    found = verdicts(
        {
            "base": base,
            "copy": list(base),
            "near": list(np.add(base, wobble)),
            "far": list(np.add(base, np.add(wobble, 0.05))),
            "noisy": list(np.add(base, np.multiply(wobble, 40))),
        }
    )
    assert [str(each.reading) for each in found.values()] == [
        "reference",
        "identical",
        "practically the same",
        "different",
        "cannot tell",
    ]
    assert found["copy"].p == 1
    assert found["far"].better


def test_the_reference_differs_from_itself_by_nothing() -> None:
    found = verdicts({"a": [0.5, 1.5, 4.0], "b": [1, 2, 3]})
    assert found["a"] == Verdict("a", 2.0, math.sqrt(3.25), 0, 0, 0, 1, 0, Reading.REFERENCE, False)
    assert (found["b"].mean, found["b"].sd, found["b"].difference) == (2, 1, 0)
    assert not found["b"].better


def test_alpha_is_where_readings_change() -> None:
    scores = {"a": [0.0] * 6, "b": [0.5, 1.5] * 3}
    p = verdicts(scores)["b"].p
    assert verdicts(scores, alpha=p * 1.01)["b"].reading is Reading.DIFFERENT
    assert verdicts(scores, alpha=p)["b"].reading is Reading.UNKNOWN
    same = verdicts(scores, margin=3)["b"].p_same
    assert verdicts(scores, margin=3, alpha=same * 1.01)["b"].reading is Reading.SAME
    assert verdicts(scores, margin=3, alpha=min(same, p))["b"].reading is not Reading.SAME


def test_sure_but_tiny_is_practically_the_same() -> None:
    tiny = verdicts({"a": [0.9, 0.8, 0.7, 0.9, 0.8], "b": [0.901, 0.801, 0.7011, 0.901, 0.801]})["b"]
    assert tiny.p < 0.05
    assert tiny.reading is Reading.SAME


@pytest.mark.parametrize(("shift", "reading"), [(0.25, Reading.DIFFERENT), (0.0078125, Reading.SAME)])
def test_a_constant_difference_is_no_nan(shift: float, reading: Reading) -> None:
    found = verdicts({"a": [0.5, 0.25, 0.75], "b": [0.5 + shift, 0.25 + shift, 0.75 + shift]})["b"]
    assert found.reading is reading
    assert found.p == 0
    assert found.low == found.high == shift


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
    assert up.better
    assert down.better
    assert not verdicts(scores, higher=False)["b"].better
    assert up.p == pytest.approx(down.p) == pytest.approx(scaled.p)
    assert up.reading is down.reading is scaled.reading is Reading.DIFFERENT
    assert scaled.difference == pytest.approx(1000 * up.difference)


def test_false_positives_of_correlated_scores() -> None:
    """Differences that share a part, as folds that share training rows do: correlation 1/5, what the correction assumes."""
    rng, wrong, runs = np.random.default_rng(3), 0, 400
    for _ in range(runs):
        shared = rng.normal(0, math.sqrt(0.2), 4)
        scores = {"a": [0.0] * 10}
        for name, common in zip("bcde", shared, strict=True):
            scores[name] = list(common + rng.normal(0, math.sqrt(0.8), 10))
        wrong += any(each.reading is Reading.DIFFERENT for each in verdicts(scores, margin=0.01).values())
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
