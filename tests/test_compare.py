"""The parts of ``losskit compare``, on real data."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from losskit import Task
from losskit.catalog import READY_MADE, STANDARD
from losskit.compare import CompareError, Data, DataError, Preprocessor, load, make_plan
from losskit.compare.contender import contender
from losskit.compare.data import stratified
from losskit.compare.engine import Row, jobs
from losskit.compare.metrics import METRICS
from losskit.compare.outcome import conclude
from losskit.compare.plan import Configuration, Plan
from losskit.compare.prepare import Split
from losskit.compare.recipe import recipe
from losskit.compare.report import conclusion, header, table
from losskit.compare.search import measure
from losskit.compare.store import Store
from losskit.compare.train import build, read, train
from losskit.compare.verdict import Reading
from losskit.compare.workers import run
from losskit.optimizers import RATES, USUAL

QUICK = {"SGD": (0.05,), "Adam": (0.001, 0.005)}


def quick(data: Data, **changes: object) -> Plan:
    plan = make_plan(data, steps=12, folds=3, repeats=2, seeds=2)
    return replace(plan, rates=QUICK, splits=2, **changes)  # type: ignore[arg-type]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """As in a run; two would wait for each other where the tests are not alone on the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def wine() -> Data:
    return load("wine")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """A table with gaps, text, an empty column and a target of text."""
    rng = np.random.default_rng(0)
    size = rng.normal(10, 3, 90)
    frame = pd.DataFrame(
        {
            "size": np.where(rng.random(90) < 0.1, np.nan, size),
            "colour": pd.Series(rng.choice(["red", "green", "blue"], 90)).where(rng.random(90) > 0.1),
            "void": np.nan,
            "flag": rng.random(90) < 0.5,
            "kind": np.where(size + rng.normal(0, 1, 90) > 10, "large", "small"),
        }
    )
    frame.loc[3, "kind"] = None
    path = tmp_path_factory.mktemp("csv") / "mixed.csv"
    frame.to_csv(path, index=False)
    return load(str(path), "kind")


# The data.


@pytest.mark.parametrize(
    ("name", "shape", "task", "classes"),
    [
        ("mnist", (5000, 784), Task.MULTICLASS, 10),
        ("digits", (1797, 64), Task.MULTICLASS, 10),
        ("iris", (150, 4), Task.MULTICLASS, 3),
        ("wine", (178, 13), Task.MULTICLASS, 3),
        ("breast_cancer", (569, 30), Task.BINARY, 2),
        ("diabetes", (442, 10), Task.REGRESSION, 0),
    ],
)
def test_bundled(name: str, shape: tuple[int, int], task: Task, classes: int) -> None:
    data = load(name)
    assert (data.features.shape, data.task, len(data.classes)) == (shape, task, classes)
    assert data.kind == ("image" if name in ("mnist", "digits") else "table")


def test_a_mixed_table(mixed: Data) -> None:
    assert (mixed.task, mixed.classes, len(mixed.target)) == (Task.BINARY, ("large", "small"), 89)
    assert list(mixed.features) == ["size", "colour", "flag"]
    told = " ".join(mixed.notes)
    for words_ in ("positive class is 'small'", "1 rows without a value in 'kind'", "'void'", "imputed"):
        assert words_ in told
    fitted = Preprocessor(mixed, np.arange(60))
    assert fitted.features(np.arange(89)).shape == (89, 5)  # size, flag, three colours
    assert fitted.features(np.arange(89)).isfinite().all()


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"], Task.BINARY),
        ([0, 1], Task.BINARY),
        ([2.5, 7.5], Task.BINARY),
        (["a", "b", "c"], Task.MULTICLASS),
        (list(range(10)), Task.MULTICLASS),
        (list(range(21)), Task.REGRESSION),
        ([0.1, 0.2, 0.3], Task.REGRESSION),
    ],
)
def test_the_task_is_inferred(values: list[object], task: Task, tmp_path: Path) -> None:
    target = [values[index % len(values)] for index in range(60)]
    pd.DataFrame({"x": np.arange(60) ** 2, "y": target}).to_csv(tmp_path / "t.csv", index=False)
    data = load(str(tmp_path / "t.csv"), "y")
    assert data.task is task
    assert "; task overrules" in data.notes[0]


