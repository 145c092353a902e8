"""Gradients of any order, transforms and compilers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from cases import CLASSES, ITEMS, Subject, close, draw, kinds, variants
from torch import Tensor

import losskit
from losskit.core.ranges import LogProbability, Mass, NonNegative, Real, ZeroOne
from losskit.core.slots import Either
from losskit.loss import Loss
from properties.held import either_way, formula_of, holds, loss_and_grad, of_one, reductions, refused
from properties.numbers import of_the_batch


def outputs(criterion: Loss, tensors: tuple[Tensor, ...]) -> list[int]:
    """The places of what a network gives: all but the target."""
    return [i for i, name in enumerate(criterion.domains) if name != "target"]


CUBE = (3, 3), 3  # items and classes, so that any dimension may hold the classes

#: Arguments beside which a gradient is not the derivative, and why. Tests of them stand in test_gaussian_nll.py.
STRAIGHT_THROUGH = {("GaussianNLLLoss", "eps"): "the gradient ignores that var is clamped, as torch documents"}


def differentiable(
    loss: type[Loss], items: tuple[int, ...] = ITEMS, classes: int = CLASSES
) -> Iterator[dict[str, Any]]:
    """The variants, less the arguments of which the gradient is not the derivative."""
    for arguments in variants(loss, items, classes):
        yield {name: v for name, v in arguments.items() if (loss.__name__, name) not in STRAIGHT_THROUGH}


def on_simplex(function: Callable[..., Tensor], input: Tensor, scores: Tensor) -> Tensor:
    return function(input, scores.softmax(1))


@holds
def gradcheck(subject: Subject) -> None:
    for way, fast in ((subject, False), (formula_of(subject), True)):  # fast: along random directions
        for arguments in differentiable(subject.loss, *CUBE):
            for reduction in reductions(subject.loss):
                criterion = way.loss(**arguments, reduction=reduction)
                tensors = draw(criterion, *CUBE)
                for place in outputs(criterion, tensors):
                    leaf = tensors[place].clone().requires_grad_()
                    torch.autograd.gradcheck(partial(of_one, criterion, tensors, place), leaf, fast_mode=fast)


@holds
def gradgradcheck(subject: Subject) -> None:
    for arguments in differentiable(subject.loss, *CUBE):
        criterion = subject.loss(**arguments)
        small = "dim" not in arguments and not any(isinstance(value, Tensor) for value in arguments.values())
        tensors = draw(criterion, (3,)) if small else draw(criterion, *CUBE)
        for place in outputs(criterion, tensors):
            leaf = tensors[place].clone().requires_grad_()
            torch.autograd.gradgradcheck(partial(of_one, criterion, tensors, place), leaf)


@holds
@either_way
def second_derivative_of_every_reduction(subject: Subject) -> None:
    """Behind a kernel, and behind torch's operators that have no second derivative, it is reduced by other lines."""
    for arguments in ({}, list(differentiable(subject.loss, *CUBE))[-1]):  # none, all
        for reduction in reductions(subject.loss):
            criterion = subject.loss(**arguments, reduction=reduction)
            tensors = draw(criterion, *CUBE)
            leaf = tensors[0].clone().requires_grad_()
            torch.autograd.gradgradcheck(partial(of_one, criterion, tensors, 0), leaf, fast_mode=True)
            if tensors[0].dim() > 2:  # of which torch's operators take (N, C) alone
                tensors = draw(criterion, (3,), 3) if not of_the_batch(subject.loss, arguments) else tensors
                leaf = tensors[0].clone().requires_grad_()
                torch.autograd.gradgradcheck(partial(of_one, criterion, tensors, 0), leaf, fast_mode=True)


@holds
def value_and_grad(subject: Subject) -> None:
    for arguments in variants(subject.loss):
        for dtype in (torch.float64, torch.float16):
            for at_call in ({}, {"mask": torch.tensor([True, False, True, True]), "sample_weight": torch.rand(4)}):
                criterion = subject.loss(**arguments, reduction="sum")
                input, *rest = draw(criterion, dtype=dtype)
                leaf = input.clone().requires_grad_()
                loss = criterion(leaf, *rest, **at_call)
                loss.backward()
                assert leaf.grad is not None
                own = losskit.value_and_grad(criterion)(input, *rest, **at_call)
                assert not own[0].requires_grad
                close(own[0], loss.detach())
                close(own[1], leaf.grad)
    refused(ValueError, [subject.loss.__name__, "'none'"], losskit.value_and_grad, subject.loss(reduction="none"))


