"""The tool that plants faults finds places, plants, and tells what dies from what lives."""

from __future__ import annotations

import gc
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from mutants import kernels, places
from mutants.__main__ import Worker, draw, found, report, score
from mutants.belongs import belonging, rank
from mutants.mutant import Place, mutant
from mutants.server import Request, judged
from mutants.tree import ROOT

SOURCE = '''\
"""Nothing but x = 1."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from math import pi

Real = int | float


def root(x: int | float, how: str = "exact") -> int | float:
    """No x + 1 here."""
    if x < 0:
        raise ValueError("x must be positive")
    while check(x):
        check(x)
    return max(x, 0) ** 0.5
'''
KERNEL = """\
#define HALF 1 + 1
// a + b
int add(int a, int b) {
  const char *name = "a - b"; /* 1 */
  total += b;
  return a < b ? a : 2;
}
"""


def changes(place: Iterator[Place] | list[Place]) -> set[tuple[int, str]]:
    return {(each.line, name) for each in place for name, changed in each.ways if changed()}


def test_python_is_changed_where_it_does_something() -> None:
    found = changes(places.places("x.py", SOURCE))
    assert {line for line, _ in found} == {11, 13, 14, 15, 16, 17}
    assert {(13, "negated"), (13, "swap_op"), (15, "negated"), (16, "dropped_call"), (17, "swapped_name")} <= found


def test_kernels_are_changed_outside_comments_strings_and_macros() -> None:
    found = changes(kernels.places("x.cpp", KERNEL))
    assert found == {(5, "dropped"), (5, "swapped"), (6, "swapped"), (6, "choice"), (6, "number")}


@pytest.mark.parametrize("pattern", ["src/losskit/losses/h*.py", "kernels/ops/*.h"])
def test_a_seed_is_a_sample(pattern: str) -> None:
    among = found(pattern, "")
    one, same, other = (list(islice(draw(among, 9, seed), 9)) for seed in (1, 1, 2))
    assert one == same != other
    assert len({each.file for each in one}) > 1
    for each in one:
        assert each.source != (ROOT / each.file).read_text()


def test_a_mutant_says_what_differs() -> None:
    planted = mutant("x.py", "number", "a = 1\nb = f(22, 3)\n", "a = 1\nb = f(23, 3)\n")
    assert str(planted) == "x.py:2 number: b = f(22, 3) → b = f(23, 3)"
    dropped = mutant("x.py", "dropped", "a\nb\nb\n", "a\nb\n")
    assert (dropped.before, dropped.after) == ("b", "")


def test_every_file_has_tests_that_belong_to_it() -> None:
    for file in [*ROOT.glob("src/**/*.py"), *ROOT.glob("kernels/**/*.[ch]*")]:
        name = file.relative_to(ROOT).as_posix()
        chosen = belonging(ROOT, name)
        assert chosen or not file.read_text(), name  # nothing can be planted where there is nothing
        for entry in chosen:
            assert (ROOT / entry.partition("::")[0]).exists(), (name, entry)
    chosen = belonging(ROOT, "src/losskit/losses/huber.py")
    first = ["src/losskit/losses/huber.py", "tests/test_huber.py", "tests/test_every_loss.py::HuberLoss-"]
    assert chosen[:3] == first
    suite = "tests/test_every_loss.py::test_every_loss[HuberLoss-{}]"
    tests = [suite.format(name) for name in ("compile_fullgraph", "dtypes", "vmap")] + ["tests/test_cli.py::test_x"]
    ranks = {test: rank(chosen, {tests[1]: 2.0, tests[2]: 1.0}, test) for test in tests}
    assert ranks.pop("tests/test_cli.py::test_x") is None
    assert sorted(ranks, key=lambda test: ranks[test] or ()) == [tests[2], tests[1], tests[0]]


def test_what_shows_that_torch_is_wrong_belongs_to_its_loss_and_to_all_that_serves_it() -> None:
    shown = {f"tests/where_torch_is_wrong/{file.name}" for file in ROOT.glob("tests/where_torch_is_wrong/test_*.py")}
    for test in shown:
        loss = f"src/losskit/losses/{Path(test).stem.removeprefix('test_')}"
        source = next(name for name in (f"{loss}.py", f"{loss}/__init__.py") if (ROOT / name).exists())
        assert test in belonging(ROOT, source)[:4]
    for file in ("src/losskit/loss.py", "src/losskit/losses/l1.py", "kernels/abi.h"):
        assert shown <= set(belonging(ROOT, file))


def test_how_a_fork_ended_is_judged() -> None:
    one = {"test": "one", "seconds": 1.0, "failed": False}

    def outcome(*heard: dict[str, object], status: int | None = 0, took: float = 0.0) -> str:
        return judged(list(heard), status, time.monotonic() - took, 10.0).outcome

    assert outcome({"start": "one"}, one) == "survived"
    assert outcome({"start": "one"}, {**one, "failed": True}, status=1 << 8) == "killed"
    assert outcome({"start": "one"}, status=signal.SIGSEGV) == "crash"
    assert outcome(status=2 << 8) == "import"
    assert outcome() == "no tests"
    assert outcome({"start": "one"}, status=None, took=10.0) == "hang"
    assert outcome({"start": "one"}, {**one, "seconds": 9.0}, {"start": "two"}, status=None, took=10.0) == "late"


def test_scores_are_of_each_part() -> None:
    def result(file: str, outcome: str) -> dict[str, object]:
        return {"file": file, "line": 1, "before": "a | b", "after": "a", "outcome": outcome}

    results = [result("src/a.py", name) for name in ("killed", "hang", "late", "survived")] + [
        result("kernels/a.h", "crash")
    ]
    assert (score(results, "src/"), score(results, "kernels/")) == (0.5, 1.0)
    text = report([{"seed": 3, "results": results}])
    assert "| 3 | `src/` | 4 | 2 | 1 | 2 | 50.0% |" in text
    assert text.count(r"| 3 | `src/a.py:1` | `a \| b` → `a` | |") == 2


HUBER = "src/losskit/losses/huber.py"
TEST = """\
import subprocess, sys
import losskit, torch

CODE = "import losskit, torch; print(losskit.__file__, losskit.HuberLoss()(torch.ones(1), torch.zeros(1)).item())"

def test_here_and_in_a_process_of_its_own():
    there, value = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout.split()
    assert there == losskit.__file__
    values = losskit.HuberLoss()(torch.ones(1), torch.zeros(1)).item(), float(value)
    assert values == (0.5, 0.5)
"""


def test_a_server_that_does_not_start_says_so_and_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(RuntimeError, match=r"tree: the server that runs the tests has ended: 1"):
        Worker(tmp_path / "tree", None)
    gc.collect()  # where pytest would hear of a pipe


def test_what_must_die_dies_and_what_changes_nothing_lives(tmp_path: Path) -> None:
    worker = Worker(tmp_path / "tree", None)
    (worker.tree.path / "tests/test_planted.py").write_text(TEST)
    source, request = (ROOT / HUBER).read_text(), Request(["tests/test_planted.py"], {}, 300.0)
    outcomes = []
    for new in ("default=1.00", "default=0.50", "default=1.00"):
        answer = worker.asked(mutant(HUBER, "planted", source, source.replace("default=1.0", new, 1)), request)
        assert answer is not None
        log = (worker.tree.path / "log.txt").read_text()
        outcomes.append((answer.outcome, "(0.375, 0.375) == (0.5, 0.5)" in log))
    worker.close()
    assert outcomes == [("survived", False), ("killed", True), ("survived", False)]
    assert (worker.tree.path / HUBER).read_text() == source
