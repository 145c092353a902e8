from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.head import Activation, Encoding, Head, Task
from losskit.core.ranges import LogProbability, Mass
from losskit.core.reduction import AtCall, BatchReduction
from losskit.core.shapes import Same
from losskit.core.slots import Slot
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served

LOG_TARGET = Slot(LogProbability("for probabilities use log_target=False, for logits {name}.log_softmax(-1)"), Same())


class KLDivLoss(Loss, nn.KLDivLoss):
    r"""Kullback-Leibler divergence of the predicted from the target distribution, term by term, as in distillation.

    .. math:: \ell(x, q) = q\,(\log q - x), \quad 0 \log 0 = 0

    The input holds log-probabilities: apply a log-softmax first. With ``log_target=True`` the target holds them too. A single
    term may be negative: only the sum over the classes is a divergence. ``'mean'`` divides by the number of elements, as in
    torch, which gives 1 / C of the mean divergence of a row; ``'batchmean'`` is that mean. It divides by the length of the
    first dimension: give sequences of shape (N, T, C) as (N T, C).

    Where the target is 0, the term and its gradient are 0, whatever the input. An input of -inf where the target is not 0
    gives inf. The loss does not know which dimension holds the classes, so it does not check that rows sum to 1.

    With a mask ``'batchmean'`` counts the rows of which something is kept; with ``sample_weight`` a row counts as the average
    weight of its kept elements.

    Example:
        >>> import torch, losskit
        >>> logits = torch.tensor([[1.0, 2.0, 0.5], [0.3, 0.3, 0.3]])
        >>> teacher = torch.tensor([[0.2, 0.8, 0.0], [0.5, 0.25, 0.25]])
        >>> criterion = losskit.KLDivLoss("batchmean")
        >>> print(f"{criterion(logits.log_softmax(1), teacher):.4f}")
        0.1114
        >>> print(f"{losskit.KLDivLoss('mean')(logits.log_softmax(1), teacher):.4f}")
        0.0371
        >>> print(criterion.predict(logits))
        tensor([1, 0])
    """

    about = About(
        tensors={
            "input": Slot(
                LogProbability("for logits use {name}.log_softmax(-1), for probabilities {name}.log()"), Same()
            ),
            "target": Slot(Mass("for log-probabilities use log_target=True, for logits {name}.softmax(-1)"), Same()),
        },
        serves={
            Task.DISTILLATION: Head(
                Encoding.PROBABILITIES, predicting=Activation.SOFTMAX, training=Activation.LOG_SOFTMAX
            )
        },
        source="Kullback & Leibler 1951, On information and sufficiency; as a loss: Hinton 2015, arXiv:1503.02531",
        torch="kl_div",
        kernel="kl_div",
        start='reduction="batchmean"',
    )
    reduction: BatchReduction = reduction_arg(default="mean", batchmean=True)
    log_target: bool = arg(default=False, doc="Whether the target holds logarithms of probabilities.")

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        q = target.exp() if self.log_target else target
        present = q != 0
        log_q = target if self.log_target else torch.where(present, q, 1).log()
        return q * torch.where(present, log_q - input, 0)

    def build(self) -> None:
        if self.reduction == "mean" and not torch.compiler.is_compiling():  # as torch, whose 2.8 compiles no warning
            warnings.warn(
                "KLDivLoss: reduction 'mean' divides by the number of elements, so that it is 1 / C of the divergence; "
                "use reduction='batchmean' for the divergence of a row",
                stacklevel=3,
            )

    @property
    def domains(self) -> Mapping[str, Slot]:
        return {**self.about.tensors, "target": LOG_TARGET} if self.log_target else self.about.tensors

    def head(self, task: Task | str | None = None) -> Head:
        head = super().head(task)
        return replace(head, encoding=Encoding.LOG_PROBABILITIES) if self.log_target else head

    @property
    def kernel(self) -> str:
        return "kl_div_log" if self.log_target else "kl_div"

    def torch_is_right(self, *tensors: Tensor) -> bool:
        return False  # 0 log 0 is NaN there, which depends on the values


def kl_div(
    input: Tensor,
    target: Tensor,
    reduction: BatchReduction = "mean",
    log_target: bool = False,
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`KLDivLoss`."""
    return served(KLDivLoss, (input, target), at_call, reduction, log_target)
