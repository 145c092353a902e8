"""The README in both languages: the same commands, code, figures and sections, and that its code runs."""

from __future__ import annotations

import builtins
import re
from pathlib import Path
from typing import Any

import pytest

from losskit.cli import main

ROOT = Path(__file__).parent.parent
FAULTY = ROOT / "examples/faulty/softmax_twice.py"
ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))


def blocks(text: str) -> list[str]:
    return re.findall(r"^```.*?^```", text, re.S | re.M)


def test_both_readmes_have_the_same_code_figures_links_and_sections() -> None:
    english, chinese = ([block for block in blocks(text) if not _checks(block)] for text in (ENGLISH, CHINESE))
    assert chinese == english
    for pattern in (r"^\|.*\d\.\d.*$", r"\]\(((?!README)[^)]*)\)"):
        assert re.findall(pattern, CHINESE, re.M) == re.findall(pattern, ENGLISH, re.M)
    for text in (ENGLISH, CHINESE):
        assert len(re.findall(r"^##", text, re.M)) == len(re.findall(r"^##", ENGLISH, re.M))
    names = r"`\w+(?:Loss|loss)\b[^`]*`"
    assert sorted(set(re.findall(names, CHINESE))) == sorted(set(re.findall(names, ENGLISH)))


def test_the_code_runs_and_the_messages_are_those_that_it_shows() -> None:
    """From the top to the bottom, as someone types it."""
    known: dict[str, Any] = {}
    for block in blocks(ENGLISH):
        kind, _, code = block.removeprefix("```").removesuffix("```").partition("\n")
        if kind == "python":
            exec(code, known)
        elif kind == "pycon":
            for call, said in re.findall(r"^>>> (.*)\n((?!>>>).*\n)?", code, re.M):
                if not said:
                    exec(call, known)
                    continue
                error, _, message = said.strip().partition(": ")
                with pytest.raises(getattr(builtins, error)) as caught:
                    exec(call, known)
                assert str(caught.value) == message


def test_the_captures_are_what_the_commands_print(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    (shown,) = (block for block in blocks(ENGLISH) if "$ losskit guide" in block)
    command, *lines = shown.splitlines()[1:-1]
    words = re.fullmatch(r"\$ losskit (.*) \| head -n (\d+)", command)
    assert words is not None
    assert main(words[1].split()) in (0, None)
    assert capsys.readouterr().out.splitlines()[: int(words[2])] == lines
    (script,) = (block for block in blocks(ENGLISH) if "softmax" in block.lower() and block.startswith("```python"))
    assert script.partition("\n")[2].removesuffix("```") == FAULTY.read_text(encoding="utf-8")
    monkeypatch.chdir(ROOT)
    for page in (ENGLISH, CHINESE):
        (found,) = filter(_checks, blocks(page))
        _, command, *lines, _ = found.splitlines()
        assert main(command.split()[2:]) == 1
        assert _timeless(capsys.readouterr().out) == _timeless("\n".join(lines))
    (compared,) = (block for block in blocks(ENGLISH) if "$ losskit compare" in block)
    named = re.findall(r"\w+Loss", compared.splitlines()[1])
    table = re.findall(r"^(\w+Loss) +0\.", compared, re.M)
    assert sorted(table) == sorted([*named, "CrossEntropyLoss"])  # so that another loss does not make it stale


def _checks(block: str) -> bool:
    return "$ losskit check" in block


def _timeless(report: str) -> str:
    """Without the number of calls that were looked at, which depends on the time that they take, and without spaces."""
    return re.sub(r"\d+(of\d+calls)|(?<=调用中[的有])\d+", r"N\1", "".join(report.split()))


def test_without_its_fault_the_script_learns_as_the_readme_says(capsys: pytest.CaptureFixture[str]) -> None:
    reached = []
    for fault in ("", ", torch.nn.Softmax(dim=1)"):
        exec(FAULTY.read_text(encoding="utf-8").replace(fault, ""), {})
        reached.append(capsys.readouterr().out.split()[-1])
    assert f"reaches an accuracy of {reached[1]} instead of {reached[0]}" in ENGLISH
    assert f"准确率从 {reached[0]} 升到 {reached[1]}" in CHINESE


def test_it_is_short_and_links_to_what_is_there() -> None:
    for text in (ENGLISH, CHINESE):
        assert len(text.splitlines()) <= 150
        for link in re.findall(r"\]\(([^)#]+)", text):
            assert (ROOT / link).exists(), link
