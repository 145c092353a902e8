from __future__ import annotations

from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.arithmetic import times
from losskit.core.head import Activation, Encoding, Head, Situation, Task
from losskit.core.reduction import AtCall, Reduction
from losskit.core.slots import IDS, LOG_PROBABILITIES
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served


class NLLLoss(Loss, nn.NLLLoss):
    r"""Negative log-probability of the target class, given log-probabilities.

    .. math:: \ell(x, y) = -w_y\,x_y

    It is :class:`CrossEntropyLoss` without the log-softmax. A positive input raises an error: given probabilities, the loss
    would be negative. The mean divides by the sum of the weights of the targets, as in torch. It takes (N, C, H, W) as well:
    ``NLLLoss2d`` is an old name for this, as in torch.

    Example:
        >>> import torch, losskit
        >>> logits = torch.tensor([[1.2, 0.4, -0.5, 2.1, 0.3], [0.8, 1.9, -1.2, 0.4, 1.1], [-0.1, 2.4, 0.7, 1.5, -0.5]])
        >>> target = torch.tensor([3, 1, 4])
        >>> print(f"{losskit.NLLLoss()(logits.log_softmax(1), target):.4f}")
        1.5892
    """

    about = About(
        tensors={"input": LOG_PROBABILITIES, "target": IDS},
        serves={
            Task.MULTICLASS: Head(Encoding.IDS, predicting=Activation.SOFTMAX, training=Activation.LOG_SOFTMAX),
            Task.BINARY: Head(Encoding.IDS, predicting=Activation.SOFTMAX, training=Activation.LOG_SOFTMAX),
        },
        source="Fisher 1922, On the mathematical foundations of theoretical statistics (maximum likelihood)",
        torch="nll_loss",
        twin="CrossEntropyLoss",
        kernel="nll",
        suits={Situation.IMBALANCED: "weight=len(labels) / (C * torch.bincount(labels, minlength=C).clamp(min=1))"},
    )
    weight: Tensor | None = arg(
        default=None, shape="classes", within="[0, inf)", doc="Weight of each class, of shape (C)."
    )
    ignore_index: int = arg(
        default=-100, doc="A target of this value has no loss, no gradient and no place in the mean."
    )
    reduction: Reduction = reduction_arg(default="mean")

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        dim = min(1, input.dim() - 1)
        loss = -input.gather(dim, target.unsqueeze(dim)).squeeze(dim)
        return loss if self.weight is None else times(self.weight[target], loss)

    def kept(self, target: Tensor) -> Tensor:
        return target != self.ignore_index

    def share(self, target: Tensor) -> Tensor | None:
        return None if self.weight is None else self.weight[target]


NLLLoss2d = NLLLoss  # torch's old name


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`NLLLoss`."""
    return served(NLLLoss, (input, target), at_call, weight, ignore_index, reduction)
