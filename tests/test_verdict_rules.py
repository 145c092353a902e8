"""What may be read from a comparison, over random scores: the words follow from the tests and from a loss's own interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import baycomp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

from losskit.compare.verdict import FLOOR, Reading, Verdict, compare

Scores = Mapping[str, NDArray[Any]]
MARGIN, RATIO, ALPHA = 0.015625, 0.25, 0.05  # a power of 2, so that scaling by one rounds nothing
OPPOSITE = {Reading.BETTER: Reading.WORSE, Reading.WORSE: Reading.BETTER}


def verdicts(scores: Scores, margin: float = MARGIN, higher: bool = True) -> dict[str, Verdict]:
    return {each.name: each for each in compare(scores, "first", RATIO, margin, higher, ALPHA)}


def drawn(seed: int, folds: int, losses: int, steps: int) -> Scores:
    """Scores of losses that are off by up to five margins and wobble by up to five, rounded to ``steps`` a margin."""
    rng = np.random.default_rng(seed)
    first = rng.normal(0.9, 2 * MARGIN, folds)
    scores = {"first": first}
    for number in range(losses):
        shift, wobble = rng.choice([0, 0, 0.5, 1, 2, 5]) * rng.choice([-1, 1]), rng.choice([0, 0.1, 0.3, 1, 5])
        scores[f"loss {number}"] = first + MARGIN * (shift + wobble * rng.standard_normal(folds))
    return {name: np.round(each / MARGIN * steps) / steps * MARGIN for name, each in scores.items()}


of_scores = st.builds(
    drawn, st.integers(0, 2**32), st.integers(2, 12), st.integers(1, 6), st.sampled_from([4, 64, 2**20])
)
of_enough = st.builds(
    drawn, st.integers(0, 2**32), st.integers(5, 12), st.integers(1, 6), st.sampled_from([4, 64, 2**20])
)


def others(found: Mapping[str, Verdict]) -> list[Verdict]:
    return [each for each in found.values() if each.name != "first"]


def reads(each: Verdict, higher: bool) -> Reading:
    """The word that the three adjusted tests and the own interval allow."""
    up, down = each.low > MARGIN, each.high < -MARGIN
    if each.p_beyond < ALPHA and (up or down):
        return Reading.BETTER if up == higher else Reading.WORSE
    if each.p_same < ALPHA and max(-each.low, each.high) < MARGIN:
        return Reading.DIFFERS if each.p < ALPHA and (each.low > 0 or each.high < 0) else Reading.SAME
    return Reading.UNKNOWN


@settings(max_examples=100, deadline=None)
@given(of_enough, st.booleans())
def test_words_follow_from_the_adjusted_tests_and_the_own_interval(scores: Scores, higher: bool) -> None:
    for each in others(verdicts(scores, higher=higher)):
        same = (scores[each.name] == scores["first"]).all()
        assert each.reading is (Reading.IDENTICAL if same else reads(each, higher))


@settings(max_examples=30, deadline=None)
@given(of_scores)
def test_the_adjusted_tests_are_those_of_scipy_and_statsmodels(scores: Scores) -> None:
    """The spread has a floor, so that no two equal differences make a certainty."""
    found, folds = others(verdicts(scores)), len(scores["first"])
    raw = []
    for each in found:
        difference = scores[each.name] - scores["first"]
        t = stats.t(
            folds - 1, difference.mean(), np.sqrt(1 / folds + RATIO) * max(difference.std(ddof=1), FLOOR * MARGIN)
        )
        outside = t.cdf(-MARGIN), t.sf(MARGIN)
        raw.append((2 * min(t.cdf(0), t.sf(0)), 1 - abs(outside[1] - outside[0]), max(outside)))
        assert (each.low, each.high) == pytest.approx(t.interval(1 - ALPHA))
    for name, p in zip(("p", "p_beyond", "p_same"), np.transpose(raw)):
        adjusted = multipletests(p, method="holm")[1]
        assert [getattr(each, name) for each in found] == pytest.approx(list(adjusted), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(of_scores)
def test_fewer_than_five_folds_decide_nothing(scores: Scores) -> None:
    few = {name: each[:4] for name, each in scores.items()}
    for each in others(verdicts(few)):
        assert each.reading in (Reading.UNKNOWN, Reading.IDENTICAL)


@settings(max_examples=100, deadline=None)
@given(of_scores)
def test_both_directions_are_alike(scores: Scores) -> None:
    found = verdicts(scores)
    turned = verdicts({name: -each for name, each in scores.items()}, higher=False)
    mirrored = verdicts({name: -each for name, each in scores.items()})
    for name, each in found.items():
        assert turned[name].reading is each.reading
        assert mirrored[name].reading is OPPOSITE.get(each.reading, each.reading)
        for other in (turned[name], mirrored[name]):
            assert (other.p, other.p_beyond, other.p_same) == (each.p, each.p_beyond, each.p_same)
            assert (-other.high, -other.low) == (each.low, each.high)


@settings(max_examples=100, deadline=None)
@given(of_scores, st.sampled_from([0.125, 8.0, 1024.0]))
def test_the_unit_does_not_matter(scores: Scores, unit: float) -> None:
    found = verdicts(scores)
    for name, each in verdicts({name: unit * every for name, every in scores.items()}, MARGIN * unit).items():
        assert each.reading is found[name].reading
        assert each.p == pytest.approx(found[name].p, rel=1e-9)


@settings(max_examples=100, deadline=None)
@given(of_scores, st.randoms(use_true_random=False))
def test_no_order_matters(scores: Scores, random: Any) -> None:
    names, folds = list(scores), list(range(len(scores["first"])))
    random.shuffle(names)
    random.shuffle(folds)
    found = verdicts(scores)
    for name, each in verdicts({name: scores[name][folds] for name in names}).items():
        assert each.reading is found[name].reading
        assert each.p == pytest.approx(found[name].p, rel=1e-6)


@settings(max_examples=100, deadline=None)
@given(of_scores)
def test_other_losses_can_only_make_a_verdict_more_cautious(scores: Scores) -> None:
    together = verdicts(scores)
    for name in scores:
        if name == "first":
            continue
        alone = verdicts({"first": scores["first"], name: scores[name]})[name]
        each = together[name]
        assert (each.low, each.high) == (alone.low, alone.high)
        assert each.p >= alone.p
        assert each.p_beyond >= alone.p_beyond
        assert each.p_same >= alone.p_same
        if len(scores["first"]) >= 5:
            assert each.reading in (alone.reading, Reading.SAME, Reading.UNKNOWN)
            assert each.reading is not Reading.SAME or alone.reading in (Reading.SAME, Reading.DIFFERS)


@pytest.mark.parametrize("folds", [2, 5, 10, 100])
@pytest.mark.parametrize("shift", [0.001, 0.05, 0.3])
def test_a_difference_that_is_the_same_on_all_folds_is_not_certain(folds: int, shift: float) -> None:
    first = np.linspace(0.8, 0.9, folds)
    each = verdicts({"first": first, "other": first + shift})["other"]
    assert min(each.p, each.p_beyond, each.p_same) > 0
    assert each.low < each.high


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("folds", "repeats"), [(5, 2), (3, 1), (10, 10)])
def test_the_tests_are_those_of_baycomp(seed: int, folds: int, repeats: int) -> None:
    """The correlated t-test has the same distribution, read from the other side: about the mean, not about 0."""
    rng = np.random.default_rng(seed)
    first = rng.normal(0.9, 0.02, folds * repeats)
    other = first + rng.normal(rng.choice([0.0, 0.01, 0.05]), 0.01, folds * repeats)
    given = {"first": first, "other": other}
    _, each = compare(given, "first", 1 / (folds - 1), MARGIN, higher_is_better=True)
    below, above = baycomp.two_on_single(first, other, runs=repeats)
    left, _, right = baycomp.two_on_single(first, other, MARGIN, runs=repeats)
    assert each.p == pytest.approx(2 * min(below, above), abs=1e-9)
    assert each.p_same == pytest.approx(max(left, right), abs=1e-9)
    assert each.p_beyond == pytest.approx(1 - abs(right - left), abs=1e-9)
