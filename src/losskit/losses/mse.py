from __future__ import annotations

from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.arithmetic import counting
from losskit.core.head import ON_NUMBERS
from losskit.core.reduction import AtCall, Reduction
from losskit.core.slots import NUMBER
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served


class MSELoss(Loss, nn.MSELoss):
    r"""Squared error.

    .. math:: \ell(x, y) = w\,(x - y)^2

    Its minimiser is the mean of the target. With ``weight`` the mean divides by the sum of the weights, as in torch's
    ``mse_loss``.

    Example:
        >>> import torch, losskit
        >>> input, target = torch.tensor([1.5, 2.0, 3.2]), torch.tensor([1.0, 2.5, 2.8])
        >>> print(f"{losskit.MSELoss()(input, target):.4f}")
        0.2200
        >>> print(f"{losskit.MSELoss('sum')(input, target):.4f}")
        0.6600
    """

    about = About(
        tensors={"input": NUMBER, "target": NUMBER},
        serves=ON_NUMBERS,
        source="Legendre 1805, Nouvelles méthodes pour la détermination des orbites des comètes (least squares)",
        torch="mse_loss",
        kernel="mse",
    )
    reduction: Reduction = reduction_arg(default="mean")
    weight: Tensor | None = arg(
        default=None,
        shape="elements",
        within="[0, inf)",
        kw_only=True,
        doc="Weight of each element, of the input's shape.",
    )

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        error = input - target
        if self.weight is None:
            return error * error
        error = counting(self.weight, error)
        return self.weight * error * error  # in this order a weight of 0 avoids an overflow of the square

    def share(self, target: Tensor) -> Tensor | None:
        return self.weight


def mse_loss(
    input: Tensor,
    target: Tensor,
    reduction: Reduction = "mean",
    weight: Tensor | None = None,
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`MSELoss`."""
    return served(MSELoss, (input, target), at_call, reduction, weight=weight)
