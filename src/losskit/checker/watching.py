"""Watches the losses of a running program: which are called, where, and with what.

Torch's functions are seen by exchanging the code of each for one that asks here first. So it does not matter under which name
they were imported, or in which thread they run. While torch compiles, traces or transforms, a call passes through.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from sysconfig import get_path
from types import CodeType, FrameType, FunctionType
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from losskit.checker.call import Call
from losskit.checker.catalog import RULES
from losskit.checker.coverage import Coverage
from losskit.checker.finding import ORDER, Finding, Site
from losskit.checker.gathers import RECENT, functions, noting
from losskit.checker.phrase import Phrase
from losskit.checker.report import Report
from losskit.checker.rule import Rule
from losskit.checker.thresholds import Thresholds, exchange, restore
from losskit.checker.training import Stack, Training, Weight, parameters_of
from losskit.core.reduction import AtCall
from losskit.core.watched import eager, unobserved
from losskit.loss import Loss, instance
from losskit.training.accelerate import LOSSES

FIRST = 5  # calls of a site that are always looked at
BUDGET = 0.01  # of the time since the start, for looking at further calls
INSIDE = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]))
STANDARD = re.compile(rf"<frozen |{re.escape(get_path('stdlib'))}{re.escape(os.sep)}(?!(site|dist)-packages)")
NOWHERE = Site("?", 0)
UNTIL = {rule.code: rule.until for rule in RULES if rule.until}
DEEP = 12  # lines of a stack that are kept
DEPRECATED = ("size_average", "reduce")
REFUSALS = (
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    Warning,
)  # of a loss; a checkpoint ends its second run with another
__tracebackhide__ = True  # pytest shows the user's lines and torch's


class watch:  # noqa: N801 - named as torch.no_grad is
    """Looks at the losses that are called within this context, in any thread.

    It looks at the first calls of each line, and then at as many as take 1 % of the time. It changes no result: it works on
    detached copies, draws no random number, and leaves no gradient.

    Args:
        model: The model under training; what never gets a gradient can then be told.
        optimizer: Its optimizer.

    Example:
        >>> import torch, losskit
        >>> output, target = torch.randn(32, 5, requires_grad=True).softmax(1), torch.arange(32) % 5
        >>> with losskit.watch() as watching:
        ...     loss = torch.nn.functional.cross_entropy(output, target)
        >>> print(watching.report().findings[0].code)
        LK101
    """

    def __init__(self, model: nn.Module | None = None, optimizer: Any = None) -> None:
        self.model, self.optimizer = model, optimizer
        self.sites: dict[Site, _Seen] = {}
        self.passed: dict[str, int] = {}
        self.broken: dict[str, str] = {}
        self.others: dict[tuple[str, Site], Finding] = {}
        self.training = Training()
        self.thresholds = Thresholds()
        self._places: dict[Any, _Seen] = {}
        self.following = True  # whether further backward passes are looked at
        self.thread: int | None = None
        self._started = time.perf_counter()
        self._spent = 0.0
        self._model_is: set[str] = set()

    def __enter__(self) -> watch:
        self._started = time.perf_counter()
        hold()
        _watches.append(self)
        _follow()
        return self

    def __exit__(self, *_: object) -> None:
        _watches.remove(self)
        release()

    def report(self, language: str = "en") -> Report:
        """What was found until now, in English or, as ``"zh"``, in Chinese."""
        findings = [finding for seen in self.sites.values() for finding in seen.findings()] + list(self.others.values())
        findings += self._of_thresholds()
        findings = [each for each in findings if UNTIL.get(each.code) not in self._model_is]
        findings.sort(key=lambda each: (ORDER.index(each.severity), str(each.where), each.code))
        coverage = self.coverage()
        return Report(tuple(findings), coverage.checked(), coverage.unchecked(), language=language)

    def coverage(self) -> Coverage:
        """What was looked at until now, and what was not."""
        return Coverage(
            rules=len(RULES),
            calls={str(site): seen.calls for site, seen in self.sites.items()},
            looked=sum(seen.looked for seen in self.sites.values()),
            hidden=sum(seen.hidden for seen in self.sites.values()),
            own={str(site): count for site, count in self.training.own.items()},
            passed=dict(self.passed),
            broken=dict(self.broken),
        )

    def due(self, frame: FrameType | None) -> bool:
        """Whether to look at a call from this frame. Every call passes here, between two matrix products: it touches little."""
        if self.thread is not None and threading.get_ident() != self.thread:
            return False
        # By the instruction, as Python would have to count the lines; by the code's id, as its hash is that of all it holds.
        seen = None if frame is None else self._places.get((id(frame.f_code), frame.f_lasti))
        if seen is None:
            seen = self._place(_users(frame))
        seen.calls += 1
        if self.following:
            self.training.called.add(threading.get_ident())
        return seen.looked < FIRST or self.affords(seen.calls)

    def _place(self, frame: FrameType | None) -> _Seen:
        """What was seen at the line that a user's frame is at."""
        place = None if frame is None else (id(frame.f_code), frame.f_lasti)
        seen = self._places.get(place)
        if seen is None:
            seen = self._places[place] = self.sites.setdefault(_site(frame), _Seen())
            seen.codes.append(None if frame is None else frame.f_code)  # no other may get its id
        return seen

    def affords(self, number: int) -> bool:
        """Whether to look at a later call of a line, which is its call of this number."""
        return self._spent < BUDGET * (time.perf_counter() - self._started)

    def spend(self, seconds: float) -> None:
        """Count what a look took."""
        self._spent += seconds

    def look(self, call: Call, stack: Stack) -> None:
        """Ask every rule about a call."""
        call.model, call.optimizer = self.model, self.optimizer
        seen = self.sites[stack[0]]
        seen.looked += 1
        call.number = seen.calls
        seen.hidden += not call.origin.known and call.given[0].requires_grad
        for rule in RULES:
            finding = self._asked(rule, rule.inspect, call)
            if finding is not None:
                seen.add(replace(finding, raised=call.result is None), rule.one_is_enough)
        self.training.call(call, stack)
        self.thresholds.output(call)

    def compare(self, value: Tensor, way: str, frame: FrameType) -> None:
        """Look at a comparison with 0.5."""
        threshold = self.thresholds.at(frame, way, _site)
        threshold.calls += 1
        if threshold.calls > FIRST and not self.affords(threshold.calls):
            return
        start = time.perf_counter()
        with unobserved(), torch.no_grad(), quiet():
            self.thresholds.compare(threshold, value)
        self.spend(time.perf_counter() - start)

    def _of_thresholds(self) -> list[Finding]:
        wrong = self.thresholds.wrong()
        found = [self._asked(rule, rule.of_threshold, each) for each in wrong for rule in RULES]
        return [finding for finding in found if finding is not None]

    def backward(self, root: Tensor, stack: Stack, retaining: bool) -> Weight | None:
        """Ask every rule about a backward pass; gives the weight whose gradient is to be read behind it."""
        seen = self.training.backward(root, stack, retaining)
        self.following = self.training.following
        if seen is None:
            return None
        self._tell(lambda rule: rule.of_backward, seen)
        return seen.weight

    def behind(self) -> None:
        """Note, behind a backward pass, whether a gradient has reached the model."""
        parameters = () if self.model is None or "reached" in self._model_is else self.model.parameters()
        if any(each.grad is not None for each in parameters):
            self._model_is.add("reached")

    def step(self, optimizer: Any, where: Site) -> None:
        """Ask every rule about a step of an optimizer."""
        calls = sum(seen.calls for seen in self.sites.values())
        seen = self.training.step(optimizer, where, calls)
        if seen is not None:
            self._tell(lambda rule: rule.of_step, seen)
        if self.model is not None and self.optimizer is not None and "shared" not in self._model_is:
            others = {id(each) for each in self.model.parameters()}.difference(parameters_of(self.optimizer))
            if not others.isdisjoint(parameters_of(optimizer)):
                self._model_is.add("shared")

    def _tell(self, ask: Callable[[Rule], Callable[[Any], Finding | None]], seen: Any) -> None:
        for rule in RULES:
            finding = self._asked(rule, ask(rule), seen)
            if finding is not None and finding.where is not None:
                self.others.setdefault((rule.code, finding.where), finding)
            elif rule.taken_back:
                self.others.pop((rule.code, seen.where), None)

    def _asked(self, rule: Rule, ask: Callable[[Any], Finding | None], seen: Any) -> Finding | None:
        """What a rule finds; its own failure must not reach the user's program."""
        try:
            return ask(seen)
        except Exception as error:
            self.broken[rule.code] = first_line(error)
            return None

    def pass_by(self, why: str) -> None:
        """Count a call that is not looked at."""
        self.passed[why] = self.passed.get(why, 0) + 1


