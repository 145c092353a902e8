"""What a network is set beside, outside the tests: the constant predictor, and a learner that is no network."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from losskit.compare.metrics import Predicted, measured
from losskit.compare.plan import Plan
from losskit.compare.prepare import Split
from losskit.core.head import Task

CONSTANT, LEARNER = "constant", "learner"
BASELINES = (CONSTANT, LEARNER)
WIDE = 100  # features: above it, trees take too long on one core


def learner_name(plan: Plan) -> str:
    """What the learner is, in words."""
    if plan.features <= WIDE:
        return "gradient-boosted trees"
    return "ridge regression" if plan.task is Task.REGRESSION else "logistic regression"


def baseline(plan: Plan, name: str, split: Split, seed: int) -> dict[str, float]:
    """The metrics of a baseline on the test side of a split."""
    features, target = split.features.numpy(), split.training_target
    model = _constant(plan) if name == CONSTANT else _learner(plan, features.shape[1], seed)
    with threadpool_limits(1):  # as the trainings have
        model.fit(features, target)
    prediction = np.asarray(model.predict(split.test_features.numpy()))
    if plan.task is Task.REGRESSION:
        return measured(plan.task, split.truth, Predicted(prediction, prediction))
    p = model.predict_proba(split.test_features.numpy())
    return measured(plan.task, split.truth, Predicted(prediction, p[:, -1], p))


def _constant(plan: Plan) -> Any:
    if plan.task is Task.REGRESSION:
        return DummyRegressor(strategy="median" if plan.metric == "mae" else "mean")
    return DummyClassifier(strategy="prior")


def _learner(plan: Plan, features: int, seed: int) -> Any:
    regression = plan.task is Task.REGRESSION
    if features > WIDE:
        return Ridge() if regression else LogisticRegression(max_iter=200)
    loss = "absolute_error" if plan.metric == "mae" else "squared_error"
    if regression:
        return HistGradientBoostingRegressor(loss=loss, random_state=seed % 2**32)
    return HistGradientBoostingClassifier(random_state=seed % 2**32)
