"""The verb ``compare``: from arguments to a printed report."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from losskit import terminal
from losskit.compare import report, workers
from losskit.compare.data import Data
from losskit.compare.engine import Row, jobs
from losskit.compare.errors import CompareError, argument
from losskit.compare.outcome import Outcome, conclude
from losskit.compare.plan import Plan, make_plan
from losskit.compare.reading import load
from losskit.compare.recipe import recipe
from losskit.compare.store import Store


class InterruptedRunError(Exception):
    """The run was stopped, by the signal of that number; the message says where its rows are."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


def command(options: Any) -> None:
    """Compare, print and store; ``options`` are those of the parser in :mod:`losskit.cli`."""
    _refuse_folders(options.script)
    data = load(options.source, options.target, options.task, options.drop, options.sep)
    plan = make_plan(
        data,
        losses=options.losses,
        metric=options.metric,
        folds=options.folds,
        repeats=options.repeats,
        epochs=options.epochs,
        seed=options.seed,
    )
    store = Store.create(options.out, data.name, plan.as_json(), data.notes)
    print(_plain(report.header(plan, data)), flush=True)
    rows = _run(plan, data, store, options.workers)
    outcome = conclude(plan, rows)
    take = outcome.recommended
    code = recipe(plan, data, take.verdict.name, take.chosen)
    store.finish([asdict(found.verdict) for found in outcome.found], code)
    print("\n" + _findings(plan, outcome, store))
    _hand_out(code, options.script, store)


def _refuse_folders(script: str | None) -> None:
    """Raise, before a long run, if the script cannot be written there."""
    if script not in (None, "-") and (Path(script).is_dir() or not os.access(Path(script).parent, os.W_OK)):
        raise CompareError(f"cannot write {argument('script', script)}; name a file in a folder that can be written")


def _hand_out(code: str, script: str | None, store: Store) -> None:
    if script == "-":
        print("\n" + _plain(code), end="")
    elif script is not None:
        try:
            Path(script).write_text(code, encoding="utf-8")
        except OSError as error:
            raise CompareError(
                f"cannot write {argument('script', script)}: {error.strerror or error}; the script is in "
                f"{store.folder / 'best.py'}"
            ) from None


def _findings(plan: Plan, outcome: Outcome, store: Store) -> str:
    plus_minus = "±" if _plain("±─") == "±─" else "+-"
    where = f"Its script is {terminal.code(str(store.folder / 'best.py'))}, beside rows, plan and verdicts."
    parts = [report.table(plan, outcome, plus_minus), "", report.words(plan, outcome), terminal.filled(where)]
    return _plain("\n".join(parts))


def _plain(text: str) -> str:
    """``text`` in what standard output can show."""
    encoding = sys.stdout.encoding or "ascii"
    return text.encode(encoding, "replace").decode(encoding)


def _run(plan: Plan, data: Data, store: Store, processes: int | None) -> list[Row]:
    rows: list[Row] = []
    todo = len(jobs(plan))
    try:
        with _terminable(), _progress(todo) as advance, closing(workers.run(plan, data, processes)) as running:
            for row in running:
                store.append(row.as_json())
                rows.append(row)
                advance()
    except KeyboardInterrupt as stop:
        raise InterruptedRunError(
            f"stopped after {len(rows)} of {todo} rows, kept in {store.folder / 'rows.jsonl'}",
            stop.args[0] if stop.args else signal.SIGINT,
        ) from None
    return rows


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM stop a run as Ctrl-C does, so that it leaves no worker behind."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar on standard error, and what moves it on by one; none where nobody watches."""
    console = Console(stderr=True)
    if not console.is_terminal:  # rich 13.3 writes an empty line for a bar that it is told not to show
        yield lambda: None
        return
    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield partial(progress.advance, progress.add_task("training", total=total))
