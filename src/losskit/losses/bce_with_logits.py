from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.arithmetic import times
from losskit.core.head import ON_LABELS, Situation
from losskit.core.reduction import AtCall, Reduction
from losskit.core.slots import LOGIT, ZERO_OR_ONE
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served


class BCEWithLogitsLoss(Loss, nn.BCEWithLogitsLoss):
    r"""Negative log-probability that the sigmoid of the logit gives the target: yes or no, or one such for each label.

    .. math:: \ell(x, y) = -w\,[\,p\,q \log \sigma(x) + (1 - q) \log(1 - \sigma(x))\,], \quad
        q = (1 - \varepsilon)\,y + \varepsilon / 2

    ``weight`` is element-wise, not per class as cross-entropy's, and the mean divides by the number of elements,
    whatever the weights. For several labels use one such loss over (N, C).

    Example:
        >>> import torch, losskit
        >>> logits, target = torch.tensor([1.5, -1.2, 0.4, 2.1]), torch.tensor([1, 0, 1, 1])
        >>> criterion = losskit.BCEWithLogitsLoss()
        >>> print(f"{criterion(logits, target):.4f}")
        0.2733
        >>> print(criterion.predict(logits))
        tensor([1, 0, 1, 1])
    """

    about = About(
        tensors={"input": LOGIT, "target": ZERO_OR_ONE},
        serves=ON_LABELS,
        source="Cox 1958, The regression analysis of binary sequences",
        torch="binary_cross_entropy_with_logits",
        kernel="bce_with_logits",
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
        doc="p, the weight of a positive answer; broadcasts to the input.",
    )
    label_smoothing: float = arg(
        default=0.0, within="[0, 1]", kw_only=True, doc="Share of the target that is spread evenly over yes and no."
    )

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        keep, spread = 1 - self.label_smoothing, self.label_smoothing / 2
        yes, no = keep * target + spread, keep * (1 - target) + spread
        yes = yes if self.pos_weight is None else yes * self.pos_weight
        loss = -times(yes, F.logsigmoid(input)) - times(no, F.logsigmoid(-input))
        return loss if self.weight is None else times(self.weight, loss)

    def kernel_params(self) -> tuple[float, ...]:
        return (self.label_smoothing,)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: Reduction = "mean",
    pos_weight: Tensor | None = None,
    *,
    label_smoothing: float = 0.0,
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`BCEWithLogitsLoss`."""
    return served(
        BCEWithLogitsLoss, (input, target), at_call, weight, reduction, pos_weight, label_smoothing=label_smoothing
    )
