"""The places of a C++ file at which a textual change makes another program; what does not compile is no mutant."""

from __future__ import annotations

import re
from functools import partial

from mutants.mutant import Place

#: clang-format puts blanks around binary operators, and none around the brackets of templates.
SWAPS = {
    " + ": " - ",
    " - ": " + ",
    " * ": " / ",
    " / ": " * ",
    " % ": " / ",
    " < ": " <= ",
    " <= ": " < ",
    " > ": " >= ",
    " >= ": " > ",
    " == ": " != ",
    " != ": " == ",
    " && ": " || ",
    " || ": " && ",
    " << ": " >> ",
    " >> ": " << ",
    " & ": " | ",
    " | ": " & ",
    " += ": " -= ",
    " -= ": " += ",
    "true": "false",
    "false": "true",
    "min": "max",
    "max": "min",
    "break;": "continue;",
    "continue;": "break;",
}
WORDS = re.compile("|".join(rf"\b{re.escape(s)}" if s[0].isalpha() else re.escape(s) for s in SWAPS))
NUMBER = re.compile(r"(?<![\w.])(?:0x[0-9a-fA-F]+|\d+(?:\.\d*)?(?:e[+-]?\d+)?)(?=[fuUlL]*\b|[fuUlL]*\W)")
CHOICE = re.compile(r"\? ([\w.()]+) : ([\w.()]+)")
#: A statement of its own on one line that declares nothing.
STATEMENT = re.compile(
    r"^\s+(?!return|break|continue|using|static|const|goto|delete)[\w.:>\[\]-]+(\(.*\)| [-+*/|&]?= .*);$"
)


def places(file: str, source: str) -> list[Place]:
    """All of a file, in its order."""
    found = []
    lines, code = source.splitlines(keepends=True), readable(source).splitlines(keepends=True)
    for n, text in enumerate(code):
        if text.lstrip().startswith(("#", "static_assert")):
            continue
        edits = [("swapped", match, SWAPS[match.group()]) for match in WORDS.finditer(text)]
        edits += [("number", match, more(match.group())) for match in NUMBER.finditer(text)]
        edits += [("choice", match, f"? {match.group(2)} : {match.group(1)}") for match in CHOICE.finditer(text)]
        edits += [("dropped", match, ";") for match in STATEMENT.finditer(text)]
        for operator, match, new in edits:
            found.append(Place(file, source, n + 1, ((operator, partial(edited, lines, n, match.span(), new)),)))
    return found


def edited(lines: list[str], n: int, span: tuple[int, int], new: str) -> str:
    line = lines[n]
    return "".join([*lines[:n], line[: span[0]] + new + line[span[1] :], *lines[n + 1 :]])


def more(number: str) -> str:
    if number.startswith("0x"):
        return hex(int(number, 16) + 1)
    return str(int(number) + 1) if number.isdigit() else repr(float(number) + 1)


def readable(source: str) -> str:
    """The source with comments and strings blanked out, each character at its place."""
    return re.sub(
        r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"',
        lambda match: re.sub(r"[^\n]", " ", match.group()),
        source,
        flags=re.DOTALL,
    )