def first_line(error: Exception) -> str:
    """Its kind, and what it says, on one line."""
    return f"{type(error).__name__}: {error}".split("\n")[0]


class _Seen:
    """What was seen at one line."""

    def __init__(self) -> None:
        self.calls = self.looked = self.hidden = 0
        self.codes: list[CodeType | None] = []
        self.found: dict[tuple[str, bool], tuple[Finding, int, bool]] = {}

    def add(self, finding: Finding, one_is_enough: bool) -> None:
        key = (finding.code, finding.raised)
        first, count, _ = self.found.get(key, (finding, 0, True))
        self.found[key] = (first, count + 1, one_is_enough)

    def findings(self) -> list[Finding]:
        return [
            replace(finding, seen=count, of=self.looked)
            for finding, count, enough in self.found.values()
            if enough or 2 * count > self.looked
        ]


# Warnings, which must come as they would


@contextmanager
def quiet() -> Iterator[None]:
    """No warning is shown, and none is forgotten: ``catch_warnings`` lets all that were shown before come again."""
    filters, ignore = cast("list[Any]", warnings.filters), ("ignore", None, Warning, None, 0)
    filters.insert(0, ignore)
    try:
        yield
    finally:
        filters.remove(ignore)


#: ``warnings`` looks for the caller beyond frames of the import system, which it knows by such a name.
PASSED_OVER = " (importlib, _bootstrap)"
HIDDEN = f"{__file__}{PASSED_OVER}"


