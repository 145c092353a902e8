"""What a run of ``bench.py`` writes as JSON, and the page is rendered from."""

from __future__ import annotations

from typing import TypedDict


class TimedLoss(TypedDict):
    """One loss of a table."""

    loss: str
    rival: str | None  # torch's name for it; None: written by hand
    kernel: bool
    elementwise: bool
    ratios: dict[str, float]  # rival's time over losskit's, the median of the rounds, by column
    seconds: dict[str, float]  # the median time of each variant
    traffic: float  # losskit's time over that of as many bytes as it must read and write, at the speed of a copy
    rounds: int
    missing: dict[str, str]  # variants that could not be measured, and why


class Table(TypedDict):
    """All losses at one size, heap and number of threads: one process."""

    size: str
    shape: list[int]
    heap: str
    threads: int
    bandwidth: float  # bytes a second that a copy of so many float32 reads and writes
    rows: list[TimedLoss]


class Memory(TypedDict):
    """By how much forward and backward let a fresh process grow, in MiB; None where the system does not say."""

    loss: str
    size: str
    shape: list[int]
    heap: str
    gradient: float
    torch: float | None
    losskit: float | None


class TrainingStep(TypedDict):
    """A training step of one network; the variants are torch, losskit, value_and_grad and no loss."""

    network: str
    heap: str
    threads: int
    seconds: dict[str, float]
    share: dict[str, float]  # of the step, that the loss takes, by variant
    speedup: dict[str, float]  # torch's step over that of the variant


class Slope(TypedDict):
    """How the time of ``value_and_grad`` grows with the elements: 1 is linear."""

    loss: str
    seconds: list[float]
    slope: float


class Machine(TypedDict):
    """Where it ran."""

    processor: str
    cores: int
    kernels: str
    node: str  # of autograd: in C++, or in Python
    torch: str
    python: str
    losskit: str


class Results(TypedDict):
    """A run."""

    machine: Machine
    flags: list[str]  # with which it was called, less those that choose the table
    seconds: float  # that it took
    others: float | None  # cores that other processes, or the host, took meanwhile
    tables: list[Table]
    memory: list[Memory]
    steps: list[TrainingStep]
    slopes: list[Slope]
