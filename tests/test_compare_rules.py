"""The rules of ``losskit compare``, each against a count of its own: metrics, plan, seeds, training, jobs, outcome."""

from __future__ import annotations

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
from comparisons import NAMES, TASKS, concluded, loaded, rows_of, small, some
from scipy import stats
from torch import nn

from losskit import Task
from losskit.compare import METRICS, CompareError, Data, Plan, Predicted, Preprocessor, engine, make_plan, workers
from losskit.compare.contender import Contender, contender
from losskit.compare.data import HEAVY
from losskit.compare.engine import Engine, Job, jobs, prepared
from losskit.compare.metrics import brier, ece, measured
from losskit.compare.outcome import conclude
from losskit.compare.plan import Configuration, rule
from losskit.compare.power import resolves
from losskit.compare.prepare import Split
from losskit.compare.search import measure
from losskit.compare.train import batches, build, optimizer, read, train
from losskit.compare.verdict import Reading
from losskit.compare.workers import run
from losskit.optimizers import TUTORIAL


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)  # as in a run; conftest puts the number back


def at(name: str, task: Task = Task.MULTICLASS) -> Contender:
    return contender(name, task)


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
    of = measured(Task.MULTICLASS, target, Predicted(found, target))
    assert of["accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(target, found))
    assert of["balanced_accuracy"] == pytest.approx(sklearn.metrics.balanced_accuracy_score(target, found))
    assert of["macro_f1"] == pytest.approx(np.mean(sklearn.metrics.f1_score(target, found, average=None)))
    assert len({round(value, 6) for value in of.values()}) == 3  # or classes were even, and this told nothing
    never = measured(Task.MULTICLASS, target, Predicted(np.zeros_like(target), target))
    assert never["macro_f1"] > 0  # classes that are never predicted


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
    assert metrics["average_precision"].of(target, Predicted(1 - target, score)) == pytest.approx(area)
    assert metrics["average_precision"].of(np.zeros(60), Predicted(target, score)) == 0
    found = (score > 0.5).astype(int)
    of = measured(Task.BINARY, target, Predicted(found, -score))
    assert of["accuracy"] == sklearn.metrics.accuracy_score(target, found)
    assert of["balanced_accuracy"] == pytest.approx(sklearn.metrics.balanced_accuracy_score(target, found))


def test_metrics_of_numbers_are_those_of_scikit_learn() -> None:
    target, found = np.random.default_rng(0).normal(size=(2, 50))
    of = measured(Task.REGRESSION, target, Predicted(found, target))
    assert of["rmse"] == pytest.approx(math.sqrt(sklearn.metrics.mean_squared_error(target, found)))
    assert of["mae"] == pytest.approx(sklearn.metrics.mean_absolute_error(target, found))


def chances(seed: int, classes: int) -> tuple[np.ndarray[Any, Any], Predicted]:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(classes), 200)
    p[:3] = np.eye(classes)[0]  # sure: the last bin
    return rng.integers(classes, size=200), Predicted(p.argmax(1), p[:, -1], p)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_brier_score_by_hand(classes: int) -> None:
    target, predicted = chances(classes, classes)
    p = predicted.probabilities
    assert p is not None
    by_hand = [sum((p[row, k] - (target[row] == k)) ** 2 for k in range(classes)) for row in range(200)]
    assert brier(target, predicted) == pytest.approx(np.mean(by_hand))
    if classes == 2:  # scikit-learn counts one of the two columns
        assert brier(target, predicted) == pytest.approx(2 * sklearn.metrics.brier_score_loss(target, p[:, 1]))


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_calibration_error_by_hand(classes: int) -> None:
    target, predicted = chances(classes, classes)
    p = predicted.probabilities
    assert p is not None
    total = 0.0
    for lower in np.arange(15) / 15:
        upper = 2 if lower > 0.93 else lower + 1 / 15
        rows = [row for row in range(200) if lower <= p[row].max() + 1e-12 and p[row].max() + 1e-12 < upper]
        if rows:
            right = np.mean([p[row].argmax() == target[row] for row in rows])
            total += len(rows) / 200 * abs(right - np.mean([p[row].max() for row in rows]))
    assert ece(target, predicted) == pytest.approx(total)
    assert total > 0.1


def test_outputs_that_are_no_probabilities_have_no_calibration() -> None:
    target, predicted = chances(0, 3)
    bare = replace(predicted, probabilities=None)
    assert set(measured(Task.MULTICLASS, target, predicted)) - set(measured(Task.MULTICLASS, target, bare)) == {
        "brier",
        "ece",
    }
    with pytest.raises(ValueError, match="do not stand for probabilities"):
        brier(target, bare)


@pytest.mark.parametrize("task", TASKS)
def test_what_is_better_of_a_metric(task: Task) -> None:
    rng = np.random.default_rng(0)
    target = rng.normal(size=50) if task is Task.REGRESSION else rng.integers(2, size=50)
    for metric in METRICS[task].values():
        right, wrong = (
            metric.of(target, Predicted(each, each, None if task is Task.REGRESSION else np.eye(2)[each]))
            for each in (target, -target if task is Task.REGRESSION else 1 - target)
        )
        assert (right > wrong) == metric.higher
        assert right == metric.perfect