def hidden(code: CodeType) -> CodeType:
    """The code as ``warnings`` passes over it, so that a warning of torch names the line that it would."""
    inner = tuple(hidden(each) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_filename=HIDDEN, co_consts=inner)


# Torch's functions

_watches: list[watch] = []
_held = 0
_busy: set[int] = set()  # the threads in which a call is being looked at
_codes: dict[Any, CodeType] = {}
_theirs: dict[str, bool] = {}
_compute = Loss.compute
_backward = Tensor.backward
_hooks: list[Any] = []
_done: dict[int, Any] = {}  # optimizers that no watch follows any more, by their ids


def hold() -> None:
    """Exchange the code of torch's functions until :func:`release`.

    Who watches often holds it throughout: what is compiled and calls these functions is compiled anew at each exchange.
    """
    global _held
    if not _held:
        _exchange()
    _held += 1


def release() -> None:
    """End what :func:`hold` has begun."""
    global _held
    _held -= 1
    if not _held:
        _restore()


def _exchange() -> None:
    """Let every loss of torch, and of losskit, ask here first."""
    for function, kind in LOSSES.items():
        _codes[function] = function.__code__
        function.__code__ = _asking(function, kind)
    for function in functions():
        _codes[function] = function.__code__
        function.__code__ = noting(function, hidden)
    exchange(_compares, hidden)
    Loss.compute = _losskits  # type: ignore[method-assign]
    _hooks.append(register_optimizer_step_pre_hook(_steps))


def _follow() -> None:
    """Let backward passes and steps ask here first, until no watch follows them any more."""
    Tensor.backward = _backwards  # type: ignore[method-assign]
    _done.clear()


def _restore() -> None:
    restore()
    Loss.compute = _compute  # type: ignore[method-assign]
    Tensor.backward = _backward  # type: ignore[method-assign]
    while _hooks:
        _hooks.pop().remove()
    for function, code in _codes.items():
        function.__code__ = code
    _codes.clear()
    _done.clear()
    RECENT.clear()


def ours(code: CodeType) -> bool:
    """Whether a frame of this code is there only because losses are watched."""
    here = str(Path(__file__).parent)
    return code.co_filename.startswith(here) or any(code is function.__code__ for function in _codes)


