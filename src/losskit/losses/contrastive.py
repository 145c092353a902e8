from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.arithmetic import representable
from losskit.core.head import Encoding, Head, Task
from losskit.core.ranges import Real, ZeroOne
from losskit.core.reduction import AtCall, Reduction
from losskit.core.shapes import Items, Vectors
from losskit.core.slots import Slot
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served
from losskit.losses.triplet_margin import distance


class ContrastiveLoss(Loss):
    r"""Squared distance of similar vectors (1), and squared shortfall from the margin of dissimilar ones (0).

    .. math:: \ell(a, b, y) = \tfrac{1}{2} \left( y\,d^2 + (1 - y)\,\max(0,\, \mathrm{margin} - d)^2 \right), \quad
        d = \lVert a - b \rVert_2

    The target is 1 for similar pairs, as in most code; Hadsell's Y is 0 there. Equal vectors have a gradient of 0, even if they
    should lie apart. If embeddings are normalised to length 1, no distance exceeds 2, and neither should the margin.
    :class:`HingeEmbeddingLoss` is the same without squares, for a distance that you compute. The mean divides by the number
    of pairs.

    Example:
        >>> import torch, losskit
        >>> first, second = torch.zeros(3, 2), torch.tensor([[0.3, 0.4], [0.3, 0.4], [3.0, 4.0]])
        >>> print(losskit.ContrastiveLoss(reduction="none")(first, second, torch.tensor([1, 0, 0])))
        tensor([0.1250, 0.1250, 0.0000])
    """

    about = About(
        tensors={
            "first": Slot(Real(), Vectors()),
            "second": Slot(Real(), Vectors()),
            "target": Slot(ZeroOne(soft=False), Items()),
        },
        serves={Task.EMBEDDING: Head(Encoding.NONE)},
        source="Hadsell 2006, Dimensionality reduction by learning an invariant mapping",
        kernel="contrastive",
    )
    margin: float = arg(  # whose square is to be a number of float32
        default=1.0, within="(0, 1e18]", doc="Distance beyond which dissimilar pairs have no loss."
    )
    reduction: Reduction = reduction_arg(default="mean")

    def forward(self, first: Tensor, second: Tensor, target: Tensor, **at_call: Unpack[AtCall]) -> Tensor:  # type: ignore[override]
        return self.compute((first, second, target), at_call)

    def formula(self, first: Tensor, second: Tensor, target: Tensor) -> Tensor:
        alike = target > 0
        # From the differences, not the distance, so that second derivatives are right where they are 0.
        difference = torch.where(alike.unsqueeze(-1), first - second, 0)
        lacking = (representable(self.margin, first.dtype) - distance(first, second, eps=0)).clamp(min=0)
        return torch.where(alike, (0.5 * difference * difference).sum(-1), 0.5 * lacking * lacking)

    def kernel_params(self) -> tuple[float, ...]:
        return (self.margin,)


def contrastive_loss(
    first: Tensor,
    second: Tensor,
    target: Tensor,
    margin: float = 1.0,
    reduction: Reduction = "mean",
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`ContrastiveLoss`."""
    return served(ContrastiveLoss, (first, second, target), at_call, margin, reduction)
