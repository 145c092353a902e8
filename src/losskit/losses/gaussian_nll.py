from __future__ import annotations

import math
import numbers
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.arithmetic import wide
from losskit.core.head import Encoding, Head, Task
from losskit.core.ranges import NonNegative, Real
from losskit.core.reduction import AtCall, Reduction
from losskit.core.shapes import Broadcast
from losskit.core.slots import NUMBER, Slot
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served

CONSTANT = 0.5 * math.log(2 * math.pi)


class GaussianNLLLoss(Loss, nn.GaussianNLLLoss):
    r"""Negative log-probability of a number whose mean and variance are predicted.

    .. math:: \ell(x, y, v) = \tfrac{1}{2} \left( \log v + \frac{(x - y)^2}{v} + [\log 2 \pi] \right), \quad
        v = \max(\mathrm{var}, \varepsilon)

    The term in brackets is added by ``full``. ``var`` is a number, or a tensor of the input's shape, or of that shape without
    the last dimension, or with 1 in any dimension; the target may have such 1s as well, as torch documents for both. So for
    an input (N, D) a ``var`` of shape (N) holds one variance per row. For one per column give it as (1, D): (D) raises an
    error, except if N = D, where it is read as (N).

    Below ``eps`` the gradient of ``var`` is that of the formula at ``eps``, as in torch, so that a variance can grow again. A
    small variance makes a steep loss, which can be negative. The mean divides by the number of elements.

    Example:
        >>> import torch, losskit
        >>> mean, target = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([0.5, 1.0, 4.0])
        >>> criterion = losskit.GaussianNLLLoss(full=True)
        >>> print(f"{criterion(mean, target, 2.0):.4f}")
        1.6197
        >>> print(f"{criterion(mean, target, torch.tensor([0.25, 0.25, 4.0])):.4f}")
        1.0212
    """

    about = About(
        tensors={
            "input": NUMBER,
            "target": Slot(Real(), Broadcast()),
            "var": Slot(NonNegative("a variance"), Broadcast()),
        },
        serves={Task.REGRESSION: Head(Encoding.VALUE)},
        source="Nix & Weigend 1994, Estimating the mean and variance of the target probability distribution",
        torch="gaussian_nll_loss",
        kernel="gaussian_nll",
    )
    full: bool = arg(default=False, kw_only=True, doc="Whether to add the constant, half of log(2 pi).")
    eps: float = arg(
        default=1e-6,
        within="[0, inf)",
        kw_only=True,
        doc="Smallest variance; ``var`` is clamped at it (at 0: at the smallest normal number).",
    )
    reduction: Reduction = reduction_arg(default="mean", kw_only=True)

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float, **at_call: Unpack[AtCall]) -> Tensor:  # type: ignore[override]
        """The loss of ``input`` and ``var`` against ``target``."""
        return self.compute((input, target, beside(input, target, var)), at_call)

    def formula(self, input: Tensor, target: Tensor, var: Tensor) -> Tensor:
        slope = var - var.detach()  # its value is 0, its gradient is not
        ends, error = torch.finfo(var.dtype), input - target
        eps = min(max(self.eps, ends.tiny), ends.max)
        v = torch.where(var < eps, eps + slope, var)
        loss = 0.5 * v.log() + 0.5 * error * (error / v)  # no square that overflows
        return loss + CONSTANT if self.full else loss

    def kernel_params(self) -> tuple[float, ...]:
        return (self.eps, CONSTANT if self.full else 0.0)

    def torch_is_right(self, *tensors: Tensor) -> bool:
        return False  # it synchronises to check for negative variances, and refuses some of these shapes


def beside(input: Tensor, target: Tensor, var: Any) -> Any:
    """``var`` as a tensor with the dimensions of ``input``; unchanged if that is impossible, so that ``require`` raises."""
    if isinstance(var, Tensor) and isinstance(input, Tensor) and var.dim() >= input.dim():
        return var
    if not isinstance(input, Tensor) or isinstance(var, bool):
        return var
    if isinstance(var, numbers.Real):
        dtype = wide(input, target) if isinstance(target, Tensor) else None
        return torch.full((1,) * input.dim(), float(var), dtype=dtype, device=input.device)
    if not isinstance(var, Tensor):
        return var
    if var.shape == input.shape[:-1]:
        return var.unsqueeze(-1)
    return var.reshape((1,) * input.dim()) if var.numel() == 1 else var


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: Reduction = "mean",
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`GaussianNLLLoss`."""
    tensors = (input, target, beside(input, target, var))
    return served(GaussianNLLLoss, tensors, at_call, full=full, eps=eps, reduction=reduction)
