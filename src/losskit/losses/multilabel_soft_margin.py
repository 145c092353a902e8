from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.arithmetic import times
from losskit.core.head import Activation, Encoding, Head, Task
from losskit.core.reduction import AtCall, Reduction
from losskit.core.slots import LABEL_LOGITS, LABELS
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served


class MultiLabelSoftMarginLoss(Loss, nn.MultiLabelSoftMarginLoss):
    r"""Binary cross-entropy of each label's logit, averaged over the labels of an item.

    .. math:: \ell(x, y) = -\frac{1}{C} \sum_c w_c\,[\,y_c \log \sigma(x_c) + (1 - y_c) \log(1 - \sigma(x_c))\,]

    Its mean equals that of :class:`BCEWithLogitsLoss` over (N, C). The difference is that here an item is a row:
    ``reduction="none"`` gives (N,), and ``mask`` and ``sample_weight`` have that shape. The mean divides by the number of rows,
    whatever the weights.

    Example:
        >>> import torch, losskit
        >>> logits, target = torch.tensor([[1.5, -1.2], [0.4, 2.1]]), torch.tensor([[1, 0], [1, 1]])
        >>> print(losskit.MultiLabelSoftMarginLoss(reduction="none")(logits, target))
        tensor([0.2323, 0.3143])
    """

    about = About(
        tensors={"input": LABEL_LOGITS, "target": LABELS},
        serves={Task.MULTILABEL: Head(Encoding.MULTI_HOT, predicting=Activation.SIGMOID)},
        source="Cox 1958, The regression analysis of binary sequences",
        torch="multilabel_soft_margin_loss",
        kernel="bce_with_logits",
        twin="BCEWithLogitsLoss",
    )
    weight: Tensor | None = arg(
        default=None, shape="classes", within="[0, inf)", doc="Weight of each label, of shape (C)."
    )
    reduction: Reduction = reduction_arg(default="mean")

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        loss = -times(target, F.logsigmoid(input)) - times(1 - target, F.logsigmoid(-input))
        loss = loss if self.weight is None else times(self.weight, loss)
        return (loss / input.shape[-1]).sum(-1)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: Reduction = "mean",
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`MultiLabelSoftMarginLoss`."""
    return served(MultiLabelSoftMarginLoss, (input, target), at_call, weight, reduction)