def test_the_task_is_overruled() -> None:
    assert load("digits", task="regression").task is Task.REGRESSION
    with pytest.raises(DataError, match="has 10 distinct values, and a binary task has 2"):
        load("digits", task="binary")
    with pytest.raises(DataError, match=r"^task must be one of multiclass, binary, regression, got 'multilabel'"):
        load("iris", task="multilabel")


def table_of(rows: int = 40, **columns: object) -> str:
    frame = pd.DataFrame({"x": np.arange(rows) ** 2 % 17, "y": np.arange(rows) % 2} | columns)
    return str(frame.to_csv(index=False))


BAD: dict[str, tuple[str | bytes, str]] = {
    "no target": (table_of().replace("y", "yy", 1), "no column 'y' for target; did you mean 'yy'?"),
    "empty": ("", "is empty; give a CSV file"),
    "header only": ("x,y\n", "has a header and no rows"),
    "few rows": ("x,y\n1,0\n2,1\n", "too few to compare losses; bring at least 20"),
    "one class": (table_of(y=1), "has one value only, '1'"),
    "inf": (table_of(x=[*range(30), np.inf, *range(9)]), "column 'x' holds inf in line 32"),
    "inf target": (table_of(y=[0.5, *np.linspace(0, 1, 38), -np.inf]), "column 'y' holds -inf in line 41"),
    "dates": (table_of(d=pd.date_range("2024-01-01", periods=40).astype(str)), "column 'd' holds dates ('2024-01-01')"),
    "target of dates": (table_of(y=["2024-01-01", "2024-01-02"] * 20), "target 'y' holds dates"),
    "text": (table_of(t=[f"name {each}" for each in range(40)]), "text column 't' has 40 distinct values"),
    "numbers as text": (table_of(t=[*range(39), "n.a.!"]), "numbers mixed with text such as 'n.a.!'"),
    "decimal commas": (table_of(t=[f"{each},5" for each in range(40)]), "write numbers with a point"),
    "twice": (table_of().replace("x,y", "y,y"), "column 'y' occurs 2 times"),
    "separator": (table_of().replace(",", ";"), "use sep=';'"),
    "one column": ("y\n" + "1\n" * 40, "has only one column, 'y'"),
    "ragged": ("x,y\n" + "1,2\n" * 30 + "1,2,3\n", "not a table with the same columns throughout"),
    "not text": (b"x,y\n\xff\xfe,1\n", "is not UTF-8 text"),
    "binary": (b"PK\0\0", "holds binary data"),
    "empty target": ("x,y\n" + "1,\n" * 40, "column 'y' holds no value at all"),
    "no feature": ("x,y\n" + ",1\n,0\n" * 40, "no feature is left beside the target"),
    "identifier target": (table_of(y=[f"id{each}" for each in range(40)]), "texts, too many for classes"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files(kind: str, tmp_path: Path) -> None:
    content, message = BAD[kind]
    path = tmp_path / "bad.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as raised:
        load(str(path), "y")
    assert message in str(raised.value)
    assert len(str(raised.value)) < 400


def test_bad_choices(tmp_path: Path, wine: Data) -> None:
    refused: list[tuple[Callable[[], object], str]] = [
        (lambda: load(str(tmp_path / "none.csv"), "y"), "no file"),
        (lambda: load("irsi"), "did you mean 'iris'?"),
        (lambda: load(str(tmp_path), "y"), "is a folder"),
        (lambda: load("iris", "y"), "leave out target (for a file"),
        (
            lambda: make_plan(wine, losses=["NoLoss"]),
            "NoLoss is not a loss that networks can be compared with; choose among",
        ),
        (lambda: make_plan(load("diabetes"), losses=["FocalLoss"]), "FocalLoss does not serve a regression task"),
        (
            lambda: make_plan(load("diabetes"), losses=["GaussianNLLLoss"]),
            "GaussianNLLLoss takes input, target, var, and",
        ),
        (lambda: make_plan(wine, losses=["CrossEntropyLoss"]), "is the reference itself"),
        (lambda: make_plan(wine, metric="rmse"), "metric of a multiclass task must be one of accuracy"),
        (lambda: make_plan(wine, folds=1), "folds must be at least 2, got 1"),
        (
            lambda: make_plan(wine, folds=60),
            "class 'class_0' has 59 rows, fewer than 60 folds need (60); use folds=59",
        ),
    ]
    for call, message in refused:
        with pytest.raises(CompareError) as raised:
            call()
        assert message in str(raised.value)


def test_a_file_without_a_target_column_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(table_of())
    with pytest.raises(DataError, match="with target='COL'; it has columns 'x', 'y'"):
        load(str(tmp_path / "t.csv"))


def test_byte_order_mark_and_semicolons(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbf" + table_of().replace(",", ";").encode())
    assert load(str(tmp_path / "t.csv"), "y", sep=";").task is Task.BINARY


def test_folds_are_stratified_and_cover_all_rows_once(wine: Data) -> None:
    folds = wine.folds(5, seed=1)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(178))
    for rows, test in folds:
        assert not set(rows) & set(test)
        counts = np.bincount(wine.target[test], minlength=3)
        assert (abs(counts - np.bincount(wine.target) / 5) < 1).all()
    assert any(
        (a[1] != b[1]).any() for a, b in zip(folds, wine.folds(5, seed=2), strict=True) if len(a[1]) == len(b[1])
    )


def test_the_inner_split_keeps_every_class_for_training() -> None:
    target = np.repeat(np.arange(20), 2)
    kept, _ = stratified(target, 2, 0, Task.MULTICLASS)[0]
    assert set(target[kept]) == set(range(20))


# No leak.


def test_statistics_are_those_of_the_training_rows() -> None:
    data, rows = load("diabetes"), np.arange(100, 300)
    fitted = Preprocessor(data, rows)
    features, target = fitted.features(rows).double().numpy(), fitted.target(rows).double().numpy()
    assert features.mean(0) == pytest.approx(0, abs=1e-6)
    assert features.std(0) == pytest.approx(1, abs=1e-6)
    assert (target.mean(), target.std()) == pytest.approx((0, 1), abs=1e-6)
    assert fitted.centre == data.target[rows].mean() != data.target.mean()
    assert fitted.restored(fitted.target(rows)) == pytest.approx(data.target[rows], rel=1e-5)


@pytest.mark.parametrize("name", ["digits", "wine", "mixed"])
def test_test_rows_lend_nothing_to_the_network(name: str, mixed: Data) -> None:
    data = mixed if name == "mixed" else load(name)
    rows, test = data.folds(3, 0)[0]
    if isinstance(data.features, pd.DataFrame):
        table = data.features.copy()
        for column in table:
            table.iloc[test, table.columns.get_loc(column)] = "new" if table[column].dtype == object else 1e6
        spoilt = table
    else:
        spoilt = np.array(data.features)
        spoilt[test] = 1e6
    plan, networks = quick(data), []
    for features in (data.features, spoilt):
        split = Split(replace(data, features=features), rows, test)
        loss, chosen = contender(plan.reference, plan.task), Configuration("Adam", 0.001)
        networks.append(train(loss, plan, chosen, split, 0, plan.steps))
    first, second = (network.state_dict() for network in networks)
    assert all(torch.equal(first[key], second[key]) for key in first)


# The plan.


@pytest.mark.parametrize("name", ["wine", "breast_cancer", "diabetes"])
def test_the_losses_are_those_of_the_catalog(name: str) -> None:
    data = load(name)
    plan = make_plan(data)
    two = [loss for loss in READY_MADE if list(loss.about.tensors) == ["input", "target"]]
    serving = {loss.__name__: loss.about for loss in two if data.task in loss.about.serves}
    assert set(plan.losses) == {name for name, about in serving.items() if about.twin is None and not about.interacting}
    assert set(make_plan(data, losses=list(serving)).losses) == set(serving)
    assert plan.reference == STANDARD[data.task] in plan.losses
    assert plan.metric == {"wine": "accuracy", "breast_cancer": "average_precision", "diabetes": "rmse"}[name]


def test_the_grid() -> None:
    plan = make_plan(load("mnist"))
    assert (plan.hidden, plan.batch, plan.folds) == (128, 64, 5)
    assert tuple(plan.rates) == USUAL
    assert set(make_plan(load("mnist"), optimizers=["AdamW"]).rates) == {"AdamW"}
    assert all(RATES.values())
    cross, mse = (contender(name, plan.task) for name in ("CrossEntropyLoss", "MSELoss"))
    assert plan.grid(mse, "SGD") == pytest.approx([5 * rate for rate in plan.grid(cross, "SGD")])
    assert plan.grid(mse, "Adam") == plan.grid(cross, "Adam")
    assert plan.beyond(cross, Configuration("Adam", 0.012)) == Configuration("Adam", 0.036)
    assert plan.beyond(cross, Configuration("Adam", 0.0012)) == Configuration("Adam", 0.00036)
    assert plan.beyond(cross, Configuration("Adam", 0.004)) is None
    assert json.loads(json.dumps(plan.as_json()))["margin"] == "0.01 of accuracy"


def test_the_least_error_ranks_first() -> None:
    plan = make_plan(load("diabetes"), losses=["SmoothL1Loss"])
    rows = [
        row_of(loss, fold, plan, (50 + fold) * times)
        for loss, times in (("MSELoss", 1.2), ("SmoothL1Loss", 1))
        for fold in range(10)
    ]
    outcome = conclude(plan, rows)
    assert [each.loss for each in outcome.found] == ["SmoothL1Loss", "MSELoss"]
    assert outcome.recommended.loss == "SmoothL1Loss"
    assert outcome.margin == pytest.approx(np.log(1.02))
    assert "SmoothL1Loss is better than MSELoss, by 16.7%." in " ".join(conclusion(plan, outcome).split())


def row_of(loss: str, fold: int, plan: Plan, score: float) -> Row:
    metrics = {name: score for name in METRICS[plan.task]}
    return Row(loss, fold // plan.folds, fold % plan.folds, "Adam", 0.001, False, metrics, 0, 10, 0.1, [])


# The training.


@pytest.mark.parametrize("name", ["wine", "breast_cancer", "diabetes"])
def test_every_loss_learns(name: str) -> None:
    data = load(name)
    plan = make_plan(data)
    split = Split(data, *data.folds(5, 0)[0])
    good = {"wine": 0.9, "breast_cancer": 0.95, "diabetes": -65.0}[name]
    for loss in plan.losses:
        metrics, diverged = measure(
            plan, contender(loss, plan.task), split, Configuration("Adam", 0.005), 0, plan.steps
        )
        assert not diverged
        assert metrics[plan.metric] * (1 if plan.measure.higher else -1) > good, loss


def test_a_real_difference_is_found() -> None:
    """The counterpart of the null run: absolute errors of one-hot columns learn next to nothing in so few steps."""
    digits = load("digits")
    plan = make_plan(digits, losses=["L1Loss"], steps=90, folds=5, repeats=1, seeds=1)
    plan = replace(plan, rates={"Adam": (0.004,)})
    outcome = conclude(plan, list(run(plan, digits, 1)))
    found = next(each for each in outcome.found if each.loss == "L1Loss")
    assert found.reading is Reading.WORSE
    assert outcome.recommended.loss == "CrossEntropyLoss"
    assert 0.05 < outcome.baselines["constant"] < 0.15


def test_a_loss_that_refuses_nan_diverges_like_the_others() -> None:
    data = load("breast_cancer")
    plan, loss = make_plan(data, losses=["BCELoss"]), contender("BCELoss", data.task)
    _, diverged = measure(plan, loss, Split(data, *data.folds(5, 0)[0]), Configuration("SGD", 1e30), 0, plan.steps)
    assert diverged


@pytest.mark.parametrize("name", ["wine", "breast_cancer", "diabetes"])
def test_divergence_is_a_constant_prediction(name: str) -> None:
    data = load(name)
    plan = quick(data)
    split = Split(data, *data.folds(3, 0)[0])
    loss = contender(plan.reference, plan.task)
    network = build(split.features.shape[1], 16, loss.head.width(data.outputs), 0)
    with torch.no_grad():
        next(network.parameters()).fill_(torch.nan)
    predicted, diverged = read(loss, network, split)
    assert diverged
    assert len(set(predicted.prediction.tolist())) == 1
    made = contender("MSELoss", plan.task)
    metrics, diverged = measure(plan, made, split, Configuration("SGD", 1e30), 0, plan.steps)
    assert diverged
    assert all(np.isfinite(value) for value in metrics.values())


# The run.


@pytest.fixture(scope="module")
def ran(wine: Data) -> tuple[Plan, list[Row]]:
    plan = quick(wine)
    return plan, list(run(plan, wine, workers=1))


def test_rows_do_not_depend_on_the_workers(wine: Data, ran: tuple[Plan, list[Row]]) -> None:
    plan, rows = ran
    pooled = {(row.loss, row.repeat, row.fold): row for row in run(plan, wine, workers=2)}
    assert len(pooled) == len(rows) == len(jobs(plan)) == 6 * (len(plan.losses) + 1)
    for row in rows:
        assert replace(pooled[row.loss, row.repeat, row.fold], seconds=0.0) == replace(row, seconds=0.0)


def test_a_worker_that_dies_is_told(wine: Data) -> None:
    plan = replace(quick(wine), repeats=50)
    running = run(plan, wine, workers=2)
    next(running)
    for child in multiprocessing.active_children():
        child.kill()
    with pytest.raises(CompareError, match="a worker process died, perhaps for want of memory; try workers=1"):
        list(running)


def test_rows_are_json_and_kept_one_by_one(ran: tuple[Plan, list[Row]], tmp_path: Path) -> None:
    plan, rows = ran
    store = Store.create(tmp_path / "runs", "wine", plan.as_json(), ["a note"])
    again = Store.create(tmp_path / "runs", "wine", plan.as_json())
    assert store.folder != again.folder
    for number, row in enumerate(rows, 1):
        store.append(row.as_json())
        lines = (store.folder / "rows.jsonl").read_text().splitlines()
        assert len(lines) == number
    assert [Row(**json.loads(line)) for line in lines] == rows
    assert json.loads((store.folder / "plan.json").read_text())["reference"] == "CrossEntropyLoss"


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_folder_that_cannot_be_made(below: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        CompareError, match=r"cannot write below .*; choose a folder that can be written with out='DIR'"
    ):
        Store.create(tmp_path / "file" / below, "wine", {})


@pytest.mark.parametrize("columns", [60, 80, 100, 200])
def test_the_report_fits(
    columns: int, wine: Data, ran: tuple[Plan, list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    plan, rows = ran
    outcome = conclude(plan, [replace(row, beyond=True, diverged=row.loss == "MSELoss") for row in rows])
    text = "\n".join([header(plan, wine), table(plan, outcome), conclusion(plan, outcome)])
    assert max(map(len, text.splitlines())) <= min(columns, 100)
    told = " ".join(text.split())
    assert "a rate beyond the edge of the grid was better" in told
    assert "Training diverged (MSELoss 6 times)" in told
    assert "Take " in told
    if columns >= 100:
        assert all(f"\n{loss} " in text for loss in plan.losses)
    table(plan, outcome, "-").encode("ascii")


@pytest.mark.parametrize("name", ["wine", "breast_cancer", "diabetes", "mixed"])
def test_the_printed_code_runs(name: str, mixed: Data, tmp_path: Path) -> None:
    data = mixed if name == "mixed" else load(name)
    plan = make_plan(data)
    loss = {"breast_cancer": "CrossEntropyLoss"}.get(name, plan.reference)  # a head of two columns, too
    code = recipe(plan, data, loss, Configuration("SGD", 0.05), plan.metric)
    assert len(code.splitlines()) <= 60
    compile(code, "best.py", "exec")
    if name == "breast_cancer":  # the others in this process: starting one takes seconds
        done = subprocess.run(
            [sys.executable, "-"],
            input=code,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=60,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr
        printed = done.stdout
    else:
        out = io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdout", out)
            exec(compile(code, "best.py", "exec"), {})
        printed = out.getvalue()
    title, value = printed.strip().rsplit(": ", 1)
    assert title == f"{plan.measure.title} on 10 folds"
    assert float(value) > 0.8 if name != "diabetes" else float(value) < 70
