"""``losskit check --run``: the script runs as it would, and its exit code is kept."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest
from checked import PROGRAMS

from losskit.checker.report import Report
from losskit.checker.script import run
from losskit.cli import main

BAD = """
import sys
import torch, torch.nn.functional as F
loss = F.cross_entropy(torch.randn(16, 5, requires_grad=True).softmax(1), torch.arange(16) % 5)
"""


def script(tmp_path: Path, ending: str) -> str:
    path = tmp_path / "train.py"
    path.write_text(BAD + ending)
    return str(path)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_nothing_is_found_in_clean_programs(program: Path) -> None:
    report = run(str(program), [])
    assert report.exit_code == 0
    assert report.findings == (), report
    assert "which failed" not in report.coverage
    assert "cannot read" not in report.coverage


@pytest.mark.parametrize(
    ("ending", "code", "told"),
    [
        ("", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit('stop here')", 1, "stop here\n"),
        ("raise KeyError('no such thing')", 1, "KeyError: 'no such thing'\n"),
        ("raise KeyboardInterrupt", 130, "KeyboardInterrupt\n"),
        ("import threading; threading.Thread(target=lambda: print('late', file=sys.stderr)).start()", 0, "late\n"),
    ],
)
def test_a_script_ends_as_it_would(
    ending: str, code: int, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = run(script(tmp_path, ending), [])
    assert [finding.code for finding in report.findings] == ["LK101"]
    assert report.exit_code == code
    error = capsys.readouterr().err
    assert error.endswith(told)
    assert "losskit/" not in error


def test_a_traceback_starts_in_the_script_and_a_syntax_error_has_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = script(tmp_path, "def f(): 1 / 0\nf()")
    run(path, [])
    error = capsys.readouterr().err
    assert error.startswith(f'Traceback (most recent call last):\n  File "{path}", line 6, in <module>')
    (tmp_path / "train.py").write_text("def (")
    assert run(path, []).exit_code == 1
    error = capsys.readouterr().err
    assert error.startswith(f'  File "{path}", line 1\n')
    assert "SyntaxError" in error


def test_a_script_finds_itself_and_its_arguments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "beside.py").write_text("name = 'beside'")
    path = script(tmp_path, "import beside, __main__; print(__name__, __file__, sys.argv, __main__.beside.name)")
    before = list(sys.path), list(sys.argv), sys.modules["__main__"]
    run(path, ["--lr", "3"])
    assert capsys.readouterr().out == f"__main__ {path} {[path, '--lr', '3']} beside\n"
    assert (list(sys.path), list(sys.argv), sys.modules["__main__"]) == before


def test_a_script_that_goes_to_another_folder_finds_its_file_and_its_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script(tmp_path, "import os, pathlib; os.chdir('/'); print(len(pathlib.Path(__file__).read_text()) > 0, *sys.argv)")
    assert main(["check", "--run", "train.py", "--format", "concise", "--out", "report"]) == 1
    assert capsys.readouterr().out == "True train.py\n"
    assert (tmp_path / "report").read_text().startswith("train.py:4: error LK101 ")


@pytest.mark.parametrize(("ending", "code"), [("", 1), ("sys.exit(3)", 3)])
def test_the_exit_code_and_the_formats(
    ending: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = script(tmp_path, ending)
    assert main(["check", "--run", path, "--format", "json"]) == code
    shown = json.loads(capsys.readouterr().out)
    assert (shown["findings"][0]["line"], shown["exit_code"]) == (4, code if ending else 0)
    assert main(["check", "--run", path, "--format", "concise", "--", "--out"]) == code
    assert capsys.readouterr().out.startswith(f"{path}:4: error LK101 ")
    assert main(["check", "--run", path, "--out", str(tmp_path / "report")]) == code
    assert capsys.readouterr().out == ""
    assert "  > loss = F.cross_entropy(" in (tmp_path / "report").read_text()


def test_what_cannot_be_read_or_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--run", str(tmp_path / "none.py")]) == 2
    assert capsys.readouterr().err.startswith("losskit: cannot read ")
    assert main(["check", "--run", script(tmp_path, ""), "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("losskit: cannot write --out ")


def test_a_rule_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "lk101"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("LK101 softmax-before-logits: A softmax before a loss that applies one itself.\n")
    assert main(["explain", "softmax-before-logits"]) == 0
    assert capsys.readouterr().out == shown


def test_ctrl_c_still_gives_a_report(tmp_path: Path) -> None:
    path = script(tmp_path, "print('waiting', flush=True)\nimport time; time.sleep(60)")
    process = subprocess.Popen(
        [sys.executable, "-m", "losskit", "check", "--run", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    output, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "LK101" in output
    assert error.endswith("KeyboardInterrupt\n")


def test_a_report_without_findings() -> None:
    assert str(Report((), "1 of 1 call")).startswith(
        "losskit check: nothing found\n\nchecked: 1 of 1 call; not checked: "
    )


def test_threads_of_others_are_not_waited_for(tmp_path: Path) -> None:
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    try:
        assert run(script(tmp_path, ""), []).exit_code == 0
        assert other.is_alive()
    finally:
        done.set()


@pytest.mark.parametrize("scaled", ["loss /= 4", "loss.div_(4)", "loss = loss / 4", "loss *= 0.25"])
@pytest.mark.parametrize("loss", ["F.cross_entropy", "losskit.CrossEntropyLoss()", "nn.CrossEntropyLoss()"])
def test_a_loss_that_is_scaled_is_not_called_unscaled(loss: str, scaled: str, tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(
        "import losskit, torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"
        "model = nn.Linear(20, 3)\noptimizer = torch.optim.SGD(model.parameters(), 0.1)\n"
        "for step in range(8):\n"
        f"    loss = {loss}(model(torch.randn(16, 20)), torch.randint(3, (16,)))\n"
        f"    {scaled}\n    loss.backward()\n"
        "    if step % 4 == 3:\n        optimizer.step()\n        optimizer.zero_grad()\n"
    )
    assert run(str(path), []).findings == ()


def test_a_script_compiles_fails_and_forks_as_it_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # which one of the scripts exchanges
    path = tmp_path / "train.py"
    path.write_text("def f(x: int): ...\nprint(f.__annotations__, __builtins__.__name__)")
    run(str(path), [])
    assert capsys.readouterr().out == "{'x': <class 'int'>} builtins\n"  # no __future__ of ours
    path.write_text("import torch.nn.functional as F, torch\nF.nll_loss(torch.ones(3, 2), torch.ones(2).long())")
    assert run(str(path), []).exit_code == 1
    error = capsys.readouterr().err
    assert "checker" not in error
    assert (error.count("train.py"), error.count("in nll_loss")) == (1, 1)
    path.write_text(
        "import sys\nsys.excepthook = lambda *error: print('mine:', *error[1].args)\nraise ValueError('this')"
    )
    assert run(str(path), []).exit_code == 1
    assert capsys.readouterr().out == "mine: this\n"
    path.write_text(
        "import os, sys\nchild = os.fork()\nsys.exit(os.waitstatus_to_exitcode(os.wait()[1]) if child else 5)"
    )
    shown = subprocess.run(
        [sys.executable, "-m", "losskit", "check", "--run", str(path)], capture_output=True, text=True, check=False
    )
    assert (shown.returncode, shown.stdout.count("losskit check:")) == (5, 1)


def test_a_module_of_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "trained_here"
    package.mkdir()
    (package / "__init__.py").write_text("name = 'beside'")
    (package / "train.py").write_text(BAD + "from . import name\nprint(__name__, __package__, sys.argv, name)")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    assert main(["check", "-m", "trained_here.train", "--format", "concise", "--", "--lr", "3"]) == 1
    shown = capsys.readouterr().out
    path = package / "train.py"
    assert shown.startswith(
        f"__main__ trained_here {[str(path), '--lr', '3']} beside\ntrained_here/train.py:4: error LK101 "
    )
    assert sys.path == before
    assert main(["check", "-m", "trained_here.none"]) == main(["check", "-m", "no_such_package.train"]) == 2
    assert "cannot run no_such_package.train: no such module" in capsys.readouterr().err


@pytest.mark.parametrize("times", [1, 9])  # the first calls are looked at, the others need not be
def test_a_warning_of_torch_names_the_line_that_it_names_by_itself(times: int, tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(
        "import torch.nn.functional as F, torch\n"
        f"for _ in range({times}):\n    F.mse_loss(torch.ones(3, 1), torch.ones(3))\nlast = torch.nn.L1Loss()(torch.ones(3, 1), torch.ones(3))\n"
    )
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        run(str(path), [])
    assert [(Path(each.filename).name, each.lineno) for each in seen[:times]] == [("train.py", 3)] * times
    assert Path(seen[-1].filename).name == "loss.py"