def test_the_table_of_metrics() -> None:
    assert {name: rule(each, "X") for metrics in METRICS.values() for name, each in metrics.items()} == {
        "accuracy": "0.01 of accuracy",
        "balanced_accuracy": "0.01 of balanced accuracy",
        "macro_f1": "0.01 of macro F1",
        "average_precision": "0.01 of average precision",
        "brier": "0.01 of Brier score",
        "ece": "0.01 of ECE",
        "rmse": "2% of the RMSE of X",
        "mae": "2% of the MAE of X",
    }
    assert {task: list(metrics)[:2] for task, metrics in METRICS.items()} == {
        Task.MULTICLASS: ["accuracy", "balanced_accuracy"],
        Task.BINARY: ["average_precision", "accuracy"],
        Task.REGRESSION: ["rmse", "mae"],
    }
    plan = small(loaded("wine"))
    assert (plan.metric, plan.measure.title) == ("accuracy", "accuracy")
    assert replace(plan, metric="macro_f1").measure.title == "macro F1"


@pytest.mark.parametrize(
    ("draw", "metric"),
    [
        (lambda rng: rng.normal(size=1000), "rmse"),
        (lambda rng: rng.exponential(size=20_000), "rmse"),
        (lambda rng: rng.standard_t(1.5, size=1000), "mae"),
        (lambda rng: rng.lognormal(0, 2, size=1000), "mae"),
    ],
)
def test_heavy_tails_rank_by_the_mean_absolute_error(draw: Callable[..., Any], metric: str) -> None:
    target = draw(np.random.default_rng(0))
    data = replace(some(len(target)), target=target)
    away = sorted(abs(target - target.mean()), reverse=True)
    share = sum(each**2 for each in away[: len(away) // 100]) / sum(each**2 for each in away)
    assert data.tail == pytest.approx(share)
    assert (share > HEAVY) == (metric == "mae")
    assert data.usual_metric == make_plan(data).metric == metric
    assert make_plan(data, metric="rmse").metric == "rmse"


def test_classes_have_no_tail() -> None:
    assert (loaded("wine").tail, loaded("wine").usual_metric) == (0, "accuracy")
    assert loaded("breast_cancer").usual_metric == "average_precision"


# The plan.


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_the_batch_follows_from_the_rows(folds: int) -> None:
    """About 60 steps a pass, by a power of 2; the steps are the same for every size."""
    for rows in (20, 100, 442, 700, 1000, 1797, 3500, 5000, 20_000, 100_000):
        plan = make_plan(some(rows), folds=folds, repeats=3)
        powers = [2**each for each in range(4, 10)]
        training = rows * (folds - 1) // folds
        assert plan.batch == min(powers, key=lambda each: abs(math.log2(each * 60 / training))), rows
        assert plan.steps == 189
    assert make_plan(some(40_000)).batch == 512 == 2 * make_plan(some(20_000)).batch


def test_the_network_is_twice_as_wide_as_the_features() -> None:
    for columns in (*range(1, 70), 500):
        wide = make_plan(some(30, columns)).hidden
        assert wide == min(128, max(16, next(2**each for each in range(20) if 2**each >= 2 * columns)))


def test_what_is_not_given() -> None:
    plan = make_plan(some(100))
    assert (plan.folds, plan.repeats, plan.seeds, plan.seed, plan.alpha) == (5, 2, 4, 0, 0.05)
    assert (plan.finalists, plan.baselines) == (2, ("constant",))
    assert {name: tuple(rates) for name, rates in plan.rates.items()} == {
        "SGD": (0.03, 0.06, 0.12, 0.24),
        "Adam": (0.0012, 0.004, 0.012),
        "RMSprop": (0.001,),
    }
    assert (plan.data, plan.task, plan.reference, plan.metric) == ("some", Task.REGRESSION, "MSELoss", "rmse")
    assert (plan.rows, plan.features, plan.classes) == (100, 3, 0)


def test_what_is_given_is_taken() -> None:
    given: dict[str, Any] = {"metric": "mae", "folds": 3, "repeats": 4, "steps": 7, "seeds": 3, "seed": 9}
    plan = make_plan(some(100), losses=["HuberLoss(delta=0.5)"], optimizers=["AdamW"], baselines=True, **given)
    assert {name: getattr(plan, name) for name in given} == given
    assert plan.losses == ("MSELoss", "HuberLoss(delta=0.5)")
    assert (list(plan.rates), plan.baselines) == (["AdamW"], ("constant", "learner"))


@pytest.mark.parametrize(("name", "least"), [("folds", 2), ("repeats", 1), ("steps", 4), ("seeds", 1), ("seed", 0)])
def test_the_least_that_is_taken(name: str, least: int) -> None:
    given: dict[str, Any] = {"repeats": 3, name: least}
    assert getattr(make_plan(some(100), **given), name) == least
    with pytest.raises(CompareError, match=f"^{name} must be at least {least}, got {least - 1}"):
        make_plan(some(100), **{**given, name: least - 1})


def test_five_test_folds_are_needed() -> None:
    assert make_plan(some(100), folds=3, repeats=2).repeats == 2
    for folds, repeats, needed in ((2, 2, 3), (3, 1, 2), (4, 1, 2)):
        with pytest.raises(CompareError, match=rf"{folds * repeats} test folds are too few .* use repeats={needed}$"):
            make_plan(some(100), folds=folds, repeats=repeats)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"metric": "acuracy"}, "must be one of accuracy, .*did you mean 'accuracy'"),
        ({"metric": "rmse"}, "metric of a multiclass task must be one of"),
        ({"optimizers": ["Adan"]}, "optimizers must be of .*did you mean 'Adam"),
        ({"losses": ["CrossEntropyLoss"]}, "CrossEntropyLoss is the reference itself"),
        ({"losses": ["MSELos"]}, "did you mean 'MSELoss'"),
    ],
)
def test_what_cannot_be_planned(given: dict[str, Any], told: str) -> None:
    with pytest.raises(CompareError, match=told):
        make_plan(loaded("wine"), **given)


