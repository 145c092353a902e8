"""What ``losskit compare`` prints and stores, of rows that the test makes up."""

from __future__ import annotations

import ast
import json
import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from string import Formatter
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import sklearn
import torch
from comparisons import rows_of

import losskit
from losskit import Task, terminal
from losskit.compare import CompareError, Data, Plan, make_plan, report, store, words
from losskit.compare.engine import split_seed
from losskit.compare.errors import Message, argument
from losskit.compare.outcome import Outcome, conclude
from losskit.compare.plan import Configuration
from losskit.compare.recipe import recipe
from losskit.compare.report import conclusion, header, picture, table
from losskit.compare.store import Store
from losskit.compare.verdict import Reading
from losskit.compare.words import PHRASES, listed

WOBBLE = np.array([0.001, -0.001] * 5)
Page = tuple[Plan, Data, Outcome]


def made(task: Task, **changes: Any) -> Data:
    """Data of which only names and sizes are told."""
    names = {Task.BINARY: ("a", "b"), Task.MULTICLASS: ("a", "b", "c"), Task.REGRESSION: ()}[task]
    target = np.arange(60) % len(names) if names else np.linspace(0, 1, 60)
    notes = ("the target was inferred", "3 missing values are imputed")
    data = Data("made.csv", "made.csv", {}, np.zeros((60, 7), np.float32), target, task, names, notes)
    return replace(data, **changes)


def page(task: Task, scores: dict[str, Any], marks: dict[str, tuple[int, int]] | None = None, **given: Any) -> Page:
    """Made-up scores of losses, and how often each went beyond the grid and diverged."""
    counts = marks or {}
    data = made(task, **given.pop("data", {}))
    others = [name for name in scores if name not in ("constant", "learner", *list(scores)[:1])]
    plan = make_plan(data, losses=others, steps=30, **given)
    rows = rows_of(
        plan,
        {name: list(np.broadcast_to(np.asarray(values, float), 10)) for name, values in scores.items()},
        beyond=lambda loss, place: place < counts.get(loss, (0, 0))[0],
        diverged=lambda loss, place: int(place < counts.get(loss, (0, 0))[1]),
    )
    return plan, data, conclude(plan, rows)


def classes() -> Page:
    """Every reading, marks, losses without probabilities, baselines."""
    base = 0.9 + 5 * WOBBLE
    scores: dict[str, Any] = {
        "CrossEntropyLoss": base,
        "MSELoss": base,
        "L1Loss": base - 0.2 + WOBBLE,
        "HuberLoss": base - 0.05 + WOBBLE,
        "BCEWithLogitsLoss": base + WOBBLE,
        "FocalLoss(gamma=1)": base + 0.05 + WOBBLE,
        "SoftmaxFocalLoss": base + 0.004 + WOBBLE,
        "MultiMarginLoss": base + 0.002 + 40 * WOBBLE,
        "CrossEntropyLoss(weight=balanced)": base + 0.0095 + WOBBLE,
        "constant": 0.4,
        "learner": 0.99,
    }
    return page(Task.MULTICLASS, scores, {"L1Loss": (4, 2), "HuberLoss": (6, 1)}, baselines=True)


def numbers() -> Page:
    base = 52 + 500 * WOBBLE
    return page(Task.REGRESSION, {"MSELoss": base, "L1Loss": base + 200 * WOBBLE, "HuberLoss": base - 0.3})


def tails() -> Page:
    """Heavy tails, and a run that decides nothing."""
    target = np.linspace(0, 1, 60)
    target[7] = 500.0
    scores = {"MSELoss": 9 + WOBBLE, "L1Loss": 9 + 900 * WOBBLE, "HuberLoss": 9.18 + WOBBLE}
    return page(Task.REGRESSION, scores, data={"target": target})


