"""Does ``losskit compare`` conclude? Its intervals, verdicts, cost, and whether its search costs accuracy.

Runs the comparison on fresh seeds, each as the command would, and prints for each seed and over all: the half-width of each loss's own
interval, the decided verdicts, each loss's mean beside that of its best fixed configuration (with ``--fixed``), steps and CPU seconds. Verdicts
of two seeds contradict each other if they cannot both be true.

    python benchmarks/conclusive.py mnist --seeds 5 6 7 8 9 [--fixed] [--workers 2]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from losskit.compare.contender import contender
from losskit.compare.engine import Row, fixed
from losskit.compare.outcome import Outcome, conclude
from losskit.compare.plan import Configuration, Plan, make_plan
from losskit.compare.reading import load
from losskit.compare.verdict import Reading
from losskit.compare.workers import run


def compared(name: str, seed: int, workers: int) -> tuple[Plan, list[Row], Outcome, float, float]:
    """A run as the command does it, its wall-clock seconds and its CPU seconds."""
    data = load(name)
    plan = make_plan(data, seed=seed)
    started, before = time.perf_counter(), os.times()
    rows = list(run(plan, data, workers))
    after = os.times()
    cpu = sum(
        getattr(after, each) - getattr(before, each) for each in ("user", "system", "children_user", "children_system")
    )
    return plan, rows, conclude(plan, rows), time.perf_counter() - started, cpu


def best_fixed(name: str, plan: Plan, workers: int) -> dict[str, float]:
    """For each loss, the mean score of the configuration that is best on all test folds: what no search could know."""
    tasks = [(loss, chosen) for loss in plan.losses for chosen in plan.configurations(contender(loss, plan.task))]
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _one_thread) as pool:
        means = list(pool.map(_fixed, [(name, plan, *task) for task in tasks]))
    return {loss: max(mean for (own, _), mean in zip(tasks, means, strict=True) if own == loss) for loss in plan.losses}


def _one_thread() -> None:
    torch.set_num_threads(1)


def _fixed(task: tuple[str, Plan, str, Configuration]) -> float:
    name, plan, loss, chosen = task
    data = load(name)
    plan = replace(plan, seeds=1)
    places = [(repeat, fold) for repeat in range(plan.repeats) for fold in range(plan.folds)]
    return float(np.mean([fixed(plan, data, loss, chosen, *place) for place in places]))


def contradict(one: Reading, other: Reading) -> bool:
    """Whether two verdicts on the same loss cannot both be true."""
    if Reading.UNKNOWN in (one, other):
        return False
    return one is not other and (one.matters or other.matters)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default="mnist")
    parser.add_argument("--seeds", type=int, nargs="+", default=[5, 6, 7, 8, 9])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--fixed", action="store_true", help="also train every configuration on every fold: minutes a seed"
    )
    options = parser.parse_args()
    runs: list[dict[str, Any]] = []
    for seed in options.seeds:
        plan, rows, outcome, wall, cpu = compared(options.data, seed, options.workers)
        ceiling = best_fixed(options.data, plan, options.workers) if options.fixed else {}
        runs.append(told(seed, rows, outcome, wall, cpu, ceiling))
    print(json.dumps(over_all(runs)))


def told(
    seed: int, rows: Sequence[Row], outcome: Outcome, wall: float, cpu: float, ceiling: dict[str, float]
) -> dict[str, Any]:
    """Print a run; and its figures."""
    steps = statistics.mean(row.steps for row in rows if row.steps)
    print(f"seed {seed}: {wall:.0f} s, {cpu:.0f} CPU seconds, {steps:.0f} steps a loss and fold")
    for found in outcome.found:
        half = found.verdict.half if found.verdict else float("nan")
        gap = f" {found.mean - ceiling[found.loss]:+.4f} from the best fixed" if ceiling else ""
        chosen = f"{found.chosen.optimizer} {found.chosen.rate:g}"
        difference = found.verdict.difference if found.verdict else float("nan")
        print(
            f"  {found.loss:20} {found.mean:.4f} {difference:+.4f} ± {half:.4f} {found.reading!s:28} {chosen:14} {found.beyond}{gap}"
        )
    print(flush=True)
    return {
        "wall": wall,
        "cpu": cpu,
        "steps": steps,
        "readings": {found.loss: found.reading for found in outcome.found},
        "half": {found.loss: found.verdict.half for found in outcome.found if found.verdict},
        "gap": {found.loss: found.mean - ceiling[found.loss] for found in outcome.found} if ceiling else {},
    }


def over_all(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the runs, and how many pairs of verdicts contradict."""
    losses = runs[0]["half"]
    pairs = [(one, other) for at, one in enumerate(runs) for other in runs[at + 1 :]]
    return {
        "median half-width": {
            loss: round(statistics.median(each["half"][loss] for each in runs), 4) for loss in losses
        },
        "decided, median": statistics.median(
            sum(reading not in (Reading.UNKNOWN, Reading.REFERENCE) for reading in each["readings"].values())
            for each in runs
        ),
        "contradictions": sum(
            contradict(one["readings"][loss], other["readings"][loss]) for one, other in pairs for loss in losses
        ),
        "mean gap to the best fixed": {
            loss: round(statistics.mean(each["gap"][loss] for each in runs), 4) for loss in losses if runs[0]["gap"]
        },
        "steps": round(statistics.mean(each["steps"] for each in runs)),
        "CPU seconds, median": round(statistics.median(each["cpu"] for each in runs)),
        "seconds, median": round(statistics.median(each["wall"] for each in runs)),
    }


if __name__ == "__main__":
    main()
