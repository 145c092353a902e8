from __future__ import annotations

from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.arithmetic import representable, times
from losskit.core.head import ON_NUMBERS, Situation
from losskit.core.reduction import AtCall, Reduction
from losskit.core.slots import NUMBER
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served


class HuberLoss(Loss, nn.HuberLoss):
    r"""Squared error up to ``delta``, absolute error beyond it.

    .. math:: \ell(x, y) = w \begin{cases} (x - y)^2 / 2 & |x - y| < \delta \\
        \delta\,(|x - y| - \delta / 2) & \text{else} \end{cases}

    It is ``delta`` times :class:`SmoothL1Loss` of ``beta = delta``, so a larger ``delta`` also steepens its tails. With
    ``weight`` the mean still divides by the number of elements, as torch's ``huber_loss`` does.

    Example:
        >>> import torch, losskit
        >>> input, target = torch.tensor([1.5, 2.0, 9.0]), torch.tensor([1.0, 2.5, 2.0])
        >>> print(losskit.HuberLoss("none", delta=2.0)(input, target))
        tensor([ 0.1250,  0.1250, 12.0000])
    """

    about = About(
        tensors={"input": NUMBER, "target": NUMBER},
        serves=ON_NUMBERS,
        source="Huber 1964, Robust estimation of a location parameter",
        torch="huber_loss",
        kernel="huber",
        twin="SmoothL1Loss",
        suits={Situation.OUTLIERS: ""},
    )
    reduction: Reduction = reduction_arg(default="mean")
    delta: float = arg(
        default=1.0, within="(0, inf)", doc="Error, in units of the target, at which the loss turns linear."
    )
    weight: Tensor | None = arg(
        default=None,
        shape="elements",
        within="[0, inf)",
        kw_only=True,
        doc="Weight of each element, of the input's shape.",
    )

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        error = input - target
        delta = representable(self.delta, error.dtype)
        slope = error.clamp(-delta, delta)
        loss = slope * (error - 0.5 * slope)  # both cases in one: no square overflows, and the curvature at 0 is 1
        return loss if self.weight is None else times(self.weight, loss)

    def kernel_params(self) -> tuple[float, ...]:
        return (self.delta,)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: Reduction = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`HuberLoss`."""
    return served(HuberLoss, (input, target), at_call, reduction, delta, weight=weight)
