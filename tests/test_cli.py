"""The command line, as it is called."""

from __future__ import annotations

import io
import json
import os
import pkgutil
import re
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

import losskit
from losskit import __version__, cli
from losskit.cli import main
from losskit.core.head import Situation, Task

LOSSKIT = (sys.executable, "-m", "losskit")
PIPE = subprocess.PIPE


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two would wait for each other where the tests are not alone on the machine."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def call(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8", **environment}
    return subprocess.run(
        [*LOSSKIT, *arguments], capture_output=True, text=True, timeout=90, cwd=cwd, env=environment, encoding="utf-8"
    )


def test_help_imports_neither_torch_nor_pandas() -> None:
    code = "import sys\nfrom losskit.cli import main\ntry: main([{}])\nexcept SystemExit: pass\n"
    for arguments in ("'--help'", "'compare', '--help'", "'--version'"):
        check = "assert not {'torch', 'pandas', 'numpy', 'sklearn'} & set(sys.modules)"
        done = subprocess.run([sys.executable, "-c", code.format(arguments) + check], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "losskit" in done.stdout


def test_version_and_no_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"losskit {__version__}\n"
    assert main([]) == 2
    assert "usage: losskit" in capsys.readouterr().err


def test_a_whole_run_and_its_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = call(
        "compare",
        "iris",
        *["--steps", "20", "--repeats", "2", "--folds", "3", "--seeds", "1", "--losses", "MSELoss"],
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"This takes about .* on \d+ processes\.\n", done.stderr)  # no bar where nobody watches
    (folder,) = (tmp_path / "runs").iterdir()
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    assert len(rows) == 18
    assert {row["loss"] for row in rows} == {"MSELoss", "CrossEntropyLoss", "constant"}
    assert all(len(row["inner"]) in (10, 11) for row in rows if row["loss"] != "constant")  # 8, 2 finalists, a probe
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "reference" in done.stdout
    assert "Take " in " ".join(done.stdout.split())
    assert f"Its script is runs/{folder.name}/best.py, beside rows, plan, verdicts and a picture." in " ".join(
        done.stdout.split()
    )
    code = (folder / "best.py").read_text()
    exec(compile(code, "best.py", "exec"), {})
    assert 0.5 < float(capsys.readouterr().out.removeprefix("accuracy on 6 folds: ")) <= 1
    assert (folder / "intervals.svg").read_text().startswith("<svg")


SMALL = ["compare", "iris", "--losses", "MSELoss", "--workers=1", "--folds=2", "--repeats=3", "--steps=5", "--seeds=1"]


ENTRIES = [each.name for each in pkgutil.walk_packages(losskit.__path__, "losskit.") if each.name.endswith(".__main__")]


@pytest.mark.parametrize("module", ENTRIES)
def test_a_reader_that_has_left(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all that python -m can run: it ends with 2, and nothing is left to fail when Python ends."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", closed)
        patched.setattr(sys, "argv", [module, *(["list"] if module == "losskit.__main__" else [])])
        assert import_module(module).main() == 2


def test_a_reader_that_leaves(tmp_path: Path) -> None:
    script = f"{' '.join((*LOSSKIT, *SMALL))} | head -n 1"
    piped = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert piped.stdout.startswith("iris: 150 rows")
    assert "Traceback" not in piped.stderr


def test_bad_input_in_a_process_of_its_own(tmp_path: Path) -> None:
    done = call("compare", "nowhere.csv", "--target", "y", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("losskit: no file 'nowhere.csv'; give the path of a CSV file or one of mnist, ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("compare few.csv --target y", "class 'c' has 3 rows, fewer than 5 folds need (5); use --folds 3"),
        ("compare few.csv --target z", "no column 'z' for --target"),
        ("compare few.csv", "say which column to predict with --target COL"),
        ("compare few.csv --target y --drop q", "no column 'q' for --drop"),
        ("compare few.csv --target y --task regression", "holds text ('a'), which no regression predicts"),
        ("compare iris --metric rmse", "--metric of a multiclass task must be one of"),
        ("compare iris --out few.csv", "cannot write below few.csv: "),
        ("compare iris --out few.csv/runs", "cannot write below few.csv/runs: "),
        ("compare iris --out /proc/runs", "choose a folder that can be written with --out DIR"),
        ("compare iris --seed -1", "--seed must be at least 0, got -1"),
        ("compare iris --folds 1", "--folds must be at least 2, got 1"),
        ("compare iris --folds 2", "4 test folds are too few for a verdict, which needs 5; use --repeats 3"),
        ("compare iris --losses FocalLoss(gama=1)", "FocalLoss: no argument 'gama'; did you mean 'gamma'?"),
        ("compare iris --losses FocalLoss(1)", "is not a loss with its arguments by name; write it as"),
        ("compare iris --losses no_such:Loss", "no_such:Loss cannot be imported, ModuleNotFoundError"),
        (
            "compare iris --losses CrossEntropyLoss(ignore_index=balanced)",
            "balanced is known for weight and pos_weight",
        ),
        ("compare iris --optimizers adam", "got 'adam'; did you mean 'Adam'"),
        ("compare iris --budget 1s", "--budget of 1 s is too small: the least plan takes"),
        ("compare iris --svg .", "cannot write --svg .; name a file in a folder that can be written"),
        ("compare iris --losses NoLoss", "--losses: NoLoss is not a loss that networks can be compared with"),
        ("compare iris --losses CrossEntropyLoss", "--losses: CrossEntropyLoss is the reference itself"),
        ("compare iris --task x", "--task must be one of multiclass, binary, regression, got 'x'"),
        ("compare iris --drop x", "leave out --drop (for a file of that name write ./iris)"),
        ("compare iris --sep ; --target y", "leave out --target and --sep (for a"),
        ("compare Irsi", "no file 'Irsi'; did you mean 'iris'?"),
        ("compare fwe.csv --target y", "no file 'fwe.csv'; did you mean 'few.csv'?"),
        ("compare few.csv --target Y", "no column 'Y' for --target; did you mean 'y'?"),
        ("compare iris --task multi", "regression, got 'multi'; did you mean 'multiclass'?"),
        ("compare iris --metric f1", "got 'f1'; did you mean 'macro_f1'?"),
        ("compare iris --losses mse", "with; did you mean 'MSELoss'?"),
        ("compare iris --script .", "cannot write --script .; name a file in a folder that can be written"),
        ("compare iris --script no/such.py", "cannot write --script no/such.py; name a file in a folder that"),
        (
            "guide --task counts --outliers",
            "--outliers makes no difference to a counts task, but to: regression; leave",
        ),
        ("explain hubber", "no loss 'hubber'; did you mean 'HuberLoss'?"),
        ("explain tri", "did you mean 'TripletMarginLoss' or 'TripletMarginWithDistanceLoss'?"),
        ("compare few.csv --target y --task binary", "a binary task has 2; use --task multiclass"),
        ("compare few.csv --target y --sep ;;", "--sep must be one character (a tab: --sep $'\\t'), got ';;'"),
        (
            "compare few.csv --target x --drop y --task multiclass",
            "30 distinct values in 33 rows of numbers; use --task regression",
        ),
    ],
)
def test_refusals(
    arguments: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{index},{'abc'[index % 2]}" for index in range(30)] + ["1,c"] * 3
    (tmp_path / "few.csv").write_text("\n".join(["x,y", *lines]))
    monkeypatch.chdir(tmp_path)
    assert main(arguments.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("losskit: ")
    assert message in err
    assert len(err) < 500


@pytest.mark.parametrize("text", ["0", "-1", "2.5", "two", "", "²"])
def test_so_many_workers(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["compare", "iris", f"--workers={text}"])
    assert left.value.code == 2
    assert f"argument --workers: must be a whole number of at least 1, got {text!r}" in capsys.readouterr().err


def test_every_option_reaches_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from losskit.compare import command

    given: list[Any] = []
    monkeypatch.setattr(command, "command", given.append)
    words = "compare file.csv --target y --task binary --metric accuracy --losses MSELoss L1Loss --drop a b --drop c --sep ;"
    assert (
        main(
            [
                *words.split(),
                *[
                    "--folds",
                    "3",
                    "--repeats",
                    "4",
                    "--steps",
                    "5",
                    "--seeds",
                    "2",
                    "--seed",
                    "6",
                    "--workers",
                    "1",
                    "--out",
                    "there",
                ],
                *["--script", "best.py", "--svg", "a.svg", "--optimizers", "Adam", "SGD", "--budget", "1.5m"],
                *["--baselines", "--lang", "zh"],
            ]
        )
        == 0
    )
    assert main(["compare", "iris"]) == 0
    chosen, usual = (
        {name: value for name, value in vars(each).items() if name not in ("verb", "call")} for each in given
    )
    assert chosen == {
        "source": "file.csv",
        "target": "y",
        "task": "binary",
        "metric": "accuracy",
        "losses": ["MSELoss", "L1Loss"],
        "drop": ["a", "b", "c"],
        "sep": ";",
        "folds": 3,
        "repeats": 4,
        "steps": 5,
        "seeds": 2,
        "seed": 6,
        "workers": 1,
        "out": "there",
        "script": "best.py",
        "svg": "a.svg",
        "optimizers": ["Adam", "SGD"],
        "budget": 90.0,
        "baselines": True,
        "lang": "zh",
    }
    nothing = dict.fromkeys(("target", "task", "metric", "steps", "workers", "script", "svg", "budget"))
    assert usual == {
        **nothing,
        **{"source": "iris", "losses": (), "drop": [], "sep": ","},
        **{"folds": 5, "repeats": 2, "seeds": 4, "seed": 0, "out": "runs"},
        **{"optimizers": (), "baselines": False, "lang": "en"},
    }


def test_the_rows_follow_from_the_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is stored is what :func:`losskit.compare.workers.run` gives for the plan that the options say."""
    from losskit.compare import load, make_plan, workers

    monkeypatch.chdir(tmp_path)
    options: dict[str, Any] = {"folds": 2, "repeats": 3, "steps": 5, "seed": 3}
    words = [f"--{name}={value}" for name, value in options.items()]
    assert main(["compare", "iris", "--losses", "MSELoss", "--metric", "macro_f1", "--workers", "1", *words]) == 0
    out, err = capsys.readouterr()
    assert err.startswith("This takes about")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    (folder,) = (tmp_path / "runs").iterdir()
    data = load("iris")
    plan = make_plan(data, losses=["MSELoss"], metric="macro_f1", **options)
    rows = [{**row.as_json(), "seconds": 0} for row in workers.run(plan, data, 1)]
    stored = [{**json.loads(line), "seconds": 0} for line in (folder / "rows.jsonl").read_text().splitlines()]
    assert stored == json.loads(json.dumps(rows))
    written = json.loads((folder / "plan.json").read_text())
    assert json.loads(json.dumps(plan.as_json())).items() <= written.items()
    assert written["notes"] == list(data.notes)
    verdicts = json.loads((folder / "verdict.json").read_text())
    assert {each["loss"] for each in verdicts} == {"MSELoss", "CrossEntropyLoss"}
    for each in verdicts:
        scores = [row["metrics"]["macro_f1"] for row in stored if row["loss"] == each["loss"]]
        assert each["mean"] == pytest.approx(sum(scores) / 6)
    assert (folder / "best.py").read_text() not in out
    assert str(folder.relative_to(tmp_path)) in out


def test_the_script_goes_where_it_is_asked_for_and_the_table_is_fit_for_ascii(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    assert main([*SMALL, "--script", "mine.py", "--svg", "mine.svg"]) == 0
    (script,) = tmp_path.glob("runs/*/best.py")
    assert (tmp_path / "mine.py").read_text() == script.read_text()
    assert (tmp_path / "mine.svg").read_text().startswith("<svg")
    assert script.read_text() not in capsys.readouterr().out
    with io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True) as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        assert main([*SMALL, "--script", "-"]) == 0
        told = terminal.buffer.getvalue().decode("ascii")
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert told.endswith("\n\n" + script.read_text())
    assert "-----" in told
    assert "?" not in told.removesuffix(script.read_text())
    monkeypatch.setattr("losskit.compare.command._refuse_folders", lambda script, svg: None)
    assert main([*SMALL, "--script", str(tmp_path)]) == 2
    assert "Is a directory; it is kept in runs" in capsys.readouterr().err


def test_a_bar_where_somebody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    from losskit.compare import command

    seen = io.StringIO()
    monkeypatch.setattr(command, "Console", lambda stderr: Console(file=seen if stderr else None, force_terminal=True))
    with command._progress(7, "training") as advance:
        for _ in range(3):
            advance()
    assert "training" in seen.getvalue()
    assert "3/7" in seen.getvalue()


def test_a_signal_to_end_ends_the_run_alone() -> None:
    from losskit.compare import command

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match=str(int(signal.SIGTERM))), command._terminable():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_a_verb_answers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stopped(options: object) -> int:
        raise KeyboardInterrupt

    for answer in (0, 2):
        monkeypatch.setattr(cli, "_list", lambda options, answer=answer: answer)
        assert main(["list"]) == answer
    monkeypatch.setattr(cli, "_list", stopped)
    assert main(["list"]) == 130
    assert capsys.readouterr().err == "losskit: stopped\n"


def test_the_guide_is_told_all(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[Any] = []

    def page(*given: Any) -> str:
        told.append(given)
        return "a page ü\n"

    monkeypatch.setattr("losskit.guide.show.guide", page)
    for words in ([], ["--task", "binary", "--output", "logits", "--imbalanced", "--lang", "zh"], ["--outliers"]):
        assert main(["guide", *words]) == 0
        assert capsys.readouterr().out == "a page ü\n"
    assert told == [
        (None, None, [], "en"),
        (Task.BINARY, "logits", [Situation.IMBALANCED], "zh"),
        (None, None, [Situation.OUTLIERS], "en"),
    ]
    for wrong in (["--task", "x"], ["--output", "x"], ["--lang", "de"]):
        with pytest.raises(SystemExit) as left:
            main(["guide", *wrong])
        assert left.value.code == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("gide", "got 'gide'; did you mean 'guide'?"),
        ("guide --task multi", "got 'multi'; did you mean 'multiclass' or 'multilabel'?"),
        ("guide --output logit", "got 'logit'; did you mean 'logits'?"),
        ("guide --lang english", "must be one of en, zh, got 'english'"),
        ("guide --imbalnced", "no argument '--imbalnced'; did you mean '--imbalanced'?"),
        ("compare iris --sed 3", "no argument '--sed'; did you mean '--seed' or '--seeds' or '--sep'?"),
        ("list all", "no argument 'all'"),
        ("--verison", "no argument '--verison'; did you mean '--version'?"),
    ],
)
def test_names_that_are_meant(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(words.split())
    assert left.value.code == 2
    assert capsys.readouterr().err.endswith(f"{told}\n")


def test_completion_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    completed: list[Any] = []
    monkeypatch.setitem(sys.modules, "argcomplete", SimpleNamespace(autocomplete=completed.append))
    main([])
    assert not completed
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    main([])
    assert [parser.prog for parser in completed] == ["losskit"]
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    assert main([]) == 2


def test_a_missing_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in [each for each in sys.modules if each.startswith("losskit.compare")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert main(["compare", "iris"]) == 2
    assert "pip install 'losskit[compare]'" in capsys.readouterr().err


def _hear_ctrl_c() -> None:
    """A background job of a shell, as the tests may be one, ignores Ctrl-C, and what it starts inherits that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopped_in_mid_run(stop: signal.Signals, tmp_path: Path) -> None:
    command = [
        *LOSSKIT,
        *["compare", "iris", "--losses", "MSELoss", "--steps", "50", "--workers", "2", "--repeats", "300"],
    ]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=PIPE,
        stderr=PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_hear_ctrl_c,
    ) as running:
        try:
            _wait_for_rows(tmp_path, 2)
            if stop is signal.SIGINT:  # a terminal tells the workers too
                os.killpg(running.pid, stop)
            else:
                running.send_signal(stop)
            _, err = running.communicate(timeout=15)
        finally:
            running.kill()
    assert _gone(running.pid)  # the workers, too
    if stop is signal.SIGKILL:  # nobody can say anything
        return
    assert running.returncode == 128 + stop
    (rows,) = tmp_path.glob("runs/*/rows.jsonl")
    kept = [json.loads(line) for line in rows.read_text().splitlines()]
    assert len(kept) >= 2
    assert f"losskit: stopped after {len(kept)} of " in err
    assert "rows, kept in runs" in err
    assert "Traceback" not in err


def _wait_for_rows(folder: Path, number: int) -> None:
    end = time.monotonic() + 240  # starting takes long on a busy machine
    while time.monotonic() < end:
        if any(len(rows.read_text().splitlines()) >= number for rows in folder.glob("runs/*/rows.jsonl")):
            return
        time.sleep(0.1)
    raise AssertionError("no rows came")


def _gone(group: int) -> bool:
    """Whether no process of the group is left, a few seconds granted."""
    for _ in range(50):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
