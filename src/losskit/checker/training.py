"""What happens around the calls of losses: backward passes and steps of optimizers, as the rules of several calls see them."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from losskit.checker.call import Call
from losskit.checker.finding import Site

LOOKED_AT = 40  # steps and backward passes that are followed; there is nothing new in later ones
NOTE = "losskit"  # by which a node of the graph is known again
WIDE = 64  # losses of a sum that are looked at
VALUES = 16  # of a line that are kept
START = 256  # values of a gradient that tell it from another
Stack = tuple[Site, ...]


@dataclass(frozen=True)
class Past:
    """A call that was looked at."""

    who: str
    where: Site
    stack: Stack
    value: float
    mean: bool  # whether it divides by what counts
    count: int | None  # what counts, where the target leaves something out


@dataclass
class Weight:
    """The parameter nearest to a loss, which stands for all that its gradient reaches."""

    tensor: weakref.ref[Tensor]
    size: float  # its norm, before the backward pass
    before: float  # the norm of its gradient, before the backward pass
    after: float = 0.0  # and behind it
    start: Tensor | None = None  # the first values of its gradient, behind it

    @property
    def gradient(self) -> float:
        """The norm of its gradient now."""
        tensor = self.tensor()
        return 0.0 if tensor is None else _norm(tensor.grad)

    def keep(self) -> None:
        """Note what its gradient is behind the backward pass."""
        self.after, self.start = self.gradient, self._start()

    @property
    def replaced(self) -> bool:
        """Whether its gradient is another one by now, and not the same one clipped or scaled."""
        now = self._start()
        if self.start is None or now is None:
            return False
        return float(torch.cosine_similarity(now, self.start, 0)) < 0.999 and bool(now.any() or self.start.any())

    def _start(self) -> Tensor | None:
        tensor = self.tensor()
        if tensor is None or tensor.grad is None or tensor.grad.layout is not torch.strided:
            return None
        return tensor.grad.detach().flatten()[:START].to(torch.float64, copy=True)


@dataclass(frozen=True, eq=False)
class Backward:
    """A backward pass, and the losses since the one before."""

    where: Site
    stack: Stack
    leaf: bool  # whether its root has no graph
    retaining: bool  # whether its graph is kept, for another pass over the same batch
    value: float | None
    losses: tuple[Past, ...]
    plain: tuple[Past, ...]  # those whose sum is the root, as they were called
    weight: Weight | None
    earlier: tuple[Past, ...]  # the last losses of all

    @property
    def adding(self) -> bool:
        """Whether there was a gradient to add to."""
        return self.weight is not None and self.weight.before > 0

    @property
    def key(self) -> tuple[Stack, int]:
        """By what way it came, and to which weight: heads of one network have a loss each, on the same line."""
        return self.stack, 0 if self.weight is None else id(self.weight.tensor())

    @property
    def who(self) -> str:
        """The loss, as the caller names it."""
        return self.losses[-1].who if self.losses else "the loss"


@dataclass
class Step:
    """A step of an optimizer, and the backward passes since the one before."""

    where: Site
    number: int
    empty: int  # steps until now, this one included, of which none found a gradient
    behind_losses: int  # steps until now between which losses were called, unlike those that only draw a schedule
    backwards: tuple[Backward, ...]
    previous: tuple[Backward, ...]  # those of the step before
    values: dict[tuple[Site, str], list[float]]  # of each loss at each line, one for each number of steps

    @property
    def who(self) -> str:
        """What the finding is about."""
        return "the optimizer"


def repeated(backwards: Sequence[Backward]) -> list[list[Backward]]:
    """Those that came several times by the same way, to a weight that did not change in between, as by a step by hand."""
    groups: dict[object, list[Backward]] = {}
    for each in backwards:
        groups.setdefault((each.key, each.weight and each.weight.size), []).append(each)
    return [group for group in groups.values() if len(group) > 1]


@dataclass
class Steps:
    """Those of one optimizer, counted."""

    number: int = 0
    empty: int = 0
    behind_losses: int = 0
    calls: int = 0  # of losses, until the last one

    def add(self, empty: bool, calls: int) -> None:
        """Count one more."""
        self.number, self.empty = self.number + 1, self.empty + empty
        self.behind_losses, self.calls = self.behind_losses + (calls > self.calls), calls


@dataclass
class Training:
    """Follows a training."""

    called: set[int] = field(default_factory=set)  # the threads in which a loss was called since the last backward
    own: dict[Site, int] = field(default_factory=dict)  # backward passes without any known loss
    followed: int = 0
    steps: weakref.WeakKeyDictionary[Any, Steps] = field(default_factory=weakref.WeakKeyDictionary)
    values: dict[tuple[Site, str], list[float]] = field(default_factory=dict)
    stepped: int = 0  # steps that change something
    _valued: dict[tuple[Site, str], int] = field(default_factory=dict)  # the number of steps at the last value
    _previous: weakref.WeakKeyDictionary[Any, tuple[Backward, ...]] = field(default_factory=weakref.WeakKeyDictionary)
    _losses: list[Past] = field(default_factory=list)
    _earlier: deque[Past] = field(default_factory=lambda: deque(maxlen=8))
    _backwards: list[Backward] = field(default_factory=list)

    def call(self, call: Call, stack: Stack) -> None:
        """A call that was looked at."""
        if call.result is None or call.where is None or not call.recording or not call.result.numel():
            return
        kept = call.counted
        count = None if kept is None else int(kept.sum())
        value = float(call.result.detach().float().mean())
        mean = call.reduction in ("mean", "batchmean")
        past = Past(call.who, call.where, stack, value, mean, count)
        if call.result.grad_fn is not None:
            metadata: Any = call.result.grad_fn.metadata
            metadata[NOTE] = past
        self._losses.append(past)
        self._earlier.append(past)
        if call.result.requires_grad:
            key = call.where, call.who
            values = self.values.setdefault(key, [])
            if len(values) < VALUES and self._valued.get(key) != self.stepped:
                self._valued[key] = self.stepped
                values.append(value)

    @property
    def following(self) -> bool:
        """Whether further backward passes are looked at."""
        return self.followed < LOOKED_AT

    def backward(self, root: Tensor, stack: Stack, retaining: bool) -> Backward | None:
        """A backward pass; None where it is not followed."""
        thread, where = threading.get_ident(), stack[0]
        known = thread in self.called
        self.called.discard(thread)
        if not known:
            self.own[where] = self.own.get(where, 0) + 1
        if not self.following:
            return None
        self.followed += 1
        losses, self._losses = tuple(self._losses), []
        value = float(root.detach()) if root.numel() == 1 else None
        leaf = root.grad_fn is None
        seen = Backward(where, stack, leaf, retaining, value, losses, _terms(root), _weight(root), tuple(self._earlier))
        self._backwards.append(seen)
        return seen

    def follows(self, optimizer: Any) -> bool:
        """Whether steps of this optimizer are still looked at: one without any gradient may get its first late."""
        steps = self.steps.get(optimizer)
        return steps is None or steps.number < LOOKED_AT or steps.number == steps.empty

    def step(self, optimizer: Any, where: Site, calls: int) -> Step | None:
        """A step of an optimizer, behind so many calls of losses; None where it is not followed, or has a rate of 0."""
        still = all(isinstance(rate := group.get("lr"), float | int) and rate == 0 for group in optimizer.param_groups)
        if still:
            return None
        self.stepped += 1
        if not self.follows(optimizer):
            return None
        steps = self.steps.setdefault(optimizer, Steps())
        parameters = [each for group in optimizer.param_groups for each in group["params"]]
        nothing = all(each.grad is None for each in parameters)
        steps.add(nothing, calls)
        backwards, self._backwards = tuple(self._backwards), []
        previous = self._previous.get(optimizer, ())
        self._previous[optimizer] = backwards
        return Step(where, steps.number, steps.empty, steps.behind_losses, backwards, previous, self.values)


def _terms(root: Tensor) -> tuple[Past, ...]:
    """The losses that are added up to it, and neither scaled nor weighed."""
    found: list[Past] = []
    waiting = [root.grad_fn]
    while waiting and len(found) < WIDE:
        node: Any = waiting.pop()
        past = None if node is None else node.metadata.get(NOTE)
        if past is not None:
            found.append(past)
        elif node is not None and node.name() == "AddBackward0" and getattr(node, "_saved_alpha", 1) == 1:
            waiting += [parent for parent, _ in node.next_functions]
    return tuple(found)


def parameters_of(optimizer: Any) -> set[int]:
    """The ids of all that it changes."""
    return {id(each) for group in optimizer.param_groups for each in group["params"]}


def _norm(value: Tensor | None) -> float:
    return 0.0 if value is None else float(value.detach().double().norm())


def _weight(root: Tensor) -> Weight | None:
    """The nearest parameter in its graph."""
    seen: set[Any] = set()
    waiting = [root.grad_fn]
    while waiting and len(seen) < 2000:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            return Weight(weakref.ref(leaf), _norm(leaf), _norm(leaf.grad))
        waiting += [parent for parent, _ in node.next_functions]
    return None
