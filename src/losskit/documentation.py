"""The docstring and the signature of a class whose arguments are fields."""

from __future__ import annotations

import inspect
from typing import Any

from losskit.core.about import About


def documented(cls: Any) -> tuple[str, str]:
    """The docstring up to its example, with the fields under ``Args``; and the example.

    If a class has its own constructor, its docstring lists those arguments, and the fields follow them.
    """
    summary, _, example = inspect.cleandoc(str(cls.__doc__)).partition("Example:")
    summary = summary.rstrip() + "\n" if "\nArgs:" in summary else f"{summary}Args:\n"
    arguments = "\n".join(f"    {name}: {argument.documentation}" for name, argument in cls.arguments.items())
    return summary + arguments, example


def documentation(cls: Any, about: About) -> str:
    """A loss's docstring, completed with arguments, shapes, returns, errors and source."""
    summary, example = documented(cls)
    first = next(iter(about.tensors))
    shapes = "\n".join(
        f"    {name}: {slot.describe(None if name == first else first)}" for name, slot in about.tensors.items()
    )
    return f"""{summary}

Shape:
{shapes}

    A call takes ``sample_weight``, ``mask`` and ``normalizer`` as well: see :class:`losskit.core.reduction.AtCall`.

Returns:
    One number; with ``reduction="none"`` one for each item. Half-precision inputs give a float32 loss.

Raises:
    TypeError: A dtype or an argument of the wrong kind.
    ValueError: A shape that does not fit, or a value out of its range (values are read in eager mode on CPU alone).
    IndexError: A class id out of range.

Example:{example}

Source:
    {about.source}
"""


def signature(cls: Any, usual: Any) -> inspect.Signature:
    """The signature of the constructor: the fields, unless the class has its own constructor."""
    written: Any = cls.__init__
    if written is not usual:
        return inspect.Signature(list(inspect.signature(written).parameters.values())[1:])
    positional = [name for name, argument in cls.arguments.items() if not argument.kw_only]
    by_name = [name for name, argument in cls.arguments.items() if argument.kw_only]
    return inspect.Signature(
        [_parameter(cls, name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in positional]
        + [_parameter(cls, name, inspect.Parameter.KEYWORD_ONLY) for name in by_name]
    )


def _parameter(cls: Any, name: str, kind: Any) -> inspect.Parameter:
    annotations: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        annotations |= inspect.get_annotations(base)
    annotation = annotations.get(name, inspect.Parameter.empty)
    argument = cls.arguments[name]
    return inspect.Parameter(name, kind, default=None if argument.none else argument.default, annotation=annotation)
