from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.head import Activation, Encoding, Head, Situation, Task
from losskit.core.reduction import AtCall, Reduction
from losskit.core.slots import PROBABILITY, ZERO_OR_ONE
from losskit.core.watched import autocasting
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served

SURE = 1e-12  # the gradient treats probabilities below it as this one, as torch does


class BCELoss(Loss, nn.BCELoss):
    r"""Negative log-probability of the target, given probabilities: yes or no, or one such for each label.

    .. math:: \ell(p, y) = -w\,[\,v\,y \log p + (1 - y) \log(1 - p)\,]

    Here v is ``pos_weight``. The mean divides by the number of elements, whatever the weights. The input is a probability. If
    the network ends in a linear layer, :class:`BCEWithLogitsLoss` is more accurate. ``probabilities()`` and ``predict()`` take
    the output before the sigmoid, as they do for every loss.

    The logarithms are clamped at -100, as in torch. The gradient of a logarithm is at most 1e12, so that a certain but wrong
    answer has a finite gradient; behind a sigmoid in float32 it is lost, since the sigmoid's own gradient is then 0. A certain
    and right answer keeps the gradient of its formula, 1 or -1, where torch's falls to 0.

    Example:
        >>> import torch, losskit
        >>> p, target = torch.tensor([0.8, 0.2, 0.6, 0.9]), torch.tensor([1, 0, 1, 1])
        >>> print(f"{losskit.BCELoss()(p, target):.4f}")
        0.2656
        >>> print(f"{losskit.BCELoss(torch.tensor([1.0, 2.0, 1.0, 1.0]))(p, target):.4f}")
        0.3214
        >>> print(losskit.BCELoss().predict(p.logit()))
        tensor([1, 0, 1, 1])
    """

    about = About(
        tensors={"input": PROBABILITY, "target": ZERO_OR_ONE},
        serves={
            Task.BINARY: Head(Encoding.ZERO_ONE, predicting=Activation.SIGMOID, training=Activation.SIGMOID),
            Task.MULTILABEL: Head(Encoding.MULTI_HOT, predicting=Activation.SIGMOID, training=Activation.SIGMOID),
            Task.MULTICLASS: Head(Encoding.ONE_HOT, predicting=Activation.SIGMOID, training=Activation.SIGMOID),
        },
        source="Good 1952, Rational Decisions",
        torch="binary_cross_entropy",
        kernel="bce",
        twin="BCEWithLogitsLoss",
        suits={Situation.IMBALANCED: "pos_weight=(labels == 0).sum(0) / (labels == 1).sum(0).clamp(min=1)"},
    )
    weight: Tensor | None = arg(
        default=None, shape="broadcast", within="[0, inf)", doc="Weight of each element; broadcasts to the input."
    )
    reduction: Reduction = reduction_arg(default="mean")
    pos_weight: Tensor | None = arg(
        default=None,
        shape="broadcast",
        within="[0, inf)",
        kw_only=True,
        doc="v, the weight of a positive answer; broadcasts to the input.",
    )

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        positive = -target * _log(input, torch.log, input)
        negative = (target - 1) * _log(1 - input, torch.log1p, -input)  # log1p, since 1 - p rounds a p below 1e-7 away
        loss = (positive if self.pos_weight is None else positive * self.pos_weight) + negative
        return loss if self.weight is None else loss * self.weight

    def torch_is_right(self, *tensors: Tensor) -> bool:
        return not autocasting(tensors[0].device.type)  # torch refuses it there


def _log(p: Tensor, log: Callable[[Tensor], Tensor], argument: Tensor) -> Tensor:
    """The logarithm of ``p``, as ``log(argument)``: at least -100, with a slope of at most 1 / SURE."""
    never = p < SURE
    slope = (p - p.detach()) / SURE  # its value is 0, its gradient is not
    ending = log(argument.detach()).clamp(min=-100) + slope
    return torch.where(never, ending, log(torch.where(never, 0.5, argument)))


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: Reduction = "mean",
    *,
    pos_weight: Tensor | None = None,
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`BCELoss`."""
    return served(BCELoss, (input, target), at_call, weight, reduction, pos_weight=pos_weight)
