"""How long a run takes, and plans that fit a budget."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from comparisons import loaded, small, some

from losskit import Task
from losskit.compare import CompareError, Data, Plan, cost, make_plan
from losskit.compare.contender import contender
from losskit.compare.cost import LEAST_ROWS, SPARE, START, Cost, measured_cost, within
from losskit.compare.plan import Configuration
from losskit.compare.recipe import recipe
from losskit.compare.verdict import LEAST_FOLDS


def flat(plan: Plan, step: float = 0.001, training: float = 0.01) -> Cost:
    return Cost(0.5, dict.fromkeys(plan.losses, step), dict.fromkeys(plan.losses, training), 0.2)


def test_seconds_are_steps_and_trainings_and_folds() -> None:
    plan = make_plan(loaded("diabetes"), losses=["L1Loss"], steps=150, seeds=3)
    pairs = len(plan.configurations(contender("L1Loss", plan.task)))
    early, late = plan.search_steps
    trainings = pairs + 2.5 * plan.splits + 3  # a probe on half of the folds
    steps = pairs * early + 2.5 * plan.splits * late + 3 * 150
    each = 2 * (trainings * 0.01 + steps * 0.001) + 0.2
    assert flat(plan).seconds(plan, 1) == pytest.approx(10 * (0.5 + each))
    alone = replace(plan, rates={"SGD": (0.05,)})
    assert flat(alone).seconds(alone, 1) == pytest.approx(10 * (0.7 + 2 * (3 * 0.01 + 450 * 0.001)))


def test_more_workers_take_less_but_start_first(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(loaded("diabetes"), losses=["L1Loss"])
    found = flat(plan, step=0.1)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    one, two, four, eight = (found.seconds(plan, workers) for workers in (1, 2, 4, 8))
    shared = 10 * 0.5
    assert two == pytest.approx(START + shared + (one - shared) / 2)
    assert four == eight == pytest.approx(START + shared + (one - shared) / 4)  # no more than there are cores


def test_what_is_measured_is_positive_and_leaves_the_threads_alone() -> None:
    data = loaded("wine")
    plan = replace(small(data), baselines=("constant", "learner"))
    torch.set_num_threads(2)
    found = measured_cost(plan, data)
    assert torch.get_num_threads() == 2
    assert set(found.step) == set(found.training) == set(plan.losses)
    assert all(value >= 0 for value in (*found.step.values(), *found.training.values()))
    assert found.fold > 0
    assert found.baselines > 0
    assert 0 < found.seconds(plan, 1) < 3600


# Budgets: the seconds are made up, a thousandth a row and step.


@pytest.fixture
def by_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(plan: Plan, data: Data) -> Cost:
        assert len(data.target) == plan.rows
        return flat(plan, step=plan.rows * 1e-6, training=0)

    monkeypatch.setattr(cost, "measured_cost", measured)


def planned(budget: float, rows: int = 8000, **changes: Any) -> tuple[Plan, Data, float]:
    data = some(rows, task=Task.BINARY)
    return within(make_plan(data, losses=["MSELoss"], **changes), data, budget, 1)


@pytest.mark.usefixtures("by_rows")
def test_a_budget_buys_more_and_gives_up_one_thing_after_the_other() -> None:
    """Seeds, rates, repeats, rows, in this order, the more the smaller the budget; what is planned fits."""
    usual = make_plan(some(8000, task=Task.BINARY))
    needed = flat(usual, 0.008, 0).seconds(replace(usual, losses=usual.losses[:2]), 1)
    seen: list[tuple[int, int, int, int]] = []
    for budget in [needed * 10 * 0.93**at for at in range(100)]:
        try:
            plan, data, seconds = planned(budget)
        except CompareError:
            break
        assert seconds <= SPARE * budget
        assert len(data.target) == plan.rows
        pairs = sum(map(len, plan.rates.values()))
        seen.append((plan.rows, plan.repeats, pairs, plan.seeds))
    rates = usual.rates.values()
    every, fewer = sum(map(len, rates)), sum(min(2, len(each)) for each in rates)
    assert seen[0] == (8000, 4, every, 6)
    assert (8000, 2, every, 4) in seen
    assert (8000, 2, every, 1) in seen
    assert (8000, 1, fewer, 1) in seen
    assert seen[-1][1:] == (1, fewer, 1)
    rows = [each[0] for each in seen]
    assert rows == sorted(rows, reverse=True)
    assert rows[-1] < 8000
    for same in set(rows):
        steps = [each[1:] for each in seen if each[0] == same]
        assert steps == sorted(steps, reverse=True)


@pytest.mark.usefixtures("by_rows")
def test_rows_are_those_of_each_class_and_the_batch_follows() -> None:
    data = some(8000, task=Task.BINARY)
    data = replace(data, target=(data.features[:, 0] > 1.5).astype(int))
    plan, few, _ = within(make_plan(data, losses=["MSELoss"]), data, 16, 1)
    assert LEAST_ROWS <= plan.rows < 8000
    assert few.target.mean() == pytest.approx(data.target.mean(), rel=0.05)
    assert plan.batch == make_plan(few).batch < make_plan(data).batch
    assert ((few.features[:, 0] > 1.5) == few.target).all()  # rows and targets stay together
    assert few.notes[-1] == f"{plan.rows} of 8000 rows are used, to end in time"
    again = data.sample(few.part, seed=plan.seed)  # as the script of the run has it
    assert (again.target == few.target).all()
    assert f".sample({few.part}, seed={plan.seed})\n" in recipe(
        plan, few, "MSELoss", Configuration("SGD", 0.1), plan.metric
    )


@pytest.mark.usefixtures("by_rows")
@pytest.mark.parametrize("folds", [2, 5])
def test_a_budget_that_is_too_small_is_refused_with_the_least_that_helps(folds: int) -> None:
    with pytest.raises(CompareError, match="budget of 1 s is too small: the least plan takes") as caught:
        planned(1, folds=folds, repeats=3)
    helps = re.search(r"use budget='(\d+)s'", str(caught.value))
    assert helps
    plan, _, seconds = planned(float(helps[1]), folds=folds, repeats=3)
    assert plan.folds * plan.repeats >= LEAST_FOLDS
    assert (plan.seeds, plan.repeats) == (1, math.ceil(LEAST_FOLDS / folds))
    assert seconds <= SPARE * float(helps[1])
    with pytest.raises(CompareError):
        planned(float(helps[1]) - 1.5, folds=folds, repeats=3)


@pytest.mark.usefixtures("by_rows")
def test_few_rows_are_not_given_up() -> None:
    with pytest.raises(CompareError, match="too small"):
        planned(0.1, rows=2 * LEAST_ROWS - 2)


@pytest.mark.usefixtures("by_rows")
def test_the_rates_that_are_kept_lie_inside() -> None:
    given: Mapping[str, tuple[float, ...]] = {"SGD": (1.0, 2.0, 3.0, 4.0), "Adam": (1.0, 2.0, 3.0), "AdamW": (1.0, 2.0)}
    data = some(1000, task=Task.BINARY)
    plan = replace(make_plan(data, losses=["MSELoss"]), rates=given)
    least = [each for each in cost._plans(plan) if each.rates != given][-1]
    assert {name: tuple(rates) for name, rates in least.rates.items()} == {
        "SGD": (2.0, 3.0),
        "Adam": (2.0, 3.0),
        "AdamW": (1.0, 2.0),
    }
