"""The run: jobs in, rows out, as they finish.

A mapper decides where jobs are done; :func:`in_process` and :func:`in_pool` are two, and a cluster's client can be a third.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

import torch

from losskit.compare.data import Data
from losskit.compare.engine import Engine, Job, Row, jobs
from losskit.compare.errors import CompareError, argument
from losskit.compare.plan import Plan

Mapper = Callable[[Plan, Data, Sequence[Job]], Generator[Row, None, None]]


def run(plan: Plan, data: Data, workers: int | None = None) -> Generator[Row, None, None]:
    """Do all jobs; the rows do not depend on ``workers`` (None: one a core)."""
    todo = jobs(plan)
    count = min(workers or os.cpu_count() or 1, len(todo))
    mapper: Mapper = in_process if count == 1 else in_pool(count)
    return mapper(plan, data, todo)


def in_process(plan: Plan, data: Data, todo: Sequence[Job]) -> Generator[Row, None, None]:
    """Do the jobs in this process, on one thread as in a pool, so that sums are rounded alike."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        engine = Engine(plan, data)
        for job in todo:
            yield engine.do(job)
    finally:
        torch.set_num_threads(threads)


def in_pool(workers: int) -> Mapper:
    """A mapper that spreads jobs over ``workers`` processes, each of one thread."""

    def mapper(plan: Plan, data: Data, todo: Sequence[Job]) -> Generator[Row, None, None]:
        context = multiprocessing.get_context("spawn")  # a fork would not copy torch's threads
        before = set(multiprocessing.active_children())
        with tempfile.TemporaryDirectory() as folder:
            given = Path(folder) / "given"  # a file: with a pipe, workers would start one after another
            given.write_bytes(pickle.dumps((plan, data)))
            pool = ProcessPoolExecutor(workers, context, _start, (str(given),))
            try:
                with _interrupts_held():
                    futures = [pool.submit(_do, job) for job in todo]
                for done in as_completed(futures):
                    yield done.result()
            except BrokenProcessPool:
                raise CompareError(
                    f"a worker process died, perhaps for want of memory; try {argument('workers', 1)}"
                ) from None
            finally:
                for child in set(multiprocessing.active_children()) - before:
                    child.terminate()
                pool.shutdown(cancel_futures=True)  # and wait, so that its thread ends before Python exits

    return mapper


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Block Ctrl-C while workers start. They inherit the block, so that only the parent handles it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_engine: list[Engine] = []  # in a worker: made once, not with every job


def _start(given: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    torch.set_num_threads(1)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _engine.append(Engine(*pickle.loads(Path(given).read_bytes())))


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(job: Job) -> Row:
    return _engine[0].do(job)
