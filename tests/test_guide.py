"""``losskit guide``, ``list`` and ``explain``: what they say is true, runs as printed, and fits the terminal."""

from __future__ import annotations

import contextlib
import inspect
import io
import itertools
import re
from typing import Any

import pytest
import torch

import losskit
from losskit import cli, terminal
from losskit.catalog import STANDARD
from losskit.core.head import Activation, Encoding, Situation, Task
from losskit.guide.choose import OUTPUTS, Pick, choose, matters, output_of
from losskit.guide.code import script
from losskit.guide.show import ABBREVIATIONS, KERAS, UnknownLossError, explain, find, guide, listing
from losskit.guide.words import LANGUAGES, OUTPUTS as OUTPUT_WORDS, PHRASES, SITUATIONS, TARGETS, TASKS
from losskit.loss import Loss
from losskit.terminal import columns


@pytest.fixture(autouse=True)
def _alike_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)  # tiny networks; conftest puts the number back
    monkeypatch.setenv("COLUMNS", "100")


PAIRS = [(loss, task) for loss in losskit.CATALOG for task in loss.about.serves]


def run(code: str) -> str:
    torch.manual_seed(0)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "<guide>", "exec"), {})
    return printed.getvalue()


@pytest.mark.parametrize(("loss", "task"), PAIRS, ids=lambda each: getattr(each, "__name__", str(each)))
def test_the_code_runs_as_printed(loss: type[Loss], task: Task) -> None:
    assert run(script(loss, task))
    for situation, arguments in loss.about.suits.items():
        if task in (Task.REGRESSION,) or (situation is Situation.IMBALANCED and task is not Task.MULTICLASS):
            run(script(loss, task, arguments))


def pages(language: str) -> dict[tuple[Any, ...], str]:
    """Every page, by what was asked for, as wide as the terminal is now."""
    found: dict[tuple[Any, ...], str] = {}
    for task, output, outliers, imbalanced in itertools.product(
        [None, *Task], [None, *OUTPUTS], [False, True], [False, True]
    ):
        given = (Situation.OUTLIERS,) * outliers + (Situation.IMBALANCED,) * imbalanced
        found[task, output, given] = guide(task, output, given, language)
    names = [*(loss.__name__ for loss in losskit.CATALOG), "AdaptiveLogSoftmaxWithLoss", *ABBREVIATIONS, *KERAS]
    return found | {(name,): explain(name, language) for name in names} | {(): listing(language)}


