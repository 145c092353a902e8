"""The docstring and the signature of a class whose arguments are fields, and the docstring of its functional form."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from losskit.core.about import About
from losskit.core.reduction import AtCall

#: A statement of an example, with its further lines; and what it shows.
STATEMENT = r"^ *>>> (.*(?:\n *\.\.\. .*)*)((?:\n(?! *>>> ).*)*)"


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
    tensors = "\n".join(_lines(shapes(about)))
    return f"""{summary}

Shape:
{tensors}

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


def of_function(function: Any, cls: Any) -> str:
    """The docstring of a loss's functional form: the class's, with one list of arguments and the example rewritten.

    The function's own docstring adds a summary, and under ``Args`` and ``Example`` what its class does not have.
    """
    own, _, example = inspect.cleandoc(function.__doc__).partition("\n\nExample:\n")
    own, _, further = own.partition("\n\nArgs:\n")
    prose, _, rest = str(cls.__doc__).partition("\nArgs:\n")
    result, _, rest = rest[rest.index("\nReturns:\n") :].partition("\nExample:\n")
    theirs, _, source = rest.partition("\n\nSource:\n")
    summary, _, prose = prose.partition("\n")
    words = shapes(cls.about) | {name: argument.documentation for name, argument in cls.arguments.items()}
    words |= dict(re.findall(r"^ *(\w+): (.*)$", further, re.MULTILINE))
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    at_call = inspect.cleandoc(str(AtCall.__doc__)).partition("Attributes:\n")[2]
    return "\n".join(
        (
            f"{summary}\n\n{own}\n{prose.rstrip()}\n\nArgs:",
            *_lines({name: words[name] for name in names}),
            f"{at_call}\n{result}\nExample:",
            example or "\n".join(_called(theirs, cls.__name__, function.__name__)),
            f"\nSource:\n{source}",
        )
    )


def shapes(about: About) -> dict[str, str]:
    """What each tensor may be."""
    first = next(iter(about.tensors))
    return {name: slot.describe(None if name == first else first) for name, slot in about.tensors.items()}


def _lines(words: dict[str, str]) -> Iterator[str]:
    return (f"    {name}: {value}" for name, value in words.items())


def _called(example: str, loss: str, function: str) -> Iterator[str]:
    """An example of the class as calls of the function; statements that only the class can serve are left out."""
    built: dict[str, str] = {}  # for the name of each criterion: its arguments
    for source, shown in re.findall(STATEMENT, example, re.MULTILINE):
        build = re.fullmatch(rf"(\w+) = losskit\.{loss}\((.*)\)", source)
        if build is not None:
            built[build[1]] = build[2]
            continue
        if source.startswith("import"):
            source = source.replace("losskit", "losskit.functional as F")
        source = _with_calls(source, built, loss, function)
        if not re.search("|".join((rf"\b{loss}\b", *(rf"\b{name}\b" for name in built))), source):
            yield f"    >>> {source}{shown}"


def _with_calls(source: str, built: dict[str, str], loss: str, function: str) -> str:
    """The code with calls of the function where it called a criterion."""
    start, called = 0, "|".join((rf"losskit\.{loss}(?=\()", *(rf"\b{name}(?=\()" for name in built)))
    while found := re.compile(called).search(source, start):
        start = found.end()
        if found[0] in built:
            arguments = built[found[0]]
        else:
            arguments, start = _in_parentheses(source, start)
            if source[start : start + 1] != "(":
                continue  # not called here
        tensors, end = _in_parentheses(source, start)
        if 'f"' in source:  # whose quotes these must not be
            arguments = arguments.replace('"', "'")
        call = f"F.{function}({', '.join(filter(None, (tensors, arguments)))})"
        source, start = source[: found.start()] + call + source[end:], found.start() + len(call)
    return source


def _in_parentheses(text: str, start: int) -> tuple[str, int]:
    """What stands in the parentheses that open at ``start``, and where the text goes on."""
    depth = 0
    for end in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if depth == 0:
            return text[start + 1 : end], end + 1
    raise ValueError(f"no end of the parentheses in {text[start:]!r}")


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
