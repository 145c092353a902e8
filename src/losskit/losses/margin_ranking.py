from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.choice import CLAMP_HAS_SLOPE
from losskit.core.about import About
from losskit.core.arithmetic import representable
from losskit.core.head import Encoding, Head, Task
from losskit.core.reduction import AtCall, Reduction
from losskit.core.slots import NUMBER, SIGN
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served


class MarginRankingLoss(Loss, nn.MarginRankingLoss):
    r"""How much the score that should be higher falls short of the other one plus a margin.

    .. math:: \ell(x_1, x_2, y) = \max(0,\, \mathrm{margin} - y\,(x_1 - x_2))

    ``target`` is 1 where ``input1`` should rank higher, -1 where ``input2`` should. At ``margin=0`` two equal scores
    have no loss, so equal scores for everything are a minimum: give a margin. The mean divides by the number of elements.

    Example:
        >>> import torch, losskit
        >>> one, other = torch.tensor([2.0, 0.5, 0.0]), torch.tensor([1.0, 1.5, 3.0])
        >>> target = torch.tensor([1, 1, -1])
        >>> print(losskit.MarginRankingLoss(0.5, reduction="none")(one, other, target))
        tensor([0.0000, 1.5000, 0.0000])
    """

    about = About(
        tensors={"input1": NUMBER, "input2": NUMBER, "target": SIGN},
        serves={Task.RANKING: Head(Encoding.NONE)},
        source="Herbrich 2000, Large margin rank boundaries for ordinal regression",
        torch="margin_ranking_loss",
        kernel="margin_ranking",
    )
    margin: float = arg(default=0.0, within="(-inf, inf)", doc="By how much the higher score should exceed the other.")
    reduction: Reduction = reduction_arg(default="mean")

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor, **at_call: Unpack[AtCall]) -> Tensor:  # type: ignore[override]
        return self.compute((input1, input2, target), at_call)

    def formula(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        lacking = representable(self.margin, input1.dtype) - target * (input1 - input2)
        return torch.where(lacking < 0, 0, lacking)  # with a slope at 0, which clamp may not have

    def kernel_params(self) -> tuple[float, ...]:
        return (self.margin,)

    def torch_is_right(self, *tensors: Tensor) -> bool:
        return self.margin != 0 or CLAMP_HAS_SLOPE  # else equal scores would not be pushed apart


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    reduction: Reduction = "mean",
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`MarginRankingLoss`."""
    return served(MarginRankingLoss, (input1, input2, target), at_call, margin, reduction)
