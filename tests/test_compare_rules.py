"""The rules of ``losskit compare``, each against a count of its own: metrics, plan, seeds, search, training, outcome."""

from __future__ import annotations

import functools
import itertools
import math
import pickle
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
import torch
from scipy import stats
from test_compare import _one_thread  # noqa: F401 - a fixture that every test here uses
from torch import Tensor, nn

from losskit import Task
from losskit.compare import CompareError, Data, Preprocessor, engine, load, make_plan, workers
from losskit.compare.data import stratified
from losskit.compare.engine import Job, Row, Split, Trial, assess, best, do, jobs, measure, seeds
from losskit.compare.metrics import METRICS
from losskit.compare.outcome import conclude
from losskit.compare.plan import Configuration, Plan
from losskit.compare.train import Training, build, epochs, optimizer, read, train
from losskit.compare.workers import run
from losskit.optimizers import TUTORIAL

NAMES = ("wine", "breast_cancer", "diabetes")
TASKS = (Task.MULTICLASS, Task.BINARY, Task.REGRESSION)


@functools.cache
def loaded(name: str) -> Data:
    return load(name)


def some(rows: int, columns: int = 3, task: Task = Task.REGRESSION) -> Data:
    """Data of so many rows; nothing can be learnt from it."""
    rng = np.random.default_rng(rows)
    classes = {Task.REGRESSION: (), Task.BINARY: ("no", "yes"), Task.MULTICLASS: ("a", "b", "c")}[task]
    target = rng.integers(len(classes), size=rows) if classes else rng.normal(size=rows)
    return Data("some", "some", {}, rng.normal(size=(rows, columns)).astype(np.float32), target, task, classes)


def small(data: Data, **changes: Any) -> Plan:
    plan = replace(
        make_plan(data, folds=3, repeats=1), epochs=2, hidden=4, rates={"SGD": (0.05,), "Adam": (0.001, 0.01)}
    )
    return replace(plan, **changes)


# The metrics.


