"""Runs chosen tests on a tree, each time in a fork of a process that has imported what is slow to import, and no losskit.

One request a line on the standard input, one answer a line on the standard output; ``Request`` and ``Answer`` say which.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

import pytest

from mutants.belongs import Rank, rank as rank_of

SLOW_IMPORTS = [
    "torch",
    "torch._dynamo",
    "torch._inductor.compile_fx",
    "torch.export",
    "torch.func",
    "torch.distributed",
    "torch.testing",
    "numpy",
    "pandas",
    "scipy.stats",
    "scipy.special",
    "sklearn.metrics",
    "sklearn.model_selection",
    "sklearn.linear_model",
    "hypothesis",
    "hypothesis.extra.numpy",
    "rich.console",
    "mlxtend.data",
]


@dataclass(frozen=True)
class Request:
    """Tests to run, in the order of ``belongs.rank``.

    Args:
        chosen: What ``belongs.belonging`` gave, or whole names of tests.
        times: How long tests took before.
        timeout: Seconds for all.
        killers: Tests that have found other faults in the file: they go first.
        without: Tests that are left out.
        options: More of pytest's.
    """

    chosen: list[str]
    times: dict[str, float]
    timeout: float
    killers: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Answer:
    """How it went.

    Args:
        outcome: "killed" by a test that failed, by an "import" or a collection that did, by a "crash", by a "hang": one test that took more than
            half of the time; "survived", or "late": no test failed in the time that there was.
        test: The one that failed, or ran last.
        seconds: For all.
        times: How long each test took.
    """

    outcome: str
    test: str
    seconds: float
    times: dict[str, float]


class Watch:
    """Pytest's plugin in the fork: takes the tests whose rank is wanted, orders them, and tells what begins and ends."""

    def __init__(self, request: Request, pipe: int, wanted: Callable[[Rank], bool]) -> None:
        self.request, self.pipe, self.wanted = request, pipe, wanted

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        ranks = {item: rank_of(self.request.chosen, self.request.times, item.nodeid) for item in items}
        now = {
            item: rank
            for item, rank in ranks.items()
            if rank and self.wanted(rank) and item.nodeid not in self.request.without
        }
        config.hook.pytest_deselected(items=[item for item in items if item not in now])
        items[:] = sorted(now, key=now.__getitem__)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.tell(start=nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.tell(test=report.nodeid, seconds=report.duration, failed=report.failed)

    def tell(self, **what: Any) -> None:
        os.write(self.pipe, (json.dumps(what) + "\n").encode())


def run(request: Request) -> Answer:
    """Forks, listens, and ends what the fork has started."""
    read, write = os.pipe()
    sys.stdout.flush()
    begin = time.monotonic()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.close(read)
        signal.signal(
            signal.SIGINT, signal.default_int_handler
        )  # ignored, where a shell has started this in the background
        with open("log.txt", "wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        code = tested(request, write)
        sys.stdout.flush()
        os._exit(code)
    os.close(write)
    heard, ended = listen(child, read, begin + request.timeout)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    os.close(read)
    return judged(heard, status if ended else None, begin, request.timeout)


def tested(request: Request, pipe: int) -> int:
    """File by file, so that nothing is imported that is not needed; then once more for the slow tests of all."""
    ignored = "ignore::pytest.PytestAssertRewriteWarning"  # some is imported before pytest could see it
    options = [
        "-x",
        "--tb=short",
        f"-W{ignored}",
        "-pno:cacheprovider",
        "--basetemp=pytest-temporary",
        *request.options,
    ]
    try:
        if request.killers:
            code = pytest.main([*options, *request.killers], plugins=[Watch(request, pipe, lambda rank: True)])
            if code == pytest.ExitCode.TESTS_FAILED:
                return int(code)
        for slow in (False, True):
            for file, group in groupby(enumerate(request.chosen), lambda entry: entry[1].partition("::")[0]):
                places = [n for n, _ in group]
                wanted = partial(among, slow, places)
                code = pytest.main([*options, file], plugins=[Watch(request, pipe, wanted)])
                if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
                    return int(code)
    except BaseException:
        traceback.print_exc()
        return int(pytest.ExitCode.INTERNAL_ERROR)
    return int(pytest.ExitCode.OK)


def among(slow: bool, places: list[int], rank: Rank) -> bool:
    return rank[0] == slow and rank[1] in places


def listen(child: int, pipe: int, end: float) -> tuple[list[dict[str, Any]], bool]:
    """What the fork tells until it ends; whether it did in time."""
    heard, ended = b"", False
    process = os.pidfd_open(child)
    while not ended and (left := end - time.monotonic()) > 0:
        ready = select.select([pipe, process, sys.stdin], [], [], left)[0]
        ended = process in ready
        if sys.stdin in ready:  # closed: whoever asked is gone
            break
        while select.select([pipe], [], [], 0)[0] and (more := os.read(pipe, 1 << 16)):
            heard += more
    os.close(process)
    return [json.loads(line) for line in heard.decode().splitlines()], ended


def judged(heard: list[dict[str, Any]], status: int | None, begin: float, timeout: float) -> Answer:
    times: dict[str, float] = {}
    last = next((what["start"] for what in reversed(heard) if "start" in what), "")
    for what in heard:
        if "test" in what:
            times[what["test"]] = times.get(what["test"], 0.0) + what["seconds"]
    seconds = time.monotonic() - begin
    failed = next((what["test"] for what in heard if what.get("failed")), None)
    if failed is not None:
        outcome = "killed"
    elif status is None:
        outcome = "hang" if seconds - sum(times.values()) > timeout / 2 else "late"
    elif os.WIFSIGNALED(status):
        outcome = "crash"
    else:
        code = os.waitstatus_to_exitcode(status)
        outcome = "import" if code else "survived" if heard else "no tests"
    return Answer(outcome, failed or last, seconds, times)


def main() -> None:
    for module in SLOW_IMPORTS:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    import hypothesis

    hypothesis.settings.register_profile(
        "mutants",
        derandomize=True,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )
    hypothesis.settings.load_profile("mutants")
    threads = len(os.listdir("/proc/self/task"))
    assert threads == 1, f"{threads} threads: a fork would lose all but one"
    assert not any(name.partition(".")[0] == "losskit" for name in sys.modules)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(asdict(run(Request(**json.loads(line))))), flush=True)


if __name__ == "__main__":
    main()
