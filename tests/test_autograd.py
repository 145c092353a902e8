"""The node of a kernel that gives the gradients of several tensors, by a kernel that is written in Python."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from losskit.core.reduction import NOTHING, Extra, reduce
from losskit.native.autograd import by_kernel
from losskit.native.call import Call, Outcome, Ready, Unfit


def triplets(tensors: tuple[Tensor, ...], extra: Extra, reduction: Any = "sum") -> Tensor:
    """The loss of triplets by squared distances, reduced."""
    anchor, positive, negative = tensors
    near, far = ((anchor - positive) ** 2).sum(-1), ((anchor - negative) ** 2).sum(-1)
    return reduce((1 + near - far).clamp(min=0), reduction, extra.mask, None, extra.sample_weight)


class OfThree(Ready):
    """Value and three gradients at once, as a kernel for triplets will give them."""

    slopes = 3

    def __init__(self, reduction: str, items: int) -> None:
        self.call = Call("", (), 1, torch.Size([items]), reduction, -1, 0.0, self.formula)
        self.dtype, self.input_dtype = torch.float64, None
        self.runs = 0

    def formula(self, tensors: tuple[Tensor, ...], extra: Extra) -> Tensor:
        return triplets(tensors, extra, self.call.reduction)

    def run(
        self, weights: Any, tensors: tuple[Tensor, ...], extra: Extra, wanted: int, room: Tensor | None = None
    ) -> Outcome:
        self.runs += 1
        leaves = [each.detach().requires_grad_() for each in tensors]
        with torch.enable_grad():
            value = triplets((leaves[0], leaves[1], leaves[2]), extra, self.call.reduction)
            gradients = torch.autograd.grad(value.sum(), leaves) if wanted else ()
        return value.detach().clone(), tuple(gradients), 1.0


def drawn(*wanted: bool) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    tensors = (torch.randn(5, 3, generator=generator, dtype=torch.float64) for _ in wanted)
    return tuple(each.requires_grad_(own) for each, own in zip(tensors, wanted, strict=True))


@pytest.mark.parametrize("wanted", [(True, True, True), (True, False, True), (False, True, False)], ids=str)
@pytest.mark.parametrize("reduction", ["sum", "mean", "none"])
@pytest.mark.parametrize("extra", [NOTHING, Extra(torch.arange(5.0), torch.tensor([True, False, True, True, True]))])
def test_every_tensor_gets_its_gradient(wanted: tuple[bool, ...], reduction: str, extra: Extra) -> None:
    tensors, kernel = drawn(*wanted), OfThree(reduction, 5)
    leaves = [each for each in tensors if each.requires_grad]
    for factor in (1.0, 2.5):
        own, true = by_kernel(kernel, {}, tensors, extra), triplets(tensors, extra, reduction)
        torch.testing.assert_close(own, true)
        upstream = factor * torch.linspace(1, 2, true.numel(), dtype=true.dtype).view(true.shape)
        found = torch.autograd.grad(own, leaves, upstream)
        torch.testing.assert_close(found, torch.autograd.grad(true, leaves, upstream))


def test_a_second_backward_computes_them_anew() -> None:
    tensors, kernel = drawn(True, True, True), OfThree("sum", 5)
    loss = by_kernel(kernel, {}, tensors, NOTHING)
    first = torch.autograd.grad(loss, tensors, retain_graph=True)
    assert kernel.runs == 1
    torch.testing.assert_close(torch.autograd.grad(loss, tensors), first)
    assert kernel.runs == 2
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(loss, tensors)


def test_second_derivatives_are_those_of_the_formula() -> None:
    def of(*tensors: Tensor) -> Tensor:
        return by_kernel(OfThree("sum", 5), {}, tensors, NOTHING)

    assert torch.autograd.gradcheck(of, drawn(True, True, True))
    assert torch.autograd.gradgradcheck(of, drawn(True, True, True))


def test_many_upstream_gradients_at_once() -> None:
    tensors, kernel = drawn(True, True, True), OfThree("none", 5)
    rows = torch.eye(5, dtype=torch.float64)
    found = torch.autograd.grad(by_kernel(kernel, {}, tensors, NOTHING), tensors, rows, is_grads_batched=True)
    true = torch.autograd.grad(triplets(tensors, NOTHING, "none"), tensors, rows, is_grads_batched=True)
    torch.testing.assert_close(found, true)


def test_a_gradient_beyond_those_is_left_to_the_formula() -> None:
    kernel = OfThree("sum", 5)
    kernel.slopes = 2
    with pytest.raises(Unfit):
        by_kernel(kernel, {}, drawn(True, True, True), NOTHING)
    assert by_kernel(kernel, {}, drawn(True, True, False), NOTHING).requires_grad
    assert not by_kernel(kernel, {}, drawn(False, False, False), NOTHING).requires_grad