@pytest.mark.parametrize("folds", [2, 3, 5, 10])
def test_how_much_folds_overlap(folds: int) -> None:
    data = some(60)
    plan = make_plan(data, folds=folds, repeats=3)
    assert {len(test) / len(rows) for rows, test in data.folds(folds, 0)} == {plan.test_over_train}
    assert plan.as_json()["test_over_train"] == plan.test_over_train


def test_what_is_fixed_is_written_down() -> None:
    plan = small(loaded("diabetes"), steps=30, seed=3)
    written = plan.as_json()
    assert {name: getattr(plan, name) for name in vars(plan)}.items() <= written.items()
    assert written["margin"] == "2% of the RMSE of MSELoss"
    assert written["search_steps"] == (10, 15)
    assert [replace(plan, steps=each).search_steps for each in (1, 4, 15, 189)] == [(1, 2), (1, 2), (5, 7), (63, 94)]


def test_what_lies_nearest_to_the_tutorials_comes_first() -> None:
    plan = make_plan(loaded("wine"), optimizers=["SGD", "Adam", "RMSprop", "AdamW"])
    found = plan.configurations(at("CrossEntropyLoss"))
    assert len(set(found)) == len(found) == 11
    away = [abs(math.log(each.rate / TUTORIAL[each.optimizer])) for each in found]
    assert all(first <= second + 1e-6 for first, second in itertools.pairwise(away))
    assert found[0] == Configuration("RMSprop", 0.001)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_rates_of_sgd_grow_with_the_classes_of_element_wise_losses(classes: int) -> None:
    """The gradient of a mean over C one-hot columns is 2 / C of that with two classes, which the rate makes up for."""
    data = some(200, task=Task.MULTICLASS, classes=[str(each) for each in range(classes)])
    plan = make_plan(data)
    for name in ("MSELoss", "L1Loss", "BCEWithLogitsLoss", "FocalLoss"):
        assert plan.grid(at(name), "SGD") == pytest.approx([rate * classes / 2 for rate in (0.03, 0.06, 0.12, 0.24)])
        assert plan.grid(at(name), "Adam") == [0.0012, 0.004, 0.012]
        output, target = torch.zeros(4, classes, requires_grad=True), torch.arange(4) % classes
        made = at(name)
        made.criterion(target, classes)(output, made.head.encode(target, classes)).backward()
        assert output.grad is not None
        few = torch.zeros(4, 2, requires_grad=True)
        made.criterion(target % 2, 2)(few, made.head.encode(target % 2, 2)).backward()
        assert few.grad is not None
        assert (output.grad * classes / 2).abs().max() == pytest.approx(float(few.grad.abs().max()))
    for name in ("CrossEntropyLoss", "SoftmaxFocalLoss"):
        assert plan.grid(at(name), "SGD") == [0.03, 0.06, 0.12, 0.24]
    assert make_plan(some(100)).grid(at("MSELoss", Task.REGRESSION), "SGD") == [0.03, 0.06, 0.12, 0.24]


def test_beyond_the_grid_lies_the_next_rate() -> None:
    plan = make_plan(loaded("wine"))
    loss = at("CrossEntropyLoss")
    for chosen in plan.configurations(loss):
        rates, outside = plan.rates[chosen.optimizer], plan.beyond(loss, chosen)
        inside = len(rates) == 1 or min(rates) < chosen.rate < max(rates)
        assert (outside is None) == inside
        if outside is not None:
            assert outside.optimizer == chosen.optimizer
            inner = sorted(rates)[1] if chosen.rate == min(rates) else sorted(rates)[-2]
            assert outside.rate / chosen.rate == pytest.approx(chosen.rate / inner, rel=0.1)
    assert replace(plan, rates={"SGD": (0.05,)}).beyond(loss, Configuration("SGD", 0.05)) is None  # no grid, no edge


