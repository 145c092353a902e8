"""The command ``losskit`` and its verbs.

A verb is a function that adds its parser and names what to call; torch and pandas are imported only inside the call, so that
``--help`` is quick.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from losskit import __version__

FAILED = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; 0 if all went well, else 2 with a message on standard error."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.verb is None:
        parser.print_help(sys.stderr)
        return FAILED
    call: Callable[[argparse.Namespace], int] = options.call
    try:
        code = call(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of a pipe has left, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return _refuse("stopped")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="losskit", description="The loss-function toolkit for PyTorch.")
    parser.add_argument("--version", action="version", version=f"losskit {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    for add in VERBS:
        add(verbs)
    return parser


def _refuse(message: str) -> int:
    print(f"losskit: {message}", file=sys.stderr)
    return FAILED


def _add_compare(verbs: Any) -> None:
    told = "Train with every loss that serves the task, and tell whether the choice matters on this data."
    parser = verbs.add_parser("compare", help="does the choice of loss matter on my data?", description=told)
    add = parser.add_argument
    add("source", metavar="SOURCE", help="mnist, digits, iris, wine, breast_cancer, diabetes, or a CSV file")
    add("--target", metavar="COL", help="the column of the CSV file to predict")
    add("--task", metavar="TASK", help="multiclass, binary or regression (default: inferred from the target)")
    add("--metric", metavar="METRIC", help="what ranks, instead of the task's usual metric")
    add("--losses", nargs="+", default=(), metavar="NAME", help="compare these alone, and the task's standard loss")
    add("--drop", nargs="+", action="extend", default=[], metavar="COL", help="columns of the CSV file to leave out")
    add("--sep", default=",", metavar="CHAR", help="what separates columns (default: a comma)")
    add("--folds", type=int, default=5, metavar="N", help="folds a repeat (default: 5)")
    add("--repeats", type=int, default=2, metavar="N", help="how often rows are dealt into folds (default: 2)")
    add("--epochs", type=int, metavar="N", help="passes over the training rows (default: by their number)")
    add("--seed", type=int, default=0, metavar="N", help="where all random numbers come from (default: 0)")
    add("--workers", type=_workers, metavar="N", help="processes (default: one a core); no result depends on it")
    add("--out", default="runs", metavar="DIR", help="where the run's folder is made (default: runs)")
    parser.set_defaults(call=_compare)


def _workers(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def _compare(options: argparse.Namespace) -> int:
    try:
        from losskit.compare.command import InterruptedRunError, command
        from losskit.compare.errors import CompareError
    except ModuleNotFoundError as error:
        return _refuse(f"compare needs {error.name}, which is not installed: pip install 'losskit[compare]'")
    try:
        command(options)
    except (CompareError, InterruptedRunError) as error:
        return _refuse(str(error))
    return 0


#: Each adds a verb to the parser.
VERBS: tuple[Callable[[Any], None], ...] = (_add_compare,)
