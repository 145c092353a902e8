"""The hooks of a run whose losses are watched, in the process that runs the tests and in the one that reports."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from typing import Any

import pytest

from losskit import __version__
from losskit.checker.phrase import LANGUAGES, Phrase, told
from losskit.checker.watching import hold, release
from losskit.pytest_plugin.one_test import OfTest
from losskit.pytest_plugin.summary import Summary
from losskit.terminal import WIDEST

Wrapper = Generator[None, Any, Any]
ROOM = "losskit_room"  # the columns of the terminal, for workers of pytest-xdist, which have none


class Hooks:
    """Watches each test from its setup to its teardown.

    Args:
        config: That of the run.
    """

    def __init__(self, config: pytest.Config) -> None:
        given: dict[str, Any] = getattr(config, "workerinput", {})
        self.room = given.get(ROOM) or min(WIDEST, config.get_terminal_writer().fullwidth)
        self.language: str = config.getoption("losskit_lang") or config.getini("losskit_lang")
        if self.language not in LANGUAGES:
            raise pytest.UsageError(f"losskit_lang must be one of {', '.join(LANGUAGES)}, got {self.language!r}")
        self.ignored = config.getini("losskit_ignore")
        self.folder = os.path.join(config.invocation_params.dir, "")
        self.summary = Summary(self.room, self.language)
        self.watching: OfTest | None = None
        self.holding = self.inside = False

    def pytest_report_header(self) -> str:
        """Say that it is on."""
        return told(
            Phrase("losskit: {version}, watches the losses that tests call", version=__version__), self.language
        )

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Start a worker of pytest-xdist."""
        node.workerinput[ROOM] = self.room

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Wrapper:
        """Watch, and let the fixtures run."""
        self._start(item)
        return (yield from self._phase(item, "setup"))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Wrapper:
        """Let the test run; it fails for what was found in its fixtures, too."""
        return (yield from self._phase(item, "call"))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Wrapper:
        """Let the fixtures end, and watch no more."""
        try:
            return (yield from self._phase(item, "teardown"))
        finally:
            self._stop()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Wrapper:
        """Attach what was found, as a text, which passes between processes."""
        report = yield
        if call.when == "teardown" and self.watching is not None:
            report.losskit = self._short(json.dumps(self.watching.record(self.room)))
            self.watching = None
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test, of this process or of a worker."""
        if hasattr(report, "losskit"):
            self.summary.add(report.nodeid, json.loads(report.losskit))

    def pytest_sessionfinish(self) -> None:
        """Leave torch as it was."""
        self._stop()
        if self.holding:
            release()
            self.holding = False

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """What was found in all tests, and what was checked."""
        terminalreporter.section("losskit")
        for line in self.summary.lines(brief=terminalreporter.verbosity < 0):
            terminalreporter.line(line)

    def _start(self, item: pytest.Item) -> None:
        if not self.holding:
            hold()
            self.holding = True
        self.watching = OfTest(
            [*self.ignored, *_codes([_of_mark(mark) for mark in item.iter_markers("losskit")])], self.language
        )
        self.watching.__enter__()
        self.inside = True

    def _stop(self) -> None:
        if self.inside and self.watching is not None:
            self.watching.__exit__()
        self.inside = False

    def _phase(self, item: pytest.Item, when: str) -> Wrapper:
        """Show errors beside the test's own, or else fail the test."""
        watching = self.watching
        try:
            result = yield
        except (Exception, pytest.fail.Exception):  # which is none
            if watching is not None:
                watching.failed = True
                item.add_report_section(when, "losskit", self._short(watching.told(self.room)))
            raise
        if watching is not None:
            text = watching.unknown if when == "setup" else watching.told(self.room)
            if text:
                pytest.fail(self._short(text), pytrace=False)
        return result

    def _short(self, text: str) -> str:
        """Files of the folder in which pytest runs are named by their path from there."""
        if self.folder == os.sep:
            return text
        return text.replace(self.folder, "").replace(json.dumps(self.folder)[1:-1], "")


def _of_mark(mark: pytest.Mark) -> list[Any]:
    """Its codes; a mistyped keyword is none, and will be told."""
    return [*mark.args, *(value if name == "ignore" else name for name, value in mark.kwargs.items())]


def _codes(given: Any) -> list[str]:
    if isinstance(given, (list, tuple, set)):
        return [code for each in given for code in _codes(each)]
    return [str(given)]
