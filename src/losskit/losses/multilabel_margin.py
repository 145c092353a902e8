from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.head import Encoding, Head, Task
from losskit.core.ranges import LabelIds, Score
from losskit.core.reduction import AtCall, Reduction
from losskit.core.shapes import Labels
from losskit.core.slots import Slot
from losskit.fields import reduction_arg
from losskit.loss import Loss, instance


class MultiLabelMarginLoss(Loss, nn.MultiLabelMarginLoss):
    r"""Hinge over pairs of labels: what the score of each label that holds lacks of each other one's and 1.

    .. math:: \ell(x, y) = \frac{1}{C} \sum_{j \in y} \sum_{c \notin y} \max(0,\, 1 - x_j + x_c)

    ``target`` lists the ids of the labels that hold; -1 ends the list, and what follows it is not read.
    ``criterion.head().encode(target, C)`` makes such lists from rows of 0 and 1, which are refused (a label listed twice is).

    It ranks the labels of a row and sets no threshold: adding a number to all scores of a row changes nothing. Therefore
    ``predict`` refuses; find a threshold on validation data, or use :class:`MultiLabelSoftMarginLoss`. Where the formula serves
    (compiled, or differentiated twice) memory grows with the square of the labels. Compiled, torch's own counts what
    follows the -1 (pytorch#141017). The mean divides by the number of rows.

    Example:
        >>> import torch, losskit
        >>> scores, target = torch.tensor([[0.1, 0.2, 0.4, 0.8]]), torch.tensor([[3, 0, -1, 1]])
        >>> print(f"{losskit.MultiLabelMarginLoss()(scores, target):.4f}")
        0.8500
    """

    about = About(
        tensors={"input": Slot(Score(), Labels(least=2)), "target": Slot(LabelIds(), Labels())},
        serves={Task.MULTILABEL: Head(Encoding.LABEL_LIST)},
        source="Elisseeff 2001, A kernel method for multi-labelled classification",
        torch="multilabel_margin_loss",
    )
    reduction: Reduction = reduction_arg(default="mean")

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        listed, labels = LabelIds.holding(target), torch.arange(input.shape[-1], device=input.device)
        ids = target.where(listed, 0)
        lacking = (1 + (input.unsqueeze(-2) - input.gather(-1, ids).unsqueeze(-1))).relu()
        others = ~((ids.unsqueeze(-1) == labels) & listed.unsqueeze(-1)).any(-2, keepdim=True)
        return (lacking.where(listed.unsqueeze(-1) & others, 0) / input.shape[-1]).sum((-2, -1))

    def torch_is_right(self, *tensors: Tensor) -> bool:
        known = tensors[0].is_cpu or tensors[0].is_cuda
        return known and tensors[0].dim() <= 2 and tensors[0].numel() > 0


def multilabel_margin_loss(
    input: Tensor, target: Tensor, reduction: Reduction = "mean", **at_call: Unpack[AtCall]
) -> Tensor:
    """Functional form of :class:`MultiLabelMarginLoss`."""
    return instance(MultiLabelMarginLoss, reduction).compute((input, target), at_call)
