from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.arithmetic import representable
from losskit.core.head import Encoding, Head, Task
from losskit.core.reduction import AtCall, Reduction
from losskit.core.slots import VECTOR
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served

Distance = Callable[[Tensor, Tensor], Tensor]


class TripletMarginLoss(Loss, nn.TripletMarginLoss):
    r"""How much the distance to a negative example falls short of that to a positive one plus the margin.

    .. math:: \ell(a, p, n) = \max(0,\, d(a, p) - d(a, n) + \mathrm{margin}), \quad
        d(u, v) = \lVert u - v + \mathrm{eps} \rVert_p

    With ``swap`` the negative's distance is the smaller of those to anchor and positive. If all embeddings become equal, the
    loss stays at ``margin``. ``eps`` is added to each difference, as in torch, so that equal vectors lie a little apart; at
    ``eps=0`` equal vectors have a gradient of 0. The mean divides by the number of triplets.

    Example:
        >>> import torch, losskit
        >>> anchor, positive = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])
        >>> negative = torch.tensor([[0.0, 5.5]])
        >>> print(f"{losskit.TripletMarginLoss()(anchor, positive, negative):.4f}")
        0.5000
    """

    about = About(
        tensors={"anchor": VECTOR, "positive": VECTOR, "negative": VECTOR},
        serves={Task.EMBEDDING: Head(Encoding.NONE)},
        source="Balntas 2016, Learning local feature descriptors with triplets and shallow convolutional neural networks",
        torch="triplet_margin_loss",
        kernel="triplet_margin",
    )
    margin: float = arg(default=1.0, within="(0, inf)", doc="By how much farther the negative should be.")
    p: float = arg(default=2.0, within="(0, inf]", doc="The norm: 2 for Euclid, 1 for the sum of the differences.")
    eps: float = arg(default=1e-6, within="[0, inf)", doc="Added to each difference.")
    swap: bool = arg(default=False, doc="Whether the negative may also be too near to the positive.")
    reduction: Reduction = reduction_arg(default="mean")

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor, **at_call: Unpack[AtCall]) -> Tensor:  # type: ignore[override]
        return self.compute((anchor, positive, negative), at_call)

    def formula(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return hinge(self.distance, self.margin, self.swap, anchor, positive, negative)

    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        """The distance of two vectors, for these arguments."""
        return distance(one, other, self.p, self.eps)

    @property
    def kernel(self) -> str:
        return "triplet_margin" if self.p >= 1 else ""  # smaller powers are no norms, and their slopes have no end

    def kernel_params(self) -> tuple[float, ...]:
        return (self.margin, self.p, self.eps, self.swap)

    def torch_is_right(self, *tensors: Tensor) -> bool:
        # Of equal vectors it has second derivatives of NaN; and of high and of broken powers 0, inf and NaN.
        return self.eps >= 1e-12 and (1 <= self.p <= 3 or self.p == math.inf)


def distance(one: Tensor, other: Tensor, p: float = 2.0, eps: float = 1e-6) -> Tensor:
    """Torch's pairwise distance, without overflow; where it is 0, so are its derivatives of any order."""
    apart = eps and max(eps, torch.finfo(one.dtype).tiny)  # smaller ones would lose their digits in a quotient
    difference = one - other + representable(apart, one.dtype)
    scale = difference.detach().abs().amax(-1, keepdim=True).log2().floor().exp2()  # a power of 2: no rounding
    equal = scale == 0
    unit = torch.where(equal, 1, difference / scale.masked_fill(equal, 1))
    norm: Tensor = torch.linalg.vector_norm(unit, p if p < 1e8 else math.inf, dim=-1, keepdim=True)
    return (scale * norm).squeeze(-1)


def hinge(distance: Distance, margin: float, swap: bool, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """The triplet loss for any distance."""
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = torch.minimum(far, distance(positive, negative))
    return (representable(margin, near.dtype) + (near - far)).clamp(min=0)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: Reduction = "mean",
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`TripletMarginLoss`."""
    return served(TripletMarginLoss, (anchor, positive, negative), at_call, margin, p, eps, swap, reduction)
