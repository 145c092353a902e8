"""The places of a Python file at which mutmut's operators, and a few more, change what it does."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

from mutants.mutant import Place

#: A mistake that reads well; mutmut swaps operators, but no names.
SWAPS = {"min": "max", "any": "all", "sum": "mean", "amin": "amax", "floor": "ceil", "argmin": "argmax", "log": "log1p"}
SWAPS |= {new: old for old, new in SWAPS.items()}
#: Calls that say something to type checkers or readers alone, or fail at once whatever they are given.
IDLE = {"TypeVar", "ParamSpec", "cast", "overload", "isinstance", "issubclass", "len", "super"}
ALIAS = re.compile(r"_?[A-Z][a-z]\w*")  # a class's name: a type alias, where it is assigned in a module


def dropped_call(node: cst.Expr) -> Iterable[cst.BaseSmallStatement]:
    if isinstance(node.value, cst.Call):
        yield cst.Pass()


def negated(node: Any) -> Iterable[cst.CSTNode]:
    test = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    yield node.with_changes(test=cst.UnaryOperation(cst.Not(), test))


def swapped_name(node: cst.Call) -> Iterable[cst.Call]:
    name = node.func.attr if isinstance(node.func, cst.Attribute) else node.func
    if isinstance(name, cst.Name) and name.value in SWAPS:
        new = name.with_changes(value=SWAPS[name.value])
        yield node.with_changes(func=node.func.with_changes(attr=new) if isinstance(node.func, cst.Attribute) else new)


Operator = tuple[type, str, Callable[[Any], Iterable[cst.CSTNode]]]
OPERATORS: tuple[Operator, ...] = (
    *((kind, operator.__name__.removeprefix("operator_"), operator) for kind, operator in mutation_operators),
    (cst.Expr, "dropped_call", dropped_call),
    (cst.If, "negated", negated),
    (cst.While, "negated", negated),
    (cst.Call, "swapped_name", swapped_name),
)


def places(file: str, source: str) -> list[Place]:
    """All of a file, in its order."""
    wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    finder = _Finder(file, source, wrapper)
    wrapper.module.visit(finder)
    return finder.places


class _Finder(cst.CSTVisitor):  # type: ignore[misc, unused-ignore]
    def __init__(self, file: str, source: str, wrapper: Any) -> None:
        super().__init__()
        self.places: list[Place] = []
        self._file, self._source, self._module = file, source, wrapper.module
        self._where = wrapper.resolve(PositionProvider)
        self._depth = 0
        self._means = meaning(source)

    def on_visit(self, node: cst.CSTNode) -> bool:
        if idle(node, inside=self._depth > 0):
            return False
        ways = tuple(
            (name, partial(self._changed, node, new))
            for kind, name, operator in OPERATORS
            if isinstance(node, kind) and not prose(node) and not called_idly(node)
            for new in mutations(operator, node)
        )
        if ways:
            self.places.append(Place(self._file, self._source, self._where[node].start.line, ways))
        self._depth += isinstance(node, (cst.FunctionDef, cst.ClassDef))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        self._depth -= isinstance(original_node, (cst.FunctionDef, cst.ClassDef))

    def _changed(self, old: cst.CSTNode, new: cst.CSTNode) -> str | None:
        code: str = self._module.deep_replace(old, new).code
        try:
            return None if meaning(code) == self._means else code
        except SyntaxError:
            return None


def mutations(operator: Callable[[Any], Iterable[cst.CSTNode]], node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Of a string one, not three: its letters' case says nothing new."""
    yield from islice(operator(node), 1 if isinstance(node, cst.SimpleString) else None)


def idle(node: cst.CSTNode, inside: bool) -> bool:
    """Whether nothing below a node can change what the module does."""
    if isinstance(node, (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom)):
        return True
    if isinstance(node, cst.If):
        return isinstance(node.test, cst.Name) and node.test.value == "TYPE_CHECKING"
    if isinstance(node, cst.FunctionDef):
        return any(isinstance(d.decorator, cst.Name) and d.decorator.value == "overload" for d in node.decorators)
    if isinstance(node, (cst.Assign, cst.AnnAssign)) and not inside:
        target = node.target if isinstance(node, cst.AnnAssign) else node.targets[0].target
        return isinstance(target, cst.Name) and (target.value == "__all__" or bool(ALIAS.fullmatch(target.value)))
    return False


def prose(node: cst.CSTNode) -> bool:
    """A string with a blank, or beyond ASCII, is read by people: its wording is no behaviour."""
    return isinstance(node, cst.SimpleString) and (" " in node.value or not node.value.isascii() or len(node.value) < 4)


def called_idly(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in IDLE


def meaning(source: str) -> str:
    """What does not see brackets and blanks."""
    return ast.dump(ast.parse(source))
