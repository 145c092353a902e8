"""The null run: learners that do not differ must not be found different.

Seven learners in closed form classify digits from a generator: for each class a normal distribution, fitted to mnist. Six are paired
with the first. Of the better one's hits as many are missed at random as make both equally accurate when they have learnt
from 400 rows. Then each pair is compared on 500 fresh rows, again and again, on the folds and by the statistics of ``losskit compare``.

Of 200 intervals of 95 % at most 16 may exclude 0; more would come by chance once in 40 such runs. And without the correction of
Nadeau and Bengio more than 16 must, or the run could not tell that the correction is there.

    python benchmarks/null.py [--repeats 200]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from losskit.compare.data import stratified
from losskit.compare.reading import load
from losskit.compare.verdict import Verdict, compare
from losskit.core.head import Task

Array = NDArray[Any]

ALLOWED = 0.08  # 16 of 200
AGREE = 0.002
ROWS, FOLDS, REPEATS = 500, 5, 2
TEST_OVER_TRAIN = 1 / (FOLDS - 1)
MARGIN = 0.01
CLASSES = 10


class Generator:
    """Digits without end: for each class a normal distribution of mnist's main components."""

    def __init__(self, components: int = 25) -> None:
        data = load("mnist")
        reduced = PCA(components, random_state=0).fit_transform(np.asarray(data.features, dtype=float))
        classes = [reduced[data.target == label] for label in range(len(data.classes))]
        self.means = np.stack([rows.mean(axis=0) for rows in classes])
        self.roots = np.stack([np.linalg.cholesky(np.cov(rows.T)) for rows in classes])

    def draw(self, rows: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Features and class ids."""
        label = rng.integers(len(self.means), size=rows)
        noise = rng.standard_normal((rows, self.means.shape[1]))
        return self.means[label] + np.einsum("nij,nj->ni", self.roots[label], noise), label


def naive_bayes(x: Array, y: Array, test: Array) -> Array:
    classes = [x[y == label] for label in range(CLASSES)]
    logs = [
        np.log(len(rows))
        - 0.5 * ((test - rows.mean(axis=0)) ** 2 / rows.var(axis=0) + np.log(rows.var(axis=0))).sum(axis=1)
        for rows in classes
    ]
    found: Array = np.argmax(logs, axis=0)
    return found


def nearest_centroid(x: Array, y: Array, test: Array) -> Array:
    return nearest(np.stack([x[y == label].mean(axis=0) for label in range(CLASSES)]), test, 1)[:, 0]


def neighbours(number: int, x: Array, y: Array, test: Array) -> Array:
    votes = y[nearest(x, test, number)]
    found: Array = (votes[:, :, None] == np.arange(CLASSES)).sum(axis=1).argmax(axis=1)
    return found


def nearest(x: Array, test: Array, number: int) -> Array:
    distance = (x**2).sum(axis=1) - 2 * test @ x.T
    return np.argpartition(distance, number - 1, axis=1)[:, :number]


def ridge(x: Array, y: Array, test: Array) -> Array:
    centre, target = x.mean(axis=0), np.eye(CLASSES)[y]
    x = x - centre
    weight = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ (target - target.mean(axis=0)))
    found: Array = np.argmax((test - centre) @ weight + target.mean(axis=0), axis=1)
    return found


def discriminant(shrinkage: float, x: Array, y: Array, test: Array) -> Array:
    """Linear, of a covariance that is mixed with a multiple of the identity."""
    means = np.stack([x[y == label].mean(axis=0) for label in range(CLASSES)])
    covariance = np.cov((x - means[y]).T, bias=True)
    even = np.eye(len(covariance)) * np.trace(covariance) / len(covariance)
    weight = np.linalg.solve((1 - shrinkage) * covariance + shrinkage * even, means.T)
    prior = np.log(np.bincount(y, minlength=CLASSES) / len(y))
    found: Array = np.argmax(test @ weight - 0.5 * np.einsum("kd,dk->k", means, weight) + prior, axis=1)
    return found


LEARNERS: Mapping[str, Callable[[Array, Array, Array], Array]] = {
    "twenty neighbours": partial(neighbours, 20),  # first, since it varies most with the rows it has learnt from
    "nearest neighbour": partial(neighbours, 1),
    "nearest centroid": nearest_centroid,
    "naive Bayes": naive_bayes,
    "linear discriminant": partial(discriminant, 0.0),
    "shrunk discriminant": partial(discriminant, 0.5),
    "ridge": ridge,
}


def hits(features: Array, target: Array, train: Array, test: Array) -> Array:
    """For each learner, which test rows it classifies right."""
    classes = [learn(features[train], target[train], features[test]) for learn in LEARNERS.values()]
    found: Array = np.stack(classes) == target[test]
    return found


def accuracies(generator: Generator, sets: int, seed: int, rows: int = 500) -> Array:
    """The accuracy of each learner, (sets, learners), on fresh rows; each set learns from one fold of a subsample."""
    found = []
    for number in range(sets):
        rng = np.random.default_rng([seed, number])
        features, target = generator.draw(ROWS + rows, rng)
        train, _ = stratified(target[:ROWS], FOLDS, number, Task.MULTICLASS)[0]
        found.append(hits(features, target, train, np.arange(ROWS, ROWS + rows)).mean(axis=1))
    return np.array(found)


def subsample(generator: Generator, seed: int) -> Array:
    """Which test rows each learner classifies right, (learners, folds, rows), on the folds of one comparison."""
    rng = np.random.default_rng([seed, 2])
    features, target = generator.draw(ROWS, rng)
    folds = [
        fold
        for repeat in range(REPEATS)
        for fold in stratified(target, FOLDS, seed * REPEATS + repeat, Task.MULTICLASS)
    ]
    return np.stack([hits(features, target, *fold) for fold in folds], axis=1)


@dataclass(frozen=True)
class Pair:
    """A learner and the first one, made equal.

    Args:
        name: The learner.
        missed: The share of the better one's hits that are missed at random.
        gap: How far their accuracies are apart after that, on rows and training sets that ``missed`` does not know.
        differences: What the folds show, (comparisons, folds).
    """

    name: str
    missed: float
    gap: float
    differences: Array

    @property
    def spread(self) -> float:
        """The usual standard deviation of the differences over the folds of one comparison."""
        return float(np.sqrt(self.differences.var(axis=1, ddof=1).mean()))


def pairs(repeats: int, sets: int = 2000) -> list[Pair]:
    """The first learner with each of the others, made equal by ``sets`` training sets and checked by as many."""
    generator = Generator()
    with threadpool_limits(1):  # such small products only wait for a second thread
        known, fresh = (accuracies(generator, sets, seed).mean(axis=0) for seed in (0, 1))
        right = np.stack([subsample(generator, seed) for seed in range(repeats)])
    return [pair(number, known, fresh, right) for number in range(1, len(LEARNERS))]


def pair(number: int, known: Array, fresh: Array, right: Array) -> Pair:
    """A pair from the accuracies of all learners, twice, and from :func:`subsample` of every comparison."""
    rng = np.random.default_rng([number, 3])
    two = [0, number]
    missed = 1 - known[two].min() / known[two]  # of one of them 0
    kept = rng.random(right[:, two].shape) >= missed[:, None, None]
    first, other = np.moveaxis(right[:, two] & kept, 1, 0).mean(axis=-1)
    gap = np.diff(fresh[two] * (1 - missed))
    return Pair(list(LEARNERS)[number], float(missed.max()), float(gap[0]), other - first)


def verdicts(differences: Mapping[str, Array], test_over_train: float = TEST_OVER_TRAIN) -> list[Verdict]:
    """What is read from scores that differ by so much from those of the first."""
    scores = {"first": np.full(FOLDS * REPEATS, 0.9)} | {name: 0.9 + each for name, each in differences.items()}
    return compare(scores, "first", test_over_train, MARGIN, higher_is_better=True)[1:]


def excluding(differences: Array, test_over_train: float) -> int:
    """How many comparisons have a 95 % interval without 0."""
    found = (verdicts({"other": each}, test_over_train)[0] for each in differences)
    return sum(not each.low <= 0 <= each.high for each in found)


def together(found: Sequence[Pair]) -> Iterator[dict[str, Array]]:
    """The differences of all learners, comparison by comparison."""
    for number in range(len(found[0].differences)):
        yield {pair.name: pair.differences[number] for pair in found}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200)
    options = parser.parse_args()
    started = time.perf_counter()
    found = pairs(options.repeats)
    return report(found, time.perf_counter() - started)


def report(found: Sequence[Pair], seconds: float) -> int:
    """Print the figures; 1 where one of them is not as it must be."""
    repeats = len(found[0].differences)
    allowed = int(ALLOWED * repeats)
    rows: list[dict[str, Any]] = [
        {
            "learner": pair.name,
            "corrected": excluding(pair.differences, TEST_OVER_TRAIN),
            "uncorrected": excluding(pair.differences, 0.0),
            "missed": round(pair.missed, 4),
            "gap": round(pair.gap, 4),
        }
        for pair in found
    ]
    print(f"As accurate as the {next(iter(LEARNERS))}; intervals of 95 % without 0, of {repeats}\n")
    print(f"{'learner':<20}  corrected  uncorrected  missed      gap")
    for row in rows:
        print("{learner:<20}  {corrected:>9}  {uncorrected:>11}  {missed:>6.4f}  {gap:>+7.4f}".format(**row))
    different = sum(any(each.p < 0.05 for each in verdicts(all_six)) for all_six in together(found))
    print(f"\nall six at once, adjusted by Holm: one of them differs in {different} of {repeats} comparisons")
    print(f"{allowed} are allowed, uncorrected more than {allowed} needed; {seconds / len(found):.1f} s a pair")
    good = [row["corrected"] <= allowed < row["uncorrected"] and abs(row["gap"]) <= AGREE for row in rows]
    print(
        json.dumps(
            {"repeats": repeats, "allowed": allowed, "pairs": rows, "together": different, "seconds": round(seconds, 1)}
        )
    )
    return 0 if all(good) and different <= allowed else 1


if __name__ == "__main__":
    sys.exit(main())
