"""Variances that are shared, and compiled; targets that are broadcast."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from claims import Claim, fails
from torch import Tensor

import losskit
from losskit import functional


@pytest.mark.parametrize("shape", [(4, 3, 1, 1), (1, 3, 1, 1), (1, 1, 1, 1), (1,), (), (4, 1, 2, 2), (4, 3, 2), None])
def test_a_variance_may_be_shared(torch_still: Claim, shape: tuple[int, ...] | None) -> None:
    """By any dimensions, named by 1s; by the last one, left out; or by all, as a number."""
    input, target = torch.randn(4, 3, 2, 2), torch.randn(4, 3, 2, 2)
    var = 2 if shape is None else torch.rand(shape) + 0.5
    claim = f"a var of shape {shape} is refused beside (4, 3, 2, 2)"
    if shape not in ((4, 1, 2, 2), (4, 3, 2)):
        torch_still(type_fails(lambda: F.gaussian_nll_loss(input, target, var)), claim)
    aligned = torch.as_tensor(var, dtype=torch.float32)
    aligned = (aligned.unsqueeze(-1) if shape == (4, 3, 2) else aligned).expand(4, 3, 2, 2)
    mask = torch.rand(4, 3, 2, 2) > 0.3
    for reduction in ("none", "mean", "sum"):
        expected = F.gaussian_nll_loss(input, target, aligned.contiguous(), reduction=reduction)
        torch.testing.assert_close(functional.gaussian_nll_loss(input, target, var, reduction=reduction), expected)
        torch.testing.assert_close(losskit.GaussianNLLLoss(reduction=reduction)(input, target, var), expected)
    torch.testing.assert_close(
        functional.gaussian_nll_loss(input, target, var, mask=mask),
        F.gaussian_nll_loss(input[mask], target[mask], aligned[mask]),
    )


def type_fails(call: Callable[[], object]) -> bool:
    try:
        return fails(call)
    except TypeError:
        return True


@pytest.mark.parametrize("shapes", [((5, 1), (5,)), ((5,), (5, 1)), ((5, 3), (3,)), ((1, 3), (5, 3)), ((5,), ())])
def test_a_target_of_other_dimensions_is_not_broadcast(
    torch_still: Claim, shapes: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    input, target = torch.randn(shapes[0]), torch.randn(shapes[1])
    torch_still(not fails(lambda: F.gaussian_nll_loss(input, target, 1.0)), f"{shapes} is broadcast in silence")
    with pytest.raises(ValueError, match=r"GaussianNLLLoss: target of shape .* does not fit input of shape"):
        functional.gaussian_nll_loss(input, target, 1.0)


def test_variances_compile_without_a_break(torch_still: Claim) -> None:
    input, target, var = torch.zeros(2, 3), torch.ones(2, 3), torch.tensor([0.5, 2.0])

    def breaks(loss: Callable[..., Tensor], var: Tensor | float) -> bool:
        torch._dynamo.reset()
        try:
            torch.compile(loss, fullgraph=True, backend="aot_eager")(input, target, var)
        except Exception:  # the compiler's own kinds differ from one torch to the next
            return True
        return False

    torch_still(breaks(F.gaussian_nll_loss, var), "Gaussian NLL breaks the graph to look for negative variances")
    assert not breaks(functional.gaussian_nll_loss, var)
    compiled = torch.compile(losskit.GaussianNLLLoss(), fullgraph=True, backend="aot_eager")
    for number in (2.0, 3.0, 4):
        torch.testing.assert_close(compiled(input, target, number), F.gaussian_nll_loss(input, target, float(number)))
