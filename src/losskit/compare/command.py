"""The verb ``compare``: from arguments to a printed report."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from losskit import terminal
from losskit.compare import report, workers
from losskit.compare.cost import measured_cost, within
from losskit.compare.data import Data
from losskit.compare.engine import Row, jobs
from losskit.compare.errors import CompareError, Message, argument
from losskit.compare.outcome import Outcome, conclude
from losskit.compare.plan import Plan, make_plan
from losskit.compare.reading import load
from losskit.compare.recipe import recipe
from losskit.compare.store import Store
from losskit.compare.words import Say, speaker


class InterruptedRunError(Exception):
    """The run was stopped, by the signal of that number; the message says where its rows are."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


def command(options: Any) -> None:
    """Compare, print and store; ``options`` are those of the parser in :mod:`losskit.cli`."""
    _refuse_folders(options.script, options.svg)
    data = load(options.source, options.target, options.task, options.drop, options.sep)
    plan = make_plan(
        data,
        losses=options.losses,
        metric=options.metric,
        folds=options.folds,
        repeats=options.repeats,
        steps=options.steps,
        seeds=options.seeds,
        seed=options.seed,
        optimizers=options.optimizers,
        baselines=options.baselines,
    )
    processes = options.workers or os.cpu_count() or 1
    say = speaker(options.lang)
    if options.budget is None:
        seconds = measured_cost(plan, data).seconds(plan, processes)
    else:
        plan, data, seconds = within(plan, data, options.budget, processes)
    store = Store.create(options.out, data.name, plan.as_json(), data.notes)
    print(_plain(report.header(plan, data, options.lang)), flush=True)
    print(_plain(say("takes", time=_time(seconds), workers=processes), sys.stderr), file=sys.stderr, flush=True)
    rows = _run(plan, data, store, processes, say)
    outcome = conclude(plan, rows)
    take = outcome.recommended
    code = recipe(plan, data, take.loss, take.chosen, outcome.metric)
    picture = report.picture(plan, outcome, options.lang)
    store.finish([found.as_json() for found in outcome.found], code, picture)
    print("\n" + _findings(plan, outcome, store, options.lang))
    _hand_out(code, "script", options.script, store.folder / "best.py")
    _hand_out(picture, "svg", options.svg, store.folder / "intervals.svg")


def _time(seconds: float) -> str:
    """A duration, short."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _refuse_folders(script: str | None, svg: str | None) -> None:
    """Raise, before a long run, if a file cannot be written there."""
    for name, path in (("script", script), ("svg", svg)):
        if path not in (None, "-") and (Path(path).is_dir() or not os.access(Path(path).parent, os.W_OK)):
            raise CompareError(f"cannot write {argument(name, path)}; name a file in a folder that can be written")


def _hand_out(text: str, name: str, path: str | None, kept: Path) -> None:
    if path == "-":
        print("\n" + _plain(text), end="")
    elif path is not None:
        try:
            Path(path).write_text(text, encoding="utf-8")
        except OSError as error:
            raise CompareError(
                f"cannot write {argument(name, path)}: {error.strerror or error}; it is kept in {kept}"
            ) from None


def _findings(plan: Plan, outcome: Outcome, store: Store, language: str) -> str:
    rule = "─" if _plain("─") == "─" else "-"
    where = speaker(language)("kept", script=terminal.code(str(store.folder / "best.py")))
    parts = [report.table(plan, outcome, rule, language), "", report.conclusion(plan, outcome, language)]
    return _plain("\n".join([*parts, terminal.filled(where)]))


def _plain(text: str, stream: TextIO | None = None) -> str:
    """``text`` in what a stream (standard output) can show."""
    encoding = (stream or sys.stdout).encoding or "ascii"
    return text.encode(encoding, "replace").decode(encoding)


def _run(plan: Plan, data: Data, store: Store, processes: int, say: Say) -> list[Row]:
    rows: list[Row] = []
    todo = len(jobs(plan))
    try:
        with (
            _terminable(),
            _progress(todo, say("training bar")) as advance,
            closing(workers.run(plan, data, processes)) as running,
        ):
            for row in running:
                store.append(row.as_json())
                rows.append(row)
                advance()
    except CompareError as error:
        kept = f"; {len(rows)} rows are kept in {store.folder / 'rows.jsonl'}" if rows else ""
        raise CompareError(Message(error.args[0].marked + kept)) from error
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
def _progress(total: int, title: str) -> Iterator[Callable[[], None]]:
    """A bar on standard error, and what moves it on by one; none where nobody watches."""
    console = Console(stderr=True)
    if not console.is_terminal:  # rich 13.3 writes an empty line for a bar that it is told not to show
        yield lambda: None
        return
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield partial(progress.advance, progress.add_task(title, total=total))