def _asking(function: Any, kind: type[Loss]) -> CodeType:
    """Code with the function's own signature that hands its arguments to :func:`_torchs`, if a watch wants to look at them."""
    original = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__)
    original.__kwdefaults__ = function.__kwdefaults__

    def ask(watches: list[watch], **given: Any) -> Any:
        return _torchs(original, kind, watches, given)

    ask.__code__ = hidden(ask.__code__)
    parameters = signature(function).parameters.values()
    named = [each.name for each in parameters]
    at = next((place for place, each in enumerate(parameters) if each.kind is Parameter.KEYWORD_ONLY), len(named))
    head = [*named[:at], *(["*"] if at < len(named) else []), *named[at:]]
    given = ", ".join(f"{name}={name}" for name in named)
    uses = {"compiling": torch.compiler.is_dynamo_compiling, "due": _due, "ask": ask, "original": original}
    body = [
        *(f"{name} = {name!r}" for name in uses),  # constants whose place the functions take
        "__tracebackhide__ = True",
        "watches = None if compiling() else due()",
        f"return ask(watches, {given}) if watches else original({given})",
    ]
    made: dict[str, Any] = {}
    exec("\n    ".join([f"def asking({', '.join(head)}):", *body]), made)
    code: CodeType = made["asking"].__code__
    return code.replace(
        co_consts=tuple(uses.get(each, each) if isinstance(each, str) else each for each in code.co_consts),
        co_filename=f"{function.__code__.co_filename}{PASSED_OVER}",
        co_firstlineno=function.__code__.co_firstlineno,
        co_name=function.__name__,
    )


def _due() -> list[watch] | None:
    """The watches that want to look at a call by the frame before the last one; there is none where a thread starts with it."""
    if _busy and threading.get_ident() in _busy:
        return None
    frame, found = sys._getframe(1).f_back, None
    for each in _watches:
        if each.due(frame):
            found = [each] if found is None else [*found, each]
    return found


@wraps(_backward)
def _backwards(self: Tensor, *args: Any, **kwargs: Any) -> None:
    """``Tensor.backward``."""
    weights: list[Weight | None] = []
    if not any(each.following for each in _watches):
        Tensor.backward = _backward  # type: ignore[method-assign]
    elif not torch.compiler.is_compiling() and threading.get_ident() not in _busy:
        retaining = bool(kwargs.get("retain_graph", args[1] if len(args) > 1 else False))
        _around(lambda each, stack: weights.append(each.backward(self, stack, retaining)), sys._getframe(1))
    RECENT.clear()
    _backward(self, *args, **kwargs)  # type: ignore[no-untyped-call]
    with unobserved():
        for weight in weights:
            if weight is not None:
                weight.keep()
        for each in _watches:
            each.behind()


def _steps(optimizer: Any, args: Any, kwargs: Any) -> None:
    """Before a step of any optimizer. One with a closure computes its gradient itself, and is looked at behind it."""
    if id(optimizer) in _done:
        RECENT.clear()
    elif not _has_closure(args, kwargs):
        _step(optimizer, sys._getframe(1))
    elif len(_hooks) == 1:
        _hooks.append(register_optimizer_step_post_hook(_stepped))


def _stepped(optimizer: Any, args: Any, kwargs: Any) -> None:
    """Behind it."""
    if id(optimizer) not in _done and _has_closure(args, kwargs):
        _step(optimizer, sys._getframe(1))


def _has_closure(args: Any, kwargs: Any) -> bool:
    return any(map(callable, (*args[1:], *kwargs.values())))


def _step(optimizer: Any, frame: FrameType) -> None:
    if any(each.training.follows(optimizer) for each in _watches):
        _around(lambda each, stack: each.step(optimizer, stack[0]), frame)
    else:
        number = id(optimizer)
        _done[number] = weakref.ref(optimizer, lambda _: _done.pop(number, None))


def _around(tell: Callable[[watch, Stack], None], frame: FrameType) -> None:
    stack = _stack(frame)
    with unobserved(), torch.no_grad():
        for each in _watches:
            if each.thread in (None, threading.get_ident()):
                try:
                    tell(each, stack)
                except Exception as error:
                    each.broken["the training"] = first_line(error)


def _compares(value: Tensor, way: str, frame: FrameType) -> None:
    """A comparison with 0.5, in this frame."""
    if _is_theirs(frame.f_code.co_filename):
        return
    for each in _watches:
        if each.thread in (None, threading.get_ident()):
            try:
                each.compare(value, way, frame)
            except Exception as error:
                each.broken["the comparisons"] = first_line(error)


