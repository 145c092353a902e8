"""Timing: variants in turn in one process, so that what disturbs the machine disturbs all of them."""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
Step = Callable[[], Tensor]
Times = dict[str, list[float]]
STATUS, RESET, STAT = Path("/proc/self/status"), Path("/proc/self/clear_refs"), Path("/proc/stat")
MIB = 1 << 20


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Args:
        least: Seconds that one timing takes at least; quicker calls are repeated within it.
        budget: Seconds for all variants together, if the fewest rounds allow.
        rounds: The fewest and the most.
    """

    least: float = 4e-3
    budget: float = 2.0
    rounds: tuple[int, int] = (7, 21)


QUICK = Effort(budget=0.5, rounds=(3, 7))


def once(step: Callable[[], object], calls: int, clock: Callable[[], float] = time.perf_counter) -> float:
    start = clock()
    for _ in range(calls):
        step()
    return (clock() - start) / calls


def in_turn(variants: Mapping[str, Callable[[], T]], orders: Iterable[Sequence[str]]) -> dict[str, list[T]]:
    """What each variant gives, round by round; ``orders`` says who comes when in each."""
    found: dict[str, list[T]] = {name: [] for name in variants}
    for order in orders:
        for name in order:
            found[name].append(variants[name]())
    return found


def shuffled(names: Iterable[str], rounds: int) -> Iterator[list[str]]:
    order, shuffler = list(names), random.Random(0)
    for _ in range(rounds):
        shuffler.shuffle(order)
        yield order


def rotated(names: Iterable[str], rounds: int) -> Iterator[list[str]]:
    """Each of them begins a round in turn."""
    order = list(names)
    for turn in range(rounds):
        first = turn % len(order)
        yield order[first:] + order[:first]


def to_and_fro(names: Iterable[str], rounds: int) -> Iterator[list[str]]:
    """From the last to the first, then from the first to the last."""
    order = list(names)
    for turn in range(rounds):
        yield order if turn % 2 else order[::-1]


def alternate(steps: Mapping[str, Step], effort: Effort) -> Times:
    """Seconds a call of each variant, round by round, the order shuffled in each."""
    guess = {name: min(once(step, 1) for _ in range(3)) for name, step in steps.items()}
    calls = {name: max(1, round(effort.least / seconds)) for name, seconds in guess.items()}
    fewest, most = effort.rounds
    rounds = int(effort.budget / sum(guess[name] * calls[name] for name in steps))
    timed = {name: partial(once, step, calls[name]) for name, step in steps.items()}
    return in_turn(timed, shuffled(steps, min(max(rounds, fewest), most)))


def ratio(rival: Sequence[float], ours: Sequence[float]) -> float:
    """The median over the rounds of the rival's time over ours."""
    return statistics.median(a / b for a, b in zip(rival, ours, strict=True))


def copy(shape: tuple[int, ...]) -> Step:
    """A copy of so many float32: what memory allows."""
    one, other = torch.ones(shape), torch.ones(shape)
    return lambda: one.copy_(other)


def growth(step: Step) -> float | None:
    """MiB by which the peak of this process grows over ``step``; None where the system does not say."""
    try:
        RESET.write_text("5")  # the peak so far is forgotten
        before = _kilobytes("VmRSS")
        step()
        return (_kilobytes("VmHWM") - before) * 1024 / MIB
    except OSError:
        return None


def busy() -> float | None:
    """Seconds that all cores together have worked, a host that took them away included; None where nobody counts."""
    try:
        user, nice, system, _idle, _wait, *interrupts = map(int, STAT.read_text().splitlines()[0].split()[1:9])
    except OSError:
        return None
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def own() -> float:
    """Those of them that this process and its finished children have worked."""
    return sum(os.times()[:4])


def _kilobytes(field: str) -> int:
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1])
