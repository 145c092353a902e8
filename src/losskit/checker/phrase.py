"""Texts that a report can tell in English or in Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from losskit.checker.chinese import chinese

LANGUAGES = ("en", "zh")


class Phrase(str):
    """English, made of a template and of values that it names in braces; :func:`told` fills in the Chinese template instead.

    A value may be a phrase, too.
    """

    template: str
    values: Mapping[str, Any]

    def __new__(cls, template: str, /, **values: Any) -> Phrase:
        """The template with these values in it."""
        phrase = super().__new__(cls, _filled(template, values, "en"))
        phrase.template, phrase.values = template, values
        return phrase

    def __reduce__(self) -> tuple[Any, ...]:
        """What a copy is made of."""
        return _made, (self.template, dict(self.values))


def told(text: str, language: str) -> str:
    """A text in this language; what has no Chinese, such as a name, is told as it is."""
    if isinstance(text, Phrase):
        return _filled(text.template, text.values, language)
    return chinese(text) if language == "zh" else text


def shown_number(value: float) -> str:
    """A number with three digits."""
    return f"{value:.3g}"


def _made(template: str, values: Mapping[str, Any]) -> Phrase:
    return Phrase(template, **values)


def _filled(template: str, values: Mapping[str, Any], language: str) -> str:
    shown = {name: _shown(value, language) for name, value in values.items()}
    return (chinese(template) if language == "zh" else template).format_map(shown)


def _shown(value: Any, language: str) -> Any:
    if isinstance(value, float):
        return shown_number(value)
    return told(value, language) if isinstance(value, str) else value
