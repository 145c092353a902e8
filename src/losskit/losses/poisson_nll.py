from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.arithmetic import times
from losskit.core.head import Activation, Encoding, Head, Task
from losskit.core.ranges import Count, NonNegative
from losskit.core.reduction import AtCall, Reduction
from losskit.core.shapes import Same
from losskit.core.slots import NUMBER, Slot
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served

RATE = Slot(NonNegative("a rate", mend="for the logarithm of a rate use log_input=True"), Same())


class PoissonNLLLoss(Loss, nn.PoissonNLLLoss):
    r"""Negative log-probability of a count under a Poisson distribution whose rate is predicted.

    .. math:: \ell(x, y) = e^x - y\,x + s(y) \quad \text{or, of rates,} \quad x - y \log(x + \varepsilon) + s(y)

    The input is the logarithm of the rate; with ``log_input=False`` it is the rate, which must not be negative: then end the
    network in an exponential. ``predict()`` takes the output before that exponential, and applies it, so that it gives a rate
    either way.

    Without ``full`` the loss omits log(y!), which depends on the target alone: it can be negative, and its value does not show
    how good the fit is. ``full`` adds Stirling's approximation s(y) = y log y - y + log(2 pi y) / 2, for counts above 1, as
    torch does. The mean divides by the number of elements.

    Example:
        >>> import torch, losskit
        >>> log_rate, count = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1, 2, 9])
        >>> criterion = losskit.PoissonNLLLoss()
        >>> print(f"{criterion(log_rate, count):.4f}")
        -2.9642
        >>> print(criterion.predict(log_rate))
        tensor([1.0000, 2.7183, 7.3891])
    """

    about = About(
        tensors={"input": NUMBER, "target": Slot(Count(), Same())},
        serves={Task.COUNTS: Head(Encoding.VALUE, predicting=Activation.EXP)},
        source="Nelder & Wedderburn 1972, Generalized linear models; Stirling 1730, Methodus differentialis",
        torch="poisson_nll_loss",
        kernel="poisson_nll",
    )
    log_input: bool = arg(default=True, doc="Whether the input is the logarithm of the rate, not the rate.")
    full: bool = arg(default=False, doc="Whether to add s(y), Stirling's approximation of log(y!).")
    eps: float = arg(
        default=1e-8, within="[0, inf)", doc="Added to a rate before its logarithm is taken; log-rates need none."
    )
    reduction: Reduction = reduction_arg(default="mean")

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        if self.log_input:
            rate = input.exp()
            loss = rate - times(target, input.masked_fill(rate.isinf(), 0))  # the other term is negligible there
        else:
            ends = torch.finfo(input.dtype)
            rate = (input + min(self.eps, ends.max)).clamp(max=ends.max)
            loss = input - target * rate.masked_fill((target == 0) & (rate == 0), 1).log()  # 0 log 0 = 0
        if not self.full:
            return loss
        y = target.clamp(min=1)  # below 1 its logarithm would have a gradient that where() cannot hide
        stirling = y * y.log() - y + 0.5 * (2 * math.pi * y).log()
        return loss + torch.where(target > 1, stirling, 0)

    @property
    def domains(self) -> Mapping[str, Slot]:
        return self.about.tensors if self.log_input else {**self.about.tensors, "input": RATE}

    def head(self, task: Task | str | None = None) -> Head:
        head = super().head(task)
        return head if self.log_input else replace(head, training=Activation.EXP)

    @property
    def kernel(self) -> str:
        return f"poisson_nll{'' if self.log_input else '_of_rate'}{'_full' if self.full else ''}"

    def kernel_params(self) -> tuple[float, ...]:
        return (self.eps,)

    def torch_is_right(self, *tensors: Tensor) -> bool:
        return not (self.full and tensors[1].requires_grad)  # a count of 0 has a NaN gradient there


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: Reduction = "mean",
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`PoissonNLLLoss`."""
    return served(PoissonNLLLoss, (input, target), at_call, log_input, full, eps, reduction)