@pytest.mark.parametrize(
    ("rows", "rarest", "splits"), [(2000, 10, 5), (2000, 124, 5), (2000, 125, 2), (499, 200, 5), (500, 200, 2)]
)
def test_a_fold_is_halved_if_a_half_is_enough(rows: int, rarest: int, splits: int) -> None:
    """50 rows of the rarest class, and 200 in all, of four fifths; else there are fifths."""
    data = replace(some(rows, task=Task.BINARY), target=(np.arange(rows) < rarest).astype(int))
    assert make_plan(data).splits == splits
    assert make_plan(some(rows)).splits == (2 if rows >= 500 else 5)


def test_what_a_run_can_resolve() -> None:
    """Half the interval of differences that spread as the table says; less with more rows, folds and repeats."""
    plan = make_plan(some(500, task=Task.MULTICLASS))
    spread = math.sqrt(0.03 / 100)
    half = stats.t.ppf(0.975, 9) * math.sqrt(1 / 10 + 1 / 4) * spread
    assert resolves(plan) == pytest.approx(half)
    assert resolves(replace(plan, rows=2000)) == pytest.approx(half / 2)
    assert resolves(replace(plan, repeats=5)) < half
    assert resolves(plan, [490, 10]) == pytest.approx(half)  # accuracy counts all rows alike
    rare = replace(plan, metric="average_precision", task=Task.BINARY)
    assert resolves(rare, [490, 10]) == pytest.approx(half * math.sqrt(500 / 20))
    assert resolves(make_plan(some(500))) == pytest.approx(half / spread * 0.15 / 10)


# The seeds.


def test_all_that_is_random_follows_the_seeds() -> None:
    """Folds follow from seed and repeat, inner splits and trainings from the fold as well, and nothing from the loss."""
    data = some(60, task=Task.MULTICLASS)
    tests: dict[Any, bytes] = {}
    inner: dict[Any, bytes] = {}
    seeds: list[int] = []
    for seed, repeat, fold in itertools.product(range(3), range(3), range(5)):
        plan = small(data, seed=seed, seeds=3, splits=2)
        place = prepared(plan, data, repeat, fold)
        again = prepared(plan, data, repeat, fold)
        assert (place.seeds, place.search_seeds) == (again.seeds, again.search_seeds)
        assert torch.equal(place.outer.features, again.outer.features)
        tests[seed, repeat, fold] = place.outer.test_features.numpy().tobytes()
        inner[seed, repeat, fold] = place.inner[0].test_features.numpy().tobytes()
        assert (len(place.seeds), len(place.search_seeds), len(place.inner)) == (3, 2, 2)
        seeds += [*place.seeds, *place.search_seeds]
    assert len(set(tests.values())) == len(set(inner.values())) == 45
    assert len(set(seeds)) == len(seeds)


def test_more_seeds_leave_the_others_alone() -> None:
    data = some(60, task=Task.MULTICLASS)
    few, more = (prepared(small(data, seeds=seeds), data, 0, 1) for seeds in (2, 5))
    assert few.seeds == more.seeds[:2]
    assert few.search_seeds == more.search_seeds
    assert torch.equal(few.inner[1].features, more.inner[1].features)


@pytest.mark.parametrize("splits", [2, 5])
def test_a_fold_is_split_by_rows_that_do_not_meet(splits: int) -> None:
    """Test rows are in no inner split, and the rows that an inner split holds out are not among those it trains on."""
    data = some(60, 1, Task.MULTICLASS)
    data = replace(data, features=np.arange(60, dtype=np.float32).reshape(-1, 1))
    place = prepared(small(data, splits=splits), data, 0, 2)
    assert len(place.inner) == splits

    def rows(split: Split, features: Any) -> set[int]:
        return {round(float(x) * split.fitted.pixel_sd + split.fitted.pixel_mean) for x in features}

    test = rows(place.outer, place.outer.test_features)
    kept = rows(place.outer, place.outer.features)
    assert test | kept == set(range(60))
    assert not test & kept
    held = [rows(split, split.test_features) for split in place.inner]
    assert sorted(itertools.chain(*held)) == sorted(kept)  # each row is held out once
    for split, out in zip(place.inner, held, strict=True):
        assert rows(split, split.features) == kept - out


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
def test_a_training_is_that_of_torch_s_schedule(name: str, chosen: Configuration) -> None:
    """So many steps at a rate that ``LinearLR`` lets fall to 0."""
    data = loaded(name)
    plan = replace(make_plan(data), hidden=7, batch=16)
    split = Split(data, np.arange(0, 41), np.arange(101, 140))  # a last batch that is not full
    losses = [*plan.losses, "CrossEntropyLoss(weight=balanced)"] if name == "breast_cancer" else plan.losses
    for loss in losses:
        made = at(loss, plan.task)
        ours = train(made, plan, chosen, split, 11, 8)  # 3 steps a pass
        for own, other in zip(ours.parameters(), by_hand(plan, made, chosen, split, 11, 8).parameters(), strict=True):
            torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-6)  # a fused step rounds another way


