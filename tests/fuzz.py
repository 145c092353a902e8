"""Calls that nobody would make, by the thousand: each ends in a loss or in a named error, and none in a crash.

    python tests/fuzz.py [--calls N] [--seed N]

Shapes that do not fit, sizes of 0, ids from -2^62 to 2^62, NaN, inf, and the largest and smallest numbers, in every dtype. A
crash would end the process; anything but a named error would be raised here.
"""

from __future__ import annotations

import argparse
import random
import warnings
from collections import Counter
from typing import Any

import torch
from torch import Tensor

import losskit
from losskit import functional

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool)
WILD = (float("nan"), float("inf"), -float("inf"), 3e38, -3e38, 1e-45, 0.0, -0.0, 1.0, -1.0, 1e4, -1e4)
IDS = (-(2**62), -(2**31), -101, -100, -2, -1, 0, 1, 2, 3, 7, 255, 2**31, 2**40, 2**62)
REFUSALS = (ValueError, TypeError, IndexError)


def shape_of(dice: random.Random) -> tuple[int, ...]:
    return tuple(dice.choice((0, 1, 2, 3, 5, 70)) for _ in range(dice.choice((0, 1, 1, 2, 2, 3, 4))))


def tensor_of(dice: random.Random, shape: tuple[int, ...], floating: bool) -> Tensor:
    generator = torch.Generator().manual_seed(dice.randrange(2**31))
    if floating:
        value = torch.randn(shape, generator=generator) * dice.choice((1.0, 1.0, 100.0))
        value = value.softmax(-1) if shape and dice.random() < 0.3 else value
        value = value.log_softmax(-1) if shape and dice.random() < 0.2 else value
        wild = dice.choice((0.0, 0.0, 0.1, 1.0))
        pick = torch.tensor(WILD)[torch.randint(len(WILD), shape, generator=generator)]
        value = torch.where(torch.rand(shape, generator=generator) < wild, pick, value).to(dice.choice(FLOATS))
        return value.requires_grad_(dice.random() < 0.6)
    value = torch.randint(0, dice.choice((1, 2, 3, 5, 71)), shape, generator=generator)
    if dice.random() < 0.3:
        pick = torch.tensor(IDS)[torch.randint(len(IDS), shape, generator=generator)]
        value = torch.where(torch.rand(shape, generator=generator) < 0.3, pick, value)
    elif dice.random() < 0.3:
        value = 2 * (value > 0).long() - 1
    return value.to(dice.choice(WHOLE))


def target_shape(dice: random.Random, shape: tuple[int, ...]) -> tuple[int, ...]:
    ways = [shape, shape, shape[:1] + shape[2:], shape[:-1], shape[:1], shape_of(dice)]
    return dice.choice(ways)


def arguments_of(dice: random.Random, loss: type[losskit.Loss], shape: tuple[int, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, argument in loss.arguments.items():
        if dice.random() < 0.7:
            continue
        if argument.among is not None:
            found[name] = dice.choice(argument.among)
        elif argument.shape is not None:
            found[name] = tensor_of(dice, dice.choice((shape, shape[-1:], shape[1:2])), True).detach().abs()
        elif isinstance(argument.default, bool):
            found[name] = dice.random() < 0.5
        elif isinstance(argument.default, int):
            found[name] = dice.choice(IDS)
        else:
            found[name] = dice.choice((*WILD, 0.3, 2.0))
    return found


def at_call_of(dice: random.Random, shape: tuple[int, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if dice.random() < 0.2:
        found["mask"] = tensor_of(dice, target_shape(dice, shape), False).bool()
    if dice.random() < 0.2:
        found["sample_weight"] = tensor_of(dice, target_shape(dice, shape), True).detach()
    if dice.random() < 0.1:
        found["normalizer"] = dice.choice((1, 2.5, 0, -1, float("nan"), torch.tensor(3.0)))
    return found


def ctc(dice: random.Random) -> tuple[Any, ...]:
    """Log-probabilities, labels and lengths, each of them perhaps wrong."""
    steps, batch, classes, labels = (dice.choice((0, 1, 2, 5, 9)) for _ in range(4))
    log_probs = tensor_of(dice, dice.choice(((steps, batch, classes), (steps, classes))), True)
    targets = tensor_of(dice, dice.choice(((batch, labels), (batch * labels,), (labels,))), False)
    lengths = [[dice.choice((0, 1, 2, 5, 9, steps, labels, -1, 2**40)) for _ in range(batch)] for _ in range(2)]
    return log_probs, targets, *(dice.choice((tuple(each), torch.tensor(each))) for each in lengths)


def once(dice: random.Random, functions: dict[type[losskit.Loss], Any]) -> str:
    """One call; how it ended."""
    loss = dice.choice(list(functions))
    shape = shape_of(dice)
    if loss.__name__ == "CTCLoss":
        tensors: tuple[Any, ...] = ctc(dice)
    else:
        first = tensor_of(dice, shape, True)
        tensors = (
            first,
            *(
                tensor_of(dice, target_shape(dice, shape) if name == "target" else shape, dice.random() < 0.5)
                for name in list(loss.about.tensors)[1:]
            ),
        )
    try:
        value = functions[loss](*tensors, **arguments_of(dice, loss, shape), **at_call_of(dice, shape))
        if value.requires_grad:
            value.sum().backward()
    except REFUSALS as error:
        if not str(error).startswith((loss.__name__, f"{functions[loss].__name__}")):
            raise AssertionError(f"{loss.__name__}: an error without a name: {error!r}") from error
        return "refused"
    return "computed"


def main(calls: int = 100_000, seed: int = 0) -> Counter[str]:
    by_file = {getattr(functional, name).__module__: getattr(functional, name) for name in vars(functional)["__all__"]}
    functions = {
        loss: by_file[loss.__module__]
        for loss in losskit.CATALOG
        if loss.__module__ in by_file and loss.__name__ != "LinearCrossEntropyLoss"
    }
    dice, ended = random.Random(seed), Counter[str]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(calls):
            ended[once(dice, functions)] += 1
    return ended


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    ended = main(options.calls, options.seed)
    print(f"{options.calls} calls: {', '.join(f'{count} {how}' for how, count in ended.items())}, none crashed")
