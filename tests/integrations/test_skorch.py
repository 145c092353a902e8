"""skorch: grid search, probabilities and scores, against the same search with torch's loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import snippets
import torch
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss
from skorch import NeuralNetBinaryClassifier
from torch import nn

import losskit

OPTIONS: dict[str, Any] = {"max_epochs": 3, "train_split": None, "verbose": 0, "iterator_train__shuffle": True}


def data(classes: int) -> tuple[Any, Any]:
    features, labels = make_classification(90, 6, n_informative=5, n_redundant=0, n_classes=classes, random_state=0)
    return features.astype(np.float32), labels.astype(np.int64)


class Network(nn.Module):
    """Seeded where skorch builds it, so that both searches start from the same parameters."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, outputs))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.layers(features)
        return answer.squeeze(1) if answer.shape[1] == 1 else answer


def test_a_search_is_that_with_torch() -> None:
    features, labels = data(3)
    found = snippets.run("skorch", network=Network, features=features, labels=labels, options=OPTIONS)
    search = found["search"]
    theirs = search.__class__(
        found["net"].__class__(Network, criterion=nn.CrossEntropyLoss, **OPTIONS),
        search.param_grid,
        scoring=search.scoring,
        cv=search.cv,
    ).fit(features, labels)
    scores = search.cv_results_["mean_test_score"]
    np.testing.assert_allclose(scores, theirs.cv_results_["mean_test_score"], rtol=1e-5)
    assert len(np.unique(scores)) == 4
    assert search.best_params_ == theirs.best_params_
    np.testing.assert_allclose(found["probabilities"], theirs.predict_proba(features), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["probabilities"].sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize("name", ["BCEWithLogitsLoss", "BCELoss"])
def test_yes_or_no_has_probabilities(name: str) -> None:
    features, labels = data(2)

    class Answering(Network):
        def forward(self, features: torch.Tensor) -> torch.Tensor:
            logits = super().forward(features)
            return logits.sigmoid() if name == "BCELoss" else logits

    ours, theirs = (
        NeuralNetBinaryClassifier(Answering, module__outputs=1, criterion=getattr(home, name), **OPTIONS)
        .fit(features, labels.astype(np.float32))
        .predict_proba(features)
        for home in (losskit, nn)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    assert np.isfinite(log_loss(labels, ours))
