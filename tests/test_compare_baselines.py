"""What is set beside the losses: the constant predictor, and a learner that is no network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from comparisons import NAMES, TASKS, loaded, small, some
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import average_precision_score

from losskit import Task
from losskit.compare import METRICS
from losskit.compare.baselines import WIDE, baseline, learner_name
from losskit.compare.engine import Engine, Job
from losskit.compare.prepare import Split


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("name", NAMES)
def test_the_constant_predictor_by_hand(name: str) -> None:
    data = loaded(name)
    plan, rows, test = small(data), np.arange(0, 170, 2), np.arange(1, 171, 2)
    found = baseline(plan, "constant", Split(data, rows, test), 0)
    assert list(found) == list(METRICS[data.task])
    truth, trained = data.target[test], data.target[rows]
    if name == "diabetes":
        assert found["rmse"] == pytest.approx(np.sqrt(np.mean((truth - trained.mean()) ** 2)))
        robust = baseline(replace(plan, metric="mae"), "constant", Split(data, rows, test), 0)
        assert robust["mae"] == pytest.approx(np.mean(abs(truth - np.median(trained))))
        return
    shares = np.bincount(trained) / len(trained)
    assert found["accuracy"] == pytest.approx(np.mean(truth == shares.argmax()))
    assert found["balanced_accuracy"] == pytest.approx(1 / len(shares))
    assert found["brier"] == pytest.approx(np.mean([np.sum((shares - np.eye(len(shares))[t]) ** 2) for t in truth]))
    if name == "breast_cancer":
        assert found["average_precision"] == pytest.approx(truth.mean())
        assert found["average_precision"] == pytest.approx(average_precision_score(truth, np.zeros(len(truth))))


@pytest.mark.parametrize("name", NAMES)
def test_the_learner_learns(name: str) -> None:
    data = loaded(name)
    plan, order = small(data), np.random.default_rng(0).permutation(len(data.target))
    split = Split(data, order[50:], order[:50])
    (own, constant), measure = (baseline(plan, each, split, 0) for each in ("learner", "constant")), plan.measure
    assert (own[plan.metric] > constant[plan.metric]) == measure.higher
    assert own == baseline(plan, "learner", split, 0)
    assert list(own) == list(METRICS[data.task])


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("columns", [WIDE, WIDE + 1])
def test_the_learner_of_many_features_is_linear(task: Task, columns: int) -> None:
    data = some(60, columns, task)
    plan = small(data)
    linear = "ridge regression" if task is Task.REGRESSION else "logistic regression"
    assert learner_name(plan) == ("gradient-boosted trees" if columns <= WIDE else linear)
    rows = np.arange(40)
    split = Split(data, rows, np.arange(40, 60))
    found = baseline(plan, "learner", split, 0)
    models: list[Any] = [HistGradientBoostingRegressor(random_state=0), Ridge()]
    if task is not Task.REGRESSION:
        models = [HistGradientBoostingClassifier(random_state=0), LogisticRegression(max_iter=200)]
    model = models[columns > WIDE].fit(split.features.numpy(), data.target[rows])
    said = model.predict(split.test_features.numpy())
    if task is Task.REGRESSION:
        assert found["mae"] == pytest.approx(np.abs(said - split.truth).mean())
    else:
        assert found["accuracy"] == (said == split.truth).mean()
        p = model.predict_proba(split.test_features.numpy())
        assert found["brier"] == pytest.approx(((p - np.eye(p.shape[1])[split.truth]) ** 2).sum(1).mean())


def test_a_baseline_is_a_job_among_the_others() -> None:
    data = loaded("wine")
    plan = replace(small(data), baselines=("constant", "learner"))
    row = Engine(plan, data).do(Job("constant", 0, 2))
    assert (row.loss, row.repeat, row.fold, row.steps, row.diverged, row.inner) == ("constant", 0, 2, 0, 0, [])
    assert row.metrics["accuracy"] == pytest.approx(0.4, abs=0.1)
