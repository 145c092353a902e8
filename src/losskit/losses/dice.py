from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.arithmetic import representable
from losskit.core.head import Activation, Encoding, Head, Task
from losskit.core.messages import Place, beside
from losskit.core.ranges import ClassId, Logit, ZeroOne
from losskit.core.reduction import AtCall, Extra, Reduction
from losskit.core.shapes import Classes, Items, Same
from losskit.core.slots import Either, Slot
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served


@dataclass(frozen=True)
class Regions(Classes):
    """A dimension of classes after that of the samples; a single class is a yes or no."""

    squash = "sigmoid or softmax"

    def require(self, place: Place, value: Tensor) -> None:
        dim, shape = self.dim(value.dim()), tuple(value.shape)
        if dim is None or (dim == 0 and value.dim() > 1):
            raise ValueError(
                f"{place} must have a class dimension after that of the samples, (N, C, ...): dim {self.at} does not fit "
                f"shape {shape}"
            )
        if shape[dim] == 0:
            raise ValueError(f"{place} has no class: shape {shape}, dimension {dim}")

    def words(self, first: str | None) -> str:
        return "(N, C, ...)"


@dataclass(frozen=True)
class Pixels(Items):
    """One element per pixel."""

    def words(self, first: str | None) -> str:
        return "one for each pixel"


@dataclass(frozen=True)
class IdsOrMasks(Either):
    """Class ids, or 0 and 1 for each class; with a single class only 0 and 1."""

    def require(self, place: Place, value: Tensor) -> None:
        if place.dim is not None and place.shape[place.dim] == 1 and value.shape != place.shape:
            own = value.shape == place.items
            mend = f"; use {place.name}.unsqueeze({place.dim})" if own else ""
            raise ValueError(
                f"{beside(place, value)}, which has one class, a yes or no: it must have the same shape, 0 or 1 a pixel{mend}"
            )
        super().require(place, value)


