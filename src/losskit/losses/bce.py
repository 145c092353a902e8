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
from losskit.loss import Loss, instance

SURE = 1e-12  # a probability below it is taken for none by the gradient, as torch takes it


class BCELoss(Loss, nn.BCELoss):
    r"""Negative logarithm of the probability that was given to the target: yes or no, or one such for each label.

    .. math:: \ell(p, y) = -w\,[\,v\,y \log p + (1 - y) \log(1 - p)\,]

    Here v is ``pos_weight``. The mean divides by the number of elements, whatever the weights. The input is a probability: where
    the network ends in a linear layer, :class:`BCEWithLogitsLoss` is the more accurate choice. ``probabilities()`` and
    ``predict()`` take what comes before the sigmoid, as they do for every loss.

    At saturation nothing is added to p; the logarithms end at -100, as torch's do. The slope of a logarithm is that of its
    argument down to 1e-12 and 1e12 below, so a wrong answer of certainty still has a finite gradient (behind a sigmoid in
    float32, whose own slope is then 0, nothing of it remains). A right answer of certainty keeps the gradient of its
    formula, 1 or -1, where torch's falls to 0.

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
        negative = (target - 1) * _log(1 - input, torch.log1p, -input)  # log1p: a p below 1e-7 would vanish in 1 - p
        loss = (positive if self.pos_weight is None else positive * self.pos_weight) + negative
        return loss if self.weight is None else loss * self.weight

    def torch_is_right(self, *tensors: Tensor) -> bool:
        return not autocasting(tensors[0].device.type)  # torch refuses it there


def _log(p: Tensor, log: Callable[[Tensor], Tensor], argument: Tensor) -> Tensor:
    """The logarithm of ``p``, as ``log(argument)``: at least -100, with a slope of at most 1 / SURE."""
    never = p < SURE
    slope = (p - p.detach()) / SURE  # 0, but for its gradient
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
    return instance(BCELoss, weight, reduction, pos_weight=pos_weight).compute((input, target), at_call)
