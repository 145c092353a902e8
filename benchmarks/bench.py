"""How fast the losses are: forward and backward against torch, on this machine.

Every loss of the catalog is measured beside its rivals in turn, in one fresh process a table; a cell is the median over the
rounds of the rival's time over losskit's: above 1 losskit is faster. Prints the page that docs/benchmarks.md is.

    python benchmarks/bench.py --json FILE    # measures all, minutes on a machine that does nothing else
    python benchmarks/bench.py --table FILE   # renders what was measured
    python benchmarks/bench.py --quick        # fewer rounds of fewer tables
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from math import prod
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import TypeVar

import curves
import page
import paired
import torch
import training
import variants
from paired import MIB, Effort
from results import Machine, Memory, Results, Slope, Table, TrainingStep
from targets import place

import losskit
from losskit import native

T = TypeVar("T")
HEAPS = {"default": "0", "thp": "1"}
HEAP = "THP_MEM_ALLOC_ENABLE"  # read at torch's first allocation
PARTS = ("tables", "memory", "steps", "slopes")
#: Every row against every other or every class, and in torch every class against every other: not in the largest tables.
QUADRATIC = frozenset({"ArcFaceLoss", "NTXentLoss", "MultiLabelMarginLoss"})
MOST = 1 << 16  # numbers up to which a loss without a kernel is measured: beyond, its formula only shows the lack


@dataclass(frozen=True)
class Size:
    """The shape of the inputs of a table, and what is measured at it.

    Args:
        shape: Rows and columns, or items and classes.
        module: Whether modules are measured beside functions, from which they differ by a microsecond.
        memory: Whether the memory of cross-entropy is measured.
        losses: These; none named: the catalog.
        compiled: Whether compiled rivals are measured, which takes most of the time; with one thread and the default heap.
        large: Whether it is measured with more threads and with huge pages, too.
    """

    shape: tuple[int, int]
    module: bool = False
    memory: bool = False
    losses: tuple[str, ...] = ()
    compiled: bool = False
    large: bool = False


SIZES = {
    "tiny": Size((8, 5), module=True, memory=True),  # for the test of this program
    "minimal": Size((8, 4)),
    "small": Size((64, 10), module=True),
    "batch": Size((256, 100)),
    "medium": Size((4096, 1000), compiled=True),
    "large": Size((16384, 1024), compiled=True, large=True),
    "vocabulary": Size((8192, 32000), memory=True, losses=("CrossEntropyLoss",)),
}


@dataclass(frozen=True)
class Scope:
    """What a run measures."""

    parts: tuple[str, ...]
    sizes: tuple[str, ...]
    threads: tuple[int, ...]
    heaps: tuple[str, ...]
    rivals: tuple[str, ...]
    losses: tuple[str, ...]
    quick: bool

    @property
    def effort(self) -> Effort:
        """How long each loss is measured."""
        return paired.QUICK if self.quick else Effort()

    @property
    def flags(self) -> list[str]:
        """What repeats a table of this run, beside the flags that choose the table."""
        flags = ["--quick"] if self.quick else []
        flags += ["--rivals", *self.rivals] if self.rivals != usual_rivals(self.quick) else []
        return flags + (["--losses", *self.losses] if self.losses else [])

    def catalog(self, size: str) -> list[type[losskit.Loss]]:
        """The losses of a table: those with a kernel, and where it is small the rest, too."""
        named = [set(names) for names in (self.losses, SIZES[size].losses) if names]
        small = prod(SIZES[size].shape) <= MOST
        return [
            loss
            for loss in losskit.CATALOG
            if all(loss.__name__ in names for names in named)
            and loss.__name__ not in variants.ELSEWHERE
            and (small or loss.about.kernel)
            and (loss.__name__ not in QUADRATIC or prod(SIZES[size].shape) <= 1 << 22)
        ]

    def tables(self) -> Iterator[tuple[str, str, int]]:
        """Size, heap and threads of each: one more thread, or huge pages, where the tensors are large."""
        for size in filter(self.catalog, self.sizes):
            yield size, self.heaps[0], self.threads[0]
            if SIZES[size].large:
                yield from ((size, self.heaps[0], threads) for threads in self.threads[1:])
                yield from ((size, heap, self.threads[0]) for heap in self.heaps[1:])


def usual_rivals(quick: bool) -> tuple[str, ...]:
    return variants.RIVALS[:1] if quick else variants.RIVALS


def fresh(heap: str, function: Callable[..., T], *arguments: object) -> T:
    """Call ``function`` in a new process of this heap, whose compiler starts no processes that would disturb it."""
    os.environ |= {HEAP: HEAPS[heap], "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def table(scope: Scope, size: str, heap: str, threads: int) -> Table:
    torch.set_num_threads(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])  # for all rivals: XLA knows no such setting
    shape = SIZES[size].shape
    copy = paired.copy(shape)
    rows = []
    alone = SIZES[size].compiled and (heap, threads) == ("default", 1)
    rivals = tuple(rival for rival in scope.rivals if alone or rival != "compiled")
    for loss in scope.catalog(size):
        rows.append(variants.measure(loss, shape, rivals, SIZES[size].module, copy, scope.effort))
        progress(f"{place(size, heap, threads)}: {loss.__name__} {rows[-1]['ratios']}")
    return {
        "size": size,
        "shape": list(shape),
        "heap": heap,
        "threads": threads,
        "bandwidth": float(f"{2 * 4 * prod(shape) / median(row['seconds']['copy'] for row in rows):.4g}"),
        "rows": rows,
    }


def growth(name: str, shape: tuple[int, int], variant: str) -> float | None:
    """MiB that a variant adds to the peak of this process; a call of another size has loaded what is loaded once."""
    loss = next(candidate for candidate in losskit.CATALOG if candidate.__name__ == name)
    for size in ((2, 2), shape):
        step = variants.variants(loss, variants.draw(loss, size), ("eager",), module=False)[variant]
        grown = paired.growth(step)
    return None if grown is None else round(grown, 1)


def memory(size: str, heap: str) -> Memory:
    shape = SIZES[size].shape
    grown = {who: fresh(heap, growth, "CrossEntropyLoss", shape, f"{who} function") for who in ("torch", "losskit")}
    progress(f"{size}, {HEAP} {HEAPS[heap]}: MiB {grown}")
    return {
        "loss": "CrossEntropyLoss",
        "size": size,
        "shape": list(shape),
        "heap": heap,
        "gradient": round(4 * prod(shape) / MIB, 1),
        "torch": grown["torch"],
        "losskit": grown["losskit"],
    }


def steps(scope: Scope, heap: str, threads: int) -> list[TrainingStep]:
    torch.set_num_threads(threads)
    found = [training.measure(network, heap, scope.effort) for network in training.NETWORKS]
    progress(f"{place('training steps', heap, threads)}: {[step['speedup'] for step in found]}")
    return found


def slopes(scope: Scope) -> list[Slope]:
    torch.set_num_threads(1)
    found = []
    for loss in losskit.CATALOG:
        linear = loss.about.kernel and loss.__name__ not in {*variants.ELSEWHERE, *QUADRATIC}
        if linear and loss.__name__ in (scope.losses or CHOICES):
            found.append(curves.slope(loss, replace(scope.effort, budget=0.3, rounds=(3, 7))))
            progress(f"{loss.__name__}: slope {found[-1]['slope']}")
    return found


def run(scope: Scope, save: Callable[[Results], None]) -> Results:
    """Measure it all, saving after each part."""
    start, busy, own = time.perf_counter(), paired.busy(), paired.own()
    results: Results = {
        "machine": machine(),
        "flags": scope.flags,
        "seconds": 0,
        "others": None,
        "tables": [],
        "memory": [],
        "steps": [],
        "slopes": [],
    }

    def finish() -> None:
        elapsed, now = time.perf_counter() - start, paired.busy()
        results["seconds"] = round(elapsed)
        if busy is not None and now is not None:
            results["others"] = round(max(now - busy - (paired.own() - own), 0) / elapsed, 2)
        save(results)

    for size, heap, threads in scope.tables() if "tables" in scope.parts else ():
        results["tables"].append(fresh(heap, table, scope, size, heap, threads))
        finish()
    for heap in scope.heaps:
        if "memory" in scope.parts:
            sizes = [size for size in scope.sizes if SIZES[size].memory]
            results["memory"] += [memory(size, heap) for size in sizes]
        if "steps" in scope.parts:
            for threads in scope.threads:
                results["steps"] += fresh(heap, steps, scope, heap, threads)
        finish()
    if "slopes" in scope.parts and not scope.quick:
        results["slopes"] = fresh("default", slopes, scope)
        finish()
    return results


def machine() -> Machine:
    level = native.status().level
    return {
        "processor": processor(),
        "cores": os.cpu_count() or 0,
        "node": "in C++" if native.status().node else "in Python",
        "kernels": f"x86-64-{level}" if level in ("v2", "v3", "v4") else level or f"none: {native.status().reason}",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "losskit": losskit.__version__,
    }


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0]}, {platform.machine()}" if models else platform.machine()


def progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def to_json(results: Results) -> str:
    """JSON with a line for each measured thing, so that two runs can be told apart by ``diff``."""
    return re.sub(r' ?(\{"(?:size|loss|network)":)', r"\n\1", json.dumps(results, ensure_ascii=False)) + "\n"


CHOICES = [loss.__name__ for loss in losskit.CATALOG if loss.__name__ not in variants.ELSEWHERE]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", metavar="FILE", help="measure nothing: render the JSON of an earlier run")
    parser.add_argument("--summary", metavar="FILE", help="measure nothing: the table of docs/speed.md from that JSON")
    parser.add_argument("--json", metavar="FILE", help="write what was measured")
    parser.add_argument("--quick", action="store_true", help="small and medium, default heap, eager, fewer rounds")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--sizes", nargs="+", choices=SIZES)
    parser.add_argument("--threads", nargs="+", type=int, default=(1, 2))
    parser.add_argument("--heaps", nargs="+", choices=HEAPS)
    parser.add_argument("--rivals", nargs="+", choices=variants.RIVALS)
    parser.add_argument("--losses", nargs="+", choices=CHOICES, default=(), metavar="LOSS")
    return parser.parse_args()


def main() -> None:
    options = parse()
    if options.summary:
        print(page.summary(json.loads(Path(options.summary).read_text(encoding="utf-8"))))
        return
    if options.table:
        print(page.render(json.loads(Path(options.table).read_text(encoding="utf-8"))))
        return
    quick = options.quick
    scope = Scope(
        tuple(options.parts),
        tuple(options.sizes or [*SIZES][1 : 3 if quick else None]),
        tuple(options.threads),
        tuple(options.heaps or [*HEAPS][: 1 if quick else None]),
        tuple(options.rivals or usual_rivals(quick)),
        tuple(options.losses),
        quick,
    )

    def save(results: Results) -> None:
        if options.json:
            Path(options.json).write_text(to_json(results), encoding="utf-8")

    print(page.render(run(scope, save)))


if __name__ == "__main__":
    main()