@holds
@either_way
def gradient_of_soft_target(subject: Subject) -> None:
    """A real target that asks for a gradient gets the right one."""
    domain = subject.loss.about.tensors.get("target")
    if domain is None:
        return
    number = isinstance(domain.range, Real | NonNegative)
    if not number and not isinstance(domain.range, Mass | ZeroOne | LogProbability) and not isinstance(domain, Either):
        return
    for input, target, *rest in kinds(subject.loss, (3,)):
        if target.is_floating_point() and (number or bool(((target > 0.01) & (target < 0.99)).all())):
            function = partial(of_one, subject.function, (input, target, *rest), 1)
            if isinstance(domain.range, NonNegative):  # clear of the border
                target = target + 0.5
            if isinstance(domain, Either):  # stay on the simplex
                function = partial(on_simplex, subject.function, input)
            torch.autograd.gradcheck(function, target.clone().requires_grad_())


@holds
def vmap(subject: Subject) -> None:
    singles = [draw(subject.loss, (3,), seed=i) for i in range(5)]
    batch = [torch.stack(list(each)) for each in zip(*singles, strict=True)]
    one_by_one = torch.stack([subject.loss()(*each) for each in singles])
    close(torch.vmap(subject.loss())(*batch), one_by_one)
    close(torch.vmap(subject.function)(*batch), one_by_one)
    grads = torch.vmap(torch.func.grad(subject.loss()))(*batch)
    close(grads, torch.stack([torch.func.grad(subject.loss())(*each) for each in singles]))


@holds
def jvp(subject: Subject) -> None:
    input, *rest = draw(subject.loss)
    tangent = torch.linspace(-1, 1, input.numel(), dtype=torch.float64).view(input.shape)
    forward = torch.func.jvp(lambda x: subject.loss()(x, *rest), (input,), (tangent,))[1]
    _, grad = loss_and_grad(subject.loss(), input, *rest)
    close(forward, (grad * tangent).sum())
    hessian = torch.func.hessian(lambda x: subject.loss()(x, *rest))(input)
    assert hessian.shape == input.shape * 2
    leaf = input.clone().requires_grad_()
    (slope,) = torch.autograd.grad(subject.loss()(leaf, *rest), leaf, create_graph=True)
    second = torch.zeros_like(input)
    if slope.requires_grad:  # not of a loss that is linear
        (second,) = torch.autograd.grad((slope * tangent).sum(), leaf, materialize_grads=True)  # gradgradcheck vouches
    close((hessian * tangent).flatten(input.dim()).sum(-1), second)


@holds
def compile_fullgraph(subject: Subject) -> None:
    """The module, and the function, plain and with all that a call adds: in one graph, since each compilation takes a second."""
    mask = torch.tensor([True, False, True, True])
    at_call: dict[str, Any] = {"mask": mask, "sample_weight": torch.rand(4), "normalizer": 3.0}
    *_, last = variants(subject.loss)
    given = [
        {n: v.float() if isinstance(v, Tensor) else v for n, v in each.items()}
        for each in ([{}, last] if last else [{}])
    ]
    criteria = [subject.loss(**arguments) for arguments in given]
    drawn = [draw(criterion, dtype=torch.float32) for criterion in criteria]

    def every(*drawn: tuple[Tensor, ...]) -> list[Tensor]:
        found = []
        for arguments, criterion, tensors in zip(given, criteria, drawn, strict=True):
            more = at_call if arguments or not last else {}  # the function adds but a constructor
            function = subject.function(*tensors, **arguments, **more)
            found.append(torch.stack([criterion(*tensors), criterion(*tensors, **at_call), function]))
        return found

    torch._dynamo.reset()
    compare(torch.compile(every, fullgraph=True, backend="aot_eager"), every, drawn)


def compare(
    compiled: Callable[..., list[Tensor]], eager: Callable[..., list[Tensor]], drawn: list[tuple[Tensor, ...]]
) -> None:
    """Losses, and the gradient of each input, under another upstream gradient for each loss."""
    leaves = [tensors[0].requires_grad_() for tensors in drawn]
    found = []
    for every in (compiled, eager):
        losses = every(*drawn)
        upstream = [torch.linspace(1, 2, loss.numel()).view(loss.shape) for loss in losses]
        found.append([*losses, *torch.autograd.grad(losses, leaves, upstream)])
    for own, plain in zip(*found, strict=True):
        close(own.detach(), plain.detach(), rtol=1e-5, atol=1e-6)


def compile_to_machine_code(subjects: list[Subject]) -> None:
    """All losses in one graph: most of a compilation is the C++ compiler's start."""
    criteria = [subject.loss() for subject in subjects]

    def every(*drawn: tuple[Tensor, ...]) -> list[Tensor]:
        return [criterion(*tensors) for criterion, tensors in zip(criteria, drawn, strict=True)]

    torch._dynamo.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's own
        drawn = [draw(criterion, dtype=torch.float32) for criterion in criteria]
        compare(torch.compile(every, fullgraph=True), every, drawn)


@holds
def export(subject: Subject) -> None:
    tensors = draw(subject.loss)
    program = torch.export.export(subject.loss(), tensors)
    close(program.module()(*tensors), subject.loss()(*tensors))
