"""The choice of optimizer and rate: its stages, what it may see, and what is recommended at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from comparisons import NAMES, loaded, rows_of, small, spoiled
from torch import nn

from losskit.compare import Data, Plan, make_plan, search
from losskit.compare.contender import Contender, contender
from losskit.compare.data import stratified
from losskit.compare.engine import Engine, Job, prepared
from losskit.compare.outcome import conclude
from losskit.compare.plan import Configuration
from losskit.compare.prepare import Split
from losskit.compare.search import Trial, measure
from losskit.compare.train import train

GRID = {"SGD": (0.01, 0.1, 1.0), "Adam": (0.001, 0.01, 0.1)}
Call = tuple[Configuration, Split, int, int]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Call]]:
    """Each training that is asked for; its score is the plan's: ``GOOD`` by configuration, and better with more steps."""
    made: list[Call] = []

    def measured(
        plan: Plan, loss: Contender, split: Split, chosen: Configuration, seed: int, steps: int
    ) -> tuple[dict[str, float], bool]:
        made.append((chosen, split, seed, steps))
        value = GOOD.get(chosen, 0.0)
        return {plan.inner_metric(loss): plan.sign(loss) * (value or 0.0)}, value is None

    monkeypatch.setattr(search, "measure", measured)
    GOOD.clear()
    yield made
    GOOD.clear()


GOOD: dict[Configuration, float | None] = {}


def searched(name: str, loss: str | None = None, fold: int = 0, **changes: Any) -> tuple[Plan, Any, list[Trial]]:
    data = loaded(name)
    plan = small(data, **{"rates": GRID, **changes})
    place = prepared(plan, data, 0, fold)
    made = contender(loss or plan.reference, plan.task)
    return plan, place, search.search(plan, made, place.inner, place.search_seeds)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("splits", [2, 3])
def test_all_are_tried_early_and_the_best_late_on_all_splits(name: str, splits: int, calls: list[Call]) -> None:
    GOOD.update({Configuration("Adam", 0.01): 5.0, Configuration("SGD", 0.1): 4.0, Configuration("SGD", 1.0): 3.0})
    plan, place, trials = searched(name, splits=splits)
    early, late = plan.search_steps
    stage = [(chosen, split, seed) for chosen, split, seed, steps in calls if steps == early]
    every = [Configuration(optimizer, rate) for optimizer, rates in GRID.items() for rate in rates]
    assert sorted(map(str, (chosen for chosen, _, _ in stage))) == sorted(map(str, every))
    assert all(split is place.inner[0] and seed == place.search_seeds[0] for _, split, seed in stage)
    last = [(chosen.rate, split, seed) for chosen, split, seed, steps in calls if steps == late]
    pairs = list(zip(place.inner, place.search_seeds, strict=True))
    assert sorted(last[:splits] + last[splits:], key=lambda call: call[0]) == [
        (rate, *pair) for rate in (0.01, 0.1) for pair in pairs
    ]
    assert len(calls) == len(every) + 2 * splits
    assert trials[-1] == Trial(Configuration("Adam", 0.01), plan.sign(contender(plan.reference, plan.task)) * 5.0, late)


@pytest.mark.parametrize(("probe", "chosen"), [(6.0, 10.0), (5.0, 1.0), (4.0, 1.0), (None, 1.0)])
@pytest.mark.parametrize("name", ["wine", "diabetes"])
def test_a_probe_beyond_the_edge_is_taken_only_if_it_is_better(
    name: str, probe: float | None, chosen: float, calls: list[Call]
) -> None:
    GOOD.update({Configuration("SGD", 1.0): 5.0, Configuration("SGD", 10.0): probe})
    plan, _, trials = searched(name)
    assert trials[-1].configuration == Configuration("SGD", chosen)
    outside = [steps for configuration, _, _, steps in calls if configuration.rate == 10.0]
    assert outside == [plan.search_steps[1]] * (1 if probe is None else plan.splits)
    assert Configuration("SGD", 10.0) in [trial.configuration for trial in trials]  # told in any case


def test_nothing_beyond_the_grid_is_tried_from_its_middle(calls: list[Call]) -> None:
    GOOD.update({Configuration("SGD", 0.1): 5.0})
    searched("wine")
    assert {chosen.rate for chosen, *_ in calls} <= {rate for rates in GRID.values() for rate in rates}


