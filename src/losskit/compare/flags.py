"""How the command line names the arguments of the library: ``folds=3`` is ``--folds 3``."""

from __future__ import annotations

import ast
import re
import shlex

from losskit.compare.errors import MARK, Message


def in_flags(text: str) -> str:
    """A message with its arguments as flags; any other text as it is."""
    return re.sub(f"{MARK}(.*?){MARK}", _flag, text.marked) if isinstance(text, Message) else text


def _flag(found: re.Match[str]) -> str:
    name, _, written = found[1].partition("=")
    given = ast.literal_eval(written) if written else []
    return " ".join([f"--{name}", *map(_word, given if isinstance(given, list) else [given])])


def _word(value: object) -> str:
    return r"$'\t'" if value == "\t" else shlex.quote(str(value))
