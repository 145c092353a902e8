from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.head import ON_NUMBERS, Situation
from losskit.core.reduction import AtCall, Reduction
from losskit.core.slots import NUMBER
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served


class SmoothL1Loss(Loss, nn.SmoothL1Loss):
    r"""Absolute error, rounded off to a parabola near zero.

    .. math:: \ell(x, y) = \begin{cases} (x - y)^2 / 2\beta & |x - y| < \beta \\ |x - y| - \beta / 2 & \text{else} \end{cases}

    At ``beta=0`` it is L1. It equals Huber's loss only at ``beta = delta = 1`` (Huber = delta × SmoothL1).

    Example:
        >>> import torch, losskit
        >>> input, target = torch.tensor([1.5, 2.0, 9.0]), torch.tensor([1.0, 2.5, 2.0])
        >>> print(losskit.SmoothL1Loss("none")(input, target))
        tensor([0.1250, 0.1250, 6.5000])
    """

    about = About(
        tensors={"input": NUMBER, "target": NUMBER},
        serves=ON_NUMBERS,
        source="Girshick 2015, Fast R-CNN, arXiv:1504.08083",
        torch="smooth_l1_loss",
        kernel="smooth_l1",
        suits={Situation.OUTLIERS: ""},
    )
    reduction: Reduction = reduction_arg(default="mean")
    beta: float = arg(
        default=1.0, within="[0, inf)", doc="Error, in units of the target, at which the loss turns linear."
    )

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        error = input - target
        if self.beta == 0:
            return error.abs()
        ends = torch.finfo(error.dtype)
        beta = min(max(self.beta, ends.tiny), ends.max)
        slope = error.clamp(-beta, beta) / beta
        return slope * (error - 0.5 * beta * slope)  # both cases in one, without a square that overflows

    def kernel_params(self) -> tuple[float, ...]:
        return (self.beta,)


def smooth_l1_loss(
    input: Tensor, target: Tensor, reduction: Reduction = "mean", beta: float = 1.0, **at_call: Unpack[AtCall]
) -> Tensor:
    """Functional form of :class:`SmoothL1Loss`."""
    return served(SmoothL1Loss, (input, target), at_call, reduction, beta)