def by_hand(plan: Plan, made: Contender, chosen: Configuration, split: Split, seed: int, steps: int) -> nn.Module:
    head, x = made.head, split.features
    y = head.encode(split.target, split.outputs)
    criterion = made.criterion(y, split.outputs)
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Linear(x.shape[1], plan.hidden), nn.ReLU(), nn.Linear(plan.hidden, head.width(split.outputs))
    )
    stepping = usual(network, chosen)
    decay = torch.optim.lr_scheduler.LinearLR(stepping, 1.0, 0.0, total_iters=steps)
    shuffle = torch.Generator().manual_seed(seed)
    left: list[torch.Tensor] = []
    for _ in range(steps):
        left = left or list(torch.randperm(len(x), generator=shuffle).split(plan.batch))
        batch = left.pop(0)
        stepping.zero_grad()
        criterion(head.training(network(x[batch]), 1), y[batch]).backward()
        stepping.step()
        decay.step()
    return network


def test_every_pass_takes_every_row_once_in_an_order_of_its_own() -> None:
    found = list(batches(50, 16, 14, 3))
    assert [len(each) for each in found] == [16, 16, 16, 2] * 3 + [16, 16]
    orders = [torch.cat(found[start : start + 4]) for start in (0, 4, 8)]
    assert all(torch.equal(order.sort().values, torch.arange(50)) for order in orders)
    other = torch.cat(list(batches(50, 16, 4, 4)))
    assert len({tuple(each.tolist()) for each in (*orders, other, torch.arange(50))}) == 5
    assert torch.equal(torch.cat(list(batches(50, 16, 4, 3))), orders[0])  # a shorter one begins alike
    assert len(list(batches(5, 16, 7, 0))) == 7


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
@pytest.mark.parametrize("loss", ["MSELoss", "BCELoss"])
def test_a_training_that_diverges_is_told(rate: float, loss: str) -> None:
    data = loaded("wine")
    split = Split(data, np.arange(0, 100), np.arange(101, 140))
    metrics, diverged = measure(small(data), at(loss), split, Configuration("SGD", rate), 0, 8)
    assert diverged == (rate > 1)
    if diverged:  # as a constant prediction
        assert metrics["accuracy"] == max(np.mean(split.truth == each) for each in range(1))


@pytest.mark.parametrize(
    ("loss", "task", "columns"),
    [
        ("CrossEntropyLoss", Task.BINARY, 2),
        ("BCEWithLogitsLoss", Task.BINARY, 1),
        ("MSELoss", Task.BINARY, 1),
        ("CrossEntropyLoss", Task.MULTICLASS, 3),
        ("BCEWithLogitsLoss", Task.MULTICLASS, 3),
        ("MSELoss", Task.REGRESSION, 1),
    ],
)
def test_what_is_read_of_a_network(loss: str, task: Task, columns: int) -> None:
    data = some(60, columns, task)
    split = Split(data, np.arange(30), np.arange(30, 60))
    raw = torch.randn(30, columns, generator=torch.Generator().manual_seed(columns)) * 30
    split.test_features = raw.clone()
    found, diverged = read(at(loss, task), nn.Identity(), split)
    assert not diverged
    if task is Task.REGRESSION:
        unit, centre = data.target[:30].std(), data.target[:30].mean()
        assert found.prediction == pytest.approx(raw[:, 0].double().numpy() * unit + centre)
        assert found.probabilities is None
    else:
        classes = raw.argmax(1) if columns > 1 else raw[:, 0] >= (0.5 if loss == "MSELoss" else 0)
        assert found.prediction.tolist() == classes.long().tolist()
    if task is Task.BINARY:  # raw, not probabilities: all that lie beyond 17 would tie
        assert found.score.tolist() == (raw[:, 1] - raw[:, 0] if columns == 2 else raw[:, 0]).double().tolist()
    if loss == "MSELoss":
        assert found.probabilities is None
    elif loss == "CrossEntropyLoss":
        assert found.probabilities == pytest.approx(raw.double().softmax(1).numpy())
    elif columns == 1:
        p = raw[:, 0].double().sigmoid().numpy()
        assert found.probabilities == pytest.approx(np.stack([1 - p, p], 1))
    else:
        p = raw.double().sigmoid().numpy()
        assert found.probabilities == pytest.approx(p / p.sum(1, keepdims=True), abs=1e-9)
    for spoilt in (math.nan, math.inf, -math.inf):
        split.test_features[3, -1] = spoilt
        found, diverged = read(at(loss, task), nn.Identity(), split)
        assert diverged
        assert len(set(found.prediction.flatten().tolist())) == len(set(found.score)) == 1


