"""The network that is trained, and its training."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from losskit.compare.contender import Contender
from losskit.compare.errors import CompareError, argument
from losskit.compare.metrics import Predicted
from losskit.compare.plan import Configuration, Plan
from losskit.compare.prepare import Split
from losskit.optimizers import MOMENTUM


def build(features: int, hidden: int, width: int, seed: int) -> nn.Sequential:
    """The tutorial's network. With the same seed the hidden layer is the same for every width of the last."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, width))


def optimizer(network: nn.Module, chosen: Configuration) -> torch.optim.Optimizer:
    """The optimizer of a configuration, fused if torch has it."""
    parameters, rate = network.parameters(), chosen.rate
    if chosen.optimizer == "SGD":
        return torch.optim.SGD(parameters, lr=rate, momentum=MOMENTUM, fused=True)
    if chosen.optimizer == "RMSprop":
        return torch.optim.RMSprop(parameters, lr=rate)
    adam = torch.optim.AdamW if chosen.optimizer == "AdamW" else torch.optim.Adam
    return adam(parameters, lr=rate, fused=True)


def batches(rows: int, size: int, steps: int, seed: int) -> Iterator[Tensor]:
    """The rows of each step: every pass takes every row once, in an order that depends on ``seed`` alone."""
    shuffle, done = torch.Generator().manual_seed(seed), 0
    while True:
        for chosen in torch.randperm(rows, generator=shuffle, device=shuffle.device).split(size):
            if done == steps:
                return
            yield chosen
            done += 1


def train(
    contender: Contender,
    plan: Plan,
    chosen: Configuration,
    split: Split,
    seed: int,
    steps: int,
) -> nn.Sequential:
    """Train a fresh network, at a rate that falls linearly to 0.

    Args:
        contender: The loss.
        plan: The network's width, and the batch.
        chosen: Optimizer and rate.
        split: The training rows.
        seed: Seed of weights and batches, so that losses can share them.
        steps: Steps of the optimizer.
    """
    head, features, outputs = contender.head, split.features, split.outputs
    encoded = head.encode(split.target, outputs)
    criterion = contender.criterion(encoded, outputs)
    network = build(features.shape[1], plan.hidden, head.width(outputs), seed)
    trainer = optimizer(network, chosen)
    group = trainer.param_groups[0]
    for step, rows in enumerate(batches(len(features), plan.batch, steps, seed)):
        output = network(features[rows])
        # before the loss, since a loss of probabilities refuses NaN
        if not math.isfinite(float(output.detach().sum())):  # it will not recover
            break
        group["lr"] = chosen.rate * (1 - step / steps)
        trainer.zero_grad()
        try:
            criterion(head.training(output, 1), encoded[rows]).backward()
        except Exception as error:
            raise CompareError(
                f"{argument('losses')}: {contender.name} raised {type(error).__name__}: {error}; it is called with outputs "
                f"{tuple(output.shape)} and targets {tuple(encoded[rows].shape)}, and returns one number"
            ) from error
        trainer.step()
    return network


@torch.no_grad()
def read(contender: Contender, network: nn.Module, split: Split) -> tuple[Predicted, bool]:
    """What a trained network predicts for the test rows, and whether it diverged; the prediction is then constant.

    Rows are ranked by the raw output, not by the probability: where a sigmoid saturates or a clamp cuts off, probabilities tie.
    """
    head, output = contender.head, network(split.test_features)
    diverged = not bool(output.isfinite().all())
    if diverged:
        output = torch.zeros_like(output)
    score = output[:, -1] - output[:, 0] if output.shape[1] > 1 else output[:, 0]
    probabilities = None
    if contender.gives_probabilities:
        probabilities = head.probabilities(output.double(), 1).numpy()
        if probabilities.shape[1] == 1:
            probabilities = np.hstack([1 - probabilities, probabilities])
    prediction = split.fitted.restored(head.predict(output, 1))
    return Predicted(prediction, score.double().numpy(), probabilities), diverged
