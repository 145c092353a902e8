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


def test_a_table_as_wide_as_it_needs() -> None:
    assert table(HEAD, ROWS, {1}) == [
        "       much",
        "name   more  what it is",
        "Alpha   1 x  a long text of words",
        "Be       22",
    ]
    assert table(HEAD, ROWS, {1}, " ", "-")[2] == "-" * (5 + 1 + 4 + 1 + 20)


def test_a_table_is_wrapped_where_it_is_widest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "25")
    assert table(HEAD, ROWS, {1}) == [
        "       much",
        "name   more  what it is",
        "Alpha   1 x  a long text",
        "             of words",
        "Be       22",
    ]


def test_a_table_that_cannot_fit_is_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "16")
    assert table(HEAD, ROWS, {1}) == [
        "Alpha",
        "  much more: 1 x",
        "  what it is: a",
        "    long text of",
        "    words",
        "Be",
        "  much more: 22",
    ]
