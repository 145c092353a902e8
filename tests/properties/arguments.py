"""Tensors other than the input: class weights and the like, weights and masks of the call, targets. Their layouts and gradients."""

from __future__ import annotations

from typing import Any

import torch
from cases import Subject, close, draw, variants
from torch import Tensor

from losskit.loss import Loss
from properties.derivatives import differentiable
from properties.held import double, either_way, formula_of, holds, loss_and_grad, reductions

ROWS, FEW = (3, 3), 3  # items and classes: a small cube, so that any dimension may hold the classes


def every_other(value: Tensor) -> Tensor:
    return value.repeat_interleave(2, -1)[..., ::2]


def offset_and_transposed(value: Tensor) -> Tensor:
    behind = torch.cat([value.new_zeros(1), value.transpose(0, -1).flatten()])[1:]
    return behind.view(value.transpose(0, -1).shape).transpose(0, -1)


def negative(value: Tensor) -> Tensor:
    """The same numbers, as a view of memory that holds their opposites, as ``.imag`` of a conjugate is; no ids are."""
    return torch._neg_view(-value) if value.is_floating_point() else value


def tensors_of(given: dict[str, Any]) -> dict[str, Tensor]:
    return {name: value for name, value in given.items() if isinstance(value, Tensor)}


@holds
@either_way
def layouts_of_arguments(subject: Subject) -> None:
    """Strides, offsets, signs and repeated memory change nothing, of the tensors, the loss's arguments and the call's."""
    at_call: dict[str, Any] = {"mask": torch.rand(ROWS) < 0.8, "sample_weight": torch.rand(ROWS, dtype=torch.float64)}
    for arguments in variants(subject.loss, ROWS, FEW):
        tensors = draw(subject.loss(**arguments), ROWS, FEW)
        for extra in ({}, at_call):
            expected = value_and_slope(subject.loss(**arguments), tensors, extra)
            for change in (every_other, offset_and_transposed, negative):
                own = {**arguments, **{name: change(value) for name, value in tensors_of(arguments).items()}}
                added = {name: change(value) for name, value in extra.items()}
                laid_out = tuple(map(change, tensors))
                for each in ((laid_out, arguments, extra), (tensors, own, added), (laid_out, own, added)):
                    found = value_and_slope(subject.loss(**each[1]), each[0], each[2])
                    close(found[0], expected[0])
                    close(found[1], expected[1])


def value_and_slope(criterion: Loss, tensors: tuple[Tensor, ...], at_call: dict[str, Any]) -> tuple[Tensor, Tensor]:
    leaf = tensors[0].detach().requires_grad_()  # keeps the layout
    loss = criterion(leaf, *tensors[1:], **at_call)
    (gradient,) = torch.autograd.grad(loss, leaf)
    return loss.detach(), gradient


@holds
@either_way
def expanded_arguments(subject: Subject) -> None:
    """One number in the memory of one, and as many numbers in memory of their own, weigh the same."""
    one = torch.tensor(0.7, dtype=torch.float64)
    at_call = {"mask": torch.tensor([[True], [False], [True]]).expand(ROWS), "sample_weight": one.expand(ROWS)}
    for arguments in variants(subject.loss, ROWS, FEW):
        spread = {name: one.expand(value.shape) for name, value in tensors_of(arguments).items()}
        tensors = draw(subject.loss(**arguments), ROWS, FEW)
        wide = loss_and_grad(subject.loss(**{**arguments, **spread}), *tensors, **at_call)
        full = {name: value.contiguous() for name, value in spread.items()}
        plain = {name: value.contiguous() for name, value in at_call.items()}
        for own, true in zip(
            wide, loss_and_grad(subject.loss(**{**arguments, **full}), *tensors, **plain), strict=True
        ):
            close(own, true)


@holds
def derivatives_of_arguments(subject: Subject) -> None:
    """Weights that are learnt get the right gradient, alone and mixed with the input's, under every reduction."""
    arguments = list(differentiable(subject.loss, ROWS, FEW))[-1]  # all of them
    starts = {
        "sample_weight": torch.rand(ROWS, dtype=torch.float64) + 0.5,
        "normalizer": torch.tensor(2.5, dtype=torch.float64),
        **tensors_of(arguments),
    }
    for way in (subject,) if subject.loss.about.kernel else (subject, formula_of(subject)):  # no kernel gives these
        for name, start in starts.items():
            for reduction in reductions(subject.loss):
                if name != "normalizer" or "mean" in reduction:
                    check_both(way.loss, arguments, reduction, name, start)


def check_both(loss: type[Loss], arguments: dict[str, Any], reduction: str, name: str, start: Tensor) -> None:
    input, *rest = draw(loss(**arguments), ROWS, FEW)

    def function(x: Tensor, value: Tensor) -> Tensor:
        own = {**arguments, **({name: value} if name in arguments else {})}
        answer: Tensor = loss(**own, reduction=reduction)(x, *rest, **({} if name in arguments else {name: value}))
        return answer

    leaves = (input.clone().requires_grad_(), start.clone().requires_grad_())
    torch.autograd.gradcheck(function, leaves, fast_mode=True)
    torch.autograd.gradgradcheck(function, leaves, fast_mode=True)


@holds
@either_way
def half_inputs_with_wide_targets(subject: Subject) -> None:
    """A target of more digits than the input keeps them."""
    for dtype in (torch.float16, torch.bfloat16):
        narrow = draw(subject.loss, dtype=torch.float32)
        input = narrow[0].to(dtype)
        for reduction in reductions(subject.loss):
            criterion = subject.loss(reduction=reduction)
            value, slope = loss_and_grad(criterion, input, *narrow[1:])
            exact, true_slope = loss_and_grad(criterion, *map(double, (input, *narrow[1:])))
            assert (value.dtype, slope.dtype) == (torch.float32, dtype)
            close(value, exact, rtol=2e-5, atol=2e-6)
            close(slope, true_slope, rtol=2 * torch.finfo(dtype).eps, atol=torch.finfo(dtype).eps / 8)
