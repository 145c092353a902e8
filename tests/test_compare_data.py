"""Where the data of a comparison is judged: on either side of each line that is drawn."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from losskit import Task
from losskit.compare import Data, DataError, Preprocessor, load
from losskit.compare.data import stratified
from losskit.compare.errors import CompareError, Message, argument
from losskit.compare.flags import in_flags


def written(folder: Path, rows: int = 40, **columns: Any) -> str:
    """A file of a feature ``x``, a target ``y`` of two classes, and other columns."""
    frame = pd.DataFrame({"x": np.arange(rows) ** 2 % 17, "y": np.arange(rows) % 2} | columns)
    path = folder / "file.csv"
    frame.to_csv(path, index=False)
    return str(path)


def refused(folder: Path, target: str = "y", task: str | None = None, rows: int = 40, **columns: Any) -> str:
    with pytest.raises(DataError) as caught:
        load(written(folder, rows, **columns), target, task)
    return str(caught.value)


# The target.


@pytest.mark.parametrize(
    ("target", "task", "classes"),
    [
        (["no", "yes"], Task.BINARY, ("no", "yes")),
        ([3, 1], Task.BINARY, ("1", "3")),
        ([2.5, 7.0], Task.BINARY, ("2.5", "7")),
        ([True, False], Task.BINARY, ("False", "True")),
        (["c", "a", "b", "a"], Task.MULTICLASS, ("a", "b", "c")),
        ([10, 9, 8], Task.MULTICLASS, ("8", "9", "10")),  # by number, not by letter
        ([1.0, 2.0, 3.0], Task.MULTICLASS, ("1", "2", "3")),
        (list(range(20)), Task.MULTICLASS, tuple(map(str, range(20)))),
        (list(range(21)), Task.REGRESSION, ()),
        ([1.0, 2.0, 3.5], Task.REGRESSION, ()),
    ],
)
def test_a_target_says_its_task(target: list[Any], task: Task, classes: tuple[str, ...], tmp_path: Path) -> None:
    values = [target[each % len(target)] for each in range(60)]
    data = load(written(tmp_path, 60, y=values), "y")
    assert (data.task, data.classes, data.outputs) == (task, classes, len(classes) or 1)
    distinct = len(set(target))
    numbers = not isinstance(target[0], str)
    of = "values" if distinct == 2 else "texts" if not numbers else "integers" if task is Task.MULTICLASS else "numbers"
    note = f"target 'y' holds {distinct} distinct {of}, so {task}; task overrules"
    assert data.notes[0] == note + (f"; its positive class is {classes[1]!r}" if task is Task.BINARY else "")
    if classes:
        assert [classes[each] for each in data.target] == [
            str(int(v)) if isinstance(v, float) and v == int(v) else str(v) for v in values
        ]
        assert data.target.dtype == np.int64
    else:
        assert data.target.tolist() == values


def test_the_task_that_is_asked_for(tmp_path: Path) -> None:
    numbers, texts = np.arange(60) % 3, np.array(["a", "b", "c"])[np.arange(60) % 3]
    data = load(written(tmp_path, 60, y=numbers), "y", "regression")
    assert (data.task, data.classes, data.notes) == (Task.REGRESSION, (), ("the task is regression, as asked",))
    assert data.options == {"target": "y", "task": "regression"}
    assert load(written(tmp_path, 60, y=numbers), "y").options == {"target": "y"}
    assert refused(tmp_path, task="regression", rows=60, y=texts).startswith("file.csv: target 'y' holds text ('a')")
    assert "has 3 distinct values, and a binary task has 2" in refused(tmp_path, task="binary", rows=60, y=texts)
    binary = load(written(tmp_path, 60, y=numbers % 2), "y", Task.BINARY)
    assert binary.notes == ("the task is binary, as asked; its positive class is '1'",)


def test_classes_of_which_most_occur_once(tmp_path: Path) -> None:
    half, more = [f"t{each // 2}" for each in range(40)], [f"t{each // 2}" for each in range(38)] + ["u", "v"]
    assert len(load(written(tmp_path, y=half), "y").classes) == 20
    assert "has 21 distinct values in 40 rows of texts, too many for classes" in refused(tmp_path, y=more)
    numbers = refused(tmp_path, task="multiclass", y=np.arange(40) * 1.5)
    assert "has 40 distinct values in 40 rows of numbers; use task='regression'" in numbers


def test_rows_without_a_target_are_left_out(tmp_path: Path) -> None:
    y = [None, *("ab" * 11)]
    data = load(written(tmp_path, 23, y=y), "y")
    assert len(data.target) == len(data.features) == 22
    assert data.notes[1] == "1 rows without a value in 'y' are left out"
    assert list(np.asarray(data.features)[:3, 0]) == [1, 4, 9]  # the first row went
    wrong = refused(tmp_path, rows=23, y=y, x=[*range(22), np.inf])
    assert wrong.startswith("file.csv: column 'x' holds inf in line 24 (1 such rows)")


@pytest.mark.parametrize("rows", [19, 20])
def test_the_fewest_rows(rows: int, tmp_path: Path) -> None:
    if rows == 20:
        assert len(load(written(tmp_path, rows), "y").target) == 20
    else:
        assert "19 rows with a target are too few to compare losses; bring at least 20" in refused(tmp_path, rows=rows)


# The features.


def test_categories_and_texts(tmp_path: Path) -> None:
    """Up to 50 levels, and no more than half the rows, but ten levels always."""
    for rows, levels, taken in (
        (40, 20, True),
        (40, 21, False),
        (120, 50, True),
        (120, 51, False),
        (20, 10, True),
        (20, 11, False),
    ):
        text = [f"level {each % levels}" for each in range(rows)]
        if taken:
            data = load(written(tmp_path, rows, t=text), "y")
            assert Preprocessor(data, np.arange(rows)).features(np.arange(3)).shape == (3, 1 + levels)
        else:
            told = refused(tmp_path, rows=rows, t=text)
            assert f"text column 't' has {levels} distinct values in {rows} rows ('level 0', ...)" in told
            assert told.endswith("leave it out with drop=['t'], or group them")


def test_dates_are_no_features(tmp_path: Path) -> None:
    for date in ("2024-01-31", "2024/1/31", "31.01.2024", "1/31/24", " 2024-01-31 10:00 ", "2024-01-31T10:00"):
        assert f"column 'd' holds dates ('{date.strip()}" in refused(tmp_path, d=date)
    for text in ("2024", "1-2-3", "1.5.2", "x2024-01-31", "2024-01-31x"):
        assert load(written(tmp_path, d=text), "y").task is Task.BINARY
    some = ["2024-01-31"] * 36 + ["soon"] * 4  # nine tenths
    assert load(written(tmp_path, d=some), "y").task is Task.BINARY
    assert "holds dates" in refused(tmp_path, d=["2024-01-31"] * 37 + ["soon"] * 3)
    told = refused(tmp_path, "d", d=["2024-01-31", "2024-02-01"] * 20)
    assert "target 'd' holds dates ('2024-01-31'), which are not classes" in told


def test_numbers_among_texts(tmp_path: Path) -> None:
    told = refused(tmp_path, t=[*map(str, range(21)), *(f"t{each}" for each in range(19))])
    assert "column 't' holds numbers mixed with text such as 't0'; write numbers with a point" in told
    told = refused(tmp_path, t=[*map(str, range(20)), *(f"t{each}" for each in range(20))])
    assert "text column 't' has 40 distinct values" in told
    assert "such as '0,5'" in refused(tmp_path, t=[f"{each},5" for each in range(40)])


def test_what_is_too_large(tmp_path: Path) -> None:
    x = np.zeros(40)
    for value in (1e100, -1e100):
        x[7] = value
        assert load(written(tmp_path, x=x), "y").task is Task.BINARY
    for value in (1.1e100, -1.1e100):
        x[7] = x[9] = value
        assert f"column 'x' holds {value:g} in line 9 (2 such rows)" in refused(tmp_path, x=x)


def test_what_is_noted_of_columns(tmp_path: Path) -> None:
    gap = np.where(np.arange(40) < 3, np.nan, np.arange(40) % 5)
    data = load(written(tmp_path, count=np.arange(40) + 7, jump=[*range(39), 41], void=np.nan, gap=gap), "y")
    assert data.notes[1:] == (
        "columns without any value are left out: 'void'",
        "column 'count' numbers the rows; if it is not a feature, use drop=['count']",
        "3 missing values are imputed, by medians and most frequent levels of each training fold",
    )
    assert list(data.features) == ["x", "count", "jump", "gap"]
    assert load(written(tmp_path), "y").notes == (
        "target 'y' holds 2 distinct values, so binary; task overrules; its positive class is '1'",
    )


def test_columns_are_dropped(tmp_path: Path) -> None:
    path = written(tmp_path, a=1.0, b=np.arange(40) % 3)
    data = load(path, "y", drop=["a", "x"])
    assert list(data.features) == ["b"]
    assert (data.name, data.source, data.options) == ("file.csv", path, {"target": "y", "drop": ["a", "x"]})
    for drop, message in (
        (["y"], "column 'y' is given both to target and to drop"),
        (["c"], "no column 'c' for drop; it has columns 'x', 'y', 'a', 'b'"),
        (["x", "a", "b"], "no feature is left beside the target"),
    ):
        with pytest.raises(DataError, match=message):
            load(path, "y", drop=drop)
    wide = written(tmp_path, **{f"c{each:02}": 1 for each in range(11)})
    with pytest.raises(DataError, match=r"'c09' and 1 more$"):
        load(wide)


def test_separators(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(" x ; y \n" + "".join(f"{each}; {each % 2}\n" for each in range(30)))
    data = load(str(tmp_path / "t.csv"), "y", sep=";")
    assert data.options == {"target": "y", "sep": ";"}
    assert data.classes == ("0", "1")
    for sep in ("", ";;"):
        with pytest.raises(DataError, match=r"^sep must be one character \(a tab: sep='\\t'\), got "):
            load(str(tmp_path / "t.csv"), "y", sep=sep)
    for sep, hint in (("|", "use sep='|'"), ("\t", "use sep='\\t'"), (" ", "a target and a feature are needed")):
        (tmp_path / "t.csv").write_text(f"x{sep}y\n1{sep}2\n")
        with pytest.raises(DataError) as caught:
            load(str(tmp_path / "t.csv"), "y")
        assert str(caught.value).endswith(hint)


def test_rows_that_are_longer_than_the_header(tmp_path: Path) -> None:
    """pandas only warns of them, and drops what is beyond."""
    (tmp_path / "t.csv").write_text("x,y\n" + "1,0,5\n2,1,5\n" * 20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as a user's filter may be
        with pytest.raises(DataError, match=r"t.csv is not a table with the same columns throughout: "):
            load(str(tmp_path / "t.csv"), "y")


def test_bundled_data_has_its_own_target() -> None:
    for given in ({"target": "y"}, {"drop": ["x"]}, {"sep": ";"}, {"target": "y", "sep": ";"}):
        with pytest.raises(DataError, match=f"leave out {' and '.join(given)} [(]for"):
            load("iris", **given)
    assert load("breast_cancer").notes == ("the positive class of breast_cancer is 'benign'",)
    assert load("iris").notes == ()
    asked = load("digits", task="regression")
    assert (asked.options, asked.classes, asked.notes) == (
        {"task": "regression"},
        (),
        ("the task is regression, as asked",),
    )
    assert load("iris", task="multiclass").classes == ("setosa", "versicolor", "virginica")
    assert load("digits").features.dtype == np.float32
    assert load("diabetes").target.dtype == float


# Arguments in messages.


@pytest.mark.parametrize(
    ("name", "value", "called", "typed"),
    [
        ("folds", None, "folds", "--folds"),
        ("folds", 3, "folds=3", "--folds 3"),
        ("task", "binary", "task='binary'", "--task binary"),
        ("sep", ";", "sep=';'", "--sep ';'"),
        ("sep", "\t", "sep='\\t'", "--sep $'\\t'"),
        ("drop", ["t"], "drop=['t']", "--drop t"),
        ("drop", ["a b", "it's"], """drop=['a b', "it's"]""", """--drop 'a b' 'it'"'"'s'"""),
        ("drop", ["x=1"], "drop=['x=1']", "--drop x=1"),
    ],
)
def test_an_argument_is_a_flag_at_the_terminal(name: str, value: object, called: str, typed: str) -> None:
    """Where it is meant, and nowhere else: a column may have its name."""
    text = f"column {name!r}: use {argument(name, value)}, or {argument('target')}"
    for message in (Message(text), CompareError(text).args[0], pickle.loads(pickle.dumps(DataError(text))).args[0]):
        assert message == f"column {name!r}: use {called}, or target"
        assert in_flags(message) == f"column {name!r}: use {typed}, or --target"
    assert str(CompareError(text)) == f"column {name!r}: use {called}, or target"
    assert in_flags(f"use {called}") == f"use {called}"


# Folds.


def plain(rows: int, classes: list[int] | None = None) -> Data:
    target = np.linspace(0, 1, rows) if classes is None else np.repeat(np.arange(len(classes)), classes)
    names = () if classes is None else tuple("abcdef"[: len(classes)])
    task = Task.REGRESSION if classes is None else Task.MULTICLASS
    return Data("plain", "plain", {}, np.zeros((rows, 2), np.float32), target, task, names)


@pytest.mark.parametrize(
    ("data", "folds", "message"),
    [
        (plain(20), 2, None),
        (plain(19), 2, "19 rows are too few for 2 folds; bring at least 20"),
        (plain(24), 12, None),
        (plain(23), 12, "23 rows are too few for 12 folds; bring at least 24"),
        (plain(25, [20, 5]), 5, None),
        (plain(24, [20, 4]), 5, "class 'b' has 4 rows, fewer than 5 folds need (5); use folds=4, merge it"),
        (plain(23, [3, 20]), 5, "class 'a' has 3 rows, fewer than 5 folds need (5); use folds=3, merge it"),
        (plain(22, [20, 2]), 5, "class 'b' has 2 rows, fewer than 5 folds need (5); merge it"),
        (plain(24, [20, 4]), 2, None),  # two in each training fold
        (plain(23, [20, 3]), 2, "class 'b' has 3 rows, fewer than 2 folds need (4)"),
    ],
)
def test_rows_suffice_for_the_folds(data: Data, folds: int, message: str | None) -> None:
    if message is None:
        data.require_folds(folds)
        for rows, test in data.folds(folds, 0):
            for label in range(len(data.classes)):
                assert (data.target[test] == label).sum() >= 1
                assert (data.target[rows] == label).sum() >= 2
        return
    with pytest.raises(DataError) as caught:
        data.require_folds(folds)
    assert f"plain: {message}" in str(caught.value)


@pytest.mark.parametrize("number", [2, 3, 5])
@pytest.mark.parametrize("task", [Task.MULTICLASS, Task.BINARY, Task.REGRESSION])
def test_folds_deal_out_every_class(task: Task, number: int) -> None:
    rng = np.random.default_rng(0)
    target = rng.choice(2 if task is Task.BINARY else 4, 83) if task is not Task.REGRESSION else rng.normal(size=83)
    seen = set()
    for seed in range(4):
        folds = stratified(target, number, seed, task)
        assert len(folds) == number
        assert sorted(np.concatenate([test for _, test in folds])) == list(range(83))
        for rows, test in folds:
            assert sorted((*rows, *test)) == list(range(83))
            assert abs(len(test) - 83 / number) < 1
            for label in np.unique(target) if task is not Task.REGRESSION else ():
                assert abs((target[test] == label).sum() - (target == label).sum() / number) < 1
        assert all((a[1] == b[1]).all() for a, b in zip(folds, stratified(target, number, seed, task), strict=True))
        seen.add(folds[0][1].tobytes())
        assert not np.array_equal(folds[0][1], np.arange(0, 83, number))  # they are shuffled
    assert len(seen) == 4


# The preparation.


def test_what_is_written_for_a_table(tmp_path: Path) -> None:
    """By hand: medians, deviations and levels of the training rows alone."""
    number = np.array([1.0, 2.0, 4.0, np.nan, 9.0] * 8)
    number[30:] *= 10
    text = np.array(["a", "b", "b", None, "c"] * 8, dtype=object)
    text[30:] = "new"
    data = load(written(tmp_path, n=number, t=text), "y", drop=["x"])
    train, every = np.arange(30), np.arange(40)
    found = Preprocessor(data, train).features(every)
    filled = np.where(np.isnan(number), np.median([1.0, 2.0, 4.0, 9.0]), number)
    scaled = (filled - filled[:30].mean()) / filled[:30].std()
    levels = np.where(pd.isna(text), "b", text)
    expected = np.column_stack([scaled, *(levels == each for each in "abc")])
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), expected.astype(np.float32), rtol=1e-5, atol=1e-6)


def test_what_is_written_for_pixels_and_targets() -> None:
    digits, rows = load("digits"), np.arange(100, 300)
    fitted = Preprocessor(digits, rows)
    pixels = np.asarray(digits.features)[rows]
    expected = (np.asarray(digits.features)[:50] - pixels.mean()) / pixels.std()
    np.testing.assert_allclose(fitted.features(np.arange(50)).numpy(), expected, rtol=1e-4, atol=1e-5)
    assert fitted.target(rows).tolist() == digits.target[rows].tolist()
    restored = fitted.restored(torch.tensor([3, 1]))
    assert restored.tolist() == [3, 1]
    assert restored.dtype == np.int64
    assert (fitted.centre, fitted.unit) == (0, 1)


def test_what_never_varies_is_left_at_zero() -> None:
    fitted = Preprocessor(plain(30), np.arange(10))
    assert (fitted.features(np.arange(30)) == 0).all()
    steady = Data("s", "s", {}, np.ones((30, 2), np.float32), np.full(30, 7.0), Task.REGRESSION, ())
    fitted = Preprocessor(steady, np.arange(10))
    assert (fitted.target(np.arange(30)) == 0).all()
    assert fitted.target(np.arange(30)).shape == (30, 1)
    assert fitted.restored(torch.tensor([[0.0], [2.0]])).tolist() == [7, 9]
    assert (steady.kind, steady.outputs) == ("image", 1)