def uneven(seed: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Targets of classes of very unequal size, and predictions that find each of them unequally well."""
    rng = np.random.default_rng(seed)
    target = rng.choice(4, 80, p=[0.7, 0.2, 0.07, 0.03])
    target[:4] = range(4)
    return target, np.where(rng.random(80) < 0.4 + 0.1 * target, target, rng.integers(4, size=80))


@pytest.mark.parametrize("seed", range(5))
def test_metrics_of_classes_are_those_of_scikit_learn(seed: int) -> None:
    target, found = uneven(seed)
    of = {name: each.of(target, found, target) for name, each in METRICS[Task.MULTICLASS].items()}
    assert of["accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(target, found))
    assert of["balanced_accuracy"] == pytest.approx(sklearn.metrics.balanced_accuracy_score(target, found))
    assert of["macro_f1"] == pytest.approx(np.mean(sklearn.metrics.f1_score(target, found, average=None)))
    assert len({round(value, 6) for value in of.values()}) == 3  # or classes were even, and this told nothing
    assert METRICS[Task.MULTICLASS]["macro_f1"].of(target, np.zeros_like(target), target) > 0  # a class never predicted


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_the_area_by_hand(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = (rng.random(60) < 0.2).astype(int)
    target[0] = 1
    score = np.round(target + rng.normal(size=60), 1)  # with ties
    area, before = 0.0, 0.0
    for line in sorted(set(score), reverse=True):
        above = score >= line
        recall = target[above].sum() / target.sum()
        area, before = area + (recall - before) * target[above].mean(), recall
    metrics = METRICS[Task.BINARY]
    assert metrics["average_precision"].of(target, 1 - target, score) == pytest.approx(area)
    assert metrics["average_precision"].of(np.zeros(60), target, score) == 0
    found = (score > 0.5).astype(int)
    assert metrics["accuracy"].of(target, found, -score) == sklearn.metrics.accuracy_score(target, found)
    balanced = sklearn.metrics.balanced_accuracy_score(target, found)
    assert metrics["balanced_accuracy"].of(target, found, -score) == pytest.approx(balanced)


def test_metrics_of_numbers_are_those_of_scikit_learn() -> None:
    target, found = np.random.default_rng(0).normal(size=(2, 50))
    metrics = METRICS[Task.REGRESSION]
    squared = sklearn.metrics.mean_squared_error(target, found)
    assert metrics["rmse"].of(target, found, target) == pytest.approx(math.sqrt(squared))
    assert metrics["mae"].of(target, found, target) == pytest.approx(sklearn.metrics.mean_absolute_error(target, found))


@pytest.mark.parametrize("task", TASKS)
def test_what_is_better_of_a_metric(task: Task) -> None:
    rng = np.random.default_rng(0)
    target = rng.normal(size=50) if task is Task.REGRESSION else rng.integers(2, size=50)
    for metric in METRICS[task].values():
        right, wrong = (
            metric.of(target, each, each) for each in (target, -target if task is Task.REGRESSION else 1 - target)
        )
        assert (right > wrong) == metric.higher
        assert right == (1 if metric.higher else 0)


def test_the_table_of_metrics() -> None:
    rules = {name: each.rule("X") for metrics in METRICS.values() for name, each in metrics.items()}
    assert rules == {
        "accuracy": "0.01 of accuracy",
        "balanced_accuracy": "0.01 of balanced accuracy",
        "macro_f1": "0.01 of macro F1",
        "average_precision": "0.01 of average precision",
        "rmse": "2% of the mean RMSE of X",
        "mae": "2% of the mean MAE of X",
    }
    assert {task: list(metrics)[:2] for task, metrics in METRICS.items()} == {
        Task.MULTICLASS: ["accuracy", "balanced_accuracy"],
        Task.BINARY: ["average_precision", "accuracy"],
        Task.REGRESSION: ["rmse", "mae"],
    }
    plan = small(loaded("wine"))
    assert (plan.metric, plan.beside, plan.measure.title) == ("accuracy", "balanced_accuracy", "accuracy")
    other = replace(plan, metric="balanced_accuracy")
    assert (other.beside, other.measure.title) == ("accuracy", "balanced accuracy")


# The plan.


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_batch_and_epochs_follow_from_the_rows(folds: int) -> None:
    """About 60 steps an epoch, by a power of 2; about 200 steps a training, and two epochs at least."""
    for rows in (20, 100, 442, 700, 1000, 1797, 3500, 5000, 20_000, 100_000):
        plan = make_plan(some(rows), folds=folds)
        training = rows * (folds - 1) // folds
        powers = [2**each for each in range(4, 10)]
        assert plan.batch == min(powers, key=lambda each: abs(math.log2(each * 60 / training))), rows
        steps = math.ceil(training / plan.batch)
        assert plan.epochs == max(2, min(range(1, 202), key=lambda each: abs(each * steps - 200))), rows
    assert make_plan(some(40_000), folds=5).batch == 512 == 2 * make_plan(some(20_000), folds=5).batch


def test_the_network_is_twice_as_wide_as_the_features() -> None:
    for columns in (*range(1, 70), 500):
        wide = make_plan(some(30, columns)).hidden
        assert wide == min(128, max(16, next(2**each for each in range(20) if 2**each >= 2 * columns)))


def test_what_is_not_given() -> None:
    plan = make_plan(some(100))
    assert (plan.folds, plan.repeats, plan.seed, plan.alpha, plan.shared) == (5, 2, 0, 0.05, True)
    assert {name: tuple(rates) for name, rates in plan.rates.items()} == {
        "SGD": (0.01, 0.05, 0.25, 1.25),
        **dict.fromkeys(("Adam", "RMSprop", "AdamW"), (0.0002, 0.001, 0.005, 0.025)),
    }
    assert (plan.data, plan.task, plan.reference, plan.metric) == ("some", Task.REGRESSION, "MSELoss", "rmse")


def test_what_is_given_is_taken() -> None:
    given: dict[str, Any] = {"metric": "mae", "folds": 3, "repeats": 4, "epochs": 7, "seed": 9}
    plan = make_plan(some(100), losses=["HuberLoss"], **given)
    assert {name: getattr(plan, name) for name in given} == given
    assert dict(plan.losses) == {"MSELoss": "MSELoss", "HuberLoss": "HuberLoss"}
    assert {type(plan.criterion(name)).__name__ for name in plan.losses} == set(plan.losses)


@pytest.mark.parametrize(("name", "least"), [("folds", 2), ("repeats", 1), ("epochs", 1), ("seed", 0)])
def test_the_least_that_is_taken(name: str, least: int) -> None:
    given: dict[str, Any] = {name: least}
    assert getattr(make_plan(some(100), **given), name) == least
    with pytest.raises(CompareError, match=f"^{name} must be at least {least}, got {least - 1}"):
        make_plan(some(100), **{**given, name: least - 1})


@pytest.mark.parametrize("folds", [2, 3, 5, 10])
def test_how_much_folds_overlap(folds: int) -> None:
    data = some(60)
    plan = make_plan(data, folds=folds)
    assert {len(test) / len(rows) for rows, test in data.folds(folds, 0)} == {plan.test_over_train}
    assert plan.as_json()["test_over_train"] == plan.test_over_train


def test_what_is_fixed_is_written_down() -> None:
    plan = small(loaded("diabetes"), epochs=7, seed=3)
    written = plan.as_json()
    assert {name: getattr(plan, name) for name in vars(plan)}.items() <= written.items()
    assert written["margin"] == "2% of the mean RMSE of MSELoss"
    assert [replace(plan, epochs=each).as_json()["halving"] for each in (1, 2, 3, 4, 6, 7, 200)] == [
        1,
        1,
        1,
        2,
        2,
        3,
        67,
    ]


def test_the_edge_of_the_grid() -> None:
    plan = make_plan(loaded("wine"))
    for each in plan.configurations:
        rates = plan.rates[each.optimizer]
        inside = any(rate < each.rate for rate in rates) and any(rate > each.rate for rate in rates)
        assert plan.at_edge(each) == (not inside)
    assert not replace(plan, rates={"SGD": (0.05,)}).at_edge(Configuration("SGD", 0.05))  # no grid, no edge
    assert replace(plan, rates={"SGD": (0.05, 0.1)}).at_edge(Configuration("SGD", 0.05))


def test_what_lies_nearest_to_the_tutorials_comes_first() -> None:
    found = make_plan(loaded("wine")).configurations
    assert len(set(found)) == len(found) == 16
    away = [abs(math.log(each.rate / TUTORIAL[each.optimizer])) for each in found]
    assert all(first <= second + 1e-9 for first, second in itertools.pairwise(away))
    orders = [[each.optimizer for each in group] for _, group in itertools.groupby(found, lambda each: each.rate)]
    assert orders[0] == ["SGD"]
    assert sorted({each.optimizer for each in found}) == ["Adam", "AdamW", "RMSprop", "SGD"]


# The seeds.


def test_the_tree_of_seeds() -> None:
    """Folds follow from seed and repeat, trainings from the fold as well, and from the loss in a null run alone."""
    plan = small(loaded("wine"))
    losses = list(plan.losses)
    splits: dict[Any, set[int]] = {}
    trainings: dict[Any, set[int]] = {}
    for seed, shared, repeat, fold, loss in itertools.product(range(3), (True, False), range(3), range(3), losses):
        split, training = seeds(replace(plan, seed=seed, shared=shared), Job(loss, repeat, fold))
        splits.setdefault((seed, repeat), set()).add(split)
        trainings.setdefault((seed, repeat, fold, "all" if shared else loss), set()).add(training)
    every = [*splits.values(), *trainings.values()]
    assert all(len(each) == 1 for each in every)
    assert len(set.union(*every)) == len(every)


# The outcome.


def rows_of(plan: Plan, scores: dict[str, list[float]], **changes: Any) -> list[Row]:
    """Rows with these scores, fold by fold."""
    made = []
    for loss, values in scores.items():
        for place, score in enumerate(values):
            metrics = {name: score + number for number, name in enumerate(METRICS[plan.task])}
            row = Row(loss, place // plan.folds, place % plan.folds, "Adam", 0.001, False, metrics, False, 0.1, [])
            made.append(replace(row, **{name: value(loss, place) for name, value in changes.items()}))
    return made


def drawn(plan: Plan, seed: int) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    folds = rng.normal(50, 5, plan.folds * plan.repeats)  # easy and hard folds, which pairing takes out
    others = itertools.cycle((1, -2, 0.5, 0))
    shifts = {loss: 0 if loss == plan.reference else next(others) for loss in plan.losses}
    return {loss: list(folds + shift + rng.normal(0, 0.1, len(folds))) for loss, shift in shifts.items()}


@pytest.mark.parametrize("name", ["wine", "diabetes"])
@pytest.mark.parametrize("folds", [3, 5])
def test_verdicts_are_on_pairs_of_the_same_fold(name: str, folds: int) -> None:
    plan = make_plan(loaded(name), folds=folds, repeats=2)
    scores = drawn(plan, folds)
    rows = rows_of(plan, scores)
    outcome = conclude(plan, rows)
    shuffled = [rows[each] for each in np.random.default_rng(1).permutation(len(rows))]
    assert conclude(plan, shuffled) == outcome  # as they finish
    assert len(outcome.found) == len(plan.losses)
    for each in outcome.found:
        verdict = each.verdict
        own, reference = np.array(scores[verdict.name]), np.array(scores[plan.reference])
        assert verdict.mean == pytest.approx(own.mean())
        assert each.beside == pytest.approx(own.mean() + 1)
        assert each.folds == 2 * folds
        if verdict.name != plan.reference:
            difference = own - reference
            error = math.sqrt((1 / (2 * folds) + 1 / (folds - 1)) * difference.var(ddof=1))
            half = stats.t.ppf(0.975, 2 * folds - 1) * error
            expected = (difference.mean() - half, difference.mean() + half)
            assert (verdict.low, verdict.high) == pytest.approx(expected)
            assert verdict.better == ((difference.mean() > 0) == plan.measure.higher)
    means = [each.verdict.mean for each in outcome.found]
    assert means == sorted(means, reverse=plan.measure.higher)
    margin = 0.01 if plan.measure.higher else 0.02 * np.mean(scores[plan.reference])
    assert outcome.margin == pytest.approx(margin)
    assert outcome.reference.verdict.name == plan.reference
    better = [each for each in outcome.found if each.verdict.better and str(each.verdict.reading) == "different"]
    assert outcome.recommended == (better[0] if better else outcome.reference)
    assert better


def test_alpha_is_the_plans() -> None:
    plan = make_plan(loaded("wine"), losses=["MSELoss"])
    scores = {"CrossEntropyLoss": [0.0] * 10, "MSELoss": [0.5, 1.5] * 5}
    wide, narrow = (
        {each.verdict.name: each.verdict for each in conclude(replace(plan, alpha=alpha), rows_of(plan, scores)).found}
        for alpha in (0.01, 0.2)
    )
    assert wide["MSELoss"].high > narrow["MSELoss"].high > 1


def test_marks_are_counted() -> None:
    plan = make_plan(loaded("wine"), losses=["MSELoss"])
    scores = drawn(plan, 0)
    for number in (4, 5, 6):
        rows = rows_of(
            plan,
            scores,
            edge=lambda loss, place, n=number: place < n and loss == "MSELoss",
            diverged=lambda loss, place, n=number: place >= n and loss == "MSELoss",
        )
        found = {each.verdict.name: each for each in conclude(plan, rows).found}
        marked, other = found["MSELoss"], found["CrossEntropyLoss"]
        assert (marked.edges, marked.diverged, other.edges, other.diverged) == (number, 10 - number, 0, 0)
        assert marked.at_edge == (number == 6)  # most of ten
        assert not other.at_edge


@pytest.mark.parametrize(("name", "winner"), [("wine", 0.001), ("diabetes", 0.005)])
def test_the_configuration_that_was_chosen_most_often(name: str, winner: float) -> None:
    """Of equals the one of the better inner score, which is the lower one of an error."""
    plan = make_plan(loaded(name), losses=["MSELoss" if name == "wine" else "L1Loss"])
    score = {0.001: 9.0, 0.005: 4.0, 0.025: 4.5}

    def chosen(often: tuple[int, ...]) -> tuple[float, int]:
        picks = [rate for rate, times in zip(score, often, strict=True) for _ in range(times)]
        inner = [{"optimizer": "Adam", "rate": rate, "score": value, "epochs": 9} for rate, value in score.items()]
        rows = rows_of(plan, drawn(plan, 0), rate=lambda loss, place: picks[place], inner=lambda *given: inner)
        found = conclude(plan, rows).reference
        return found.chosen.rate, found.count

    assert chosen((5, 5, 0)) == (winner, 5)
    assert chosen((0, 5, 5)) == (0.025 if name == "wine" else 0.005, 5)
    assert chosen((2, 2, 6)) == (0.025, 6)
    score[winner] = None  # type: ignore[assignment]  # it diverged somewhere
    assert chosen((5, 5, 0)) == (0.005 if name == "wine" else 0.001, 5)


# The search.


class Fake:
    """A training that only counts."""

    def __init__(self, criterion: Any, plan: Plan, chosen: Configuration, *rest: Any) -> None:
        self.criterion, self.chosen, self.network, self.epochs = criterion, chosen, chosen, 0

    def epoch(self, batches: Any) -> None:
        self.epochs += 1


@pytest.mark.parametrize("name", ["wine", "diabetes"])
@pytest.mark.parametrize("number", [2, 5, 16])
@pytest.mark.parametrize("length", [1, 3, 4, 10])
def test_the_worse_half_leaves_after_a_third(
    name: str, number: int, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = loaded(name)
    rates = tuple(0.1 * each for each in range(1, number + 1))
    plan = small(data, rates={"Adam": rates}, epochs=length)
    every = plan.configurations
    order = np.random.default_rng(number).permutation(number)
    goodness = {each: float(value) for each, value in zip(every, order, strict=True)}
    diverged = set(every[:3]) if number == 16 else set()  # half of them would win

    def scored(plan: Plan, split: Split, criterion: Any, network: Any) -> tuple[dict[str, float], bool]:
        return {plan.metric: goodness[network] * (1 if plan.measure.higher else -1)}, network in diverged

    monkeypatch.setattr(engine, "Training", Fake)
    monkeypatch.setattr(engine, "assess", scored)
    trials = engine._search(plan, data, plan.reference, np.arange(60), 0)
    ranked = sorted(every, key=lambda each: (each not in diverged, goodness[each]), reverse=True)
    staying = set(ranked[: math.ceil(number / 2)])
    assert {each.configuration for each in trials} == set(every)
    assert len(trials) == number
    for trial in trials:
        assert trial.epochs == (length if trial.configuration in staying else math.ceil(length / 3))
        assert (trial.score is None) == (trial.configuration in diverged)
    assert best(plan, trials) == ranked[0]


def test_one_configuration_needs_no_search() -> None:
    plan = small(loaded("wine"), rates={"SGD": (0.05,)})
    trials = engine._search(plan, loaded("wine"), "MSELoss", np.arange(0, 178, 2), 0)
    assert trials == [Trial(Configuration("SGD", 0.05), None, 0)]
    assert trials[0].as_json() == {"optimizer": "SGD", "rate": 0.05, "score": None, "epochs": 0}


@pytest.mark.parametrize(("name", "sign"), [("wine", 1), ("diabetes", -1)])
def test_what_ranks_trials(name: str, sign: int) -> None:
    plan = make_plan(loaded(name))
    one, two, three, *_ = plan.configurations
    better, worse = sign * 2.0, sign * 1.0
    cases = [
        ([Trial(one, worse, 9), Trial(two, better, 9), Trial(three, worse, 9)], two),
        ([Trial(one, better, 3), Trial(two, worse, 9)], two),  # the first had left by then
        ([Trial(one, None, 9), Trial(two, worse, 3)], two),
        ([Trial(one, None, 9), Trial(two, None, 9)], one),
        ([Trial(two, better, 9), Trial(one, better, 9)], two),  # the first of equals
    ]
    for trials, expected in cases:
        assert best(plan, trials) == expected


@pytest.mark.parametrize("number", [0, 1])
def test_a_row_tells_what_was_chosen(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = loaded("wine")
    plan = replace(make_plan(data, folds=2, epochs=1), hidden=4)
    edge = Configuration("Adam", 0.0002)
    chosen = [edge, Configuration("Adam", 0.005)][number]
    others = [each for each in plan.configurations if each != chosen]
    trials = [*(Trial(each, 0.2, 1) for each in others), Trial(chosen, 0.9, 1)]
    monkeypatch.setattr(engine, "_search", lambda *given: trials)
    row = do(plan, data, Job("MSELoss", 1, 1))
    assert (row.loss, row.repeat, row.fold, row.optimizer, row.rate) == ("MSELoss", 1, 1, "Adam", chosen.rate)
    assert row.edge == (chosen == edge)
    assert row.inner == [each.as_json() for each in trials]
    split_seed, training_seed = seeds(plan, Job("MSELoss", 1, 1))
    split = Split(data, *data.folds(2, split_seed)[1])
    assert (row.metrics, row.diverged) == measure(plan, split, "MSELoss", chosen, training_seed)
    assert list(row.metrics) == list(METRICS[data.task])
    assert 0 <= row.seconds < 100
    assert row.as_json() == vars(row)


# The training.


def usual(network: nn.Module, chosen: Configuration) -> torch.optim.Optimizer:
    momentum = {"momentum": 0.9} if chosen.optimizer == "SGD" else {}
    made: torch.optim.Optimizer = getattr(torch.optim, chosen.optimizer)(
        network.parameters(), lr=chosen.rate, **momentum
    )
    return made


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "AdamW"])
def test_the_optimizer_is_the_one_that_was_chosen(name: str) -> None:
    ours, theirs = (make(nn.Linear(2, 1), Configuration(name, 0.125)) for make in (optimizer, usual))
    assert type(ours) is type(theirs)
    assert {**ours.defaults, "fused": None} == {**theirs.defaults, "fused": None}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("chosen", [Configuration("SGD", 0.05), Configuration("RMSprop", 0.01)])
def test_a_training_is_the_tutorials(name: str, chosen: Configuration) -> None:
    data = loaded(name)
    plan = replace(make_plan(data, epochs=2), hidden=7, batch=16)
    rows = np.arange(0, 41)  # a last batch that is not full
    split = Split(data, rows, np.arange(101, 140))
    for loss in plan.losses:
        ours = train(plan.criterion(loss), plan, chosen, split.features, split.target, split.outputs, 11)
        theirs = by_hand(plan, data, loss, chosen, rows, 11)
        for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-6)  # a fused step rounds another way


def by_hand(plan: Plan, data: Data, loss: str, chosen: Configuration, rows: Any, seed: int) -> nn.Module:
    fitted, criterion = Preprocessor(data, rows), plan.criterion(loss)
    head, x = criterion.head(plan.task), fitted.features(rows)
    y = head.encode(fitted.target(rows), len(data.classes) or 1)
    torch.manual_seed(seed)
    width = head.width(len(data.classes) or 1)
    network = nn.Sequential(nn.Linear(x.shape[1], plan.hidden), nn.ReLU(), nn.Linear(plan.hidden, width))
    stepping = usual(network, chosen)
    shuffle = torch.Generator().manual_seed(seed)
    for _ in range(plan.epochs):
        for batch in torch.split(torch.randperm(len(x), generator=shuffle), plan.batch):
            stepping.zero_grad()
            criterion(head.training(network(x[batch]), 1), y[batch]).backward()
            stepping.step()
    return network


def test_every_epoch_takes_every_row_once_in_an_order_of_its_own() -> None:
    plan = small(loaded("wine"), epochs=4, batch=16)
    x = torch.arange(50.0).unsqueeze(1)
    found = list(epochs(plan, x, 2 * x, 3))
    orders = [torch.cat([each for each, _ in batches]).flatten() for batches in found]
    for batches, order in zip(found, orders, strict=True):
        assert [len(each) for each, _ in batches] == [16, 16, 16, 2]
        assert all(torch.equal(2 * each, y) for each, y in batches)
        assert torch.equal(order.sort().values, x.flatten())
    again, other = (next(epochs(plan, x, x, seed)) for seed in (3, 4))
    orders += [torch.cat([each for each, _ in other]).flatten(), x.flatten()]
    assert len({tuple(each.tolist()) for each in orders}) == 4 + 2
    assert torch.equal(orders[0], torch.cat([each for each, _ in again]).flatten())


def test_weights_follow_the_seed_and_leave_the_generator_alone() -> None:
    before = torch.get_rng_state()
    network = build(7, 5, 2, 3)
    assert torch.equal(before, torch.get_rng_state())
    assert [tuple(each.shape) for each in network.parameters()] == [(5, 7), (5,), (2, 5), (2,)]
    assert isinstance(network[1], nn.ReLU)
    weights = {seed: build(7, 5, 2, seed).state_dict() for seed in (3, 3, 4)}
    assert all(torch.equal(value, weights[3][key]) for key, value in network.state_dict().items())
    assert not any(torch.equal(value, weights[4][key]) for key, value in network.state_dict().items())
    for hidden in ("0.weight", "0.bias"):
        assert torch.equal(build(7, 5, 1, 3).state_dict()[hidden], weights[3][hidden])


@pytest.mark.parametrize("rate", [0.1, 1e30])
def test_epochs_are_counted_until_it_diverges(rate: float) -> None:
    plan = small(loaded("wine"))
    training = Training(plan.criterion("MSELoss"), plan, Configuration("SGD", rate), 2, 3, 0)
    batches = [(torch.randn(8, 2), torch.eye(3)[torch.arange(8) % 3]) for _ in range(3)]
    for number in range(1, 4):
        training.epoch(batches)
        assert training.diverged == (rate > 1)
        assert training.epochs == (0 if rate > 1 else number)
    if rate > 1:  # and nothing more is done
        before = [each.clone() for each in training.network.parameters()]
        training.epoch(batches)
        torch.testing.assert_close(list(training.network.parameters()), before, equal_nan=True)


def test_a_loss_that_is_no_number_is_divergence() -> None:
    plan = small(loaded("diabetes"))
    training = Training(plan.criterion("MSELoss"), plan, Configuration("SGD", 0.1), 2, 1, 0)
    training.epoch([(torch.ones(4, 2), torch.full((4, 1), 1e30))])  # its square is beyond float32
    assert training.diverged
    assert training.epochs == 1


@pytest.mark.parametrize(
    ("loss", "task", "columns"),
    [
        ("CrossEntropyLoss", Task.BINARY, 2),
        ("BCEWithLogitsLoss", Task.BINARY, 1),
        ("MSELoss", Task.BINARY, 1),
        ("CrossEntropyLoss", Task.MULTICLASS, 4),
        ("MSELoss", Task.REGRESSION, 1),
    ],
)
def test_what_is_read_of_a_network(loss: str, task: Task, columns: int) -> None:
    criterion = small(loaded("wine"), losses={loss: loss}).criterion(loss)
    raw = torch.randn(30, columns, generator=torch.Generator().manual_seed(columns)) * 30
    found = read(criterion, task, nn.Identity(), raw)
    assert not found.diverged
    if task is Task.REGRESSION:
        assert torch.equal(found.prediction, raw)
    else:
        classes = raw.argmax(1) if columns > 1 else raw[:, 0] >= (0.5 if loss == "MSELoss" else 0)
        assert torch.equal(found.prediction, classes.long())
    if task is Task.BINARY:  # raw, not probabilities: all that lie beyond 17 would tie
        assert found.score.tolist() == (raw[:, 1] - raw[:, 0] if columns == 2 else raw[:, 0]).double().tolist()
    assert found.score.dtype == np.float64
    for spoilt in (math.nan, math.inf, -math.inf):
        raw[3, -1] = spoilt
        found = read(criterion, task, nn.Identity(), raw)
        assert found.diverged
        assert len(set(found.prediction.flatten().tolist())) == len(set(found.score)) == 1


@pytest.mark.parametrize("name", NAMES)
def test_what_is_measured_is_the_other_side(name: str) -> None:
    data = loaded(name)
    plan = small(data)
    rows, test = np.arange(100), np.arange(100, 130)
    split = Split(data, rows, test)
    network = build(split.features.shape[1], 5, 1 if name != "wine" else 3, 0)
    metrics, diverged = assess(plan, split, plan.criterion(plan.reference), network)
    output = network(Preprocessor(data, rows).features(test)).detach()
    if name == "diabetes":
        found = output[:, 0].double().numpy() * data.target[rows].std() + data.target[rows].mean()
    else:
        found = (output.argmax(1) if name == "wine" else output[:, 0] >= 0).numpy()
    assert not diverged
    for key, metric in METRICS[data.task].items():
        assert metrics[key] == pytest.approx(metric.of(data.target[test], found, output[:, 0].numpy()), rel=1e-6)


# The jobs.


def test_jobs_come_fold_by_fold() -> None:
    plan = replace(small(loaded("wine")), repeats=2, folds=3)
    found = jobs(plan)
    assert len(found) == len(set(found)) == 2 * 3 * len(plan.losses)
    assert [(each.repeat, each.fold) for each in found] == sorted((each.repeat, each.fold) for each in found)
    assert [each.loss for each in found[: len(plan.losses)]] == list(plan.losses)


@pytest.mark.parametrize(
    ("asked", "cores", "expected"), [(None, 3, 3), (None, None, 0), (2, 3, 2), (1, 3, 0), (99, 3, 6)]
)
def test_so_many_workers(asked: int | None, cores: int | None, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A core each, unless told otherwise, but no more than there are jobs; one needs no process of its own."""
    data = loaded("wine")
    plan = replace(make_plan(data, losses=["MSELoss"], folds=3, repeats=1))
    used: list[tuple[Any, ...]] = []
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    monkeypatch.setattr(workers, "in_pool", lambda count: lambda *given: used.append((count, *given)))
    monkeypatch.setattr(workers, "in_process", lambda *given: used.append((0, *given)))
    run(plan, data, asked)
    ((count, *given),) = used
    assert count == expected
    assert given == [plan, data, jobs(plan)]


def test_in_process_there_is_one_thread_and_then_as_many_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    plan, todo = small(loaded("wine")), [Job("MSELoss", 0, each) for each in range(3)]
    monkeypatch.setattr(workers, "do", lambda plan, data, job: (job, torch.get_num_threads()))
    torch.set_num_threads(3)
    try:
        found: list[Any] = list(workers.in_process(plan, loaded("wine"), todo))
        assert found == [(job, 1) for job in todo]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


class Pool:
    """Stands in for a pool of processes: does jobs at once, and notes how it is used."""

    def __init__(self, workers: int, context: Any, start: Callable[..., None], given: tuple[str]) -> None:
        self.noted: dict[str, Any] = {"workers": workers, "method": context.get_start_method(), "start": start}
        with open(given[0], "rb") as file:
            self.noted["given"] = pickle.load(file)
        self.held: set[bool] = set()
        Pool.last = self

    last: Pool

    def submit(self, call: Callable[[Job], Any], job: Job) -> Future[Any]:
        self.held.add(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))
        done: Future[Any] = Future()
        done.set_result((call, job))
        return done

    def shutdown(self, wait: bool = True, cancel_futures: bool = False) -> None:
        self.noted["shutdown"] = (wait, cancel_futures)


