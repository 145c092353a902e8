"""The null run: losses that do not differ must not be found different.

Five copies of cross-entropy under different names, each with weights and batches of its own, are compared on a fresh subsample of
mnist, 200 times, by the code that ``losskit compare`` runs. At a level of 5 % at most 16 of 200 repeats may find any copy
"different" (more would come by chance once in 40 such runs).

    python benchmarks/null_run.py [--repeats 200] [--workers 2]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import torch

from losskit.compare.data import Data
from losskit.compare.engine import jobs
from losskit.compare.outcome import conclude
from losskit.compare.plan import Plan
from losskit.compare.reading import load
from losskit.compare.verdict import Reading
from losskit.compare.workers import in_process
from losskit.core.head import Task

ALLOWED = 0.08  # 16 of 200
ROWS = 500
PLAN = Plan(
    data="mnist",
    task=Task.MULTICLASS,
    losses={f"copy {number}": "CrossEntropyLoss" for number in range(1, 6)},
    reference="copy 1",
    metric="accuracy",
    epochs=8,
    batch=64,
    hidden=128,
    folds=5,
    repeats=2,
    seed=0,
    rates={"Adam": (0.003,)},
    shared=False,
)


@dataclass(frozen=True)
class Null:
    """What one repeat said of the four copies."""

    seed: int
    readings: tuple[str, ...]
    accuracy: float


def subsample(data: Data, seed: int) -> Data:
    """Fresh rows, the same number of each class."""
    rng = np.random.default_rng([seed, 1])
    per_class = ROWS // len(data.classes)
    rows = [
        rng.choice(np.flatnonzero(data.target == label), per_class, replace=False) for label in range(len(data.classes))
    ]
    kept = np.concatenate(rows)
    return replace(data, features=np.asarray(data.features)[kept], target=data.target[kept])


def repeat(seed: int, plan: Plan = PLAN) -> Null:
    plan = replace(plan, seed=seed)
    outcome = conclude(plan, list(in_process(plan, subsample(_mnist[0], seed), jobs(plan))))
    others = tuple(str(found.verdict.reading) for found in outcome.found if found is not outcome.reference)
    return Null(seed, others, outcome.reference.verdict.mean)


_mnist: list[Data] = []


def start() -> None:
    torch.set_num_threads(1)
    _mnist.append(load("mnist"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    started = time.perf_counter()
    nulls: list[Null] = []
    with multiprocessing.get_context("spawn").Pool(options.workers, start) as pool:
        for null in pool.imap_unordered(repeat, range(options.repeats)):
            nulls.append(null)
            if len(nulls) % 10 == 0:
                print(f"{len(nulls)} of {options.repeats}, {time.perf_counter() - started:.0f} s", file=sys.stderr)
    start()
    copies = repeat(0, replace(PLAN, shared=True)).readings
    return report(nulls, copies, time.perf_counter() - started)


def report(nulls: list[Null], copies: tuple[str, ...], seconds: float) -> int:
    false = sum(str(Reading.DIFFERENT) in null.readings for null in nulls)
    counts = Counter(reading for null in nulls for reading in null.readings)
    allowed = int(ALLOWED * len(nulls))
    identical = set(copies) == {str(Reading.IDENTICAL)}
    print(f"{false} of {len(nulls)} repeats found a copy different; {allowed} are allowed")
    print(f"verdicts: {', '.join(f'{reading} {count}' for reading, count in counts.most_common())}")
    print(f"copies of the same seeds read: {', '.join(sorted(set(copies)))}")
    print(f"mean accuracy {np.mean([null.accuracy for null in nulls]):.4f}, {seconds:.0f} s")
    summary = {"repeats": len(nulls), "different": false, "allowed": allowed, "verdicts": dict(counts)}
    print(json.dumps(summary | {"identical": identical, "seconds": round(seconds, 1)}))
    return 0 if false <= allowed and identical else 1


if __name__ == "__main__":
    sys.exit(main())