def _torchs(original: Any, kind: type[Loss], watches: list[watch], given: dict[str, Any]) -> Any:
    """A call of torch's function."""
    tensors = [given[name] for name in kind.about.tensors]
    arguments = {name: value for name, value in given.items() if name not in kind.about.tensors}

    def function(*values: Tensor) -> Tensor:
        dtype = values[0].dtype
        rest = {name: _as(value, dtype) for name, value in arguments.items()}
        return original(*values, **rest)  # type: ignore[no-any-return]

    def build() -> Loss:
        plain = {name: value for name, value in arguments.items() if name not in DEPRECATED}
        if any(arguments.get(name) is not None for name in DEPRECATED):
            plain["reduction"] = nn._reduction.legacy_get_string(*(arguments[name] for name in DEPRECATED))
        return instance(kind, **plain)

    frame = sys._getframe(2).f_back
    who, stack = _caller(frame) or original.__name__, _stack(frame)
    return _ask(watches, stack, who, tensors, build, function, lambda: original(**given), by_torch=True)


def _losskits(self: Loss, tensors: tuple[Tensor, ...], at_call: AtCall) -> Tensor:
    """A call of losskit's loss."""
    watches = None if torch.compiler.is_dynamo_compiling() else _due()
    if not watches:
        return _compute(self, tensors, at_call)

    def function(*values: Tensor) -> Tensor:
        return _compute(self, values, at_call)

    name, stack = type(self).__name__, _stack(sys._getframe(1))
    return _ask(  # type: ignore[no-any-return]
        watches,
        stack,
        name,
        list(tensors),
        lambda: self,
        function,
        lambda: _compute(self, tensors, at_call),
        by_torch=False,
    )


def _ask(
    watches: list[watch],
    stack: Stack,
    who: str,
    values: list[Any],
    build: Callable[[], Loss],
    function: Callable[..., Tensor],
    run: Callable[[], Any],
    by_torch: bool,
) -> Any:
    """Run a call, and have it looked at."""
    with unobserved():
        reason = _unreadable(values)
    if reason:
        for each in watches:
            each.pass_by(reason)
        return run()
    result, recording, thread = None, torch.is_grad_enabled(), threading.get_ident()
    _busy.add(thread)
    try:
        result = run()
    finally:
        start = time.perf_counter()
        try:
            if result is not None or isinstance(sys.exc_info()[1], REFUSALS):
                with unobserved(), torch.no_grad(), quiet():  # torch warns of KLDivLoss's mean, of which a rule tells
                    given = tuple(map(torch.as_tensor, values))
                    call = Call(who, build(), given, function, result, by_torch, stack[0], recording=recording)
                    for each in watches:
                        each.look(call, stack)
        except Exception as error:
            for each in watches:
                each.pass_by(Phrase("that losskit cannot read ({error})", error=type(error).__name__))
        _busy.discard(thread)
        for each in watches:
            each.spend(time.perf_counter() - start)
    return result


for _each in (_torchs, _losskits, _ask):
    _each.__code__ = hidden(_each.__code__)


def _unreadable(values: list[Any]) -> str:
    """Why the values of a call cannot be read; empty if they can."""
    tensors = [value for value in values if isinstance(value, Tensor)]
    if not eager(*tensors):
        return "inside torch.compile, torch.func, a tracer or a tensor subclass"
    if any(tensor.is_meta for tensor in tensors):
        return "on the meta device"
    if any(tensor.is_cuda for tensor in tensors) and torch.cuda.is_current_stream_capturing():
        return "inside a CUDA graph"
    return ""


def _as(value: Any, dtype: torch.dtype) -> Any:
    return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value


def _stack(frame: FrameType | None) -> Stack:
    """The lines outside torch, losskit and Python's library that led here, the innermost first."""
    lines: list[Site] = []
    frame = _users(frame)
    while frame is not None and len(lines) < DEEP:
        lines.append(_site(frame))
        frame = _users(frame.f_back)
    return tuple(lines) or (NOWHERE,)


def _users(frame: FrameType | None) -> FrameType | None:
    """The innermost frame outside them."""
    while frame is not None and _is_theirs(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def _site(frame: FrameType | None) -> Site:
    return NOWHERE if frame is None else Site(frame.f_code.co_filename, frame.f_lineno)


def _caller(frame: FrameType | None) -> str | None:
    """The name of the module whose ``forward`` calls torch's function, if one of torch does."""
    while frame is not None and frame.f_code.co_name != "forward":
        frame = frame.f_back if _is_theirs(frame.f_code.co_filename) else None
    module = None if frame is None else frame.f_locals.get("self")
    return type(module).__name__ if isinstance(module, nn.Module) else None


def _is_theirs(file: str) -> bool:
    known = _theirs.get(file)
    if known is None:
        known = _theirs[file] = file.startswith(INSIDE) or STANDARD.match(file) is not None
    return known
