"""The rules by their codes, derived from what ``rules/__init__.py`` exports, and the page of each."""

from __future__ import annotations

import inspect
import textwrap
from inspect import isclass

from losskit.checker import rules
from losskit.checker.phrase import Phrase, told
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


def summary(rule: Rule) -> str:
    """What a rule finds, in a sentence."""
    return inspect.cleandoc(str(rule.__doc__)).split("\n", 1)[0]


def page(rule: Rule, language: str = "en") -> str:
    """Everything about a rule, as text that fits the terminal."""
    head = Phrase("{code} {name}: {summary}", code=rule.code, name=rule.name, summary=summary(rule))
    parts = [filled(told(head, language))]
    for title in SECTIONS:
        text = section(rule, title)
        if title not in ("Bad:", "Good:"):
            text = filled(told(" ".join(text.split()), language))
        parts.append(f"{told(title[:-1], language)}\n{textwrap.indent(text, '    ')}")
    return "\n\n".join(parts) + "\n"