@pytest.fixture(scope="module", params=LANGUAGES)
def unbroken(request: pytest.FixtureRequest) -> tuple[str, dict[tuple[Any, ...], str]]:
    """A language, and every page of it on a terminal without end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terminal, "WIDEST", 10_000)
        patch.setenv("COLUMNS", "10000")
        found = pages(request.param)
    return request.param, found


@pytest.mark.parametrize("width", [80, 100, 140])
def test_every_page_fits_the_terminal_and_cuts_no_word(
    width: int, unbroken: tuple[str, dict[tuple[Any, ...], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    language, whole = unbroken
    for asked, page in pages(language).items():
        code = whole[asked].partition(f"\n{PHRASES['code'][LANGUAGES.index(language)]}\n")[2].splitlines()
        assert {line for line in page.splitlines() if columns(line) > width} <= set(code), asked
        if not asked:  # a table: a cell that is wrapped mixes with its neighbours
            assert sorted(page.split()) == sorted(whole[asked].split())
        elif language == "en":
            assert page.split() == whole[asked].split(), asked
        else:  # Chinese is broken between characters
            assert "".join(page.split()) == "".join(whole[asked].split())
            assert set(re.findall("[!-~]+", page)) == set(re.findall("[!-~]+", whole[asked])), asked


@pytest.mark.parametrize("width", ["80", "100"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_names_what_it_must(language: str, width: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", width)
    for asked, page in pages(language).items():
        task, output, given = asked if len(asked) == 3 else (None, None, ())
        picks = [] if task is None else choose(task, output, given)
        if picks:
            assert picks[0].loss.__name__ in page
            assert picks[0].arguments in page.split(PHRASES["code"][LANGUAGES.index(language)])[0]  # and on one line
            assert all(f"torch.optim.{name}(" in page for name in ("SGD", "Adam", "RMSprop", "AdamW"))
    for loss in losskit.CATALOG:
        page = explain(loss.__name__, language)
        assert all(arguments in page for arguments in loss.about.suits.values())
        for words in (loss.about.source, *loss.arguments):
            assert " ".join(words.split()) in " ".join(page.split())


def test_a_formula_with_cases_keeps_its_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = explain("AdaptiveLogSoftmaxWithLoss").splitlines()
    place = lines.index("  -log p(y | x) =")
    first, second = lines[place + 1 : place + 3]
    assert first.startswith("    ⎧ -log softmax(H x)_y")
    assert first.index("if y < c_1") == second.index("if y ≥ c_k")


@pytest.mark.parametrize("name", [*(loss.__name__ for loss in losskit.CATALOG), "AdaptiveLogSoftmaxWithLoss"])
def test_formulas_are_shown_without_tex(name: str) -> None:
    page = explain(name)
    assert max(map(columns, page.splitlines())) <= 100
    formula = page.split("\n\n")[2]
    assert formula.startswith("  ")
    assert "=" in formula
    assert not set(page.partition("\nimport torch")[0]) & set("\\{}")


def test_what_it_picks() -> None:
    def first(task: Task, output: str | None = None, *situations: Situation) -> str:
        return choose(task, output, situations)[0].loss.__name__

    for task in STANDARD:
        if any(task in loss.about.serves for loss in losskit.CATALOG):
            assert first(task) == STANDARD[task]
    assert first(Task.BINARY, "probabilities") == "BCELoss"
    assert first(Task.MULTICLASS, "log-probabilities") == "NLLLoss"
    assert first(Task.MULTICLASS, "logits", Situation.IMBALANCED) == "CrossEntropyLoss"
    assert "pos_weight" in choose(Task.BINARY, None, [Situation.IMBALANCED])[0].arguments
    assert first(Task.REGRESSION, None, Situation.OUTLIERS) != "MSELoss"
    assert first(Task.MULTICLASS, None, Situation.OUTLIERS) == "CrossEntropyLoss"  # outliers are not its matter
    assert "give instead                values" in guide(Task.REGRESSION, "probabilities", [])


def test_a_situation_that_matters() -> None:
    assert matters(Situation.IMBALANCED, None, None)
    assert matters(Situation.OUTLIERS, Task.REGRESSION, "values")
    assert not matters(Situation.OUTLIERS, Task.COUNTS, None)
    assert matters(Situation.OUTLIERS, Task.REGRESSION, "logits")  # no loss takes them, and that is what the page says
    assert not matters(Situation.OUTLIERS, None, "log-probabilities")


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("output", [None, *OUTPUTS])
def test_the_order_of_the_picks(task: Task, output: str | None) -> None:
    """What suits the situations, then the task's standard loss, then what takes the raw output; else as in the catalog."""
    concerned = {
        Situation.OUTLIERS: (Task.REGRESSION,),
        Situation.IMBALANCED: (Task.BINARY, Task.MULTICLASS, Task.MULTILABEL),
    }
    for given in ([], [Situation.OUTLIERS], [Situation.IMBALANCED], [Situation.OUTLIERS, Situation.IMBALANCED]):
        picks = choose(task, output, given)
        left = [loss for loss in losskit.CATALOG if task in loss.about.serves]
        if output is not None:
            left = [loss for loss in left if output_of(loss) == output]
        told = [each for each in given if task in concerned[each]]
        suited = [loss for loss in left if set(told) & set(loss.about.suits)]
        assert {pick.loss for pick in picks} == set(left)
        assert len(picks) == len(left)
        assert {pick.loss for pick in picks[: len(suited)]} == set(suited)
        for group in (picks[: len(suited)], picks[len(suited) :]):
            first = [pick for pick in group if pick.loss.__name__ == STANDARD[task]]
            raw = [pick for pick in group if pick not in first and pick.head.training is Activation.NONE]
            rest = [pick for pick in group if pick not in first and pick.head.training is not Activation.NONE]
            assert group == [*first, *sorted(raw, key=in_catalog), *sorted(rest, key=in_catalog)]
        for pick in picks:
            assert pick.head == pick.loss.about.serves[task]
            assert pick.suits == tuple(each for each in told if each in pick.loss.about.suits)
            told_of = (pick.loss.about.suits[each] for each in pick.suits)
            assert pick.arguments == ", ".join(filter(None, (pick.loss.about.start, *told_of)))


def in_catalog(pick: Pick) -> int:
    return losskit.CATALOG.index(pick.loss)