def test_a_pool_is_given_all_jobs_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, data = small(loaded("wine")), loaded("wine")
    todo = [Job("MSELoss", 0, each) for each in range(3)]
    monkeypatch.setattr(workers, "ProcessPoolExecutor", Pool)
    found: list[Any] = list(workers.in_pool(2)(plan, data, todo))
    assert sorted(job.fold for _, job in found) == [0, 1, 2]
    assert {call for call, _ in found} == {workers._do}
    noted = Pool.last.noted
    assert (noted["workers"], noted["method"], noted["start"]) == (2, "spawn", workers._start)
    assert noted["given"][0] == plan
    assert (noted["given"][1].target == data.target).all()
    assert noted["shutdown"] == (True, True)
    assert Pool.last.held == {True}  # workers inherit that
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_a_worker_is_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It leaves Ctrl-C to the parent, takes one thread, leaves with the parent, and is given plan and data once."""
    plan, data, left, given = small(loaded("wine")), loaded("wine"), threading.Event(), list[Any]()
    before, threads = signal.getsignal(signal.SIGINT), torch.get_num_threads()
    monkeypatch.setattr(workers, "_leave_with_parent", left.set)
    monkeypatch.setattr(workers, "_given", given)
    monkeypatch.setattr(workers, "do", lambda *given: given)
    (tmp_path / "given").write_bytes(pickle.dumps((plan, data)))
    torch.set_num_threads(3)
    try:
        workers._start(str(tmp_path / "given"))
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert torch.get_num_threads() == 1
    finally:
        signal.signal(signal.SIGINT, before)
        torch.set_num_threads(threads)
    assert left.wait(10)
    done: Any = workers._do(Job("MSELoss", 0, 0))
    assert (done[0], done[1].name, done[2]) == (plan, data.name, Job("MSELoss", 0, 0))
    assert len(given) == 1


def test_a_worker_leaves_with_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[Any] = []
    parent = SimpleNamespace(join=lambda: noted.append("joined"))
    monkeypatch.setattr("os._exit", noted.append)
    for found in (None, parent):
        monkeypatch.setattr("multiprocessing.parent_process", lambda found=found: found)
        workers._leave_with_parent()
    assert noted == ["joined", 1]


# What is random.


class Watched(Training):
    """Remembers what trainings there were, their first weights, and every batch."""

    seen: list[Watched]

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.first = next(self.network.parameters()).detach().clone()
        self.order: list[Tensor] = []
        Watched.seen.append(self)

    def epoch(self, batches: Any) -> None:
        self.order.append(torch.cat([x for x, _ in batches]))
        super().epoch(batches)

    @property
    def last(self) -> Tensor:
        return torch.cat([each.detach().flatten() for each in self.network.parameters()])


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> type[Watched]:
    Watched.seen = []
    monkeypatch.setattr(engine, "Training", Watched)
    monkeypatch.setattr("losskit.compare.train.Training", Watched)
    return Watched


def test_all_that_is_random_follows_the_seeds(watched: type[Watched], monkeypatch: pytest.MonkeyPatch) -> None:
    """Folds, inner split, weights and batches: other ones for each seed, repeat and fold, the same for each loss."""
    data = some(60, task=Task.MULTICLASS)
    plan = replace(small(data), folds=2, repeats=2)
    splits: list[tuple[bytes, bytes]] = []

    def noted(data: Data, rows: Any, test: Any) -> Split:
        splits.append((rows.tobytes(), test.tobytes()))
        return Split(data, rows, test)

    monkeypatch.setattr(engine, "Split", noted)
    found: dict[tuple[int, int, int], set[tuple[Any, ...]]] = {}
    for seed, repeat, fold, loss in itertools.product(range(2), range(2), range(2), list(plan.losses)[:2]):
        splits.clear()
        watched.seen.clear()
        do(replace(plan, seed=seed), data, Job(loss, repeat, fold))
        inner, outer = splits
        firsts = {each.first.numpy().tobytes() for each in watched.seen if each.head.width(3) == 3}
        orders = [tuple(x.numpy().tobytes() for x in each.order) for each in watched.seen]
        whole = max(orders[:-1], key=len)
        assert len(firsts) == 1  # every configuration, and the final training
        assert all(order == whole[: len(order)] for order in orders[:-1])  # every configuration, as long as it stays
        assert all(len(set(order)) == plan.epochs for order in (whole, orders[-1]))  # every epoch has one of its own
        found.setdefault((seed, repeat, fold), set()).add((inner, outer, *firsts, whole, orders[-1]))
    assert all(len(each) == 1 for each in found.values())
    for stage in zip(*(each for (each,) in found.values()), strict=True):
        assert len(set(stage)) == len(found)


# What a network may see.


@pytest.mark.parametrize("spoil", ["targets", "features"])
@pytest.mark.parametrize("name", NAMES)
def test_the_search_does_not_train_on_the_rows_that_it_scores(
    name: str, spoil: str, watched: type[Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The inner split's other rows are spoilt: the networks stay the same bit for bit, only their scores change."""
    data = loaded(name)
    plan, rows = small(data, metric=next(iter(METRICS[data.task]))), np.arange(0, len(data.target), 2)
    kept, held = stratified(data.target[rows], engine.INNER, 5, data.task)[0]
    assert sorted((*kept, *held)) == list(range(len(rows)))
    assert len(held) == pytest.approx(len(rows) / 5, abs=1)
    monkeypatch.setattr(engine, "stratified", lambda *given: [(kept, held)])
    monkeypatch.setattr(
        engine, "_rank", lambda plan: lambda trial: trial.configuration.rate
    )  # who leaves early is fixed
    spoilt = spoiled(data, rows[held], spoil)
    found = []
    for each in (data, spoilt):
        watched.seen.clear()
        trials = engine._search(plan, each, plan.reference, rows, 5)
        found.append((torch.stack([each.last for each in watched.seen]), [trial.score for trial in trials]))
        for training in watched.seen:
            assert {len(x) for x in training.order} == {len(kept)}
    assert torch.equal(found[0][0], found[1][0])
    assert found[0][1] != found[1][1]


