from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.arithmetic import representable, times
from losskit.core.head import ON_CLASSES, Situation
from losskit.core.reduction import AtCall, Reduction
from losskit.core.slots import CLASS_LOGITS, IDS
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served
from losskit.losses.log_softmax import log_softmax


class SoftmaxFocalLoss(Loss):
    r"""Cross-entropy with less weight on answers that are already right: :class:`FocalLoss` for one class of several.

    .. math:: \ell(x, y) = -w_y\,(1 - p)^\gamma \log p, \quad p = \mathrm{softmax}(x)_y

    ``gamma=0`` is :class:`CrossEntropyLoss`, with its class weights and its mean (over the sum of the weights of the targets).
    Its softmax ranks well, but is not calibrated.

    Example:
        >>> import torch, losskit
        >>> logits, target = torch.tensor([[4.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 0.5, 0.0]]), torch.tensor([0, 1, 1])
        >>> print(losskit.SoftmaxFocalLoss(reduction="none")(logits, target))
        tensor([4.4923e-05, 3.8946e+00, 2.3867e-01])
    """

    about = About(
        tensors={"input": CLASS_LOGITS, "target": IDS},
        serves=ON_CLASSES,
        source="Lin 2017, Focal loss for dense object detection, arXiv:1708.02002",
        kernel="softmax_focal",
        suits={Situation.IMBALANCED: "gamma=2.0"},
    )
    gamma: float = arg(default=2.0, within="[0, inf)", doc="How much the weight of easy answers is reduced.")
    weight: Tensor | None = arg(
        default=None, shape="classes", within="[0, inf)", doc="Weight of each class, of shape (C)."
    )
    ignore_index: int = arg(
        default=-100, doc="A target of this value has no loss, no gradient and no place in the mean."
    )
    reduction: Reduction = reduction_arg(default="mean")

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        dim = min(1, input.dim() - 1)
        log_p = log_softmax(input, dim).gather(dim, target.unsqueeze(dim)).squeeze(dim)
        # Where p is 1, 0 ** gamma would have an infinite slope; where p is 0, its own slope of 0 would meet gamma * log_p,
        # which may overflow.
        miss = (-log_p.clamp(min=-1e4).expm1()).clamp(min=torch.finfo(log_p.dtype).tiny)
        loss = -(miss ** representable(self.gamma, log_p.dtype)) * log_p
        return loss if self.weight is None else times(self.weight[target], loss)

    def kept(self, target: Tensor) -> Tensor:
        return target != self.ignore_index

    def share(self, target: Tensor) -> Tensor | None:
        return None if self.weight is None else self.weight[target]

    def kernel_params(self) -> tuple[float, ...]:
        return (self.gamma,)


def softmax_focal_loss(
    input: Tensor,
    target: Tensor,
    gamma: float = 2.0,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`SoftmaxFocalLoss`."""
    return served(SoftmaxFocalLoss, (input, target), at_call, gamma, weight, ignore_index, reduction)
