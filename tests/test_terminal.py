"""Text that fits the terminal."""

from __future__ import annotations

import os

import pytest

from losskit.terminal import code, columns, table, width, wrapped


@pytest.mark.parametrize(("has", "used"), [("40", 40), ("80", 80), ("100", 100), ("140", 100)])
def test_the_terminal_s_width_up_to_100(has: str, used: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", has)
    assert width() == used


def test_without_a_terminal_it_is_100_columns_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("shutil.get_terminal_size", lambda fallback: os.terminal_size(fallback))
    assert width() == 100


def test_words_are_kept_whole() -> None:
    assert wrapped("a-b " * 3 + "c" * 12 + " d", 10) == ["a-b a-b", "a-b", "c" * 12, "d"]
    assert wrapped("  two  spaces\nand a line", 15, "    ") == ["  two  spaces", "    and a line"]
    assert wrapped("", 10) == [""]
    assert wrapped("fits it", 7) == ["fits it"]
    assert wrapped("fits it.", 7) == ["fits", "it."]


def test_code_is_kept_whole() -> None:
    assert wrapped(f"see {code('f(a, b) + 1')} here", 12) == ["see", "f(a, b) + 1", "here"]
    assert wrapped(f"see {code('f(a, b) + 1')}", 4) == ["see", "f(a, b) + 1"]


def test_chinese_is_broken_between_characters() -> None:
    assert columns("ab名") == 4
    assert wrapped("名字名字名字", 5) == ["名字", "名字", "名字"]
    assert wrapped("名字CrossEntropyLoss名字", 6) == ["名字", "CrossEntropyLoss", "名字"]
    assert wrapped("一二，三（四）五", 6) == [
        "一二，",
        "三",
        "（四）",
        "五",
    ]  # no line begins with a comma or ends in a bracket


HEAD = ("name", "much\nmore", "what it is")
ROWS = (("Alpha", "1 x", "a long text of words"), ("Be", "22", ""))


@pytest.mark.parametrize(
    ("has", "text"),
    [
        (100, "       much\nname   more  what it is\nAlpha   1 x  a long text of words\nBe       22"),
        (25, "       much\nname   more  what it is\nAlpha   1 x  a long text\n             of words\nBe       22"),
        (16, "Alpha\n  much more: 1 x\n  what it is: a\n    long text of\n    words\nBe\n  much more: 22"),
    ],
    ids=["as wide as it needs", "wrapped where it is widest", "a list where it cannot fit"],
)
def test_a_table(has: int, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(has))
    assert table(HEAD, ROWS, {1}) == text.split("\n")


def test_a_table_may_have_a_rule() -> None:
    assert table(HEAD, ROWS, {1}, " ", "-")[2] == "-" * (5 + 1 + 4 + 1 + 20)
