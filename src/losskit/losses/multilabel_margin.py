from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.head import Encoding, Head, Task
from losskit.core.messages import Place, beside, first, whole
from losskit.core.ranges import Score, Whole
from losskit.core.reduction import AtCall, Reduction
from losskit.core.shapes import Labels
from losskit.core.slots import Slot
from losskit.fields import reduction_arg
from losskit.loss import Loss, served


@dataclass(frozen=True)
class LabelIds(Whole):
    """The ids of the true labels, in any order; -1 ends the list, and the rest is ignored."""

    def dtype(self, place: Place, value: Tensor) -> None:
        if not whole(value):
            raise TypeError(
                f"{place} must list the ids of the labels that hold, as integers, got {value.dtype}; for ids use "
                f"{place.name}.long(), for 0 and 1 a label {_LISTED}"
            )

    def misfit(self, place: Place, value: Tensor) -> Exception | None:
        if value.shape == place.shape:
            return None
        mend = f"; use {place.name}.squeeze(1)" if value.shape[1:2] == (1,) else ""
        return ValueError(
            f"{beside(place, value)}: it must have the same shape, with -1 after the labels that hold{mend}"
        )

    def neutral(self, place: Place, value: Tensor) -> float:
        return -1  # no label holds

    def diagnose(self, place: Place, value: Tensor) -> Exception | None:
        labels = place.shape[-1]
        wrong = (value < -1) | (value >= labels)
        if wrong.any():
            return IndexError(
                f"{place} must hold label ids in [0, {labels}), and -1 to end a list, got {first(value, wrong)}"
            )
        listed = torch.where(self.holding(value), value, -1).sort(-1).values
        twice = (listed[..., 1:] == listed[..., :-1]) & (listed[..., 1:] >= 0)
        if not twice.any():
            return None
        return ValueError(
            f"{place} names a label twice in {int(twice.any(-1).sum())} of {place.items.numel()} lists; end a "
            f"list with -1; for 0 and 1 a label use {_LISTED}"
        )

    @staticmethod
    def holding(value: Tensor) -> Tensor:
        """Whether an entry comes before the end of its list."""
        return (value < 0).cumsum(-1) == 0

    def sample(self, shape: tuple[int, ...], classes: int, dim: int, generator: torch.Generator) -> Tensor:
        order = torch.rand(shape, generator=generator, device=generator.device).argsort(-1)
        end = torch.randint(classes + 1, (*shape[:-1], 1), generator=generator, device=generator.device)
        return torch.where(torch.arange(classes, device=end.device) == end, -1, order)

    def words(self, squash: str) -> str:
        return "Ids of the labels that hold, then -1, of any signed integer dtype"


_LISTED = "criterion.head().encode(target, C)"


class MultiLabelMarginLoss(Loss, nn.MultiLabelMarginLoss):
    r"""Hinge over pairs of labels: how much the score of each true label falls short of each other one plus 1.

    .. math:: \ell(x, y) = \frac{1}{C} \sum_{j \in y} \sum_{c \notin y} \max(0,\, 1 - x_j + x_c)

    ``target`` lists the ids of the true labels; -1 ends the list, and the rest is ignored. Rows of 0 and 1 raise an error, since
    they list a label twice; ``criterion.head().encode(target, C)`` makes lists from them.

    It ranks the labels of a row without a threshold: adding a number to all scores of a row changes nothing. Therefore
    ``predict`` raises an error; find a threshold on validation data, or use :class:`MultiLabelSoftMarginLoss`. When compiled or
    differentiated twice, memory grows with the square of the number of labels. Torch's own loss, when compiled, also counts
    the ids after the -1 (pytorch#141017). The mean divides by the number of rows.

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
        kernel="multilabel_margin",
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
    return served(MultiLabelMarginLoss, (input, target), at_call, reduction)