def test_list_shows_all() -> None:
    page = listing()
    assert max(map(columns, page.splitlines())) <= 100
    for loss in losskit.CATALOG:
        assert f"{loss.__name__} " in page


def test_names() -> None:
    for name in ("HuberLoss", "huberloss", "huber_loss", "huber", "Huber"):
        assert find(name)[0] is losskit.HuberLoss
    assert find("binary_cross_entropy_with_logits")[0] is losskit.BCEWithLogitsLoss
    assert find("bce")[0] is losskit.BCELoss
    assert find("mse")[0] is losskit.MSELoss
    assert find("MeanSquaredError")[0] is losskit.MSELoss
    assert "losskit.keras.MeanSquaredError" in explain("mean_squared_error")
    assert find("torch.nn.functional.kl_div")[0] is losskit.KLDivLoss
    assert find("huber")[1] == ""
    assert (
        find("ce")[1] == " ('ce' may also mean CosineEmbeddingLoss, BCELoss, BCEWithLogitsLoss, LinearCrossEntropyLoss)"
    )
    for name, meant in (
        ("hubber", "'HuberLoss'"),
        ("lce", "'LinearCrossEntropyLoss'"),
        ("tri", "'TripletMarginLoss' or 'TripletMarginWithDistanceLoss'"),
        ("SparseCategorical", "'SparseCategoricalCrossentropy'"),
        ("binary_cross_entropy_logits", "'BCEWithLogitsLoss'"),
        ("adaptive", "'AdaptiveLogSoftmaxWithLoss'"),
    ):
        with pytest.raises(UnknownLossError, match=f"no loss '{name}'; did you mean {meant}"):
            find(name)
    with pytest.raises(UnknownLossError, match="losskit list shows all"):
        find("zzz")


def test_gradients_are_measured() -> None:
    assert "one outlier can outweigh a whole batch" in explain("MSELoss")
    assert "It stops growing" in explain("HuberLoss")
    assert "bounded strength" in explain("CrossEntropyLoss")


def test_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["guide", "--task", "binary", "--imbalanced"]) == 0
    page = capsys.readouterr().out
    code = "pos_weight=(labels == 0).sum(0) / (labels == 1).sum(0).clamp(min=1)"
    assert f"  with                    {code}\n" in page
    assert f"criterion = losskit.BCEWithLogitsLoss(\n    {code}\n)\n" in page
    assert cli.main(["list"]) == 0
    assert "CrossEntropyLoss" in capsys.readouterr().out
    assert cli.main(["explain", "huber", "--lang", "zh"]) == 0
    assert "最后一层" in capsys.readouterr().out
    assert cli.main(["explain", "hubber"]) == 2
    assert capsys.readouterr().err == "losskit: no loss 'hubber'; did you mean 'HuberLoss'?\n"


def test_what_is_written_twice_agrees() -> None:
    assert tuple(map(str, Task)) == cli.TASKS
    assert tuple(OUTPUTS) == cli.OUTPUTS
    assert set(TASKS) == set(Task)
    assert set(TARGETS) == set(Encoding)
    assert set(SITUATIONS) == set(Situation)
    assert all(
        len(pair) == 2 and all(pair)
        for table in (PHRASES, TASKS, TARGETS, SITUATIONS, OUTPUT_WORDS)
        for pair in table.values()
    )
    assert set(STANDARD) == set(Task)
    assert set(OUTPUT_WORDS) == {*OUTPUTS, "values"}


@pytest.mark.parametrize(("theirs", "ours"), KERAS.items())
def test_keras_s_names_lead_to_the_loss_that_computes_them(theirs: str, ours: str) -> None:
    assert inspect.isclass(getattr(losskit.keras, theirs))
    loss, note = find(theirs)
    assert loss.__name__ == ours
    ours_too = ("Huber", "BinaryCrossentropy")  # stems of a name of ours, or of torch's
    assert (f"losskit.keras.{theirs}" in note) == (theirs not in ours_too)


def test_a_pick_is_shown_in_words() -> None:
    first = choose(Task.BINARY, situations=[Situation.IMBALANCED])[0]
    code = losskit.BCEWithLogitsLoss.about.suits[Situation.IMBALANCED]
    head = "Head(encoding='0 or 1', predicting='sigmoid', training='none')"
    assert repr(first) == f"Pick(BCEWithLogitsLoss({code}), {head}, suits=('imbalanced',))"