@pytest.mark.parametrize("name", NAMES)
def test_what_is_measured_is_the_other_side(name: str) -> None:
    data = loaded(name)
    plan = small(data)
    rows, test = np.arange(100), np.arange(100, 130)
    split, made = Split(data, rows, test), at(plan.reference, plan.task)
    chosen = Configuration("Adam", 0.01)
    metrics, diverged = measure(plan, made, split, chosen, 5, 9)
    output = train(made, plan, chosen, split, 5, 9)(Preprocessor(data, rows).features(test)).detach()
    if name == "diabetes":
        found = output[:, 0].double().numpy() * data.target[rows].std() + data.target[rows].mean()
    else:
        found = (output.argmax(1) if name == "wine" else output[:, 0] >= 0).numpy()
    assert not diverged
    p = None if name == "diabetes" else output.double().softmax(1).numpy()
    if name == "breast_cancer":
        p = np.hstack([1 - output.double().sigmoid().numpy(), output.double().sigmoid().numpy()])
    for key, metric in METRICS[data.task].items():
        expected = metric.of(data.target[test], Predicted(found, output[:, 0].numpy(), p))
        assert metrics[key] == pytest.approx(expected, rel=1e-6)


# The jobs.


def test_jobs_come_fold_by_fold() -> None:
    plan = replace(small(loaded("wine")), repeats=2, folds=3, baselines=("constant", "learner"))
    found, each = jobs(plan), [*plan.losses, "constant", "learner"]
    assert len(found) == len(set(found)) == 2 * 3 * len(each)
    assert [(job.repeat, job.fold) for job in found] == sorted((job.repeat, job.fold) for job in found)
    assert [job.loss for job in found[: len(each)]] == each


@pytest.mark.parametrize("name", ["wine", "diabetes"])
def test_a_row_is_the_mean_of_trainings_of_several_seeds(name: str) -> None:
    data = loaded(name)
    plan = small(data, seeds=3, repeats=2)
    loss = plan.losses[-1]
    row = Engine(plan, data).do(Job(loss, 1, 2))
    place, made = prepared(plan, data, 1, 2), at(loss, plan.task)
    chosen = Configuration(row.optimizer, row.rate)
    trained = [measure(plan, made, place.outer, chosen, seed, plan.steps)[0] for seed in place.seeds]
    assert len({tuple(each.values()) for each in trained}) > 1
    assert row.metrics == {key: pytest.approx(np.mean([each[key] for each in trained])) for key in trained[0]}
    assert (row.loss, row.repeat, row.fold, row.diverged) == (loss, 1, 2, 0)
    assert row.as_json() == vars(row)
    assert engine.fixed(plan, data, loss, chosen, 1, 2) == row.metrics[plan.metric]


def test_the_steps_of_a_row_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step of every training: search, finalists on all splits, a probe beyond the edge, seeds."""
    data, done = loaded("wine"), list[int]()

    def noted(*given: Any) -> Any:
        done.append(given[-1])
        return train(*given)

    monkeypatch.setattr("losskit.compare.search.train", noted)
    for rates in ({"SGD": (0.05,)}, {"SGD": (0.05,), "Adam": (0.001, 0.01)}, {"SGD": (0.01, 0.1, 1.0, 10.0)}):
        done.clear()
        plan = small(data, rates=rates, splits=3)
        row = Engine(plan, data).do(Job("MSELoss", 0, 0))
        assert row.steps == sum(done)
        assert done[-2:] == [8, 8]


def test_an_engine_keeps_a_fold_for_all_losses_and_prepares_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    data = some(60, task=Task.MULTICLASS)
    plan, made = small(data, rates={"SGD": (0.05,)}), list[tuple[int, int]]()

    def noted(*given: Any) -> Any:
        made.append(given[2:])
        return prepared(*given)

    monkeypatch.setattr(engine, "prepared", noted)
    doing = Engine(plan, data)
    todo = jobs(plan)[: 2 * (len(plan.losses) + 1)]
    rows = [doing.do(job) for job in todo]
    assert made == [(0, 0), (0, 1)]
    alone = [Engine(plan, data).do(job) for job in reversed(todo)][::-1]
    assert [replace(row, seconds=0) for row in rows] == [replace(row, seconds=0) for row in alone]


@pytest.mark.parametrize(
    ("asked", "cores", "expected"), [(None, 3, 3), (None, None, 0), (2, 3, 2), (1, 3, 0), (99, 3, 15)]
)
def test_so_many_workers(asked: int | None, cores: int | None, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A core each, unless told otherwise, but no more than there are jobs; one needs no process of its own."""
    data = loaded("wine")
    plan = make_plan(data, losses=["MSELoss"], repeats=1)
    used: list[tuple[Any, ...]] = []
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    monkeypatch.setattr(workers, "in_pool", lambda count: lambda *given: used.append((count, *given)))
    monkeypatch.setattr(workers, "in_process", lambda *given: used.append((0, *given)))
    run(plan, data, asked)
    ((count, *given),) = used
    assert count == expected
    assert given == [plan, data, jobs(plan)]


