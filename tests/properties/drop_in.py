"""What a training loop does with a loss beside backward, and what may be around the call."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import pytest
import torch
from cases import Subject, close, draw, variants
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from losskit.fields import inside
from losskit.native import library
from properties.held import either_way, holds, reductions

Call = Callable[..., Tensor]


#: Everything that people do to a loss in place; each gives the same on an ordinary tensor of the graph.
IN_PLACE: dict[str, Callable[[Tensor], object]] = {
    "/=": lambda loss: loss.__itruediv__(4),
    "*=": lambda loss: loss.__imul__(2),
    "+=": lambda loss: loss.__iadd__(1),
    "-=": lambda loss: loss.__isub__(1),
    "add_": lambda loss: loss.add_(loss.detach()),
    "clamp_": lambda loss: loss.clamp_(max=0.5),
    "copy_": lambda loss: loss.copy_(torch.ones_like(loss)),
    "detach_": lambda loss: loss.detach_(),
    "fill_": lambda loss: loss.fill_(1),
    "index": lambda loss: loss.__setitem__(..., 0),
    "masked_fill_": lambda loss: loss.masked_fill_(torch.ones_like(loss, dtype=torch.bool), 1),
    "nan_to_num_": lambda loss: loss.nan_to_num_(),
    "pow_": lambda loss: loss.pow_(2),
    "requires_grad_": lambda loss: loss.requires_grad_(),
    "retain_grad": lambda loss: loss.retain_grad(),
    "unsqueeze_": lambda loss: loss.unsqueeze_(0),
    "view": lambda loss: loss.view(-1).mul_(2),
    "zero_": lambda loss: loss.zero_(),
}


def after(change: Callable[[Tensor], object], call: Call, tensors: tuple[Tensor, ...], clone: bool) -> list[Tensor]:
    """The changed loss, and the gradient where it still has one."""
    leaf = tensors[0].detach().clone().requires_grad_()
    loss = call(leaf, *tensors[1:])
    loss = loss.clone() if clone else loss
    change(loss)
    if not loss.requires_grad:
        return [loss]
    loss.sum().backward()
    assert leaf.grad is not None
    return [loss.detach(), leaf.grad]


def changes_in_place(call: Call, tensors: tuple[Tensor, ...]) -> None:
    for change in IN_PLACE.values():
        for own, plain in zip(*(after(change, call, tensors, clone) for clone in (False, True)), strict=True):
            close(own, plain)


@holds
@either_way
def changed_in_place(subject: Subject) -> None:
    """A loss may be changed in place as any tensor may: ``loss /= 4`` in every loop that accumulates gradients."""
    for items, reduction in product(((4,), (4, 2)), reductions(subject.loss)):
        changes_in_place(subject.loss(reduction=reduction), draw(subject.loss, items))


def lets_go(call: Call, tensors: tuple[Tensor, ...], **at_call: Any) -> None:
    """After backward a loss that is kept keeps nothing of what it was computed of, and says so at the next backward."""
    leaf = tensors[0].detach().clone().requires_grad_()
    given = [leaf * 1, *(each.clone() for each in tensors[1:])]
    added = {name: value.clone() for name, value in at_call.items()}
    gone = [weakref.ref(each) for each in (*given, *added.values())]
    loss = call(*given, **added)
    total = loss.sum()
    del given, added
    total.backward()
    assert not [each for each in gone if each() is not None]
    with pytest.raises(RuntimeError, match="second time"):
        total.backward()
    with pytest.raises(RuntimeError, match="second time"):
        loss.sum().backward()


@holds
@either_way
def keeps_nothing(subject: Subject) -> None:
    """``losses.append(loss)`` does not keep the logits; a second backward raises instead of doubling the gradient."""
    mask, weight = torch.tensor([True, False, True, True]), torch.rand(4)
    for reduction in reductions(subject.loss):
        criterion = subject.loss(reduction=reduction)
        lets_go(criterion, draw(criterion))
        lets_go(criterion, draw(criterion), mask=mask, sample_weight=weight)


def elsewhere(call: Call, tensors: tuple[Tensor, ...]) -> None:
    """Hooks on saved tensors see all that is kept, and their copies serve backward."""
    leaves = [tensors[0].detach().clone().requires_grad_() for _ in range(3)]
    call(leaves[0], *tensors[1:]).sum().backward()
    packed = []

    def pack(tensor: Tensor) -> Tensor:
        packed.append(tensor.shape)
        return tensor.detach().clone()

    input = leaves[1] * 1
    gone = weakref.ref(input)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda copy: copy):
        loss = call(input, *tensors[1:])
    del input
    assert gone() is None
    assert packed
    loss.sum().backward()
    again: Tensor = checkpoint(lambda x: call(x * 1, *tensors[1:]), leaves[2], use_reentrant=False)
    again.sum().backward()
    for leaf in leaves:
        assert leaf.grad is not None
        assert leaves[0].grad is not None
        close(leaf.grad, leaves[0].grad)


@holds
@either_way
def saved_where_hooks_say(subject: Subject) -> None:
    """Offloading and activation checkpointing get to see what a loss saves."""
    for reduction in reductions(subject.loss):
        elsewhere(subject.loss(reduction=reduction), draw(subject.loss))


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


SURROUNDINGS: tuple[Callable[[], AbstractContextManager[Any]], ...] = (
    lambda: torch.device("meta"),
    lambda: default_dtype(torch.float64),
    lambda: default_dtype(torch.float16),
)


def anywhere(build: Callable[[], Call], tensors: tuple[Tensor, ...], **at_call: Any) -> None:
    def outcome() -> tuple[Tensor, Tensor]:
        leaf = tensors[0].detach().clone().requires_grad_()
        loss = build()(leaf, *tensors[1:], **at_call)
        loss.backward(torch.full_like(loss, 1.5))
        assert leaf.grad is not None
        return loss.detach(), leaf.grad

    expected = outcome()
    for around in SURROUNDINGS:
        with around():
            found = outcome()
        for own, plain in zip(found, expected, strict=True):
            assert (own.device, own.dtype) == (plain.device, plain.dtype)
            close(own, plain)


@holds
@either_way
def defaults_around(subject: Subject) -> None:
    """Another default device or dtype changes nothing: all that a loss allocates lies beside its input."""
    extras: dict[str, Any] = {"mask": torch.tensor([True, False, True, True]), "sample_weight": torch.rand(4)}
    for arguments in variants(subject.loss):
        for reduction, at_call in product(reductions(subject.loss), ({}, extras)):
            tensors = draw(subject.loss(**arguments))
            anywhere(partial(subject.loss, **arguments, reduction=reduction), tensors, **at_call)


@holds
@either_way
def made_under_inference_mode(subject: Subject) -> None:
    """Targets, weights and masks made under ``inference_mode`` serve a training, as ordinary ones do."""
    for arguments in variants(subject.loss):
        tensors = draw(subject.loss(**arguments))
        with torch.inference_mode():
            frozen = [each.clone() for each in tensors[1:]]
            extras = {"mask": torch.tensor([True, False, True, True]), "sample_weight": torch.rand(4).double()}
            extras["normalizer"] = torch.tensor(3.0, dtype=torch.float64)
            given = {n: v.clone() if isinstance(v, Tensor) else v for n, v in arguments.items()}
            early = subject.loss(**given)
        for at_call in ({}, extras):
            plain = {name: value.clone() for name, value in at_call.items()}
            for criterion in (subject.loss(**given), early):
                leaf, twin = (tensors[0].clone().requires_grad_() for _ in range(2))
                loss = criterion(leaf, *frozen, **at_call)
                (slope,) = torch.autograd.grad(loss, leaf, create_graph=True)
                expected = subject.loss(**arguments)(twin, *tensors[1:], **plain)
                expected.backward()
                close(loss.detach(), expected.detach())
                assert twin.grad is not None
                close(slope.detach(), twin.grad)


@holds
def no_history(subject: Subject) -> None:
    """What an argument may be does not depend on what was asked before: 1, 1.0 and True are equal, but not the same."""
    tensors = draw(subject.loss)
    for name, spec in subject.loss.arguments.items():
        asked = (True, 1, 1.0, 2, 2.0, False, 0, 0.0) if spec.shape is None and not spec.function else ()
        for _ in range(2):
            for value in asked:
                for call in (lambda given: subject.loss(**given), lambda given: subject.function(*tensors, **given)):
                    takes = not isinstance(value, bool) if isinstance(spec.default, float) else None
                    takes = isinstance(value, bool) if isinstance(spec.default, bool) else takes
                    takes = type(value) is int if type(spec.default) is int and not spec.among else takes
                    if takes is False:
                        with pytest.raises(TypeError, match=f"{subject.loss.__name__}: {name}"):
                            call({name: value})
                    elif takes and (spec.within is None or inside(spec.within, value)):
                        lenient(call, {name: value})


def lenient(call: Callable[..., object], given: dict[str, Any]) -> None:
    """Call; the tensors may not be right for these arguments."""
    with suppress(ValueError, IndexError):
        call(given)


@holds
def is_torchs(subject: Subject) -> None:
    """``isinstance(criterion, torch.nn.CrossEntropyLoss)``, by which skorch and others tell what a criterion takes."""
    theirs = getattr(nn, subject.loss.__name__, None)
    assert isinstance(subject.loss(), nn.modules.loss._Loss)
    assert (theirs is not None) == (subject.loss.about.torch is not None)
    if theirs is not None:
        assert isinstance(subject.loss(), theirs)


@holds
def a_new_formula_disowns_the_rest(subject: Subject) -> None:
    """Whoever overrides what the numbers follow from gets those numbers, not the kernel's or the operator's."""
    kind: Any = subject.loss
    tensors = draw(kind)

    def twice(self: Any, *tensors: Tensor, **kept: Any) -> Tensor:  # kept: where items see each other
        return 2 * kind.formula(self, *tensors, **kept)  # type: ignore[no-any-return]

    class Mixin:
        formula = twice

    def total(self: Any, tensors: tuple[Tensor, ...], extra: Any) -> Tensor:
        return 2 * kind.by_formula(self, tensors, extra)  # type: ignore[no-any-return]

    own: dict[str, Any] = {"about": replace(kind.about, source="me")}
    renamed = [
        type("Twice", (kind,), {"formula": twice}),
        type("Twice", (kind,), {"formula": twice, **own}),
        type("Twice", (Mixin, kind), {}),
        type("Twice", (type("Between", (kind,), {"formula": twice}),), own),
        type("Twice", (kind,), {"by_formula": total}),
    ]
    expected = kind()(*tensors)
    for loss in renamed:
        close(loss()(*tensors), 2 * expected)
        other = loss()(*(each.to("meta") for each in tensors))
        assert other.device.type == "meta"
    criterion = kind()
    close(criterion(*tensors), expected)
    criterion.formula = lambda *given, **kept: 2 * kind.formula(criterion, *given, **kept)
    close(criterion(*tensors), 2 * expected)
    assert criterion(*(each.to("meta") for each in tensors)).device.type == "meta"
    del criterion.formula
    close(criterion(*tensors), expected)
    vowed = type("Vowed", (kind,), {"formula": twice, "same_numbers": True})
    right = kind.about.torch is not None and kind().torch_is_right(*tensors)
    served = right if kind.about.kernel is None else library.load() is not None
    close(vowed()(*tensors), expected if served else 2 * expected)
    close(type("Again", (vowed,), {"formula": twice})()(*tensors), 2 * expected)
