from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.head import Encoding, Head, Task
from losskit.core.reduction import AtCall, Reduction, aligned
from losskit.core.slots import VECTOR
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served
from losskit.losses.triplet_margin import Distance, distance, hinge


class TripletMarginWithDistanceLoss(Loss, nn.TripletMarginWithDistanceLoss):
    r""":class:`TripletMarginLoss` for a distance function that you give.

    .. math:: \ell(a, p, n) = \max(0,\, d(a, p) - d(a, n) + \mathrm{margin})

    ``distance_function`` takes two tensors of the same shape (N, ...) and gives a distance for each item: (N,), or over more
    of the leading dimensions. Without one it is :class:`TripletMarginLoss` at its defaults. It may be a module; the loss then
    owns its parameters. The loss can be pickled, compiled and differentiated twice if the function can. The function gets
    half precision as float32 and masked items as zeros; a call with a mask or weights runs it once more, to learn the shape
    of its result. The mean divides by the number of distances.

    Example:
        >>> import torch, losskit
        >>> def distance(one, other):
        ...     return (one - other).abs().sum(-1)
        >>> anchor, positive = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])
        >>> criterion = losskit.TripletMarginWithDistanceLoss(distance_function=distance)
        >>> print(criterion(anchor, positive, torch.tensor([[0.0, 5.5]])))
        tensor(2.5000)
    """

    about = About(
        tensors={"anchor": VECTOR, "positive": VECTOR, "negative": VECTOR},
        serves={Task.EMBEDDING: Head(Encoding.NONE)},
        source="Balntas 2016, Learning local feature descriptors with triplets and shallow convolutional neural networks",
        torch="triplet_margin_with_distance_loss",
        kernel="triplet_margin",
        twin="TripletMarginLoss",
    )
    distance_function: Distance | None = arg(
        default=None, function=True, kw_only=True, doc="The distance; None for Euclid's."
    )
    margin: float = arg(default=1.0, within="(0, inf)", kw_only=True, doc="By how much farther the negative should be.")
    swap: bool = arg(default=False, kw_only=True, doc="Whether the negative may also be too near to the positive.")
    reduction: Reduction = reduction_arg(default="mean", kw_only=True)

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor, **at_call: Unpack[AtCall]) -> Tensor:  # type: ignore[override]
        return self.compute((anchor, positive, negative), at_call)

    def formula(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return hinge(self.distance, self.margin, self.swap, anchor, positive, negative)

    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        """The distance, with its shape checked: a single number for a batch would silently broadcast."""
        if self.distance_function is None:
            return distance(one, other)
        answer = self.distance_function(one, other)
        batch = one.shape[: min(1, one.dim() - 1)]  # (N), or nothing for a single triplet
        of_pairs = answer.dim() >= one.dim() and any(own not in (1, size) for own, size in zip(answer.shape, one.shape))
        if answer.shape[:1] != batch or of_pairs:
            raise ValueError(
                f"{type(self).__name__}: distance_function must give a distance for each item of {tuple(one.shape)}, as of "
                f"shape {tuple(batch)}, got {tuple(answer.shape)}; reduce the last dimensions alone, and compare no pairs"
            )
        return answer

    @property
    def kernel(self) -> str:
        return "triplet_margin" if self.distance_function is None else ""

    def kernel_params(self) -> tuple[float, ...]:
        return (self.margin, 2.0, 1e-6, self.swap)

    def items(self, input: Tensor) -> torch.Size:
        if self.distance_function is None:
            return input.shape[:-1]
        with torch.no_grad():
            items = self.distance(input, input).shape
        if any(own not in (1, size) for own, size in zip(items, input.shape)):
            raise ValueError(
                f"{type(self).__name__}: with a mask or weights, distance_function must give distances over the leading "
                f"dimensions of {tuple(input.shape)}, got {tuple(items)}; use movedim to put the others last"
            )
        return items

    def torch_is_right(self, *tensors: Tensor) -> bool:
        return self.distance_function is None  # it takes distances of any shape

    def _masked(self, value: Tensor, kept: Tensor, neutral: float) -> Tensor:
        return torch.where(aligned(kept, value.dim()), value, neutral)  # an item may have several dimensions


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Distance | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: Reduction = "mean",
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`TripletMarginWithDistanceLoss`."""
    return served(
        TripletMarginWithDistanceLoss,
        (anchor, positive, negative),
        at_call,
        distance_function=distance_function,
        margin=margin,
        swap=swap,
        reduction=reduction,
    )