def saturated() -> Page:
    """All are perfect by the metric that was to rank; the next one decides that all are alike."""
    plan, data, _ = page(Task.BINARY, {"BCEWithLogitsLoss": WOBBLE, "MSELoss": WOBBLE})
    base = 0.9 + WOBBLE
    rows = [
        replace(row, metrics={"average_precision": 1.0, "accuracy": base[place % 10] + 0.1 * WOBBLE[place // 10]})
        for place, row in enumerate(rows_of(plan, {loss: list(base) for loss in plan.losses}))
    ]
    return plan, data, conclude(plan, rows)


def calibrated() -> Page:
    """Ranked by the Brier score, which one loss has not; no search."""
    scores: dict[str, Any] = {"CrossEntropyLoss": 0.3 + WOBBLE, "MSELoss": 0.3, "FocalLoss": 0.3 + WOBBLE}
    plan, data, _ = page(Task.MULTICLASS, scores, metric="brier")
    plan = replace(plan, rates={"Adam": (0.01,)})
    rows = rows_of(plan, {loss: list(np.broadcast_to(values, 10)) for loss, values in scores.items()})
    swapped = [
        replace(row, metrics={**row.metrics, "brier": row.metrics["accuracy"]}) if "brier" in row.metrics else row
        for row in rows
    ]
    return plan, data, conclude(plan, swapped)


PAGES: list[Callable[[], Page]] = [classes, numbers, tails, saturated, calibrated]


def printed(page: Page, language: str = "en") -> str:
    plan, data, outcome = page
    parts = header(plan, data, language), table(plan, outcome, "─", language), conclusion(plan, outcome, language)
    return "\n\n".join(parts)


def joined(text: str) -> str:
    return " ".join(text.split())


# Pages.


@pytest.mark.parametrize("columns", [40, 60, 72, 80, 100, 140])
@pytest.mark.parametrize("made_up", PAGES)
@pytest.mark.parametrize("language", words.LANGUAGES)
def test_no_page_is_wider_than_the_terminal_or_cuts_a_word(
    columns: int, made_up: Callable[[], Page], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    plan, data, outcome = made_up()
    text = printed((plan, data, outcome), language)
    assert max(map(terminal.columns, text.splitlines())) <= columns
    for found in outcome.found:
        assert found.loss in text
        if language == "en":
            expected = {*str(found.reading).split()} if found.verdict else set()
            assert expected | {found.chosen.optimizer} <= set(re.split(r"[\s:]+", text))


@pytest.mark.parametrize("made_up", PAGES)
def test_a_chinese_page_is_chinese(made_up: Callable[[], Page]) -> None:
    """Names of losses, columns and people, flags and units are all the English there is."""
    text = printed(made_up(), "zh")
    for note in made(Task.BINARY).notes:  # as the data has them
        text = text.replace(note, "")
    assert not re.findall(r"\b[A-Za-z]{2,} [A-Za-z]{2,} [A-Za-z]{2,}", text)
    assert re.search(r"[一-鿿]", text)
    allowed = {"to", "is", "the", "of", "and", "best", "rows", "loss", "verdict", "differs"}
    assert not allowed & set(re.findall(r"[a-z]+", re.sub(r"\w+\.csv|--\w+ \w+|\([^)]*\)", "", text)))


def test_each_reading_is_told() -> None:
    plan, _, outcome = classes()
    assert {found.reading for found in outcome.found} == set(Reading)
    told = joined(conclusion(plan, outcome))
    assert told.startswith(
        "The choice of loss matters here. FocalLoss(gamma=1) is better than CrossEntropyLoss, by 0.0500."
    )
    for sentence in (
        "HuberLoss and L1Loss are worse than CrossEntropyLoss, by 0.0500 and 0.2000.",
        "SoftmaxFocalLoss differs from CrossEntropyLoss, by less than matters (0.0040).",
        "BCEWithLogitsLoss is practically the same as CrossEntropyLoss: the difference is below 0.01.",
        "MSELoss gave exactly the scores of CrossEntropyLoss on every fold.",
        "CrossEntropyLoss(weight=balanced) is better than CrossEntropyLoss; whether by more than 0.01, this run cannot tell.",
        "Of MultiMarginLoss this run cannot tell whether the difference is beyond 0.01.",
        "What would tell, if differences stay as they are:",
        "L1Loss stalls: in 30 steps it learns little at any rate that was tried",
        "Take FocalLoss(gamma=1): it beats the reference.",
    ):
        assert sentence in told
    assert re.search(r"MultiMarginLoss about [\d,]+ rows", told)
    assert "HuberLoss stalls" not in told


@pytest.mark.parametrize(
    ("made_up", "lead", "end"),
    [
        (numbers, "The choice of loss does not matter here.", "Take MSELoss: no other is proven to beat it."),
        (tails, "This run does not show that the choice of loss matters.", "Take MSELoss: no other"),
        (saturated, "The choice of loss does not matter here.", "Take BCEWithLogitsLoss"),
    ],
)
def test_the_conclusion_claims_no_more_than_was_found(made_up: Callable[[], Page], lead: str, end: str) -> None:
    plan, _, outcome = made_up()
    told = joined(conclusion(plan, outcome))
    assert told.startswith(lead)
    assert end in told
    assert f"{outcome.recommended.chosen.optimizer} at {outcome.recommended.chosen.rate:g}" in told


def test_where_nothing_is_ranked_nothing_is_claimed() -> None:
    plan, _, outcome = page(Task.MULTICLASS, {"CrossEntropyLoss": 0.3 + WOBBLE, "MSELoss": 0.3}, metric="brier")
    assert joined(conclusion(plan, outcome)).startswith("This run does not show")


def test_footnotes_stand_where_they_are_due() -> None:
    told = {made_up: joined(table(*made_up()[::2])) for made_up in PAGES}
    for made_up, notes in (
        (
            classes,
            [
                "^ HuberLoss: on some folds a rate beyond the edge",
                "! Training diverged (HuberLoss 1 times, L1Loss 2 times)",
                "uncalibrated: outputs that do not stand for probabilities.",
                "Constant predictor: accuracy 0.4000.",
                "Without a network, gradient-boosted trees: accuracy 0.9900. The network is not competitive",
            ],
        ),
        (numbers, ["Differences are of errors as ratios"]),
        (
            saturated,
            ["average precision is perfect for every loss and tells nothing apart; the ranking is by accuracy."],
        ),
        (calibrated, ["MSELoss has no Brier score and is not ranked."]),
    ):
        for note in notes:
            assert note in told[made_up]
            assert [other for other in PAGES if note in told[other]][:1] in ([made_up], [classes])
    for other in (numbers, saturated, calibrated):
        assert "diverged" not in told[other]
        assert "^" not in told[other]
    assert "Brier" not in told[numbers]
    assert "ratios" not in told[classes]


def test_a_network_that_no_learner_beats_is_competitive() -> None:
    for learner, told in ((0.909, False), (0.92, True)):
        plan, _, outcome = page(
            Task.MULTICLASS,
            {"CrossEntropyLoss": 0.9 + WOBBLE, "MSELoss": 0.9 - WOBBLE, "constant": 0.4, "learner": learner},
            baselines=True,
        )
        assert ("not competitive" in joined(table(plan, outcome))) == told
    for learner, told in ((51.5, False), (50.0, True)):  # of an error, by ratio
        plan, _, outcome = page(
            Task.REGRESSION,
            {"MSELoss": 52 + WOBBLE, "L1Loss": 52 - WOBBLE, "constant": 80, "learner": learner},
            baselines=True,
        )
        assert ("not competitive" in joined(table(plan, outcome))) == told


def test_the_table_holds_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    base = 0.9 + 5 * WOBBLE
    scores = {"CrossEntropyLoss": base, "FocalLoss": base + 0.05 + WOBBLE, "HuberLoss": base - 0.05 + WOBBLE}
    plan, _, outcome = page(Task.MULTICLASS, scores, {"HuberLoss": (6, 1)})
    lines = table(plan, outcome).splitlines()
    (line,) = (each for each in lines if each.startswith("FocalLoss"))
    assert re.findall(r"[+-]?\d\.\d{4}", line) == ["0.9500", "3.9500", "+0.0500", "+0.0486", "+0.0514"]
    (line,) = (each for each in lines if each.startswith("HuberLoss"))
    assert line.rstrip().endswith("^!")
    plan, _, outcome = numbers()
    (line,) = (each for each in table(plan, outcome).splitlines() if each.startswith("HuberLoss"))
    assert re.findall(r"[+-]?\d+\.\d+%?", line)[:4] == ["51.70", "-0.6%", "-0.8%", "-0.3%"]  # the least spread


def test_errors_are_ranked_and_told_in_percent() -> None:
    plan, _, outcome = page(Task.REGRESSION, {"MSELoss": 50 + WOBBLE, "L1Loss": 40 + WOBBLE, "HuberLoss": 60 + WOBBLE})
    told = joined(conclusion(plan, outcome))
    assert "L1Loss is better than MSELoss, by 20.0%." in told
    assert "HuberLoss is worse than MSELoss, by 20.0%." in told
    assert "Take L1Loss" in told


def test_heavy_tails_ask_whether_mean_or_median() -> None:
    plan, data, _ = tails()
    told = joined(header(plan, data))
    assert "Mean or median? Ranked by MAE, for the median; --metric rmse asks for the mean." in told
    asked = replace(plan, metric="rmse")
    assert "Ranked by RMSE, for the mean; --metric mae asks for the median." in joined(header(asked, data))
    assert "median" not in header(*numbers()[:2])


def test_the_header_tells_the_rules() -> None:
    plan, data, _ = classes()
    told = joined(header(plan, data))
    for sentence in (
        "made.csv: 60 rows, 7 pixels, a multiclass task of 3 classes",
        "Note: the target was inferred.",
        "against CrossEntropyLoss, the standard loss of the task.",
        "the best of 8 pairs of optimizer (SGD, Adam, RMSprop)",
        f"all of them for 10 steps, the best 2 for 15 steps on {plan.splits} inner splits.",
        "Training: 30 steps of 16 rows, at a rate that falls linearly to 0; each score is the mean of 4 trainings.",
        "Ranked by accuracy (higher is better) on 2 x 5 folds; differences below 0.01 count as practically none.",
        "With 60 rows, differences below about 0.07 stay open.",
        "Network: one hidden layer of 16; seed 0.",
    ):
        assert sentence in told
    plan, data, _ = numbers()
    assert "(lower is better)" in joined(header(plan, data))
    assert "differences below 2% of the RMSE of MSELoss count" in joined(header(plan, data))
    assert "Each is trained by Adam 0.01." in joined(header(*calibrated()[:2]))


def test_the_picture_holds_the_intervals() -> None:
    for made_up in PAGES:
        plan, _, outcome = made_up()
        for language in words.LANGUAGES:
            root = ElementTree.fromstring(picture(plan, outcome, language))
            told = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
            for found in outcome.found:
                assert any(found.loss[:20] in str(each) for each in told) == (found.verdict is not None)
                begins = words.reading(found.reading, language)[:3]
                assert found.verdict is None or any(str(each).startswith(begins) for each in told)


# Words.


def used_phrases() -> set[str]:
    """The phrases that the modules of a comparison name, whole or as f"beginning {rest}"."""
    folder, whole, begun = Path(str(report.__file__)).parent, {str(reading) for reading in Reading}, set[str]()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if path.name != "words.py" else ():
            if isinstance(node, ast.Constant):
                whole.add(str(node.value))
            if isinstance(node, ast.JoinedStr) and len(node.values) == 2 and isinstance(node.values[0], ast.Constant):
                begun.add(str(node.values[0].value))
    return {name for name in PHRASES if name in whole or name[: name.rfind(" ") + 1] in begun - {""}}


def test_every_phrase_is_used_and_has_the_same_blanks_in_both_languages() -> None:
    assert set(PHRASES) == used_phrases()
    for phrase, texts in PHRASES.items():
        english, chinese = ({name for _, name, _, _ in Formatter().parse(text) if name} for text in texts)
        assert english - {"is", "s"} == chinese, phrase
        assert re.search(r"[一-鿿]", texts[1]) or not re.search(r"[a-z]", re.sub(r"{.*?}", "", texts[0])), phrase


def test_every_reading_task_and_metric_has_its_chinese() -> None:
    assert set(words.READINGS) == set(Reading)
    for reading in Reading:
        assert words.reading(reading, "en") == str(reading)
        assert re.fullmatch(r"[一-鿿]+", words.reading(reading, "zh"))
    for task in (Task.BINARY, Task.MULTICLASS, Task.REGRESSION):
        assert words.task(task, "en") == str(task)
        assert words.task(task, "zh") != str(task)


def test_names_are_joined() -> None:
    names: Sequence[str] = "ABC"
    assert [listed(names[:count], "en") for count in (1, 2, 3)] == ["A", "A and B", "A, B and C"]
    assert [listed(names[:count], "zh") for count in (1, 2, 3)] == ["A", "A、B", "A、B、C"]


# Names.


def test_notes_name_flags() -> None:
    data = made(Task.REGRESSION, notes=(Message(f"use {argument('drop', ['x'])}"),))
    assert "Note: use --drop x." in header(make_plan(data), data).splitlines()


def test_a_name_is_never_broken() -> None:
    names = ("x" * 120, "a-name-with-hyphens-" * 4)
    data = made(Task.REGRESSION, notes=tuple(f"see {each} and {each}" for each in names))
    text = header(make_plan(data), data)
    assert all(text.count(each) == 2 for each in names)


def test_a_name_of_several_words_is_never_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    name = "the sale price of all of the houses"
    data = made(Task.REGRESSION, notes=(Message(f"column {name!r}: use {argument('drop', [name])}"),))
    assert header(make_plan(data), data).splitlines()[2:5] == ["Note: column", f"'{name}':", "use"]


@pytest.mark.parametrize("mean", [0.0123, 0.5, 1, 9.99, 52, 1234, 56789])
def test_errors_are_shown_with_four_digits(mean: float) -> None:
    plan, _, outcome = page(Task.REGRESSION, {"MSELoss": mean, "L1Loss": mean * (1 + WOBBLE)})
    line = next(each for each in table(plan, outcome).splitlines() if "MSELoss" in each)
    shown = line.split()[1]
    assert float(shown) == pytest.approx(mean, rel=5e-4)
    assert len(shown.replace(".", "").lstrip("0")) == (5 if mean == 56789 else 4)


# The script to paste.


def lines_of(task: Task, loss: str, chosen: Configuration, metric: str, **changes: Any) -> list[str]:
    data = made(task, **changes)
    standard = make_plan(data).reference
    plan = make_plan(data, losses=[] if loss == standard else [loss], folds=3, steps=7)
    return recipe(plan, data, loss, chosen, metric).splitlines()


@pytest.mark.parametrize(
    ("task", "loss", "optimizer", "output", "score", "metric"),
    [
        (Task.MULTICLASS, "CrossEntropyLoss", "SGD", "{}", "predicted", "accuracy"),
        (Task.MULTICLASS, "NLLLoss", "Adam", "head.training({}, 1)", "predicted", "accuracy"),
        (Task.BINARY, "BCEWithLogitsLoss", "AdamW", "{}", "output[:, 0].numpy()", "average_precision"),
        (Task.BINARY, "BCELoss", "RMSprop", "head.training({}, 1)", "output[:, 0].numpy()", "accuracy"),
        (Task.BINARY, "CrossEntropyLoss", "SGD", "{}", "(output[:, -1] - output[:, 0]).numpy()", "average_precision"),
        (Task.REGRESSION, "HuberLoss", "Adam", "{}", "predicted", "rmse"),
    ],
)
def test_the_script_is_the_training_that_was_chosen(
    task: Task, loss: str, optimizer: str, output: str, score: str, metric: str
) -> None:
    lines = lines_of(task, loss, Configuration(optimizer, 0.05), metric)
    ast.parse("\n".join(lines))
    momentum = ", momentum=0.9" if optimizer == "SGD" else ""
    plan = make_plan(made(task), folds=3)
    for line in (
        f'"""{loss} with {optimizer} at 0.05 on made.csv, as chosen by losskit compare."""',
        f"from losskit import {loss}",
        f'metric = METRICS[data.task]["{metric}"]',
        f"    criterion = {loss}()",
        f'head = {loss}.about.serves["{task}"]',
        "        nn.Linear(features.shape[1], 16), nn.ReLU(), nn.Linear(16, head.width(data.outputs))",
        f"    optimizer = torch.optim.{optimizer}(network.parameters(), lr=0.05{momentum})",
        "    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=7)",
        "    for step in range(7):",
        "        batches = batches or list(torch.randperm(len(features)).split(16))",
        f"for repeat_seed in {tuple(split_seed(plan, repeat) for repeat in range(2))}:  # the folds of the run",
        "    for fold, (train, test) in enumerate(data.folds(3, seed=repeat_seed)):",
        f"        scores.append(metric.of(data.target[test], Predicted(predicted, {score})))",
    ):
        assert line in lines
    assert any(f"criterion({output.format('network(features[batch])')}, target[batch]).backward()" in x for x in lines)


def test_the_script_has_the_arguments_and_computes_balanced_weights() -> None:
    lines = lines_of(Task.MULTICLASS, "FocalLoss(gamma=1)", Configuration("SGD", 0.05), "accuracy")
    assert "    criterion = FocalLoss(gamma=1)" in lines
    lines = lines_of(Task.BINARY, "CrossEntropyLoss(weight=balanced)", Configuration("SGD", 0.05), "accuracy")
    assert "    criterion = CrossEntropyLoss(weight=weight)" in lines
    assert any(line.startswith("    weight = len(target) / ") for line in lines)


def test_the_script_loads_what_was_loaded() -> None:
    def loads(source: str, **options: Any) -> str:
        chosen = Configuration("SGD", 0.05)
        lines = lines_of(Task.REGRESSION, "MSELoss", chosen, "rmse", source=source, options=options)
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
    kept.finish([{"name": "A"}, {"name": "B"}], "print(1)\n", "<svg/>\n")
    assert json.loads((kept.folder / "verdict.json").read_text()) == [{"name": "A"}, {"name": "B"}]
    assert (kept.folder / "best.py").read_text() == "print(1)\n"
    assert (kept.folder / "intervals.svg").read_text() == "<svg/>\n"


@pytest.mark.parametrize("made_up", PAGES)
def test_what_is_found_is_plain(made_up: Callable[[], Page]) -> None:
    plan, _, outcome = made_up()
    json.dumps(plan.as_json())
    told = json.loads(json.dumps([found.as_json() for found in outcome.found]))
    assert [each["reading"] for each in told] == [str(found.reading) for found in outcome.found]
    assert [each["chosen"]["optimizer"] for each in told] == [found.chosen.optimizer for found in outcome.found]


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
        gone.finish([], "", "")
