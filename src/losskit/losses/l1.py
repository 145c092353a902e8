from __future__ import annotations

from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.arithmetic import times
from losskit.core.head import ON_NUMBERS, Situation
from losskit.core.reduction import AtCall, Reduction
from losskit.core.slots import NUMBER
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served


class L1Loss(Loss, nn.L1Loss):
    r"""Absolute error, also called MAE.

    .. math:: \ell(x, y) = w\,|x - y|

    Its minimiser is the median of the target, so a few outliers move it little. Unlike that of :class:`SmoothL1Loss`, its
    gradient does not shrink near zero. With ``weight`` the mean divides by the sum of the weights, as in torch's ``l1_loss``.

    Example:
        >>> import torch, losskit
        >>> input, target = torch.tensor([1.5, 2.0, 3.2]), torch.tensor([1.0, 2.5, 2.8])
        >>> print(f"{losskit.L1Loss()(input, target):.4f}")
        0.4667
    """

    about = About(
        tensors={"input": NUMBER, "target": NUMBER},
        serves=ON_NUMBERS,
        source="Boscovich 1757, De litteraria expeditione per pontificiam ditionem (least absolute deviations)",
        torch="l1_loss",
        kernel="l1",
        suits={Situation.OUTLIERS: ""},
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
        loss = (input - target).abs()
        return loss if self.weight is None else times(self.weight, loss)

    def share(self, target: Tensor) -> Tensor | None:
        return self.weight


def l1_loss(
    input: Tensor,
    target: Tensor,
    reduction: Reduction = "mean",
    weight: Tensor | None = None,
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`L1Loss`."""
    return served(L1Loss, (input, target), at_call, reduction, weight=weight)
