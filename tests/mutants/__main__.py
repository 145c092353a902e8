"""``make mutants``: draws mutants, runs the tests that belong to each, and counts those that the suite catches."""

from __future__ import annotations

import argparse
import json
import os
import queue
import random
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from losskit import native
from mutants import kernels, places
from mutants.belongs import belonging
from mutants.mutant import Mutant, Place, mutant
from mutants.server import Answer, Request
from mutants.tree import ROOT, Tree

BUILD = ROOT / "build/mutants"
TIMES = BUILD / "times.json"
KILLERS = BUILD / "killers.json"
AT_LEAST = 0.85
ALIVE = ("survived", "late", "no tests")


def main() -> int:
    asked = arguments()
    if asked.report:
        print(report([json.loads(path.read_text()) for path in sorted(BUILD.glob("seed-*.json"))]))
        return 0
    BUILD.mkdir(parents=True, exist_ok=True)
    sources = draw(found("src/**/*.py", asked.only), asked.places, asked.seed)
    texts = draw(found("kernels/**/*.[ch]*", asked.only), asked.kernels, asked.seed)
    if asked.list:
        for source, drawn in (("src", sources), ("kernels", texts)):
            for each, _ in zip(drawn, range(asked.places if source == "src" else asked.kernels), strict=False):
                print(each)
        return 0
    run = Run(asked.jobs, asked.timeout)
    path = BUILD / f"seed-{asked.seed}.json"
    try:
        run.all(sources, asked.places)
        run.all(texts, asked.kernels)
    finally:  # what was tried is kept, whatever stops the rest
        run.close()
        path.write_text(json.dumps({"seed": asked.seed, "results": run.results}, indent=1, ensure_ascii=False) + "\n")
    print(summary(run.results), f"\n{path.relative_to(ROOT)}")
    return 0 if all(score(run.results, part) >= AT_LEAST for part in ("src/", "kernels/")) else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--places", type=int, default=150, help="how many of src/ are changed")
    parser.add_argument("--kernels", type=int, default=40, help="how many of kernels/ are changed")
    parser.add_argument("--only", default="", help="only places that this regular expression finds, as file:line")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for the tests of one mutant")
    parser.add_argument("--list", action="store_true", help="print the sample and stop")
    parser.add_argument("--report", action="store_true", help="print the scores and survivors of earlier runs and stop")
    return parser.parse_args()


def found(pattern: str, only: str) -> list[Place]:
    all_places: list[Place] = []
    for path in sorted(ROOT.glob(pattern)):
        file, text = path.relative_to(ROOT).as_posix(), path.read_text()
        if lines := {n for n in range(1, text.count("\n") + 2) if re.search(only, f"{file}:{n}")}:
            find = places.places if path.suffix == ".py" else kernels.places
            all_places += [place for place in find(file, text) if place.line in lines]
    return all_places


def draw(among: list[Place], count: int, seed: int) -> Iterator[Mutant]:
    """Places in a random order, each changed in one of its ways; endless in effect, as some turn out to be no mutants."""
    generator = random.Random(seed)
    for place in generator.sample(among, len(among)) if count else []:
        for operator, changed in generator.sample(place.ways, len(place.ways)):
            source = changed()
            if source is not None:
                yield mutant(place.file, operator, place.source, source)
                break


class Run:
    """Workers, each with a tree and a server of its own, that share a sample.

    Args:
        jobs: How many.
        timeout: Seconds for the tests of one mutant.
    """

    def __init__(self, jobs: int, timeout: float) -> None:
        self.timeout = timeout
        self.results: list[dict[str, Any]] = []
        self.times: dict[str, float] = json.loads(TIMES.read_text()) if TIMES.exists() else {}
        self.killers: dict[str, dict[str, int]] = json.loads(KILLERS.read_text()) if KILLERS.exists() else {}
        self.workers = [Worker(BUILD / f"tree-{n}", native.status().level) for n in range(jobs)]
        self.green: set[str] = set()
        self.red: set[str] = set()
        self._lock = threading.Lock()

    def all(self, sample: Iterator[Mutant], count: int) -> None:
        """Takes mutants until so many were tried; one that does not compile does not count."""
        left = queue.Queue[None]()
        for _ in range(count):
            left.put(None)
        with ThreadPoolExecutor(len(self.workers)) as pool:
            done = [pool.submit(self._work, worker, sample, left) for worker in self.workers]
        for each in done:
            each.result()

    def _work(self, worker: Worker, sample: Iterator[Mutant], left: queue.Queue[None]) -> None:
        while True:
            try:
                left.get_nowait()
            except queue.Empty:
                return
            for each in self._rest(sample):
                answer = self._answer(worker, each)
                if answer is not None:
                    self._note(each, answer)
                    break

    def _rest(self, sample: Iterator[Mutant]) -> Iterator[Mutant]:
        while True:
            with self._lock:
                each = next(sample, None)
            if each is None:
                return
            yield each

    def _answer(self, worker: Worker, each: Mutant) -> Answer | None:
        """What killed a mutant must be green without it; what is not is left out, and reported."""
        chosen = belonging(ROOT, each.file)
        while True:
            with self._lock:
                killers = self.killers.get(each.file, {})
                best = sorted(killers, key=lambda test: -killers[test])[:8]
                request = Request(chosen, dict(self.times), self.timeout, best, sorted(self.red))
            answer = worker.asked(each, request)
            if answer is None or answer.outcome in ALIVE or self._green(worker, answer, chosen):
                slow = answer is not None and answer.outcome == "hang" and self.times[answer.test] > self.timeout / 6
                return replace(answer, outcome="late") if answer is not None and slow else answer
            print(f"red without a mutant: {answer.test}", flush=True)
            self.red.add(answer.test)

    def _green(self, worker: Worker, answer: Answer, chosen: list[str]) -> bool:
        test = answer.test
        if (test or str(chosen)) in self.green:
            return True
        request = Request([test] if test else chosen, {}, self.timeout, options=[] if test else ["--collect-only"])
        clean = worker.asked(None, request)
        if clean is not None and clean.outcome in ("hang", "late"):  # the machine may have been busy
            clean = worker.asked(None, replace(request, timeout=4 * self.timeout))
        assert clean is not None
        if clean.outcome not in (("survived",) if test else ("survived", "no tests")):
            if not test:
                raise RuntimeError(f"{test or chosen}: {clean.outcome}; see {worker.tree.path}/log.txt")
            return False
        with self._lock:
            self.times |= clean.times
        self.green.add(test or str(chosen))
        return True

    def _note(self, each: Mutant, answer: Answer) -> None:
        with self._lock:
            for test, seconds in answer.times.items():
                self.times[test] = min(seconds, self.times.get(test, seconds))
            if answer.outcome == "killed":
                killers = self.killers.setdefault(each.file, {})
                killers[answer.test] = killers.get(answer.test, 0) + 1
            result = {key: value for key, value in asdict(each).items() if key != "source"}
            result |= {"outcome": answer.outcome, "test": answer.test, "seconds": round(answer.seconds, 1)}
            self.results.append(result)
            for path, kept in ((TIMES, self.times), (KILLERS, self.killers)):
                path.write_text(json.dumps(kept, indent=0, sort_keys=True))
            print(
                f"{len(self.results):3} {answer.outcome:8} {answer.seconds:5.1f} s  {each}  [{answer.test}]", flush=True
            )

    def close(self) -> None:
        for worker in self.workers:
            worker.close()


