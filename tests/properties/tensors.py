"""Dtypes, layouts and sizes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from itertools import product
from typing import Any

import torch
from cases import Subject, close, draw, kinds, variants
from torch import Tensor

from losskit.core.ranges import NonNegative, Real, ZeroOne
from losskit.loss import Loss
from properties.held import double, either_way, holds, loss_and_grad, of_one, reductions


@holds
@either_way
def autocast(subject: Subject) -> None:
    """Half inputs beside the float32 weights of a model, and the other way round, as autocast mixes them."""
    given: list[dict[str, Any]] = [{}, list(variants(subject.loss))[-1]]
    for arguments in given:
        for dtype, of_weights in ((torch.bfloat16, torch.float32), (torch.float32, torch.bfloat16)):
            tensors = draw(subject.loss(**arguments), dtype=dtype)
            own = {n: v.to(torch.bfloat16).to(of_weights) if isinstance(v, Tensor) else v for n, v in arguments.items()}
            with torch.autocast("cpu", torch.bfloat16):
                loss, grad = loss_and_grad(subject.loss(**own), *tensors)
            exact = {n: v.double() if isinstance(v, Tensor) else v for n, v in own.items()}
            plain, plain_grad = loss_and_grad(subject.loss(**exact), *map(double, tensors))
            assert loss.dtype == torch.float32
            assert grad.dtype == dtype
            close(loss, plain, rtol=1e-6, atol=1e-7)
            close(grad, plain_grad, rtol=1e-2, atol=1e-3)


@holds
@either_way
def dtypes(subject: Subject) -> None:
    """Half is computed and summed in float32; the gradient has the input's dtype."""
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        tensors = draw(subject.loss, dtype=dtype)
        for reduction in reductions(subject.loss):
            loss, grad = loss_and_grad(subject.loss(reduction=reduction), *tensors)
            assert loss.dtype == torch.promote_types(dtype, torch.float32)
            assert grad.dtype == dtype
            exact = subject.loss(reduction=reduction)(*map(double, tensors))
            close(loss, exact, rtol=1e-5, atol=1e-8)


@holds
@either_way
def weight_dtypes(subject: Subject) -> None:
    """Weights in NumPy's float64, or in half, do not change the dtype of a float32 loss."""
    for arguments in variants(subject.loss):
        tensors = draw(subject.loss(**arguments), dtype=torch.float32)
        for dtype in (torch.float64, torch.float32, torch.float16):
            given = {n: v.half().to(dtype) if isinstance(v, Tensor) else v for n, v in arguments.items()}
            weight = torch.ones(4, dtype=dtype)
            loss, grad = loss_and_grad(subject.loss(**given), *tensors, sample_weight=weight)
            assert loss.dtype == grad.dtype == torch.float32
            wide = {n: v.double() if isinstance(v, Tensor) else v for n, v in given.items()}
            close(loss, subject.loss(**wide)(*map(double, tensors)), rtol=1e-5, atol=1e-8)


@holds
@either_way
def half_mean_of_many(subject: Subject) -> None:
    """The mean over 70,000 rows exists in float16, whose largest number is 65,504."""
    tensors = draw(subject.loss, (70_000,), dtype=torch.float16)
    mean = subject.loss()(*tensors)
    assert mean.isfinite()
    close(mean, subject.loss()(*map(double, tensors)), rtol=1e-4)


@holds
@either_way
def target_dtypes(subject: Subject) -> None:
    domain = subject.loss.about.tensors.get("target")
    if domain is None:
        return
    tensors = draw(subject.loss)
    place = list(subject.loss.about.tensors).index("target")
    call = partial(of_one, subject.loss(), tensors, place)
    dtypes = [torch.int8, torch.int16, torch.int32, torch.int64]
    whole = tensors[place].round().abs() if isinstance(domain.range, Real | NonNegative) else tensors[place]
    dtypes += [] if bool((whole < 0).any()) else [torch.uint8]
    dtypes += [torch.float32, torch.float16] if whole.is_floating_point() else []
    if not bool((whole == whole.round()).all()):
        dtypes = [torch.float32]  # probabilities
    expected = call(whole)
    for dtype in dtypes:
        input = tensors[0].clone().requires_grad_()
        given = (input, *tensors[1:place], whole.to(dtype), *tensors[place + 1 :])
        loss = subject.loss()(*given)
        loss.backward()
        assert input.grad is not None
        assert loss.dtype == input.grad.dtype == input.dtype
        close(loss.detach(), expected, rtol=1e-9 if whole.to(dtype).double().equal(whole.double()) else 1e-5)
    if isinstance(domain.range, ZeroOne):
        close(call(whole.bool()), expected)


