"""Keras's losses of numbers."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from losskit.fields import arg
from losskit.keras.base import KerasLoss
from losskit.keras.options import DTYPE, REDUCTION, Reduction, name
from losskit.loss import instance
from losskit.losses import HuberLoss, L1Loss, MSELoss


class MeanSquaredError(KerasLoss):
    r"""Squared error, averaged over the last dimension.

    .. math:: \ell(y, \hat y) = \tfrac1D \sum_d (y_d - \hat y_d)^2

    Native: :class:`losskit.MSELoss`, the same number by default. ``"sum"`` adds means, so it is D times less than
    losskit's.

    Example:
        >>> import torch, losskit
        >>> y_true, y_pred = torch.tensor([[0.0, 1.0], [0.0, 0.0]]), torch.tensor([[1.0, 1.0], [1.0, 0.0]])
        >>> print(losskit.keras.MeanSquaredError()(y_true, y_pred), losskit.MSELoss()(y_pred, y_true))
        tensor(0.5000) tensor(0.5000)
        >>> print(losskit.keras.MeanSquaredError(reduction=None)(y_true, y_pred))
        tensor([0.5000, 0.5000])
    """

    natives = (MSELoss,)
    reduction: Reduction = REDUCTION
    name: str | None = name("mean_squared_error")
    dtype: Any = DTYPE


def mean_squared_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Values of :class:`MeanSquaredError`."""
    return instance(MeanSquaredError, None).forward(y_true, y_pred)


class MeanAbsoluteError(KerasLoss):
    r"""Absolute error, averaged over the last dimension.

    .. math:: \ell(y, \hat y) = \tfrac1D \sum_d |y_d - \hat y_d|

    Native: :class:`losskit.L1Loss`, the same number by default. ``"sum"`` adds means, so it is D times less than
    losskit's.

    Example:
        >>> import torch, losskit
        >>> y_true, y_pred = torch.tensor([[0.0, 1.0], [0.0, 0.0]]), torch.tensor([[1.0, 1.0], [3.0, 0.0]])
        >>> print(losskit.keras.MeanAbsoluteError()(y_true, y_pred), losskit.L1Loss()(y_pred, y_true))
        tensor(1.) tensor(1.)
    """

    natives = (L1Loss,)
    reduction: Reduction = REDUCTION
    name: str | None = name("mean_absolute_error")
    dtype: Any = DTYPE


def mean_absolute_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Values of :class:`MeanAbsoluteError`."""
    return instance(MeanAbsoluteError, None).forward(y_true, y_pred)


class Huber(KerasLoss):
    r"""Squared error up to ``delta`` and absolute error beyond it, averaged over the last dimension.

    .. math:: \ell(y, \hat y) = \tfrac1D \sum_d \begin{cases} e_d^2 / 2 & |e_d| \le \delta \\
        \delta\,(|e_d| - \delta / 2) & \text{else} \end{cases}, \quad e = y - \hat y

    Native: :class:`losskit.HuberLoss`, the same number by default. ``"sum"`` adds means, so it is D times less than
    losskit's.

    Example:
        >>> import torch, losskit
        >>> y_true, y_pred = torch.tensor([[0.0, 1.0], [0.0, 0.0]]), torch.tensor([[1.0, 1.0], [3.0, 0.0]])
        >>> print(losskit.keras.Huber(delta=2.0)(y_true, y_pred), losskit.HuberLoss(delta=2.0)(y_pred, y_true))
        tensor(1.1250) tensor(1.1250)
    """

    natives = (HuberLoss,)
    delta: float = arg(
        default=1.0, within="(0, inf)", doc="Error, in units of the target, at which the loss turns linear."
    )
    reduction: Reduction = REDUCTION
    name: str | None = name("huber_loss")
    dtype: Any = DTYPE

    def _told(self) -> dict[str, Any]:
        return {"delta": self.delta}


def huber(y_true: Tensor, y_pred: Tensor, delta: float = 1.0) -> Tensor:
    """Values of :class:`Huber`."""
    return instance(Huber, delta, None).forward(y_true, y_pred)
