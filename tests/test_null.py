"""``make null`` and its learners."""

from __future__ import annotations

from dataclasses import replace

import null
import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

REPEATS = 50
SCIKIT_LEARN = {
    "twenty neighbours": KNeighborsClassifier(20),
    "nearest neighbour": KNeighborsClassifier(1),
    "nearest centroid": NearestCentroid(),
    "naive Bayes": GaussianNB(),
    "linear discriminant": LinearDiscriminantAnalysis(solver="lsqr"),
    "shrunk discriminant": LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.5),
    "ridge": RidgeClassifier(),
}


@pytest.fixture(scope="module")
def found() -> list[null.Pair]:
    return null.pairs(REPEATS, sets=100)


def test_learners_are_those_of_scikit_learn() -> None:
    features, target = null.Generator().draw(700, np.random.default_rng(0))
    learnt, test = features[:400], features[400:]
    for name, learn in null.LEARNERS.items():
        theirs = SCIKIT_LEARN[name].fit(learnt, target[:400]).predict(test)
        assert (learn(learnt, target[:400], test) == theirs).mean() > 0.99, name  # ties of votes apart


def test_the_null_is_red_without_the_correction(found: list[null.Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    equal = [replace(pair, gap=0.0) for pair in found]  # 100 training sets leave some doubt
    assert null.report(equal, 1.0) == 0
    monkeypatch.setattr(null, "TEST_OVER_TRAIN", 0.0)
    assert null.report(equal, 1.0) == 1


def test_the_null_is_red_where_it_proves_nothing(found: list[null.Pair]) -> None:
    rng = np.random.default_rng(0)
    independent = [replace(pair, gap=0.0, differences=rng.normal(size=pair.differences.shape)) for pair in found]
    assert null.report(independent, 1.0) == 1


def test_the_null_is_red_where_learners_are_unequal(found: list[null.Pair]) -> None:
    assert null.report([replace(pair, gap=0.003) for pair in found], 1.0) == 1
    assert null.report([replace(pair, gap=0.0, differences=pair.differences + 0.1) for pair in found], 1.0) == 1


def test_pairs_are_about_equal(found: list[null.Pair]) -> None:
    assert len(found) == 6
    for pair in found:
        assert abs(pair.gap) < 0.008
        assert abs(pair.differences.mean()) < 0.01
        assert 0 < pair.missed < 0.06
