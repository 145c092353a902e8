"""``losskit check --run``: a script as it is, its losses watched, and how it ended."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from losskit.checker.report import Report
from losskit.checker.watching import watch

INTERRUPTED = 130  # as shells have it


class UnreadableScriptError(OSError):
    """There is no such script."""


def run(script: str, arguments: Sequence[str], language: str = "en") -> Report:
    """Run a script as ``python script arguments`` would, and tell what was found; its exit code is in the report."""
    path = Path(script)
    try:
        source = path.read_bytes()
    except OSError as error:
        raise UnreadableScriptError(f"cannot read {script}: {error.strerror}") from None
    with _as_main(path, arguments) as main, watch() as watching:
        code = _ended(path, source, main)
        sys.stdout.flush()
    return replace(watching.report(language), exit_code=code)


def _ended(path: Path, source: bytes, main: ModuleType) -> int:
    """Run it, and give the code that Python would exit with."""
    others = set(threading.enumerate())  # not the script's, and perhaps never done
    try:
        exec(compile(source, str(path), "exec"), main.__dict__)
        for thread in set(threading.enumerate()) - others:
            if not thread.daemon:
                thread.join()
    except SystemExit as left:
        if left.code is None or isinstance(left.code, int):
            return left.code or 0
        print(left.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        _tell(path)
        return INTERRUPTED
    except BaseException:
        _tell(path)
        return 1
    return 0


def _tell(path: Path) -> None:
    """The traceback that Python would print: without what is ours."""
    kind, error, trace = sys.exc_info()
    start = trace
    while start is not None and start.tb_frame.f_code.co_filename != str(path):
        start = start.tb_next
    traceback.print_exception(kind, error, start)  # without a frame of the script it is a SyntaxError


@contextmanager
def _as_main(path: Path, arguments: Sequence[str]) -> Iterator[ModuleType]:
    """What a script finds when it starts: itself as ``__main__``, its arguments, and its folder first on the path."""
    main = ModuleType("__main__")
    main.__dict__.update(__file__=str(path), __builtins__=__builtins__)
    before = sys.modules["__main__"], sys.argv, list(sys.path)
    sys.modules["__main__"], sys.argv = main, [str(path), *arguments]
    sys.path.insert(0, str(path.resolve().parent))
    try:
        yield main
    finally:
        sys.modules["__main__"], sys.argv, sys.path[:] = before
