"""pytorch-metric-learning: triplets of its miner, against its own loss."""

from __future__ import annotations

import snippets
import torch
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.reducers import MeanReducer


def test_mined_triplets() -> None:
    torch.manual_seed(0)
    embeddings, labels = torch.randn(24, 8, requires_grad=True), torch.arange(24) % 4
    found = snippets.run("pytorch-metric-learning", embeddings=embeddings, labels=labels)
    theirs = TripletMarginLoss(margin=0.2, distance=found["distance"], reducer=MeanReducer())
    expected = theirs(embeddings, labels, found["triplets"])
    (slope,) = torch.autograd.grad(expected, embeddings)
    for loss in found["losses"]:
        torch.testing.assert_close(loss, expected, rtol=1e-5, atol=0)
        torch.testing.assert_close(
            torch.autograd.grad(loss, embeddings, retain_graph=True)[0], slope, rtol=1e-4, atol=1e-6
        )