def test_of_equals_the_one_nearest_to_the_tutorials_wins(calls: list[Call]) -> None:
    plan, _, trials = searched("wine")
    assert trials[-1].configuration == plan.configurations(contender(plan.reference, plan.task))[0]


def test_what_diverges_is_last(calls: list[Call]) -> None:
    GOOD.update(dict.fromkeys([Configuration(name, rate) for name, rates in GRID.items() for rate in rates]))
    GOOD[Configuration("Adam", 0.01)] = -5.0
    _, _, trials = searched("wine")
    assert trials[-1].configuration == Configuration("Adam", 0.01)
    assert [trial.score for trial in trials].count(None) >= 5


def test_a_loss_without_the_metric_is_searched_by_another_in_its_own_direction(calls: list[Call]) -> None:
    """Brier scores rank, less is better; MSELoss has none and is searched by accuracy, of which more is better."""
    GOOD.update({Configuration("SGD", 0.15): 0.9, Configuration("Adam", 0.01): 0.2})
    plan, _, trials = searched("wine", "MSELoss", metric="brier")
    assert not plan.measure.higher
    assert trials[-1].configuration == Configuration("SGD", 0.15)  # its grid is that of three classes
    assert trials[-1].score == 0.9


def test_one_configuration_needs_no_search(calls: list[Call]) -> None:
    _, _, trials = searched("wine", rates={"SGD": (0.05,)})
    assert trials == [Trial(Configuration("SGD", 0.05), None, 0)]
    assert trials[0].as_json() == {"optimizer": "SGD", "rate": 0.05, "score": None, "steps": 0}
    assert not calls


@pytest.mark.parametrize("name", ["wine", "diabetes"])
def test_a_score_is_the_mean_of_what_anybody_measures(name: str) -> None:
    """Each trial, early or late, by trainings of its own with a decay of its own."""
    plan, place, trials = searched(name, rates={"SGD": (0.02, 0.05), "Adam": (0.01,)}, steps=20)
    made, (early, late) = contender(plan.reference, plan.task), plan.search_steps
    assert {trial.steps for trial in trials} == {early, late}
    for trial in trials:
        pairs = list(zip(place.inner, place.search_seeds, strict=True))[: 1 if trial.steps == early else None]
        scores = [
            measure(plan, made, split, trial.configuration, seed, trial.steps)[0][plan.metric] for split, seed in pairs
        ]
        assert trial.score == pytest.approx(np.mean(scores))


# What a network may see.


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """The weights of every network that is trained."""
    seen: list[torch.Tensor] = []

    def noted(*given: Any) -> nn.Sequential:
        network = train(*given)
        seen.append(torch.cat([each.detach().flatten() for each in network.parameters()]))
        return network

    monkeypatch.setattr(search, "train", noted)
    return seen


@pytest.mark.parametrize("spoil", ["targets", "features"])
@pytest.mark.parametrize("name", NAMES)
def test_the_search_does_not_train_on_the_rows_that_it_scores(
    name: str, spoil: str, networks: list[torch.Tensor]
) -> None:
    """The rows that all splits hold out are spoilt: the networks stay the same bit for bit, only their scores change."""
    data = loaded(name)
    plan, rows = small(data), np.arange(0, len(data.target), 2)
    kept, held = stratified(data.target[rows], 5, 5, data.task)[0]
    made, found = contender(plan.losses[1], plan.task), []
    for each in (data, spoiled(data, rows[held], spoil)):
        networks.clear()
        split = Split(each, rows[kept], rows[held])
        early = [search.trial(plan, made, [split, split], [3, 4], chosen, 6) for chosen in plan.configurations(made)]
        found.append((torch.stack(networks), [trial.score for trial in early]))
    assert torch.equal(found[0][0], found[1][0])
    assert len(found[0][0]) == 6
    assert found[0][1] != found[1][1]


