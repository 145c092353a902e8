"""Which share the loss has in a training step, and what a faster one gives."""

from __future__ import annotations

import statistics
from dataclasses import replace

import paired
import torch
import torch.nn.functional as F
from paired import Effort, Step
from results import TrainingStep
from torch import Tensor, nn

import losskit
from losskit import functional

Setting = tuple[nn.Module, Tensor, Tensor, str]  # the model, its input, the target, and the loss by its function's name


def mlp() -> Setting:
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    return model, torch.randn(64, 784), torch.randint(10, (64,)), "cross_entropy"


def cnn() -> Setting:
    layers = [nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(800, 10))
    return model, torch.randn(64, 1, 28, 28), torch.randint(10, (64,)), "cross_entropy"


def language_head() -> Setting:
    model = nn.Linear(256, 8192, bias=False)
    return model, torch.randn(512, 256), torch.randint(8192, (512,)), "cross_entropy"


def regression() -> Setting:
    model = nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 1))
    return model, torch.randn(64, 13), torch.randn(64, 1), "smooth_l1_loss"


def autoencoder() -> Setting:
    model = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 784))
    return model, torch.randn(64, 784), torch.rand(64, 784), "binary_cross_entropy_with_logits"


NETWORKS = {
    "MLP 784-128-10, batch 64": mlp,
    "CNN on 28 × 28, batch 64": cnn,
    "LM head 256 to 8192, 512 tokens": language_head,
    "Regression MLP 13-64-1, batch 64": regression,
    "Autoencoder 784-64-784, batch 64": autoencoder,
}


def measure(network: str, heap: str, effort: Effort) -> TrainingStep:
    """Whole steps (forward, loss, backward, SGD) in turn on one network, whose rate is too small to change it."""
    torch.manual_seed(0)
    model, input, target, name = NETWORKS[network]()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    usual, own = getattr(F, name), getattr(functional, name)
    (criterion,) = (loss for loss in losskit.CATALOG if loss.about.torch == name)
    bare = losskit.value_and_grad(criterion())
    given = bare(model(input).detach(), target)[1]

    def torch_loss(output: Tensor) -> None:
        usual(output, target).backward()

    def losskit_loss(output: Tensor) -> None:
        own(output, target).backward()

    def without_autograd(output: Tensor) -> None:
        output.backward(bare(output.detach(), target)[1])

    def none(output: Tensor) -> None:
        output.backward(given)

    losses = {"torch": torch_loss, "losskit": losskit_loss, "value_and_grad": without_autograd, "no loss": none}

    def step(loss: str) -> Step:
        def run() -> Tensor:
            optimizer.zero_grad()
            output: Tensor = model(input)
            losses[loss](output)
            optimizer.step()
            return output

        return run

    longer = replace(effort, budget=3 * effort.budget, rounds=(effort.rounds[0], 2 * effort.rounds[1]))
    times = paired.alternate({name: step(name) for name in losses}, longer)  # a share is a small difference
    with_loss = [name for name in losses if name != "no loss"]
    return {
        "network": network,
        "heap": heap,
        "threads": torch.get_num_threads(),
        "seconds": {name: float(f"{statistics.median(rounds):.4g}") for name, rounds in times.items()},
        "share": {name: round(1 - paired.ratio(times["no loss"], times[name]), 4) for name in with_loss},
        "speedup": {name: round(paired.ratio(times["torch"], times[name]), 4) for name in losses if name != "torch"},
    }