class DiceLoss(Loss):
    r"""1 minus the overlap of predicted and true regions: for segmentation, where most pixels are background.

    .. math:: \ell = 1 - \frac{2 \sum p\,t + \mathrm{smooth}}{\sum p + \sum t + \mathrm{smooth}}

    The sums go over the pixels: all dimensions except the first (samples) and ``dim`` (classes). An item is a class of a
    sample, and ``'none'`` gives (N, C). The input holds logits (N, C, ...). If the target has the same shape, each class is a
    separate yes or no, p = sigmoid. If it holds class ids, of the input's shape without the classes, they exclude each other,
    p = softmax. For a single yes or no the shapes are (N, 1, ...). An input (N, C) has one pixel per sample.

    If a class is absent, its loss is 0 where nothing is predicted, and approaches 1 when many more than ``smooth`` pixels are.
    At ``smooth=0`` two empty regions have a loss of 0.

    ``mask`` has the shape of the pixels, the input's without ``dim``. Like ``ignore_index``, it takes pixels out of the sums;
    an item without pixels has no place in the mean. ``sample_weight`` weighs items: (N, C) or (N). The mean divides by the
    number of items.

    Example:
        >>> import torch, losskit
        >>> logits = torch.tensor([[[4.0, 4.0, -4.0, -4.0]], [[4.0, 4.0, 4.0, 4.0]]])  # 2 samples, 1 class, 4 pixels
        >>> target = torch.tensor([[[1, 1, 0, 0]], [[1, 1, 0, 0]]])
        >>> print(losskit.DiceLoss(reduction="none")(logits, target))
        tensor([[0.0144],
                [0.2887]])
    """

    about = About(
        tensors={
            "input": Slot(Logit(), Regions()),
            "target": IdsOrMasks(ClassId(), Pixels(), Slot(ZeroOne(), Same())),
        },
        serves={
            Task.BINARY: Head(Encoding.ZERO_ONE, predicting=Activation.SIGMOID),
            Task.MULTILABEL: Head(Encoding.MULTI_HOT, predicting=Activation.SIGMOID),
            Task.MULTICLASS: Head(Encoding.IDS, predicting=Activation.SOFTMAX),
        },
        source="Milletari 2016, V-Net, arXiv:1606.04797 (there of squares below the bar, and without smooth)",
        kernel="dice",
        interacting=True,
    )
    smooth: float = arg(default=1.0, within="[0, inf)", doc="Pixels added above and below the bar.")
    dim: int = arg(default=1, doc="The dimension of the input that holds the classes; not the first.")
    ignore_index: int = arg(default=-100, doc="Pixels whose id is this are taken out; a target of 0 and 1 has none.")
    reduction: Reduction = reduction_arg(default="mean")

    def compute(self, tensors: tuple[Tensor, ...], at_call: AtCall) -> Tensor:
        input, target = tensors
        if masks(input, target):  # from here on, integers are ids
            tensors = input, target.to(torch.promote_types(input.dtype, torch.float32))
        return super().compute(tensors, at_call)

    def formula(self, input: Tensor, target: Tensor, kept: Tensor | None = None) -> Tensor:
        dim = self.class_dim(input) or 0
        if target.is_floating_point():
            p, rest, t = F.logsigmoid(input).exp(), F.logsigmoid(-input).exp(), target
        else:
            over_classes = [-1 if at == dim else 1 for at in range(input.dim())]
            ids = torch.arange(input.shape[dim], device=input.device).view(over_classes)
            (p, rest), t = of_classes(input, dim), (target.unsqueeze(dim) == ids).to(input.dtype)
        wrong, there = p * (1 - t) + rest * t, p + t
        if kept is not None:
            wrong, there = (torch.where(kept.unsqueeze(dim), part, 0) for part in (wrong, there))
        pixels = [at for at in range(1, input.dim()) if at != dim]
        if pixels:
            wrong, there = wrong.sum(pixels), there.sum(pixels)
        least = torch.finfo(input.dtype).tiny  # the reciprocal of a smaller number is infinite
        whole = there + (self.smooth and max(representable(self.smooth, input.dtype), least))
        return wrong / whole.masked_fill(whole < least, 1)

    @property
    def kernel(self) -> str:
        return "dice" if self.dim == 1 and self.reduction != "none" else ""  # items share the slopes of a logit

    def kernel_params(self) -> tuple[float, ...]:
        return (self.smooth,)

    @property
    def domains(self) -> Mapping[str, Slot]:
        usual = self.about.tensors
        return usual if self.dim == 1 else {**usual, "input": Slot(Logit(), Regions(self.dim))}

    def extra(self, input: Tensor, at_call: AtCall) -> Extra:
        return self.checked(at_call, self.items(input), input.device, self.elements(input))

    def kept(self, target: Tensor) -> Tensor | None:
        return None if target.is_floating_point() else target != self.ignore_index

    def kept_items(self, kept: Tensor, input: Tensor) -> Tensor:
        return kept.unsqueeze(-1).flatten(1).any(1, keepdim=True) if kept.dim() else kept

    def items(self, input: Tensor) -> torch.Size:
        dim = self.class_dim(input)
        return torch.Size(size for at, size in enumerate(input.shape) if at in (0, dim))

    def items_of(self, target: Tensor) -> torch.Size:
        raise ValueError(
            "DiceLoss: how many items a call has, samples times classes, is not known from the target; give each call of "
            "the window normalizer=N * C, where N is the number of samples in all calls and C that of the classes"
        )

    def _weighed(self, value: Tensor, weight: Tensor, neutral: float) -> Tensor:
        return value  # no item has an infinite loss or gradient


def masks(input: Any, target: Any) -> bool:
    """Whether a target of integers or bools has 0 and 1 for each class."""
    tensors = isinstance(input, Tensor) and isinstance(target, Tensor)
    return tensors and input.shape == target.shape and not (target.is_floating_point() or target.is_complex())


def of_classes(input: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """The softmax, and 1 minus it. Both, and their gradients, stay accurate where one class has nearly all."""
    p = input.softmax(dim)
    top = torch.zeros_like(p, dtype=torch.bool).scatter(dim, input.detach().argmax(dim, keepdim=True), True)
    others = p.masked_fill(top, 0)
    beside = others.sum(dim, keepdim=True)
    return torch.where(top, 1 - beside, others), torch.where(top, beside, 1 - others)


def dice_loss(
    input: Tensor,
    target: Tensor,
    smooth: float = 1.0,
    dim: int = 1,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`DiceLoss`."""
    return served(DiceLoss, (input, target), at_call, smooth, dim, ignore_index, reduction)