class Noted:
    """Stands in for an engine: notes how many threads there are."""

    def __init__(self, plan: Plan, data: Data) -> None:
        self.given = plan, data

    def do(self, job: Job) -> Any:
        return (job, torch.get_num_threads(), *self.given)


def test_in_process_there_is_one_thread_and_then_as_many_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, data, todo = small(loaded("wine")), loaded("wine"), [Job("MSELoss", 0, each) for each in range(3)]
    monkeypatch.setattr(workers, "Engine", Noted)
    torch.set_num_threads(3)
    found: list[Any] = list(workers.in_process(plan, data, todo))
    assert found == [(job, 1, plan, data) for job in todo]
    assert torch.get_num_threads() == 3


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
    plan, data, left, made = small(loaded("wine")), loaded("wine"), threading.Event(), list[Any]()
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(workers, "_leave_with_parent", left.set)
    monkeypatch.setattr(workers, "_engine", made)
    monkeypatch.setattr(workers, "Engine", Noted)
    (tmp_path / "given").write_bytes(pickle.dumps((plan, data)))
    torch.set_num_threads(3)
    try:
        workers._start(str(tmp_path / "given"))
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert left.wait(10)
    done: Any = workers._do(Job("MSELoss", 0, 0))
    assert (done[0], done[1], done[2], done[3].name) == (Job("MSELoss", 0, 0), 1, plan, data.name)
    assert len(made) == 1


def test_a_worker_leaves_with_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[Any] = []
    parent = SimpleNamespace(join=lambda: noted.append("joined"))
    monkeypatch.setattr("os._exit", noted.append)
    for found in (None, parent):
        monkeypatch.setattr("multiprocessing.parent_process", lambda found=found: found)
        workers._leave_with_parent()
    assert noted == ["joined", 1]


# The outcome.


def drawn(plan: Plan, seed: int) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    folds = rng.normal(50, 5, plan.folds * plan.repeats)  # easy and hard folds, which pairing takes out
    others = itertools.cycle((1, -2, 0.5, 0))
    shifts = {loss: 0 if loss == plan.reference else next(others) for loss in plan.losses}
    return {loss: list(folds + shift + rng.normal(0, 0.1, len(folds))) for loss, shift in shifts.items()}


@pytest.mark.parametrize("name", ["wine", "diabetes"])
@pytest.mark.parametrize("folds", [3, 5])
def test_verdicts_are_on_pairs_of_the_same_fold(name: str, folds: int) -> None:
    """Differences of scores; of errors, those of their logarithms, so that ratios are compared."""
    plan = make_plan(loaded(name), folds=folds, repeats=2)
    scores = drawn(plan, folds)
    rows = rows_of(plan, scores)
    outcome = conclude(plan, rows)
    shuffled = [rows[each] for each in np.random.default_rng(1).permutation(len(rows))]
    assert conclude(plan, shuffled) == outcome  # as they finish
    assert {found.loss for found in outcome.found} == set(plan.losses)
    assert (outcome.metric, outcome.saturated, outcome.folds) == (plan.metric, (), 2 * folds)
    assert outcome.margin == pytest.approx(0.01 if name == "wine" else math.log(1.02))
    for found in outcome.found:
        verdict, own = found.verdict, np.array(scores[found.loss])
        assert verdict is not None
        assert found.mean == pytest.approx(own.mean())
        assert found.sd == pytest.approx(own.std(ddof=1))
        if found.loss != plan.reference:
            reference = np.array(scores[plan.reference])
            difference = own - reference if name == "wine" else np.log(own / reference)
            error = math.sqrt((1 / (2 * folds) + 1 / (folds - 1)) * difference.var(ddof=1))
            half = stats.t.ppf(0.975, 2 * folds - 1) * error
            assert verdict.low == pytest.approx(difference.mean() - half)
            assert verdict.high == pytest.approx(difference.mean() + half)
    means = [found.mean for found in outcome.found]
    assert means == sorted(means, reverse=plan.measure.higher)
    assert outcome.reference.loss == plan.reference
    better = [found for found in outcome.found if found.reading is Reading.BETTER]
    assert outcome.recommended == (better[0] if better else outcome.reference)
    assert better or name == "diabetes"


def test_ratios_of_errors_count_large_and_small_folds_alike() -> None:
    """Five percent less on each fold is better, though the folds' own errors differ a thousand times."""
    plan = make_plan(loaded("diabetes"), losses=["L1Loss", "HuberLoss"])
    errors = np.geomspace(1, 1000, 10)
    wobble = 1 + 0.001 * np.resize([1, -1], 10)
    outcome = concluded(
        plan, {"MSELoss": errors, "L1Loss": 0.95 * errors * wobble, "HuberLoss": 1.05 * errors * wobble}
    )
    found = {each.loss: each for each in outcome.found}
    assert (found["L1Loss"].reading, found["HuberLoss"].reading) == (Reading.BETTER, Reading.WORSE)
    assert outcome.recommended.loss == "L1Loss"
    verdict = found["L1Loss"].verdict
    assert verdict is not None
    assert verdict.difference == pytest.approx(math.log(0.95), abs=1e-6)
    near = concluded(plan, {"MSELoss": errors, "L1Loss": errors / 1.0198 * wobble**0.01, "HuberLoss": errors * 0.0})
    assert {each.loss: each.reading for each in near.found}["L1Loss"] is not Reading.BETTER  # within 2 %