class Worker:
    """A tree and the server that runs tests on it.

    Args:
        path: Of the tree.
        level: Of the kernels that are loaded here.
    """

    def __init__(self, path: Path, level: str | None) -> None:
        self.tree = Tree(path, level)
        pools = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TORCHINDUCTOR_COMPILE_THREADS")
        threads = dict.fromkeys(pools, "1")  # torch 2.8 starts its compiler's when that is imported
        self.server = subprocess.Popen(
            [sys.executable, "-m", "mutants.server"],
            cwd=path,
            env={**os.environ, **threads, "PYTHONPATH": f"{path / 'src'}{os.pathsep}{path / 'tests'}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._hear()

    def asked(self, each: Mutant | None, request: Request) -> Answer | None:
        """How the tests go with a mutant, or without; None where it does not compile."""
        if each is None:
            return self._answer(request)
        with self.tree.changed(each) as compiles:
            return self._answer(request) if compiles else None

    def _answer(self, request: Request) -> Answer:
        assert self.server.stdin is not None
        self.server.stdin.write(json.dumps(asdict(request)) + "\n")
        self.server.stdin.flush()
        return Answer(**self._hear())

    def _hear(self) -> Any:
        assert self.server.stdout is not None
        line = self.server.stdout.readline()
        if not line:
            self.close()
            raise RuntimeError(f"{self.tree.path}: the server that runs the tests has ended: {self.server.returncode}")
        return json.loads(line)

    def close(self) -> None:
        assert self.server.stdin is not None
        self.server.communicate()


def score(results: list[dict[str, Any]], part: str) -> float:
    """The share of mutants that were killed; 1 where there are none."""
    outcomes = [each["outcome"] for each in results if each["file"].startswith(part)]
    return 1 - sum(outcome in ALIVE for outcome in outcomes) / len(outcomes) if outcomes else 1.0


def summary(results: list[dict[str, Any]]) -> str:
    lines = []
    for part in ("src/", "kernels/"):
        outcomes = [each["outcome"] for each in results if each["file"].startswith(part)]
        counts = ", ".join(f"{outcomes.count(outcome)} {outcome}" for outcome in sorted(set(outcomes)))
        if outcomes:
            lines.append(f"{part:9} {score(results, part):.1%} of {len(outcomes)} killed ({counts})")
    return "\n".join(lines)


def report(runs: list[dict[str, Any]]) -> str:
    """The tables of docs/mutants.md; the last column of the second is for a person to fill."""
    rows = [
        "| seed | part | mutants | killed | of these by a time-out | survived | score |",
        "|---|---|---|---|---|---|---|",
    ]
    for run in runs:
        for part in ("src/", "kernels/"):
            outcomes = [each["outcome"] for each in run["results"] if each["file"].startswith(part)]
            survived = sum(outcome in ALIVE for outcome in outcomes)
            counts = f"{len(outcomes)} | {len(outcomes) - survived} | {outcomes.count('hang')} | {survived}"
            rows.append(f"| {run['seed']} | `{part}` | {counts} | {score(run['results'], part):.1%} |")
    rows += ["", "| seed | survivor | change | why |", "|---|---|---|---|"]
    for run in runs:
        for each in run["results"]:
            if each["outcome"] in ALIVE:
                change = f"`{each['before']}` → `{each['after']}`".replace("|", "\\|")
                rows.append(f"| {run['seed']} | `{each['file']}:{each['line']}` | {change} | |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