def spoiled(data: Data, rows: Any, what: str) -> Data:
    if what == "targets":
        target = data.target.copy()
        target[rows] = (target[rows] + 1) % len(data.classes) if data.classes else target[rows] + 1e6
        return replace(data, target=target)
    features = np.array(data.features, dtype=float)
    features[rows] *= -100
    frame: Any = data.features
    return replace(data, features=type(frame)(features, columns=frame.columns))


@pytest.mark.parametrize("spoil", ["targets", "features"])
@pytest.mark.parametrize("name", NAMES)
def test_no_training_sees_the_test_fold(
    name: str, spoil: str, watched: type[Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = loaded(name)
    plan = small(data)
    job = Job(plan.reference, 0, 1)
    folds = data.folds(3, seeds(plan, job)[0])
    rows, test = folds[1]
    monkeypatch.setattr(Data, "folds", lambda *given: folds)
    found = []
    for each in (data, spoiled(data, test, spoil)):
        watched.seen.clear()
        row = do(plan, each, job)
        found.append((torch.stack([each.last for each in watched.seen]), row.inner, row.metrics))
        assert {len(x) for x in watched.seen[-1].order} == {len(rows)}
    assert torch.equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
    assert found[0][2] != found[1][2]


def test_only_the_search_s_own_loss_and_rows_are_scored() -> None:
    """A trial's score is what anybody measures who trains with its configuration on the one part, for all epochs."""
    data = loaded("wine")
    plan, rows = small(data), np.arange(1, 178, 2)
    kept, held = stratified(data.target[rows], 5, 7, data.task)[0]
    split = Split(data, rows[kept], rows[held])
    whole = [each for each in engine._search(plan, data, "MSELoss", rows, 7) if each.epochs == plan.epochs]
    assert len(whole) == 2
    for trial in whole:
        assert trial.score == measure(plan, split, "MSELoss", trial.configuration, 7)[0][plan.metric]
