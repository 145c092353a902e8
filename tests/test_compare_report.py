"""What ``losskit compare`` prints and stores, of rows that the test makes up."""

from __future__ import annotations

import json
import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
import torch

import losskit
from losskit import Task
from losskit.compare import CompareError, Data, store
from losskit.compare.engine import Row
from losskit.compare.errors import Message, argument
from losskit.compare.metrics import METRICS
from losskit.compare.outcome import Outcome, conclude
from losskit.compare.plan import Configuration, Plan, make_plan
from losskit.compare.recipe import recipe
from losskit.compare.report import _and, header, table, words
from losskit.compare.store import Store

WOBBLE = np.array([0.001, -0.001] * 5)


def made(task: Task) -> Data:
    """Data of which only names and sizes are told."""
    target = np.arange(60) % 3 if task is Task.MULTICLASS else np.linspace(0, 1, 60)
    classes = ("a", "b", "c") if task is Task.MULTICLASS else ()
    notes = ("the target was inferred", "3 missing values are imputed")
    return Data("made.csv", "made.csv", {}, np.zeros((60, 7), np.float32), target, task, classes, notes)


def found(plan: Plan, scores: dict[str, object], marks: dict[str, tuple[int, int]]) -> Outcome:
    rows = []
    for loss, values in scores.items():
        edges, diverged = marks.get(loss, (0, 0))
        for place, score in enumerate(np.broadcast_to(np.asarray(values, float), 10)):
            rate = 0.025 if place < edges else 0.001
            metrics = {name: float(score) - 0.125 * number for number, name in enumerate(METRICS[plan.task])}
            place_ = (place // 5, place % 5, "Adam", rate, place < edges, metrics, place < diverged)
            rows.append(Row(loss, *place_, seconds=0.5, inner=[]))
    return conclude(plan, rows)


def classes() -> tuple[Plan, Outcome]:
    losses = ["MSELoss", "L1Loss", "BCEWithLogitsLoss", "FocalLoss", "HuberLoss", "MultiMarginLoss"]
    plan = make_plan(made(Task.MULTICLASS), losses=losses, epochs=7)
    base = 0.9 + 5 * WOBBLE
    scores: dict[str, object] = {
        "CrossEntropyLoss": base,
        "MSELoss": base,
        "L1Loss": base - 0.2 + WOBBLE,
        "HuberLoss": base - 0.1 + WOBBLE,
        "BCEWithLogitsLoss": base + WOBBLE,
        "FocalLoss": base + 0.05 + WOBBLE,
        "MultiMarginLoss": base + 0.002 + 40 * WOBBLE,
    }
    return plan, found(plan, scores, {"L1Loss": (6, 2), "HuberLoss": (5, 1), "MSELoss": (4, 0)})


def numbers() -> tuple[Plan, Outcome]:
    plan = make_plan(made(Task.REGRESSION), losses=["L1Loss", "HuberLoss"], epochs=7)
    base = 52 + 500 * WOBBLE
    return plan, found(plan, {"MSELoss": base, "L1Loss": base + 900 * WOBBLE, "HuberLoss": base - 0.3}, {})


CLASSES = """\
made.csv: 60 rows, 7 pixels, a multiclass task of 3 classes
Note: the target was inferred.
Note: 3 missing values are imputed.
Losses: HuberLoss, L1Loss, MSELoss, BCEWithLogitsLoss, FocalLoss and MultiMarginLoss against
CrossEntropyLoss, the standard loss of the task.
Each takes the best of 16 pairs of optimizer (SGD, Adam, RMSprop, AdamW) and learning rate, chosen
on an inner split of each training fold; the worse half is dropped after 3 of 7 epochs.
Ranked by accuracy (higher is better) on 2 x 5 folds; differences below 0.01 of accuracy count as
practically none.
Network: one hidden layer of 16, 7 epochs, batches of 16, seed 0.

                                  balanced       difference                   chosen
loss                accuracy ± sd accuracy           ± 95 %     p verdict     most often
───────────────────────────────────────────────────────────────────────────────────────────────
FocalLoss         0.9500 ± 0.0063   0.8250 +0.0500 ± 0.0014 <.001 different   Adam 0.001 10/10
MultiMarginLoss   0.9020 ± 0.0474   0.7770 +0.0020 ± 0.0564 1.000 cannot tell Adam 0.001 10/10
MSELoss           0.9000 ± 0.0053   0.7750 +0.0000 ± 0.0000 1.000 identical   Adam 0.001 6/10
BCEWithLogitsLoss 0.9000 ± 0.0063   0.7750 +0.0000 ± 0.0014 1.000 practically Adam 0.001 10/10
                                                                  the same
CrossEntropyLoss  0.9000 ± 0.0053   0.7750                        reference   Adam 0.001 10/10
HuberLoss         0.8000 ± 0.0063   0.6750 -0.1000 ± 0.0014 <.001 different   Adam 0.025 5/10!
L1Loss            0.7000 ± 0.0063   0.5750 -0.2000 ± 0.0014 <.001 different   Adam 0.025 6/10^!

Difference from CrossEntropyLoss, with the interval of each loss by itself; p by the corrected
t-test of Nadeau and Bengio, adjusted by Holm. 10 test folds.
^ Most of its rates lie at the edge of the grid: a better one may lie beyond.
! Training diverged on some folds (HuberLoss 1 times, L1Loss 2 times) and counts there as a constant
prediction.

The choice of loss matters here. FocalLoss is better than CrossEntropyLoss, by 0.0500. HuberLoss and
L1Loss are worse than CrossEntropyLoss, by 0.1000 and 0.2000. BCEWithLogitsLoss is practically the
same as CrossEntropyLoss: the difference is below 0.0100. MSELoss gave exactly the scores of
CrossEntropyLoss on every fold. Of MultiMarginLoss this run cannot tell: no difference and one
beyond 0.0100 are both possible; more rows would narrow this down, more --repeats only a little.
Take FocalLoss: it beats the reference. Its inner splits chose Adam at 0.001 most often (10 of 10)."""

NUMBERS = """\
made.csv: 60 rows, 7 pixels, a regression task
Note: the target was inferred.
Note: 3 missing values are imputed.
Losses: HuberLoss and L1Loss against MSELoss, the standard loss of the task.
Each takes the best of 16 pairs of optimizer (SGD, Adam, RMSprop, AdamW) and learning rate, chosen
on an inner split of each training fold; the worse half is dropped after 3 of 7 epochs.
Ranked by RMSE (lower is better) on 2 x 5 folds; differences below 2% of the mean RMSE of MSELoss
count as practically none.
Network: one hidden layer of 16, 7 epochs, batches of 16, seed 0.

                               difference                            chosen
loss         RMSE ± sd   MAE       ± 95 %     p verdict              most often
─────────────────────────────────────────────────────────────────────────────────────
HuberLoss 51.70 ± 0.53 51.58 -0.30 ± 0.00 <.001 practically the same Adam 0.001 10/10
L1Loss    52.00 ± 1.48 51.88 +0.00 ± 1.27 1.000 practically the same Adam 0.001 10/10
MSELoss   52.00 ± 0.53 51.88                    reference            Adam 0.001 10/10

Difference from MSELoss, with the interval of each loss by itself; p by the corrected t-test of
Nadeau and Bengio, adjusted by Holm. 10 test folds.

The choice of loss does not matter here. HuberLoss and L1Loss are practically the same as MSELoss:
the difference is below 1.04. Take MSELoss: no other is proven to beat it. Its inner splits chose
Adam at 0.001 most often (10 of 10)."""

NARROW = """\
                                                     chosen
             RMSE       difference                   most
loss        +- sd   MAE    +- 95 %     p verdict     often
-----------------------------------------------------------
HuberLoss   51.70 51.58      -0.30 <.001 practically Adam
          +- 0.53          +- 0.00       the same    0.001
                                                     10/10
L1Loss      52.00 51.88      +0.00 1.000 practically Adam
          +- 1.48          +- 1.27       the same    0.001
                                                     10/10
MSELoss     52.00 51.88                  reference   Adam
          +- 0.53                                    0.001
                                                     10/10

Difference from MSELoss, with the interval of each loss by
itself; p by the corrected t-test of Nadeau and Bengio,
adjusted by Holm. 10 test folds."""


@pytest.mark.parametrize("columns", [40, 60, 72, 80, 100, 140])
def test_no_report_is_wider_than_the_terminal_or_cuts_a_word(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for task, (plan, outcome) in ((Task.MULTICLASS, classes()), (Task.REGRESSION, numbers())):
        page = "\n".join([header(plan, made(task)), table(plan, outcome), words(plan, outcome)])
        assert max(map(len, page.splitlines())) <= columns
        said = page.replace(":", " ").split()
        for loss in outcome.found:
            verdict, chosen = loss.verdict, loss.chosen
            expected = [verdict.name, *str(verdict.reading).split(), chosen.optimizer, f"{chosen.rate:g}"]
            assert set(expected) <= set(said)


@pytest.mark.parametrize(
    ("columns", "expected"), [(100, (CLASSES, NUMBERS)), (200, (CLASSES, NUMBERS)), (60, (NARROW,))]
)
def test_reports(columns: int, expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    if columns == 60:
        assert table(*numbers(), "+-") == NARROW
        return
    for task, (plan, outcome), page in zip(
        (Task.MULTICLASS, Task.REGRESSION), (classes(), numbers()), expected, strict=True
    ):
        parts = (header(plan, made(task)), table(plan, outcome), words(plan, outcome))
        assert "\n\n".join(parts) == page


def test_notes_name_flags() -> None:
    data = replace(made(Task.REGRESSION), notes=(Message(f"use {argument('drop', ['x'])}"),))
    assert "Note: use --drop x." in header(make_plan(data), data).splitlines()


def test_a_name_is_never_broken() -> None:
    names = ("x" * 120, "a-name-with-hyphens-" * 4)
    data = replace(made(Task.REGRESSION), notes=tuple(f"see {each} and {each}" for each in names))
    page = header(make_plan(data), data)
    assert all(page.count(each) == 2 for each in names)


def test_a_name_of_several_words_is_never_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    name = "the sale price of all of the houses"
    data = replace(made(Task.REGRESSION), notes=(Message(f"column {name!r}: use {argument('drop', [name])}"),))
    assert header(make_plan(data), data).splitlines()[2:5] == ["Note: column", f"'{name}':", "use"]


def test_what_is_not_shown_is_said() -> None:
    plan = make_plan(made(Task.MULTICLASS), losses=["MSELoss"])
    unsure = found(plan, {"CrossEntropyLoss": 0.9, "MSELoss": 0.9 + 40 * WOBBLE}, {})
    told = " ".join(words(plan, unsure).split())
    assert told.startswith("This run does not show that the choice of loss matters. Of MSELoss this run cannot tell:")
    assert "Take CrossEntropyLoss: no other is proven to beat it." in told


@pytest.mark.parametrize("mean", [0, 0.0123, 0.5, 1, 9.99, 52, 1234, 56789])
def test_errors_are_shown_with_four_digits(mean: float) -> None:
    plan = make_plan(made(Task.REGRESSION), losses=["L1Loss"])
    line = next(
        each
        for each in table(plan, found(plan, {"MSELoss": mean, "L1Loss": mean}, {})).splitlines()
        if "MSELoss" in each
    )
    shown = line.split()[1]
    assert float(shown) == pytest.approx(mean, rel=5e-4)
    digits = shown.replace(".", "").lstrip("0")
    assert len(digits) == (5 if mean == 56789 else 4) if mean else shown == "0.0000"


# The script to paste.


def lines_of(task: Task, loss: str, chosen: Configuration, **changes: Any) -> list[str]:
    classes = {Task.BINARY: ("a", "b"), Task.MULTICLASS: ("a", "b", "c"), Task.REGRESSION: ()}[task]
    target = np.arange(60) % len(classes) if classes else np.linspace(0, 1, 60)
    data = Data("made.csv", "made.csv", {}, np.zeros((60, 7), np.float32), target, task, classes)
    data = replace(data, **changes)
    plan = replace(make_plan(data, folds=3, epochs=7), losses={loss: loss})
    return recipe(plan, data, loss, chosen).splitlines()


@pytest.mark.parametrize(
    ("task", "loss", "optimizer", "output", "score", "metric"),
    [
        (Task.MULTICLASS, "CrossEntropyLoss", "SGD", "{}", "predicted", ("accuracy", "accuracy")),
        (Task.MULTICLASS, "NLLLoss", "Adam", "head.training({}, 1)", "predicted", ("accuracy", "accuracy")),
        (Task.BINARY, "BCEWithLogitsLoss", "AdamW", "{}", "output[:, 0].numpy()", ("average precision", "average_precision")),
        (Task.BINARY, "BCELoss", "RMSprop", "head.training({}, 1)", "output[:, 0].numpy()", ("average precision", "average_precision")),
        (Task.BINARY, "CrossEntropyLoss", "SGD", "{}", "(output[:, -1] - output[:, 0]).numpy()", ("average precision", "average_precision")),
        (Task.REGRESSION, "HuberLoss", "Adam", "{}", "predicted", ("RMSE", "rmse")),
    ],
)  # fmt: skip
def test_the_script_is_the_training_that_was_chosen(
    task: Task, loss: str, optimizer: str, output: str, score: str, metric: tuple[str, str]
) -> None:
    lines = lines_of(task, loss, Configuration(optimizer, 0.05))
    momentum = ", momentum=0.9" if optimizer == "SGD" else ""
    title, key = metric
    for line in (
        f'"""{loss} with {optimizer} at 0.05 on made.csv, as chosen by losskit compare."""',
        f"from losskit import {loss}",
        "train, test = data.folds(3, seed=0)[0]",
        f"criterion = {loss}()",
        f'head = criterion.head("{task}")',
        "    nn.Linear(features.shape[1], 16), nn.ReLU(), nn.Linear(16, head.width(data.outputs))",
        f"optimizer = torch.optim.{optimizer}(network.parameters(), lr=0.05{momentum})",
        "for epoch in range(7):",
        "    for batch in torch.randperm(len(features)).split(16):",
        f"        criterion({output.format('network(features[batch])')}, encoded[batch]).backward()",
        f'predicted = fitted.restored(criterion.predict(output, "{task}"))',
        f"score = {score}",
        f"print(f\"{title}: {{METRICS[data.task]['{key}'].of(data.target[test], predicted, score):.4f}}\")",
    ):
        assert line in lines


def test_the_script_loads_what_was_loaded() -> None:
    def loads(source: str, **options: Any) -> str:
        lines = lines_of(Task.REGRESSION, "MSELoss", Configuration("SGD", 0.05), source=source, options=options)
        return next(line for line in lines if line.startswith("data = "))

    assert loads("iris") == 'data = load("iris")'
    assert loads("a/b.csv", target="y", drop=["c"]) == f'data = load("{Path.cwd()}/a/b.csv", target="y", drop=["c"])'
    assert loads("/b.csv", target='say "y"') == "data = load('/b.csv', target='say \"y\"')"
    for target in ("it's", "a \"b\" 'c'", "back\\slash"):
        found: dict[str, Any] = {"load": lambda source, **options: (source, options)}
        exec(loads("/b.csv", target=target), found)
        assert found["data"] == ("/b.csv", {"target": target})


# The folder of a run.


def test_a_folder_holds_a_run(tmp_path: Path) -> None:
    kept = Store.create(tmp_path / "a" / "b", "some/data.csv", {"seed": 3}, ["a note"])
    assert kept.folder.parent == tmp_path / "a" / "b"
    stamp, _, name = kept.folder.name.partition("-")
    assert name == "data"
    assert len(stamp) == len("20260101T120000")
    written = json.loads((kept.folder / "plan.json").read_text())
    assert written == {"seed": 3, "notes": ["a note"], "versions": store.versions()}
    assert written["versions"] == {
        "losskit": losskit.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "python": platform.python_version(),
    }
    for number in range(3):
        kept.append({"row": number, "what": "ü"})
    lines = (kept.folder / "rows.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"row": number, "what": "ü"} for number in range(3)]
    kept.finish([{"name": "A"}, {"name": "B"}], "print(1)\n")
    assert json.loads((kept.folder / "verdict.json").read_text()) == [{"name": "A"}, {"name": "B"}]
    assert (kept.folder / "best.py").read_text() == "print(1)\n"


def test_runs_of_the_same_second_have_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [store._fresh(tmp_path, "x").name for _ in range(3)] == ["x", "x-2", "x-3"]
    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(CompareError, match=r"cannot write below .* and a thousand more exist; choose a folder"):
        Store.create(tmp_path, "x", {})


def refuse(folder: Path, **how: bool) -> None:
    if not how:
        raise FileExistsError


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    kept = Store.create(tmp_path, "x", {})
    gone = Store(tmp_path / "gone")
    assert kept.folder != gone.folder
    with pytest.raises(CompareError, match=r"cannot write to .*gone: .*; the rows before are kept"):
        gone.append({})
    with pytest.raises(CompareError, match=r"cannot write to .*gone: .*; the rows are kept"):
        gone.finish([], "")


def test_names_are_joined() -> None:
    assert [_and("ABC"[:count]) for count in (1, 2, 3)] == ["A", "A and B", "A, B and C"]
