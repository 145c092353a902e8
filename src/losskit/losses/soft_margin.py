from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.head import Activation, Encoding, Head, Task
from losskit.core.reduction import AtCall, Reduction
from losskit.core.slots import LOGIT, SIGN
from losskit.fields import reduction_arg
from losskit.loss import Loss, served


class SoftMarginLoss(Loss, nn.SoftMarginLoss):
    r"""Logistic loss of a score for an answer of 1 or -1.

    .. math:: \ell(x, y) = \log(1 + e^{-y x})

    It equals :class:`BCEWithLogitsLoss` with targets 1 and -1 instead of 1 and 0: the sigmoid of the score is the probability
    of 1. It does not overflow: at x = -200 and y = 1 the loss is 200, its gradient -1. The mean divides by the number of
    elements.

    Example:
        >>> import torch, losskit
        >>> score, target = torch.tensor([0.5, -200.0]), torch.tensor([1, 1])
        >>> print(losskit.SoftMarginLoss("none")(score, target))
        tensor([  0.4741, 200.0000])
    """

    about = About(
        tensors={"input": LOGIT, "target": SIGN},
        serves={
            Task.BINARY: Head(Encoding.PLUS_MINUS_ONE, predicting=Activation.SIGMOID),
            Task.MULTILABEL: Head(Encoding.PLUS_MINUS_ONE_EACH, predicting=Activation.SIGMOID),
        },
        source="Friedman 2000, Additive logistic regression: a statistical view of boosting",
        torch="soft_margin_loss",
        kernel="soft_margin",
        twin="BCEWithLogitsLoss",
    )
    reduction: Reduction = reduction_arg(default="mean")

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        return -F.logsigmoid(input * target)

    def torch_is_right(self, *tensors: Tensor) -> bool:
        return False  # its exponential overflows


def soft_margin_loss(input: Tensor, target: Tensor, reduction: Reduction = "mean", **at_call: Unpack[AtCall]) -> Tensor:
    """Functional form of :class:`SoftMarginLoss`."""
    return served(SoftMarginLoss, (input, target), at_call, reduction)
