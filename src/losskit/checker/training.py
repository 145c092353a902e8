"""What happens around the calls of losses: backward passes and steps of optimizers, as the rules of several calls see them."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from losskit.checker.call import Call
from losskit.checker.finding import Site

LOOKED_AT = 40  # steps and backward passes that are followed; there is nothing new in later ones
VALUES = 16  # of a line that are kept
Stack = tuple[Site, ...]


@dataclass(frozen=True)
class Past:
    """A call that was looked at."""

    who: str
    where: Site
    stack: Stack
    result: weakref.ref[Tensor]
    value: float
    mean: bool  # whether it divides by what counts
    count: int | None  # what counts, where the target leaves something out


@dataclass(frozen=True)
class Backward:
    """A backward pass, and the losses since the one before."""

    where: Site
    stack: Stack
    leaf: bool  # whether its root has no graph
    value: float | None
    losses: tuple[Past, ...]
    itself: Past | None  # the loss that is the root, as it was called
    adding: bool  # whether there were gradients to add to
    earlier: tuple[Past, ...]  # the last losses of all

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
    backwards: tuple[Backward, ...]
    values: dict[Site, tuple[str, list[float]]]  # of each line that calls a loss: who, and its values until now

    @property
    def who(self) -> str:
        """What the finding is about."""
        return "the optimizer"

    def repeated(self) -> list[list[Backward]]:
        """The backward passes that came several times by the same way."""
        groups: dict[Stack, list[Backward]] = {}
        for each in self.backwards:
            groups.setdefault(each.stack, []).append(each)
        return [group for group in groups.values() if len(group) > 1]


@dataclass
class Training:
    """Follows a training."""

    called: set[int] = field(default_factory=set)  # the threads in which a loss was called since the last backward
    own: dict[Site, int] = field(default_factory=dict)  # backward passes without any known loss
    followed: int = 0
    steps: weakref.WeakKeyDictionary[Any, tuple[int, int]] = field(default_factory=weakref.WeakKeyDictionary)
    values: dict[Site, tuple[str, list[float]]] = field(default_factory=dict)
    _losses: list[Past] = field(default_factory=list)
    _earlier: deque[Past] = field(default_factory=lambda: deque(maxlen=8))
    _backwards: list[Backward] = field(default_factory=list)

    def call(self, call: Call, stack: Stack) -> None:
        """A call that was looked at."""
        if call.result is None or call.where is None or not call.recording or not call.result.numel():
            return
        kept = call.kept
        count = None if kept is None else int(kept.sum())
        value = float(call.result.detach().float().mean())
        mean = call.reduction in ("mean", "batchmean")
        past = Past(call.who, call.where, stack, weakref.ref(call.result), value, mean, count)
        self._losses.append(past)
        self._earlier.append(past)
        if call.result.requires_grad:
            _, values = self.values.setdefault(call.where, (call.who, []))
            if len(values) < VALUES:
                values.append(value)

    def backward(self, root: Tensor, stack: Stack) -> Backward | None:
        """A backward pass; None where it is not followed."""
        thread, where = threading.get_ident(), stack[0]
        known = thread in self.called
        self.called.discard(thread)
        if not known:
            self.own[where] = self.own.get(where, 0) + 1
        if self.followed >= LOOKED_AT:
            return None
        self.followed += 1
        losses, self._losses = tuple(self._losses), []
        changed = root._version > 0  # in place, as by ``loss /= 4``
        itself = None if changed else next((loss for loss in losses if loss.result() is root), None)
        value = float(root.detach()) if root.numel() == 1 else None
        leaf = root.grad_fn is None
        seen = Backward(where, stack, leaf, value, losses, itself, _has_gradient(root), tuple(self._earlier))
        self._backwards.append(seen)
        return seen

    def follows(self, optimizer: Any) -> bool:
        """Whether steps of this optimizer are still looked at."""
        return self.steps.get(optimizer, (0, 0))[0] < LOOKED_AT

    def step(self, optimizer: Any, where: Site) -> Step | None:
        """A step of an optimizer; None where it is not followed."""
        if not self.follows(optimizer):
            return None
        number, empty = self.steps.get(optimizer, (0, 0))
        parameters = [each for group in optimizer.param_groups for each in group["params"]]
        nothing = all(each.grad is None for each in parameters)
        number, empty = number + 1, empty + nothing
        self.steps[optimizer] = number, empty
        backwards, self._backwards = tuple(self._backwards), []
        return Step(where, number, empty, backwards, self.values)


def _has_gradient(root: Tensor) -> bool:
    """Whether a parameter in its graph has a gradient that is not 0."""
    seen: set[Any] = set()
    waiting = [root.grad_fn]
    while waiting and len(seen) < 2000:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            return leaf.grad is not None and bool((leaf.grad != 0).any())
        waiting += [parent for parent, _ in node.next_functions]
    return False
