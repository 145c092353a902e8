"""The features of a table, and the task that its target implies."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from losskit.compare.data import MIN_ROWS, Array, Data
from losskit.compare.errors import DataError, Message, argument
from losskit.compare.words import note
from losskit.core.head import Task

MAX_CLASSES = 20  # integers with more distinct values are quantities, not classes
MAX_LEVELS = 50  # text with more distinct values is not a category
_DATE = re.compile(r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2}))([ T].*)?\s*")


def judged(
    name: str, source: str, options: dict[str, Any], table: pd.DataFrame, target: str, task: Task | None
) -> Data:
    """The data of a table: its rows with a target, its features, and the given or inferred task."""
    notes: list[str] = []
    missing = table[target].isna()
    if missing.all():
        raise DataError(f"{name}: column {target!r} holds no value at all; choose another {argument('target')}")
    if missing.any():
        notes.append(note("left out", count=int(missing.sum()), target=repr(target)))
    lines = np.flatnonzero(~missing.to_numpy()) + 2  # a row's line in the file, under the header
    table = table[~missing].reset_index(drop=True)
    if len(table) < MIN_ROWS:
        raise DataError(
            f"{name}: {len(table)} rows with a target are too few to compare losses; bring at least {MIN_ROWS}"
        )
    for column in table:
        _refuse_infinite(name, table[column], lines)
    values, classes, inferred = as_target(name, table[target], task)
    features = _features(name, table.drop(columns=target), notes)
    found = task or (Task.REGRESSION if not classes else Task.BINARY if len(classes) == 2 else Task.MULTICLASS)
    return Data(name, source, options, features, values, found, classes, (*inferred, *notes))


def is_number(column: pd.Series) -> bool:
    """Whether a column holds numbers, or truth values."""
    return bool(pd.api.types.is_numeric_dtype(column))


def _refuse_infinite(name: str, column: pd.Series, lines: Array) -> None:
    if not is_number(column):
        return
    values = column.to_numpy(dtype=float, na_value=np.nan)
    wrong = np.abs(values) > 1e100  # a square of it would overflow
    if wrong.any():
        first = int(wrong.argmax())
        raise DataError(
            f"{name}: column {column.name!r} holds {values[first]:g} in line {lines[first]} "
            f"({int(wrong.sum())} such rows); mend them, or leave the cells empty to have them imputed"
        )


def _features(name: str, table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    empty = [column for column in table if table[column].isna().all()]
    if empty:
        notes.append(note("empty columns", columns=", ".join(map(repr, empty))))
        table = table.drop(columns=empty)
    if table.columns.empty:
        raise DataError(f"{name}: no feature is left beside the target; bring at least one column with values")
    for column in table:
        if is_number(table[column]):
            table[column] = table[column].astype(float)
            if _counts_rows(table[column]):
                drop = argument("drop", [column])
                notes.append(note("numbers rows", column=repr(column), drop=drop))
        else:
            _refuse_text(name, table[column])
            # plain objects with NaN: what the imputer takes for missing
            table[column] = pd.Series([np.nan if pd.isna(v) else str(v) for v in table[column]], dtype=object)
    gaps = int(table.isna().sum().sum())
    if gaps:
        notes.append(note("imputed", gaps=gaps))
    return table


def _counts_rows(column: pd.Series) -> bool:
    return len(column) > 1 and bool((column.diff().iloc[1:] == 1).all())


def _refuse_text(name: str, column: pd.Series) -> None:
    values = [str(value) for value in column.dropna()]
    drop = f"leave it out with {argument('drop', [column.name])}"
    if sum(map(bool, map(_DATE.fullmatch, values))) > 0.9 * len(values):
        raise DataError(
            f"{name}: column {column.name!r} holds dates ({values[0]!r}), and random folds would train on the "
            f"future; turn them into numbers such as an age or a weekday, or {drop}"
        )
    levels = len(set(values))
    if levels <= MAX_LEVELS and (levels <= 10 or levels <= len(values) / 2):
        return
    numbers = sum(_looks_numeric(value) for value in values)
    if numbers > len(values) / 2:
        odd = next(value for value in values if not _looks_numeric(value, comma=False))
        raise DataError(
            f"{name}: column {column.name!r} holds numbers mixed with text such as {odd!r}; write numbers with "
            f"a point and leave missing cells empty, or {drop}"
        )
    raise DataError(
        f"{name}: text column {column.name!r} has {levels} distinct values in {len(values)} rows "
        f"({values[0]!r}, ...), too many for categories; {drop}, or group them"
    )


def _looks_numeric(value: str, comma: bool = True) -> bool:
    try:
        float(value.replace(",", ".") if comma else value)
    except ValueError:
        return False
    return True


# The target.


def as_target(name: str, column: pd.Series, task: Task | None) -> tuple[Array, tuple[str, ...], tuple[str, ...]]:
    """Values or class ids, class names, and a note on what was inferred."""
    distinct = column.nunique()
    if distinct == 1:
        raise DataError(
            f"{name}: target {column.name!r} has one value only, {str(column.iloc[0])!r}: nothing to learn; "
            f"bring rows of another, or choose another {argument('target')}"
        )
    inferred, why = _infer(column)
    if (task or inferred) is Task.REGRESSION:
        if not is_number(column):
            raise DataError(
                f"{name}: target {column.name!r} holds text ({str(column.iloc[0])!r}), which no regression predicts; "
                f"use {argument('task', 'multiclass')}, or turn it into numbers"
            )
        return column.to_numpy(dtype=float), (), (_judged(column, task, inferred, why, ()),)
    _refuse_classes(name, column, task, distinct)
    labels = sorted(column.unique()) if is_number(column) else sorted({str(value) for value in column})
    ids = {label: index for index, label in enumerate(labels)}
    keys = column if is_number(column) else column.astype(str)
    classes = tuple(_label(label) for label in labels)
    return (
        np.array([ids[value] for value in keys], dtype=np.int64),
        classes,
        (_judged(column, task, inferred, why, classes),),
    )


def _infer(column: pd.Series) -> tuple[Task, str]:
    distinct = column.nunique()
    if distinct == 2:
        return Task.BINARY, "values"
    if not is_number(column):
        return Task.MULTICLASS, "texts"
    whole = bool((column.astype(float) % 1 == 0).all())
    if whole and distinct <= MAX_CLASSES:
        return Task.MULTICLASS, "integers"
    return Task.REGRESSION, "numbers"


def _judged(column: pd.Series, task: Task | None, inferred: Task, why: str, classes: tuple[str, ...]) -> Message:
    """What the task is, and why."""
    blanks = {"target": repr(column.name), "count": column.nunique(), "overrules": argument("task")}
    told = note("as asked", task=task) if task else note(f"distinct {why}", task=inferred, **blanks)
    if len(classes) != 2:
        return told
    positive = note("positive", label=repr(classes[1]))
    return Message(f"{told.marked}; {positive.marked}", f"{told.chinese}；{positive.chinese}")


def _refuse_classes(name: str, column: pd.Series, task: Task | None, distinct: int) -> None:
    if task is Task.BINARY and distinct != 2:
        raise DataError(
            f"{name}: target {column.name!r} has {distinct} distinct values, and a binary task has 2; use "
            f"{argument('task', 'multiclass')}"
        )
    if not is_number(column) and sum(bool(_DATE.fullmatch(str(value))) for value in column) > 0.9 * len(column):
        raise DataError(
            f"{name}: target {column.name!r} holds dates ({str(column.iloc[0])!r}), which are not classes; turn them "
            "into numbers, such as days, for a regression"
        )
    if distinct > len(column) / 2:
        kind = "texts, too many for classes; group them"
        if is_number(column):
            kind = f"numbers; use {argument('task', 'regression')}"
        raise DataError(
            f"{name}: target {column.name!r} has {distinct} distinct values in {len(column)} rows of {kind}"
        )


def _label(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
