"""``losskit check --run``: a script as it is, its losses watched, and how it ended."""

from __future__ import annotations

import builtins
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any, NamedTuple, cast

from losskit.checker.report import Report
from losskit.checker.watching import ours, watch

INTERRUPTED = 130  # as shells have it


class UnreadableScriptError(OSError):
    """There is no such script."""


class Program(NamedTuple):
    """What is to run.

    Args:
        path: Its file.
        name: What it finds as its own name in ``sys.argv``.
        folder: The first on the path of modules.
        code: Compiles it.
        spec: Of a module.
    """

    path: str
    name: str
    folder: str
    code: Callable[[], CodeType]
    spec: ModuleSpec | None = None


def run(script: str, arguments: Sequence[str], language: str = "en", module: bool = False) -> Report:
    """Run a script as ``python script arguments`` would, or a module as ``python -m`` would, and tell what was found.

    Its exit code is in the report.
    """
    program, process = _module(script) if module else _script(script), os.getpid()
    with _as_main(program, arguments) as main, watch() as watching:
        code = _ended(program, main)
        sys.stdout.flush()
    if os.getpid() != process:
        raise SystemExit(code)  # a child, which the script has forked: the parent reports
    return replace(watching.report(language), exit_code=code)


def _script(script: str) -> Program:
    path = Path(os.path.abspath(script))  # as Python has it, so that it is found from another folder too
    try:
        source = path.read_bytes()
    except OSError as error:
        raise UnreadableScriptError(f"cannot read {script}: {error.strerror}") from None

    def code() -> CodeType:
        return compile(source, str(path), "exec", dont_inherit=True)

    return Program(str(path), script, str(path.resolve().parent), code)


def _module(name: str) -> Program:
    """The module of this name, or what a package runs, seen from the current folder."""
    sys.path.insert(0, os.getcwd())
    try:
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = find_spec(f"{name}.__main__")
    except ModuleNotFoundError:
        spec = None
    finally:
        sys.path.remove(os.getcwd())
    loader: Any = None if spec is None else spec.loader
    if spec is None or spec.origin is None or not hasattr(loader, "get_code"):
        raise UnreadableScriptError(f"cannot run {name}: no such module")
    found = spec.name
    return Program(spec.origin, spec.origin, os.getcwd(), lambda: cast("CodeType", loader.get_code(found)), spec)


def _ended(program: Program, main: ModuleType) -> int:
    """Run it, and give the code that Python would exit with."""
    others = set(threading.enumerate())  # not the script's, and perhaps never done
    try:
        exec(program.code(), main.__dict__)
        for thread in set(threading.enumerate()) - others:
            if not thread.daemon:
                thread.join()
    except SystemExit as left:
        if left.code is None or isinstance(left.code, int):
            return left.code or 0
        print(left.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt as error:
        _tell(error, program.path)
        return INTERRUPTED
    except BaseException as error:
        _tell(error, program.path)
        return 1
    return 0


def _tell(error: BaseException, path: str) -> None:
    """The traceback that Python, or the script's own hook, would print: without what is ours."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    files = [frame.tb_frame.f_code.co_filename for frame in frames]
    start = files.index(path) if path in files else len(files)  # without a frame of the script it is a SyntaxError
    kept: TracebackType | None = None
    for frame in reversed(frames[start:]):
        if not ours(frame.tb_frame.f_code):
            frame.tb_next = kept
            kept = frame
    sys.excepthook(type(error), error.with_traceback(kept), kept)


@contextmanager
def _as_main(program: Program, arguments: Sequence[str]) -> Iterator[ModuleType]:
    """What a script finds when it starts: itself as ``__main__``, its arguments, and its folder first on the path."""
    main = ModuleType("__main__")
    main.__dict__.update(__file__=program.path, __builtins__=builtins)
    if program.spec is not None:
        main.__dict__.update(__spec__=program.spec, __package__=program.spec.parent, __loader__=program.spec.loader)
    before, here = (sys.modules["__main__"], sys.argv, list(sys.path)), os.getcwd()
    sys.modules["__main__"], sys.argv = main, [program.name, *arguments]
    sys.path.insert(0, program.folder)
    try:
        yield main
    finally:
        sys.modules["__main__"], sys.argv, sys.path[:] = before
        os.chdir(here)  # the report is written, and its paths are told, from where it was asked for
