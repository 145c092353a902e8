"""The rules by their codes, derived from what ``rules/__init__.py`` exports, and the page of each."""

from __future__ import annotations

import inspect
import textwrap
from inspect import isclass

from losskit.checker import rules
from losskit.checker.rule import Rule
from losskit.terminal import filled

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (value() for value in vars(rules).values() if isclass(value) and issubclass(value, Rule)),
        key=lambda rule: rule.code,
    )
)
SECTIONS = ("What it does:", "Why it is wrong:", "Bad:", "Good:")


def section(rule: Rule, title: str) -> str:
    """A section of a rule's documentation, without its indentation."""
    text = inspect.cleandoc(str(rule.__doc__))
    _, _, rest = text.partition(f"\n{title}\n")
    lines = rest.split("\n")
    end = next((at for at, line in enumerate(lines) if line and not line.startswith(" ")), len(lines))
    return textwrap.dedent("\n".join(lines[:end])).strip("\n")


def find(name: str) -> Rule | None:
    """The rule of this code or name."""
    return next((rule for rule in RULES if name.lower() in (rule.code.lower(), rule.name)), None)


def page(rule: Rule) -> str:
    """Everything about a rule, as text that fits the terminal."""
    summary = inspect.cleandoc(str(rule.__doc__)).split("\n", 1)[0]
    parts = [filled(f"{rule.code} {rule.name}: {summary}")]
    for title in SECTIONS:
        text = section(rule, title)
        if title in ("Bad:", "Good:"):
            parts.append(f"{title[:-1]}\n{textwrap.indent(text, '    ')}")
        else:
            parts.append(f"{title[:-1]}\n{textwrap.indent(filled(' '.join(text.split())), '    ')}")
    return "\n\n".join(parts) + "\n"


def listing() -> str:
    """All rules, one a line."""
    return "\n".join(f"{rule.code}  {rule.name}" for rule in RULES) + "\n"
