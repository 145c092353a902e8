"""The power of a comparison: what it says of differences that are known.

The scores are those of ``null.py``, whose learners are equal: their differences are scaled to the spread of a real run, and one of
the six is shifted by so many margins, each in its turn, up or down. The others stay equal to the first. Each comparison is of
seven losses, by the statistics of ``losskit compare``.

And one real difference is planted: a network on digits that learns from targets of which a share is random, against one that
learns from the right ones.

    python benchmarks/power.py [--repeats 200] [--spread 0.0045]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from null import FOLDS, MARGIN, REPEATS, TEST_OVER_TRAIN, Array, Pair, pairs, together, verdicts
from torch import Tensor, nn

import losskit
from losskit.compare.data import stratified
from losskit.compare.reading import load
from losskit.compare.verdict import Reading, Verdict, compare
from losskit.core.head import Task

SPREAD = 0.0045  # of a run on mnist
SHIFTS = (0, 1, 2, 4)
SPREADS = (0.003, 0.0045, 0.006, 0.009, 0.012)
NOISE = 0.5  # share of targets that are random
EPOCHS = 20
BEYOND, WRONG = "beyond", "wrong way"
COLUMNS = (BEYOND, WRONG, str(Reading.SAME), str(Reading.DIFFERS), str(Reading.UNKNOWN))
Rates = Mapping[str, float]


def scaled(found: Sequence[Pair], spread: float) -> Iterator[dict[str, Array]]:
    """The differences of all learners, comparison by comparison, with that standard deviation over the folds."""
    for differences in together(found):
        yield {pair.name: differences[pair.name] * (spread / pair.spread) for pair in found}


def rates(found: Sequence[Pair], spread: float, shift: float) -> Rates:
    """How often each thing is said of a loss that is ``shift`` margins off, while the others are equal to the first."""
    counts: Counter[str] = Counter()
    for number, differences in enumerate(scaled(found, spread)):
        planted = list(differences)[number % len(differences)]
        up = number // len(differences) % 2 == 0
        differences[planted] += shift * MARGIN * (1 if up else -1)
        counts.update(said(each, up) for each in verdicts(differences) if each.name == planted or shift == 0)
    return {column: counts[column] / sum(counts.values()) for column in COLUMNS}


def said(verdict: Verdict, up: bool) -> str:
    if not verdict.reading.matters:
        return str(verdict.reading)
    return BEYOND if up == (verdict.reading is Reading.BETTER) else WRONG


def called(found: Sequence[Pair], spread: float) -> float:
    """How often any loss is called better or worse where all are exactly one margin off."""
    every = [
        any(each.reading.matters for each in verdicts({name: each + MARGIN for name, each in differences.items()}))
        for differences in scaled(found, spread)
    ]
    return sum(every) / len(every)


def required(curves: Mapping[float, Mapping[int, Rates]], spread: float) -> dict[str, bool]:
    """What must hold of the rates, and whether it does."""
    low = {each: at[0][Reading.SAME] for each, at in curves.items() if each <= 0.0045}
    return {
        f"{Reading.SAME} at 0 margins where folds differ by {each}: at least 70 %": rate >= 0.7
        for each, rate in low.items()
    } | {
        "beyond at 4 margins: at least 80 %": curves[spread][4][BEYOND] >= 0.8,
        "beyond at 2 margins: at least 40 %": curves[spread][2][BEYOND] >= 0.4,
        "beyond at exactly 1 margin, at any spread: at most 5 %": all(at[1][BEYOND] <= 0.05 for at in curves.values()),
        "the wrong way: never": all(of[WRONG] == 0 for at in curves.values() for shift, of in at.items() if shift),
    }


def trained(features: Tensor, target: Tensor, seed: int, epochs: int) -> nn.Module:
    """A small network, trained by cross-entropy at a rate that falls to 0."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(features.shape[1], 64), nn.ReLU(), nn.Linear(64, 10))
    criterion = losskit.CrossEntropyLoss()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.005, fused=True)
    batches = [rows for _ in range(epochs) for rows in torch.randperm(len(features)).split(64)]
    falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, len(batches))
    for rows in batches:
        optimizer.zero_grad()
        criterion(network(features[rows]), target[rows]).backward()
        optimizer.step()
        falling.step()
    return network


def plant(noise: float = NOISE, epochs: int = EPOCHS) -> list[Verdict]:
    """Verdicts on cross-entropy from other seeds, and on cross-entropy whose training targets are partly random."""
    data, rng = load("digits"), np.random.default_rng(0)
    features = torch.tensor(np.asarray(data.features), dtype=torch.float32) / 16
    right = torch.tensor(data.target)
    random = torch.tensor(rng.integers(10, size=len(right)))
    wrong = torch.where(torch.tensor(rng.random(len(right)) < noise), random, right)
    given = {"cross-entropy": (right, 0), "other seeds": (right, 1), "partly random targets": (wrong, 0)}
    accuracy: dict[str, list[float]] = {name: [] for name in given}
    torch.set_num_threads(1)  # such a small network only waits for a second one
    for repeat in range(REPEATS):
        for train, test in stratified(data.target, FOLDS, repeat, Task.MULTICLASS):
            for name, (target, seed) in given.items():
                network = trained(features[train], target[train], seed, epochs)
                accuracy[name].append((network(features[test]).argmax(1) == right[test]).double().mean().item())
    return compare(accuracy, "cross-entropy", TEST_OVER_TRAIN, MARGIN, True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--spread", type=float, default=SPREAD, help="the standard deviation over folds of a real run")
    options = parser.parse_args()
    started = time.perf_counter()
    found = pairs(options.repeats, sets=300)
    spreads = sorted({*SPREADS, options.spread})
    curves = {spread: {shift: rates(found, spread, shift) for shift in SHIFTS} for spread in spreads}
    held = required(curves, options.spread)
    most = max(called(found, spread) for spread in spreads)
    held["any of six beyond where all are exactly 1 margin off: at most 5 %"] = most <= 0.05
    _, seeds, noisy = planted = plant()
    held["cross-entropy from other seeds: neither better nor worse"] = not seeds.reading.matters
    held["partly random targets: worse"] = noisy.reading is Reading.WORSE
    show(curves, planted)
    print("\nmust hold:")
    for what, holds in held.items():
        print(f"  {'yes' if holds else 'NO '}  {what}")
    seconds = round(time.perf_counter() - started, 1)
    print(json.dumps({"rates": curves, "all at 1 margin": most, "held": all(held.values()), "seconds": seconds}))
    return 0 if all(held.values()) else 1


def show(curves: Mapping[float, Mapping[int, Rates]], planted: Sequence[Verdict]) -> None:
    print(f"How often it is said of a loss, of seven on {FOLDS * REPEATS} folds, at a margin of {MARGIN}\n")
    print("sd of folds  margins off" + "".join(f"  {column}" for column in COLUMNS))
    for spread, at in curves.items():
        for shift, of in at.items():
            print(f"{spread:>11}  {shift:>11}" + "".join(f"  {of[column]:>{len(column)}.1%}" for column in COLUMNS))
    print("\nplanted on digits, against cross-entropy:")
    for each in planted[1:]:
        print(
            f"  {each.name}: {each.difference:+.4f}, 95 % interval {each.low:+.4f} to {each.high:+.4f}: {each.reading}"
        )


if __name__ == "__main__":
    sys.exit(main())
