"""The training of one network with one loss."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from losskit.compare.plan import Configuration, Plan
from losskit.core.head import Task
from losskit.loss import Loss
from losskit.optimizers import MOMENTUM

Batches = Sequence[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Output:
    """The output of a network for some rows.

    Args:
        prediction: Class ids (N,), or standardised values (N, 1).
        score: In a binary task, by which rows can be ranked: the higher, the likelier the second class.
        diverged: Whether there were NaN or infinite values; the prediction is then constant.
    """

    prediction: Tensor
    score: NDArray[np.float64]
    diverged: bool


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


class Training:
    """A network in training, with its optimizer."""

    def __init__(
        self, criterion: Loss, plan: Plan, chosen: Configuration, features: int, outputs: int, seed: int
    ) -> None:
        self.criterion, self.chosen = criterion, chosen
        self.head = criterion.head(plan.task)
        self.network = build(features, plan.hidden, self.head.width(outputs), seed)
        self.optimizer = optimizer(self.network, chosen)
        self.epochs = 0
        self.diverged = False

    def epoch(self, batches: Batches) -> None:
        """Train on every batch; does nothing after it has diverged."""
        if self.diverged:  # it will not recover
            return
        for x, y in batches:
            self.optimizer.zero_grad()
            output = self.network(x)
            if not bool(output.isfinite().all()):  # before the loss, since a loss of probabilities refuses NaN
                self.diverged = True
                return
            loss = self.criterion(self.head.training(output, 1), y)
            loss.backward()
            self.optimizer.step()
        self.epochs += 1
        self.diverged = not math.isfinite(loss.item())


def epochs(plan: Plan, features: Tensor, encoded: Tensor, seed: int) -> Iterator[Batches]:
    """The batches of each epoch; they depend on ``seed`` alone, so that trainings can share them."""
    shuffle = torch.Generator().manual_seed(seed)
    for _ in range(plan.epochs):
        order = torch.randperm(len(features), generator=shuffle, device=shuffle.device)
        xs, ys = torch.split(features[order], plan.batch), torch.split(encoded[order], plan.batch)
        yield list(zip(xs, ys, strict=True))


def train(
    criterion: Loss, plan: Plan, chosen: Configuration, features: Tensor, target: Tensor, outputs: int, seed: int
) -> nn.Sequential:
    """Train a fresh network.

    Args:
        criterion: The loss.
        plan: The task, the network's width, epochs and batch.
        chosen: Optimizer and rate.
        features: The training rows, (N, F).
        target: Their class ids (N,) or values (N, 1).
        outputs: Classes, or columns of a real target.
        seed: Seed of weights and batches, so that losses can share them.
    """
    training = Training(criterion, plan, chosen, features.shape[1], outputs, seed)
    for batches in epochs(plan, features, training.head.encode(target, outputs), seed):
        training.epoch(batches)
    return training.network


@torch.no_grad()
def read(criterion: Loss, task: Task, network: nn.Module, features: Tensor) -> Output:
    """Predictions of a trained network, decoded as the loss wants it.

    Rows are ranked by the raw output, not by the probability: where a sigmoid saturates or a clamp cuts off, probabilities tie.
    """
    output = network(features)
    diverged = not bool(output.isfinite().all())
    if diverged:
        output = torch.zeros_like(output)
    score = output[:, -1] - output[:, 0] if output.shape[1] > 1 else output[:, 0]
    prediction = criterion.predict(output, task)
    if task is not Task.REGRESSION:
        prediction = prediction.reshape(-1)
    return Output(prediction, score.double().numpy(), diverged)