@pytest.mark.parametrize("spoil", ["targets", "features"])
@pytest.mark.parametrize("name", NAMES)
def test_no_training_and_no_choice_sees_the_test_fold(
    name: str, spoil: str, networks: list[torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = loaded(name)
    plan = small(data)
    folds = data.folds(5, 3)
    monkeypatch.setattr(Data, "folds", lambda *given: folds)  # spoilt targets would be dealt otherwise
    found = []
    for each in (data, spoiled(data, folds[1][1], spoil)):
        networks.clear()
        row = Engine(plan, each).do(Job(plan.reference, 0, 1))
        found.append((torch.stack(networks), row.inner, row.metrics))
    assert torch.equal(found[0][0], found[1][0])
    assert len(found[0][0]) >= 3 + 2 * 2 + 2  # early, late on both splits, tested by two seeds
    assert found[0][1] == found[1][1]
    assert found[0][2] != found[1][2]


# What is recommended.

SGD, ADAM, OTHER = Configuration("SGD", 0.1), Configuration("Adam", 0.01), Configuration("Adam", 0.001)


def recommended(
    name: str, early: dict[Configuration, list[float | None]], late: dict[Configuration, dict[int, float | None]]
) -> Configuration:
    """What a run of ten folds recommends of its reference, by the scores of early trials, and of late ones on some folds."""
    data = loaded(name)
    plan = small(data, repeats=2, rates={"SGD": (0.1,), "Adam": (0.001, 0.01)})
    steps = plan.search_steps

    def inner(loss: str, place: int) -> list[dict[str, Any]]:
        trials = [Trial(chosen, scores[place], steps[0]) for chosen, scores in early.items()]
        trials += [Trial(chosen, scores[place], steps[1]) for chosen, scores in late.items() if place in scores]
        return [trial.as_json() for trial in trials]

    rows = rows_of(plan, {loss: [0.5 + 0.01 * each for each in range(10)] for loss in plan.losses}, inner=inner)
    return conclude(plan, rows).reference.chosen


@pytest.mark.parametrize(("name", "sign"), [("wine", 1), ("diabetes", -1)])
def test_the_recommended_configuration_has_the_best_mean_over_all_folds(name: str, sign: int) -> None:
    """Not the one that most folds chose: Adam wins on six folds by little, SGD on four by much."""
    early: dict[Configuration, list[float | None]] = {
        ADAM: [*[10 + sign * 0.1] * 6, *[10 - sign * 3.0] * 4],
        SGD: [10.0] * 10,
        OTHER: [10 - sign * 5.0] * 10,
    }
    assert recommended(name, early, {}) == SGD
    late: dict[Configuration, dict[int, float | None]] = {SGD: dict.fromkeys(range(10), 10.0)}
    late[ADAM] = {place: 10 + sign * (0.1 if place < 6 else -3.0) for place in range(10)}
    assert recommended(name, early, late) == SGD
    late[ADAM] = {place: 10 + sign * (0.6 if place < 6 else -0.5) for place in range(10)}
    assert recommended(name, early, late) == ADAM  # longer trainings say more


def test_trials_of_different_lengths_are_not_mixed() -> None:
    """A configuration whose late trials are on its few good folds alone has a high late score, and is not taken for it."""
    early: dict[Configuration, list[float | None]] = {SGD: [0.8] * 10, ADAM: [0.7] * 10, OTHER: [0.1] * 10}
    late: dict[Configuration, dict[int, float | None]] = {SGD: dict.fromkeys(range(10), 0.9), ADAM: {0: 1.0, 1: 1.0}}
    assert recommended("wine", early, late) == SGD
    early[ADAM] = [0.85] * 10
    assert recommended("wine", early, late) == SGD  # it reached the finals on two folds of ten


def test_what_diverged_somewhere_is_not_recommended() -> None:
    early: dict[Configuration, list[float | None]] = {SGD: [0.9] * 9 + [None], ADAM: [0.7] * 10, OTHER: [0.6] * 10}
    assert recommended("wine", early, {}) == ADAM


def test_without_a_search_there_is_nothing_to_choose() -> None:
    data = loaded("wine")
    plan = small(data, rates={"SGD": (0.05,)}, repeats=2, losses=("CrossEntropyLoss", "NLLLoss"))
    rows = rows_of(plan, {loss: [0.5, 0.6] * 5 for loss in plan.losses})
    assert {found.chosen for found in conclude(plan, rows).found} == {Configuration("SGD", 0.05)}


def test_a_search_and_its_plan_agree_on_real_data() -> None:
    """A rate far too high at one end, far too low at the other: what is recommended lies between."""
    data = loaded("wine")
    plan = make_plan(data, losses=["MSELoss"], repeats=1, steps=60, seeds=1, optimizers=["SGD"])
    plan = small(data, steps=60, seeds=1, hidden=16, losses=plan.losses, rates={"SGD": (1e-5, 0.05, 500.0)})
    engine = Engine(plan, data)
    rows = [engine.do(Job(loss, 0, fold)) for fold in range(5) for loss in plan.losses]
    assert {found.chosen.rate for found in conclude(plan, rows).found} == {0.05, 0.075}
