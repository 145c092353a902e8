from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.arithmetic import representable
from losskit.core.head import ON_CLASSES
from losskit.core.messages import MASK, Place, out_of_range
from losskit.core.ranges import ClassId, Real
from losskit.core.reduction import AtCall, Extra, Reduction
from losskit.core.shapes import Items, Vectors
from losskit.core.slots import IDS, Slot
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss
from losskit.losses.log_softmax import log_softmax
from losskit.losses.nt_xent import directions, products


@dataclass(frozen=True)
class _OfClasses(ClassId):
    """A class id, where the input is an embedding: its width is not the number of classes."""

    classes: int = 0

    def _mend(self, place: Place, value: Tensor) -> str:
        rows = value.shape == (*place.items, self.classes)
        return f"for one-hot rows use {place.name}.argmax(-1)" if rows else super()._mend(place, value)

    def diagnose(self, place: Place, value: Tensor) -> Exception | None:
        ignore = "ignore_index={}" if "ignore_index" in place.arguments else MASK
        return out_of_range(place, value, self.classes, ignore)


class ArcFaceLoss(Loss):
    r"""Cross-entropy of scaled cosines to one direction a class, where the right class must win by an angle.

    .. math:: \ell(x, y) = -\log \mathrm{softmax}(z)_y, \quad z_c = \mathrm{scale}
        \begin{cases} \cos(a_c + \mathrm{margin}) & c = y \\ \cos a_c & c \ne y \end{cases}

    where a_c is the angle between the embedding and the weight of class c. The loss owns the weight, of shape
    (num_classes, in_features): give its parameters to the optimizer, too. If angle and margin exceed half a turn, their cosine
    would rise again; the right class then has cos(a_c) - margin sin(margin) instead, as in the authors' code. It keeps falling,
    after a small step down. The lengths of embeddings and weights do not matter. A vector of zeros is at right angles to every
    class. The gradient is finite even if an embedding points exactly as its class does, or against it.

    The mean divides by the number of items. ``predict`` and ``probabilities`` read the scaled cosines without the margin.
    Half-precision inputs are computed in float32, under autocast too; weights of another dtype do not change the loss's.

    Example:
        >>> import torch, losskit
        >>> criterion = losskit.ArcFaceLoss(2, 3, scale=10.0, margin=0.3)
        >>> _ = criterion.weight.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]))
        >>> embeddings = torch.tensor([[3.0, 3.0], [0.1, 2.0]])
        >>> print(f"{criterion(embeddings, torch.tensor([0, 1])):.4f}")
        1.2460
        >>> print(criterion.predict(embeddings * torch.tensor([2.0, 1.0])))
        tensor([0, 1])
    """

    about = About(
        tensors={"input": Slot(Real(), Vectors()), "target": IDS},
        serves=ON_CLASSES,
        source="Deng 2019, ArcFace: Additive Angular Margin Loss for Deep Face Recognition, arXiv:1801.07698",
        kernel="arcface",
    )
    learnt = ("weight",)
    in_features: int = arg(required=int, within="[1, inf)", doc="Width of an embedding, D.")
    num_classes: int = arg(required=int, within="[2, inf)", doc="Number of classes, C.")
    scale: float = arg(default=64.0, within="(0, inf)", doc="What the cosines are multiplied by.")
    margin: float = arg(
        default=0.5, within="[0, 1.57]", doc="What is added to the angle to the right class, in radians."
    )
    ignore_index: int = arg(
        default=-100, doc="A target of this value has no loss, no gradient and no place in the mean."
    )
    reduction: Reduction = reduction_arg(default="mean")
    device: torch.device | str | None = arg(default=None, opaque=True, kw_only=True, doc="Where the weight is made.")
    dtype: torch.dtype | None = arg(default=None, opaque=True, kw_only=True, doc="In which dtype the weight is made.")

    def build(self) -> None:
        shape = (self.num_classes, self.in_features)
        self.weight = nn.Parameter(torch.empty(shape, device=self.device, dtype=self.dtype))
        self.device = self.dtype = None  # from here on the weight's own, wherever it moves
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weight anew."""
        nn.init.xavier_uniform_(self.weight)

    def forward(self, input: Tensor, target: Tensor, **at_call: Unpack[AtCall]) -> Tensor:
        return self.compute((input, target), at_call)

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        embedding, weight = directions(input), directions(self.weight.to(input.dtype))
        at = target.unsqueeze(-1)
        right = self._with_margin(embedding, weight[target])
        cosines = products(embedding, weight).scatter(-1, at, right.unsqueeze(-1))
        logits = representable(self.scale, input.dtype) * cosines
        return -log_softmax(logits, -1).gather(-1, at).squeeze(-1)

    def by_formula(self, tensors: tuple[Tensor, ...], extra: Extra) -> Tensor:
        """A third tensor stands for the weight: a second derivative is that of the weight that was there in forward."""
        if len(tensors) == 2:
            return super().by_formula(tensors, extra)
        then = copy.copy(self)
        then.__dict__["_parameters"] = {"weight": tensors[2]}
        return then.by_formula(tensors[:2], extra)

    @property
    def kernel(self) -> str:
        fixed = "weight" in self._parameters and self.reduction != "none"  # items share the slopes of the weight
        return "arcface" if fixed else ""

    def kernel_params(self) -> tuple[float, ...]:
        return self.margin, self.scale

    def _with_margin(self, embedding: Tensor, weight: Tensor) -> Tensor:
        """The cosine of the right class after adding the margin to its angle; vectors have length 1 or 0."""
        cosine = (embedding * weight).sum(-1)
        near = _length(embedding - weight) * _length(embedding + weight) / 2  # accurate where the cosine is 1 or -1
        far = cosine.abs() < 0.5
        sine = torch.where(far, (1 - torch.where(far, cosine, 0) ** 2).sqrt(), near)
        turned = cosine * math.cos(self.margin) - sine * math.sin(self.margin)
        return torch.where(cosine > -math.cos(self.margin), turned, cosine - self.margin * math.sin(self.margin))

    def require(self, tensors: tuple[Tensor, ...]) -> None:
        super().require(tensors)
        input, who = tensors[0], type(self).__name__
        if input.shape[-1] != self.in_features:
            raise ValueError(
                f"{who}: input must have {self.in_features} features in its last dimension (in_features), got shape "
                f"{tuple(input.shape)}"
            )
        if input.device != self.weight.device:
            raise ValueError(
                f"{who}: input is on {input.device} and the weight on {self.weight.device}; use criterion.to(input.device)"
            )

    @property
    def domains(self) -> Mapping[str, Slot]:
        return {**self.about.tensors, "target": Slot(_OfClasses(classes=self.num_classes), Items())}

    def kept(self, target: Tensor) -> Tensor | None:
        return target != self.ignore_index

    def logits(self, output: Tensor) -> Tensor:
        """The scaled cosines, (..., C), without the margin."""
        wide = output.to(torch.promote_types(output.dtype, torch.float32))
        cosines = products(directions(wide), directions(self.weight.to(wide.dtype)))
        return representable(self.scale, wide.dtype) * cosines


def _length(vector: Tensor) -> Tensor:
    """The length of a vector; its gradient at 0 is 0."""
    square = (vector**2).sum(-1)
    zero = square == 0
    return square.masked_fill(zero, 1).sqrt().masked_fill(zero, 0)
