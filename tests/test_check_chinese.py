"""``losskit check --lang zh``: whatever a rule or a report may say has its Chinese, and no English is built past it."""

from __future__ import annotations

import ast
import copy
import json
import re
from functools import cache
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import losskit
from losskit import checker, cli
from losskit.checker.catalog import RULES, SECTIONS, section, summary
from losskit.checker.chinese import known
from losskit.checker.finding import Severity
from losskit.checker.phrase import LANGUAGES, Phrase, told
from losskit.checker.report import Report
from losskit.terminal import columns

FOLDER = Path(str(checker.__file__)).parent
PLUGIN = FOLDER.parent / "pytest_plugin"
CODE = sorted(
    path
    for folder in (FOLDER, PLUGIN)
    for path in folder.rglob("*.py")
    if path.parent.name != "chinese" and path != PLUGIN / "__init__.py"  # whose help is pytest's
)
SENTENCE = re.compile(r"[a-z}]+,? [a-z{(]|[a-z}]+: \{")
NOT_SHOWN = ("_asking", "noting", "unknown")  # which write code, or the message of an error


@cache
def shown(path: Path) -> list[ast.Constant | ast.JoinedStr]:
    """The strings in the code of a file that a report may show: no docstrings, no messages of errors."""
    found: list[ast.Constant | ast.JoinedStr] = []
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        documentation = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if documentation or isinstance(node, ast.Raise) or getattr(node, "name", "") in NOT_SHOWN:
            continue
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            found.append(node)
        whole = isinstance(node, ast.JoinedStr)
        waiting += [each for each in ast.iter_child_nodes(node) if not (whole and isinstance(each, ast.Constant))]
    return found


def constants(path: Path) -> set[str]:
    return {str(node.value).strip().rstrip(":") for node in shown(path) if isinstance(node, ast.Constant)}


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.stem)
def test_every_text_has_its_chinese(path: Path) -> None:
    texts = {text for text in constants(path) if SENTENCE.search(text)}
    for rule in RULES:
        if type(rule).__module__.endswith(f".{path.stem}"):
            texts |= {summary(rule)} | {" ".join(section(rule, title).split()) for title in SECTIONS[:2]}
    missing = sorted(texts - set(known()))
    assert not missing, f"add to a file of {FOLDER.name}/chinese/, with the Chinese below each:\n\n" + "\n\n".join(
        missing
    )


def test_no_sentence_is_an_f_string() -> None:
    for path in CODE:
        for node in shown(path):
            for part in node.values if isinstance(node, ast.JoinedStr) else ():
                text = part.value if isinstance(part, ast.Constant) else ""
                sentence = re.search("[a-z]{2,} |  ?[a-z]{2,}", str(text)) and "<" not in str(text)
                assert not sentence, f"{path.name}:{node.lineno}: make it a Phrase, whose template can be translated"


def test_no_translation_is_left_over() -> None:
    used = {text for path in CODE for text in constants(path)}
    for rule in RULES:
        used |= {summary(rule)} | {" ".join(section(rule, title).split()) for title in SECTIONS}
    used |= {f"{severity}s" for severity in Severity} | set(map(str, Severity))
    left = sorted(set(known()) - used)
    assert not left, f"nothing says this any more: mend or delete it in {FOLDER.name}/chinese/: {left}"


def test_a_phrase_has_both_languages_and_the_same_figures() -> None:
    part = Phrase("{wrong} of {all}", wrong=3, all=8)
    phrase = Phrase("{share} targets are {first}, not 1 or -1", share=part, first=0.51234)
    assert phrase == told(phrase, "en") == "3 of 8 targets are 0.512, not 1 or -1"
    assert told(phrase, "zh") == told(copy.deepcopy(phrase), "zh") == "3/8 个目标是 0.512，而不是 1 或 -1"
    assert told("mse_loss", "zh") == "mse_loss"


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    script = tmp_path / "train.py"
    script.write_text(
        "import torch, torch.nn.functional as F\n"
        "for _ in range(2):\n"
        "    F.cross_entropy(torch.randn(16, 5, requires_grad=True).softmax(1), torch.arange(16) % 5)\n"
        "raise SystemExit(3)"
    )
    command = ["check", "--run", str(script), "--lang", "zh"]
    assert cli.main(command) == 3
    shown = capsys.readouterr().out
    assert f"\n{script}:3: 错误 LK101 softmax-before-logits\n  > F.cross_entropy(" in shown
    assert "\n  依据  input 的计算图末端是 SoftmaxBackward0\n" in shown
    assert "\n  出现  检查过的 2 次调用中有 2 次\n" in shown
    assert shown.endswith("脚本以退出码 3 结束。\n")
    assert all(columns(line) <= 80 for line in shown.splitlines() if not line.startswith(("  > ", str(script))))
    assert cli.main([*command, "--format", "json"]) == 3
    found = json.loads(capsys.readouterr().out)["findings"][0]
    assert (found["severity"], found["evidence"]) == ("error", "input 的计算图末端是 SoftmaxBackward0")
    assert cli.main([*command, "--format", "concise"]) == 3
    assert f"{script}:3: 错误 LK101 cross_entropy 需要 logits" in capsys.readouterr().out
    assert cli.main(["explain", "LK101", "--lang", "zh"]) == 0
    page = capsys.readouterr().out
    assert all(f"\n{title}\n    " in page for title in ("检查什么", "为什么是错的", "错误写法", "正确写法"))


def test_a_notebook_in_chinese() -> None:
    output = torch.randn(16, 1, requires_grad=True)
    report = losskit.check(F.mse_loss, output, torch.randn(16), language="zh")
    assert "<b>losskit check：1 个错误</b>" in report._repr_html_()
    assert "torch 将其广播成 (16, 16)" in report._repr_html_()
    with pytest.raises(ValueError, match="language must be one of en, zh, got 'fr'"):
        losskit.check(F.mse_loss, output, output, language="fr")


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_found(language: str) -> None:
    assert ("nothing found" if language == "en" else "未发现问题") in str(Report((), "", language=language))
