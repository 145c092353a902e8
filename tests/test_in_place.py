"""Cross-entropy whose gradient takes the place of the logits: the same numbers, no memory, and no silent misuse."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from losskit import functional as F, native

BARE = native.status().level is None


def layer(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    input, weight = (torch.randn(size, 16).to(dtype).requires_grad_() for size in (12, 30))
    return input, weight, torch.randint(30, (12,))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("told", [{}, {"label_smoothing": 0.1}, {"ignore_index": 3, "weight": torch.arange(30.0)}])
def test_it_is_the_same_to_the_bit(dtype: torch.dtype, reduction: Any, told: dict[str, Any]) -> None:
    input, weight, target = layer(dtype)
    found = []
    for inplace_backward in (False, True):
        logits = input @ weight.t()
        loss = F.cross_entropy(logits, target, reduction=reduction, inplace_backward=inplace_backward, **told)
        scalar = (loss * torch.arange(1, 13)).sum() if reduction == "none" else loss * 3
        found.append((loss.detach(), *torch.autograd.grad(scalar, (input, weight))))
    for usual, own in zip(*found, strict=True):
        torch.testing.assert_close(own, usual, rtol=0, atol=0)


@pytest.mark.skipif(BARE, reason="no kernels")
def test_the_gradient_lies_where_the_logits_were() -> None:
    input, weight, target = layer()
    logits = input @ weight.t()
    seen: list[Tensor] = []
    logits.register_hook(seen.append)
    F.cross_entropy(logits, target, inplace_backward=True).backward()
    assert seen[0].data_ptr() == logits.data_ptr()


@pytest.mark.skipif(BARE, reason="no kernels")
def test_who_needs_the_logits_is_told() -> None:
    input, weight, target = layer()
    saved = (input @ weight.t()).tanh()  # tanh saves its output
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        F.cross_entropy(saved, target, inplace_backward=True).backward()
    logits = input @ weight.t()
    loss = F.cross_entropy(logits, target, inplace_backward=True)
    with torch.no_grad():
        logits.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
    for again in ({"create_graph": True}, {}):
        loss = F.cross_entropy(input @ weight.t(), target, inplace_backward=True) * 2
        if not again:
            loss.backward(retain_graph=True)
        with pytest.raises(RuntimeError, match="needs the logits, which inplace_backward=True has overwritten"):
            loss.backward(**again)
    with pytest.raises(ValueError, match="a leaf that requires a gradient"):
        F.cross_entropy(logits.detach().requires_grad_(), target, inplace_backward=True)


def test_nothing_is_lost_where_the_usual_way_computes_it() -> None:
    """Probabilities, logits of inf, an order of memory that is not the kernel's, a wrong target: the logits stay."""
    input, weight, target = layer()
    logits = input @ weight.t()
    kept = logits.detach().clone()
    F.cross_entropy(logits, logits.detach().softmax(1), inplace_backward=True)
    F.cross_entropy(logits.t(), torch.randint(12, (30,)), inplace_backward=True)
    with pytest.raises(IndexError):
        F.cross_entropy(logits, target + 30, inplace_backward=True)
    with torch.no_grad():
        F.cross_entropy(logits, target, inplace_backward=True)
    assert torch.equal(logits, kept)
    infinite = torch.full((2, 3), torch.inf, requires_grad=True) * 1
    F.cross_entropy(infinite, torch.tensor([0, 1]), inplace_backward=True)
    assert infinite.isposinf().all()


def test_it_compiles() -> None:
    input, weight, target = layer()
    compiled = torch.compile(
        lambda: F.cross_entropy(input @ weight.t(), target, inplace_backward=True), backend="eager", fullgraph=True
    )
    torch.testing.assert_close(compiled(), F.cross_entropy(input @ weight.t(), target))