@holds
@either_way
def promoted(subject: Subject) -> None:
    """The loss is computed in the dtype promoted over its tensors, half in float32; the gradient keeps the input's.

    NumPy's targets are float64 beside a float32 network.
    """
    f64, f32, f16, bf16 = torch.float64, torch.float32, torch.float16, torch.bfloat16
    for first, second in ((f32, f64), (f64, f32), (f16, f32), (f16, f64), (bf16, f16), (f32, bf16)):
        for (input, *rest), reduction in product(kinds(subject.loss), reductions(subject.loss)):
            given = [input.flip(0).to(first), *(each.to(second) if each.is_floating_point() else each for each in rest)]
            dtypes = [each.dtype for each in given if each.is_floating_point()]
            dtype = reduce(torch.promote_types, dtypes, torch.float32)
            criterion = subject.loss(reduction=reduction)
            wide = [each.to(dtype) if each.is_floating_point() else each for each in given]
            exact = loss_and_grad(criterion, *wide)
            loss, grad = loss_and_grad(criterion, *given)
            assert (loss.dtype, grad.dtype) == (dtype, first)
            close(loss, exact[0], rtol=1e-9 if dtype is f64 else 1e-5, atol=0 if dtype is f64 else 1e-7)
            eps, largest = torch.finfo(first).eps, float(exact[1].abs().max())
            close(grad, exact[1], rtol=8 * eps, atol=max(eps, 1e-9 if dtype is f64 else 1e-6) * largest)


@holds
@either_way
def strides(subject: Subject) -> None:
    tensors = draw(subject.loss, (2, 4, 4), 4)
    expected = loss_and_grad(subject.loss(), *tensors)
    changes: list[Callable[[Tensor], Tensor]] = [torch.clone, transposed, every_other, channels_last]
    for change in changes:
        for other in changes:
            views = (change(tensors[0]), *map(other, tensors[1:]))
            for own, plain in zip(loss_and_grad_of_view(subject.loss(), *views), expected, strict=True):
                close(own, plain)
    rows = [each[:1].expand(3, *each.shape[1:]) for each in tensors]
    close(subject.function(*rows), subject.function(*(each.contiguous() for each in rows)))


def channels_last(value: Tensor) -> Tensor:
    return value.contiguous(memory_format=torch.channels_last) if value.dim() == 4 else value


def transposed(value: Tensor) -> Tensor:
    return value.transpose(0, -1).contiguous().transpose(0, -1)


def every_other(value: Tensor) -> Tensor:
    return value.repeat_interleave(2, -1)[..., ::2]


def loss_and_grad_of_view(criterion: Loss, input: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
    leaf = input.detach().requires_grad_()  # keeps the strides
    loss = criterion(leaf, *rest)
    loss.backward()
    assert leaf.grad is not None
    return loss.detach(), leaf.grad


@holds
def empty(subject: Subject) -> None:
    tensors = draw(subject.loss, (0,))
    assert subject.loss()(*tensors).isnan()
    assert subject.loss(reduction="sum")(*tensors) == 0
    assert subject.loss(reduction="none")(*tensors).shape == subject.loss().items(tensors[0])
    assert subject.loss().items(tensors[0])[0] == 0
    loss, grad = loss_and_grad(subject.loss(), *tensors, normalizer=5)
    assert loss == 0
    assert grad.shape == tensors[0].shape
