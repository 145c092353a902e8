from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.arithmetic import representable, times
from losskit.core.head import ON_LABELS, Situation
from losskit.core.reduction import AtCall, Reduction
from losskit.core.slots import LOGIT, ZERO_OR_ONE
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served


class FocalLoss(Loss):
    r"""Binary cross-entropy with less weight on answers that are already right.

    .. math:: \ell(x, y) = -\alpha\, y\,(1 - p)^\gamma \log p - (1 - \alpha)\,(1 - y)\,p^\gamma \log(1 - p), \quad p = \sigma(x)

    Without ``alpha`` both classes weigh 1, and ``gamma=0`` is then BCEWithLogits. Detectors divide by the number of
    positives: ``normalizer=target.sum()``. Its sigmoids rank well, but are not calibrated.

    Example:
        >>> import torch, losskit
        >>> logits, target = torch.tensor([3.0, 3.0, -1.0]), torch.tensor([1, 0, 0])
        >>> print(losskit.FocalLoss(reduction="none")(logits, target))
        tensor([1.0928e-04, 2.7663e+00, 2.2658e-02])
    """

    about = About(
        tensors={"input": LOGIT, "target": ZERO_OR_ONE},
        serves=ON_LABELS,
        source="Lin 2017, Focal loss for dense object detection, arXiv:1708.02002",
        kernel="focal",
        suits={Situation.IMBALANCED: "gamma=2.0, alpha=0.25"},
    )
    gamma: float = arg(default=2.0, within="[0, inf)", doc="How strongly easy answers are turned down.")
    alpha: float | Tensor | None = arg(
        default=None,
        within="[0, 1]",
        shape="broadcast",
        number=True,
        doc="Weight of yes; no weighs 1 - alpha. A tensor broadcasts to the input, as one for each label. None: both weigh 1.",
    )
    reduction: Reduction = reduction_arg(default="mean")

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        yes, no = target, 1 - target
        if self.alpha is not None:
            yes, no = self.alpha * yes, (1 - self.alpha) * no
        yes, no = yes * factor(self.gamma, input), no * factor(self.gamma, -input)
        return -times(yes, F.logsigmoid(input)) - times(no, F.logsigmoid(-input))

    @property
    def kernel(self) -> str:
        return "focal_squared" if self.gamma == 2 else "focal"

    def kernel_params(self) -> tuple[float, ...]:
        alpha = self.alpha
        return (self.gamma, *((alpha, 1 - alpha) if isinstance(alpha, float) else (1.0, 1.0)))


def factor(gamma: float, logit: Tensor) -> Tensor:
    """(1 - p) ** gamma; 1 without a slope, which might meet an infinite log p, where p is as good as 0."""
    denied = logit < math.log(torch.finfo(logit.dtype).tiny)
    power = times(representable(gamma, logit.dtype), F.logsigmoid(-logit.masked_fill(denied, 0)))
    return power.masked_fill(denied, 0).exp()


def focal_loss(
    input: Tensor,
    target: Tensor,
    gamma: float = 2.0,
    alpha: float | Tensor | None = None,
    reduction: Reduction = "mean",
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`FocalLoss`."""
    return served(FocalLoss, (input, target), at_call, gamma, alpha, reduction)