def test_alpha_is_the_plans() -> None:
    plan = make_plan(loaded("wine"), losses=["MSELoss"])
    scores = {"CrossEntropyLoss": [0.0] * 10, "MSELoss": [0.5, 1.5] * 5}
    halves = []
    for alpha in (0.01, 0.2):
        verdict = next(each.verdict for each in concluded(replace(plan, alpha=alpha), scores).found)
        assert verdict is not None
        halves.append(verdict.half)
    assert halves[0] > halves[1] > 0


def test_marks_are_counted() -> None:
    plan = make_plan(loaded("wine"), losses=["MSELoss"])
    for number in (4, 5, 6):
        outcome = concluded(
            plan,
            drawn(plan, 0),
            beyond=lambda loss, place, n=number: place < n and loss == "MSELoss",
            diverged=lambda loss, place, n=number: 2 * (place >= n and loss == "MSELoss"),
        )
        found = {each.loss: (each.beyond, each.diverged) for each in outcome.found}
        assert found == {"MSELoss": (number, 2 * (10 - number)), "CrossEntropyLoss": (0, 0)}


@pytest.mark.parametrize(("task", "perfect"), [("wine", 1.0), ("breast_cancer", 1.0)])
def test_a_metric_that_is_perfect_for_all_is_skipped_and_told(task: str, perfect: float) -> None:
    plan = make_plan(loaded(task), losses=["MSELoss"])
    names = list(METRICS[plan.task])
    scores = dict.fromkeys(plan.losses, [perfect] * 10)

    def second(loss: str, place: int) -> dict[str, float]:
        other = 0.9 if loss == "MSELoss" and place == 3 else 0.95
        return {name: perfect if at == 0 else other for at, name in enumerate(names) if "e" not in name[:1]}

    outcome = concluded(plan, scores, metrics=second)
    assert (outcome.metric, outcome.saturated) == (names[1], (names[0],))
    assert {each.loss: round(each.mean, 4) for each in outcome.found}["MSELoss"] == 0.945
    almost = concluded(plan, {**scores, "MSELoss": [perfect] * 9 + [0.999]})
    assert (almost.metric, almost.saturated) == (names[0], ())


def test_losses_without_probabilities_are_not_ranked_by_calibration() -> None:
    plan = make_plan(loaded("wine"), losses=["MSELoss", "FocalLoss"], metric="brier")
    wobble = list(np.resize([0.001, -0.001], 10))

    def metrics(loss: str, place: int) -> dict[str, float]:
        own = 0.3 + wobble[place] + 0.1 * (loss == "FocalLoss")
        return {"accuracy": 0.9} | ({} if loss == "MSELoss" else {"brier": own, "ece": own})

    outcome = concluded(plan, {loss: wobble for loss in plan.losses}, metrics=metrics)
    found = {each.loss: each for each in outcome.found}
    assert outcome.metric == "brier"
    assert found["MSELoss"].verdict is None
    assert found["MSELoss"].calibration is None
    assert math.isnan(found["MSELoss"].mean)
    assert outcome.found[-1].loss == "MSELoss"
    assert found["FocalLoss"].reading is Reading.WORSE  # less is better
    assert found["FocalLoss"].calibration == pytest.approx(0.4)
    assert (plan.inner_metric(at("MSELoss")), plan.inner_metric(at("FocalLoss"))) == ("accuracy", "brier")
    assert (plan.sign(at("MSELoss")), plan.sign(at("FocalLoss"))) == (1, -1)


def test_what_stays_far_behind_at_every_rate_stalls() -> None:
    plan = make_plan(loaded("wine"), losses=["MSELoss"])
    wobble = np.resize([0.001, -0.001], 10)

    def stalls(behind: float) -> bool:
        scores = {"CrossEntropyLoss": np.full(10, 0.9), "MSELoss": 0.9 - behind + wobble}
        return next(each.stalls for each in concluded(plan, scores).found if each.loss == "MSELoss")

    assert [stalls(each) for each in (0.2, 0.11, 0.09, 0.0, -0.2)] == [True, True, False, False, False]


def test_baselines_are_means_outside_the_tests() -> None:
    plan = make_plan(loaded("wine"), losses=["MSELoss"], baselines=True)
    scores = drawn(plan, 0)
    outcome = concluded(plan, {**scores, "constant": [0.4, 0.5] * 5, "learner": [0.9] * 10})
    assert outcome.baselines == {"constant": pytest.approx(0.45), "learner": pytest.approx(0.9)}
    without = concluded(plan, scores)
    assert without.baselines == {}
    assert without.found == outcome.found
