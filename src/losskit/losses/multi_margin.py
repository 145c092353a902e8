from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.arithmetic import counting, representable, times
from losskit.core.head import ON_CLASSES
from losskit.core.reduction import AtCall, Reduction
from losskit.core.slots import CLASS_SCORES, IDS
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served


class MultiMarginLoss(Loss, nn.MultiMarginLoss):
    r"""Hinge for one class of several: how much the right score falls short of each other one plus the margin.

    .. math:: \ell(x, y) = \frac{w_y}{C} \sum_{c \ne y} \max(0,\, \mathrm{margin} - x_y + x_c)^p

    An answer that is right by the margin has no loss and no gradient. The scores only rank the classes: ``probabilities``
    gives their softmax, which sums to 1 but is not calibrated. The mean divides by the number of items, whatever the weights,
    as in torch. It takes (N, C, ...) as well, with the classes in dimension 1.

    Example:
        >>> import torch, losskit
        >>> scores, target = torch.tensor([[0.1, 0.2, 0.4, 0.8], [0.0, 3.0, 0.5, 1.0]]), torch.tensor([3, 1])
        >>> print(losskit.MultiMarginLoss(reduction="none")(scores, target))
        tensor([0.3250, 0.0000])
    """

    about = About(
        tensors={"input": CLASS_SCORES, "target": IDS},
        serves=ON_CLASSES,
        source="Weston 1999, Support vector machines for multi-class pattern recognition",
        torch="multi_margin_loss",
        kernel="multi_margin",
    )
    p: Literal[1, 2] = arg(default=1, among=(1, 2), doc="The power of the shortfall.")
    margin: float = arg(
        default=1.0, within="(-inf, inf)", doc="By how much the right score should exceed each other one."
    )
    weight: Tensor | None = arg(
        default=None, shape="classes", within="[0, inf)", doc="Weight of each class, of shape (C)."
    )
    reduction: Reduction = reduction_arg(default="mean")

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        dim = min(1, input.dim() - 1)
        right = target.unsqueeze(dim)
        margin = representable(self.margin, input.dtype)
        lacking = margin + (input - input.gather(dim, right))
        lacking = lacking.scatter(dim, right, 0).relu()  # relu has no slope at 0
        if self.weight is not None:
            lacking = counting(self.weight[target].unsqueeze(dim), lacking)
        share = lacking / input.shape[dim]  # before the sum, which may overflow where the mean does not
        loss = (share if self.p == 1 else lacking * share).sum(dim)
        return loss if self.weight is None else times(self.weight[target], loss)

    @property
    def kernel(self) -> str:
        return "multi_margin" if self.p == 1 else "multi_margin_squared"

    def kernel_params(self) -> tuple[float, ...]:
        return (self.margin,)

    def torch_is_right(self, *tensors: Tensor) -> bool:
        learnt = self.weight is not None and self.weight.requires_grad
        if learnt or abs(self.margin) > torch.finfo(tensors[0].dtype).max:
            return False  # torch refuses both
        known = tensors[0].is_cpu or tensors[0].is_cuda
        return known and tensors[0].dim() <= 2 and tensors[0].numel() > 0


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: Literal[1, 2] = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    reduction: Reduction = "mean",
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`MultiMarginLoss`."""
    return served(MultiMarginLoss, (input, target), at_call, p, margin, weight, reduction)
