from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.arithmetic import representable
from losskit.core.head import Encoding, Head, Task
from losskit.core.reduction import AtCall, Reduction
from losskit.core.slots import NUMBER, SIGN
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served


class HingeEmbeddingLoss(Loss, nn.HingeEmbeddingLoss):
    r"""Distance of similar pairs (1), and shortfall from the margin of dissimilar ones (-1).

    .. math:: \ell(x, y) = \begin{cases} x & y = 1 \\ \max(0,\, \mathrm{margin} - x) & y = -1 \end{cases}

    ``input`` is a distance that you compute, one for each pair. It is not checked to be positive: a similarity given by
    mistake would be pushed down without limit. The mean divides by the number of elements.

    Example:
        >>> import torch, losskit
        >>> distance, target = torch.tensor([0.3, 0.3, 1.7]), torch.tensor([1, -1, -1])
        >>> print(losskit.HingeEmbeddingLoss(reduction="none")(distance, target))
        tensor([0.3000, 0.7000, 0.0000])
    """

    about = About(
        tensors={"input": NUMBER, "target": SIGN},
        serves={Task.EMBEDDING: Head(Encoding.NONE)},
        source="Hadsell 2006, Dimensionality reduction by learning an invariant mapping (there of squares)",
        torch="hinge_embedding_loss",
        kernel="hinge_embedding",
    )
    margin: float = arg(default=1.0, within="(-inf, inf)", doc="Distance that dissimilar pairs should keep.")
    reduction: Reduction = reduction_arg(default="mean")

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        lacking = representable(self.margin, input.dtype) - input
        return torch.where(target > 0, input, torch.where(lacking < 0, 0, lacking))  # with a slope at 0, as torch's

    def kernel_params(self) -> tuple[float, ...]:
        return (self.margin,)

    def torch_is_right(self, *tensors: Tensor) -> bool:
        return abs(self.margin) <= torch.finfo(tensors[0].dtype).max  # it refuses others


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: Reduction = "mean", **at_call: Unpack[AtCall]
) -> Tensor:
    """Functional form of :class:`HingeEmbeddingLoss`."""
    return served(HingeEmbeddingLoss, (input, target), at_call, margin, reduction)
