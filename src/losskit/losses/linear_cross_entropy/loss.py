from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.choice import is_torchs
from losskit.core.about import About
from losskit.core.arithmetic import wide
from losskit.core.head import ON_CLASSES, Task
from losskit.core.messages import floating, tensor
from losskit.core.ranges import ClassId, Distribution, Real
from losskit.core.reduction import AtCall, Extra, Reduction, both, divided, reduce, shaped
from losskit.core.shapes import Classes, Items, Vectors
from losskit.core.slots import Either, Slot
from losskit.core.watched import autocasting, readable, savable_with
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, instance
from losskit.losses.cross_entropy import CrossEntropyLoss
from losskit.losses.linear_cross_entropy.chunks import BUDGET, ON_GPU, Chunks, Given


@dataclass(frozen=True)
class Features(Vectors):
    """What goes into a last layer that the loss owns, of whose logits an item reads a row."""

    def dim(self, dims: int) -> int | None:
        return min(1, dims - 1) if dims else None

    def words(self, first: str | None) -> str:
        return "(D) or (N, D): what goes into the last layer"


@dataclass(frozen=True)
class _OfLayer(Either):
    """A target beside what goes into the layer, not beside logits."""

    def describe(self, first: str | None) -> str:
        return (
            "Class ids in [0, C), () or (N), of any integer dtype; or class probabilities, (C) or (N, C). With "
            r"out_features (N, \*out_features), or (N, C, \*out_features)."
        )


if TYPE_CHECKING:  # of a base that may be another no checker could tell the arguments
    _Torchs = nn.Module
else:  # so that ``isinstance`` holds; torch before 2.13 has none
    _Torchs = getattr(nn, "LinearCrossEntropyLoss", nn.Module)


class LinearCrossEntropyLoss(Loss, _Torchs):
    r"""Cross-entropy of the logits of a last linear layer that it owns, of which only a few rows exist at a time.

    .. math:: \ell(x, y) = \mathrm{CrossEntropy}(W x + b, y)

    The network ends before its last layer: feed it what goes into that layer. Value and gradients are those of
    :class:`CrossEntropyLoss` behind ``nn.Linear``, masks, weights, smoothing and denominators included, but the logits of N rows
    over a large vocabulary, and their gradient, are never held: forward goes through the rows in chunks and leaves no more than the
    gradients of the input and the layer. It pays by memory, not by time. At ``reduction="none"`` the logits are computed twice.

    Under ``torch.compile`` backward computes each chunk once more (a checkpoint). Under ``torch.func`` and for a second
    derivative no single tensor is larger than a chunk, but what all chunks save adds up. In half precision the logits
    are rounded to the input's dtype, as behind ``nn.Linear`` (float16 on CPU: computed in float32, which is faster there); the
    loss and the sums over rows are in float32.

    Example:
        >>> import torch, losskit
        >>> _ = torch.manual_seed(0)
        >>> criterion = losskit.LinearCrossEntropyLoss(16, 1000)
        >>> hidden, target = torch.randn(8, 16), torch.randint(1000, (8,))
        >>> logits = torch.nn.functional.linear(hidden, criterion.linear.weight)
        >>> torch.allclose(criterion(hidden, target), torch.nn.functional.cross_entropy(logits, target))
        True
        >>> criterion.predict(hidden).shape
        torch.Size([8])
    """

    about = About(
        tensors={
            "input": Slot(Real(), Features()),
            "target": _OfLayer(ClassId(soft=True), Items(), Slot(Distribution(), Classes())),
        },
        serves=ON_CLASSES,
        source="Wijmans 2024, Cut Your Losses in Large-Vocabulary Language Models, arXiv:2411.09009 (chunks instead of blocks)",
        torch="linear_cross_entropy",
        twin="CrossEntropyLoss",
    )
    in_features: int = arg(required=int, within="[1, inf)", doc="Width of the input, D.")
    num_classes: int = arg(required=int, within="[1, inf)", doc="Number of classes, C.")
    out_features: tuple[int, ...] = arg(
        default=(),
        opaque=True,
        kw_only=True,
        doc="Sizes of further dimensions, each place of which has C logits of its own: the target is then of "
        r"shape (N, \*out_features).",
    )
    bias: bool = arg(default=False, kw_only=True, doc="Whether the layer has a bias.")
    device: torch.device | str | None = arg(default=None, opaque=True, kw_only=True, doc="Where the layer is made.")
    dtype: torch.dtype | None = arg(default=None, opaque=True, kw_only=True, doc="In which dtype the layer is made.")
    reduction: Reduction = reduction_arg(default="mean", kw_only=True)
    weight: Tensor | None = arg(
        default=None, shape="classes", within="[0, inf)", kw_only=True, doc="Weight of each class, of shape (C)."
    )
    ignore_index: int | None = arg(
        default=-100,
        none=True,
        kw_only=True,
        doc="A target of this value has no loss, no gradient and no place in the mean; None is -100.",
    )
    label_smoothing: float = arg(
        default=0.0, within="[0, 1]", kw_only=True, doc="Share of the target that is spread evenly over the classes."
    )
    chunk_size: int = arg(
        default=0,
        within="[0, inf)",
        kw_only=True,
        doc=f"Rows whose logits exist at once; 0: as many as fit in {BUDGET >> 20} MiB, on a GPU in {ON_GPU >> 20} MiB.",
    )
    options: Any = arg(
        default=None,
        opaque=True,
        kw_only=True,
        doc="Torch's ``LinearCrossEntropyOptions``, of which ``batch_chunk_size`` serves as ``chunk_size``; the rest "
        "concerns torch's implementation.",
    )

    def build(self) -> None:
        who, sizes = type(self).__name__, self.out_features
        known = isinstance(sizes, Sequence) and not isinstance(sizes, str)  # a configuration's list is one
        if not known or not all(isinstance(size, int) and size > 0 for size in sizes):
            raise TypeError(f"{who}: out_features must be a tuple of positive integers, got {sizes!r}")
        self.out_features = tuple(sizes)
        self.chunk_size = _hinted(who, self.chunk_size, self.options)
        if self.weight is not None:
            self.arguments["weight"].fits(f"{who}: weight", self.weight, torch.Size([self.num_classes]), 0)
        width = math.prod(self.out_features, start=self.num_classes)  # flat, as torch keeps it
        self.linear = nn.Linear(self.in_features, width, self.bias, self.device, self.dtype)
        self.device = self.dtype = self.options = None  # from here on the layer's own, and the chunks'

    def forward(self, input: Tensor, target: Tensor, **at_call: Unpack[AtCall]) -> Tensor:
        if not is_torchs(self):  # a formula of one's own, which knows no chunks
            return self.compute((input, target), at_call)
        return linear_cross_entropy(
            input,
            self.linear.weight.view(self.num_classes, *self.out_features, self.in_features),
            target,
            linear_bias=None
            if self.linear.bias is None
            else self.linear.bias.view(self.num_classes, *self.out_features),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            chunk_size=self.chunk_size,
            **at_call,
        )

    def formula(self, input: Tensor, target: Tensor) -> Tensor:  # what the chunks add up to
        criterion = instance(_OfLogits, self.weight, self.ignore_index, "none", self.label_smoothing)
        return criterion.formula(self.logits(input), target)

    def kept(self, target: Tensor) -> Tensor | None:
        return None if target.is_floating_point() else target != self.ignore_index  # type: ignore[return-value]  # no None

    def share(self, target: Tensor) -> Tensor | None:
        return None if self.weight is None or target.is_floating_point() else self.weight[target]

    def logits(self, output: Tensor) -> Tensor:
        """All logits at once: (N, C), or (N, C, ...) with ``out_features``."""
        return self.linear(output).unflatten(-1, (self.num_classes, *self.out_features))  # type: ignore[no-any-return]

    def predict(self, output: Tensor, task: Task | str | None = None) -> Tensor:
        """Class ids, a chunk of rows at a time.

        Args:
            output: What the network gave, as the loss takes it.
            task: One of the tasks that the loss serves; None for its usual one.
        """
        head = self.head(task)
        if output.dim() == 1:
            return head.predict(self.logits(output), 0)
        rows = _rows(self.chunk_size, self.linear.weight)
        return torch.cat([head.predict(self.logits(each), 1) for each in torch.split(output, rows)])


class _OfLogits(CrossEntropyLoss):
    """The loss of a chunk's logits; its messages bear the name that the caller knows."""


_OfLogits.__name__ = LinearCrossEntropyLoss.__name__


def linear_cross_entropy(  # noqa: D417 - the class describes the others
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: Reduction = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    chunk_size: int = 0,
    options: Any = None,
    **at_call: Unpack[AtCall],
) -> Tensor:
    r"""Functional form of :class:`LinearCrossEntropyLoss`, which takes the layer's weight (C, D) and bias (C).

    Args:
        linear_weight: The layer's weight, of shape (C, D), or (C, \*out_features, D), and of the input's dtype.
        linear_bias: The layer's bias, of the weight's shape without D; None for none.

    Example:
        >>> import torch, losskit.functional as F
        >>> _ = torch.manual_seed(0)
        >>> hidden, weight, target = torch.randn(8, 16), torch.randn(1000, 16), torch.randint(1000, (8,))
        >>> loss = F.linear_cross_entropy(hidden, weight, target, label_smoothing=0.1)
        >>> torch.allclose(loss, F.cross_entropy(hidden @ weight.T, target, label_smoothing=0.1))
        True
    """
    who, own = LinearCrossEntropyLoss.__name__, LinearCrossEntropyLoss.arguments
    ignored = own["ignore_index"].check(f"{who}: ignore_index", ignore_index)
    chunk_size = own["chunk_size"].check(f"{who}: chunk_size", _hinted(who, chunk_size, options))
    criterion, part = (
        instance(_OfLogits, weight, ignored, each, label_smoothing)
        for each in (reduction, "none" if reduction == "none" else "sum")
    )
    shape = _logits_shape(criterion, input, linear_weight, linear_bias)
    _require(criterion, input, target, shape)
    items = torch.Size(shape[: input.dim() - 1] + shape[input.dim() :])
    extra = criterion.checked(at_call, items, input.device)
    (target,) = savable_with(criterion._buffers, (target,))
    given = _given(criterion, input, linear_weight, target, linear_bias, extra, items)
    chunks = Chunks(part, _rows(chunk_size, linear_weight), _dtype(input))
    _diagnose(criterion, given, chunks.size)
    loss = shaped(chunks.loss(given), items if reduction == "none" else torch.Size())
    if reduction != "mean":
        return loss
    return divided(loss, _denominator(criterion, given) if extra.normalizer is None else extra.normalizer)


def _hinted(who: str, chunk_size: int, options: Any) -> int:
    """Rows of a chunk, where torch's options say them and the caller does not."""
    if options is not None and not hasattr(options, "batch_chunk_size"):
        raise TypeError(f"{who}: options must be torch.nn.LinearCrossEntropyOptions or None, got {options!r}")
    return chunk_size or getattr(options, "batch_chunk_size", None) or 0


def _logits_shape(criterion: Loss, input: Tensor, linear_weight: Tensor, linear_bias: Tensor | None) -> tuple[int, ...]:
    """The shape that all logits would have; an error where the layer does not fit."""
    who = type(criterion).__name__
    for name, value in (("input", input), ("linear_weight", linear_weight), ("linear_bias", linear_bias)):
        if value is None:
            continue
        tensor(who, name, value)
        floating(f"{who}: {name}", value)
        if value.device != input.device:
            raise ValueError(
                f"{who}: input is on {input.device} and {name} on {value.device}; use {name}.to(input.device)"
            )
        if value.dtype != input.dtype and not autocasting(input.device.type):
            raise TypeError(
                f"{who}: input is {input.dtype} and {name} {value.dtype}; use input.to({value.dtype}), or autocast"
            )
    if input.dim() not in (1, 2):
        mend = "; use input.flatten(0, -2) and target.flatten()" if input.dim() > 2 else ""
        raise ValueError(f"{who}: input must have shape (N, D) or (D), got {tuple(input.shape)}{mend}")
    if linear_weight.dim() < 2 or linear_weight.shape[-1] != input.shape[-1]:
        raise ValueError(
            f"{who}: linear_weight of shape {tuple(linear_weight.shape)} does not fit input of shape "
            f"{tuple(input.shape)}: it must have shape (C, {input.shape[-1]})"
        )
    if linear_bias is not None and linear_bias.shape != linear_weight.shape[:-1]:
        raise ValueError(
            f"{who}: linear_bias must have shape {tuple(linear_weight.shape[:-1])}, got {tuple(linear_bias.shape)}"
        )
    if linear_weight.shape[0] == 1:
        raise ValueError(
            f"{who}: linear_weight of shape {tuple(linear_weight.shape)} has one class, and the softmax of one logit is "
            "always 1, so the loss is always 0; for yes or no use BCEWithLogitsLoss, or give 2 rows"
        )
    if linear_weight.dim() > 2 and input.dim() == 1:
        raise ValueError(
            f"{who}: linear_weight of shape {tuple(linear_weight.shape)} needs a batch; use input.unsqueeze(0)"
        )
    return (*input.shape[:-1], *linear_weight.shape[:-1])


def _require(criterion: _OfLogits, input: Tensor, target: Tensor, shape: tuple[int, ...]) -> None:
    """Raise where the target does not fit logits of this shape, or class weights and arguments do not fit it."""
    who = type(criterion).__name__
    logits = input.new_empty(()).expand(shape)  # takes no memory
    criterion.fit(logits)  # first: what is said below is of the target
    try:
        criterion.require((logits, target))
    except ValueError as error:
        raise ValueError(f"{error} (input of shape {tuple(input.shape)} has logits of shape {shape})") from None
    if target.is_floating_point() and criterion.ignore_index != -100:
        raise ValueError(
            f"{who}: ignore_index {criterion.ignore_index} says nothing about class probabilities; use mask"
        )


def _given(
    criterion: Loss,
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    linear_bias: Tensor | None,
    extra: Extra,
    items: torch.Size,
) -> Given:
    """The call with a batch, and with class 0 for ids that do not count."""
    kept = both(criterion.kept(target), extra.mask)
    if kept is not None and readable(kept) and bool(kept.all()):
        kept = None
    weight = None if extra.sample_weight is None else extra.sample_weight.expand(items)
    if not target.is_floating_point():
        target = target.long() if kept is None else torch.where(kept, target.long(), 0)
    kept = None if kept is None else kept.expand(items)
    if input.dim() == 1:
        input, target = input.unsqueeze(0), target.unsqueeze(0)
        kept, weight = (None if each is None else each.unsqueeze(0) for each in (kept, weight))
    return Given(input, linear_weight, linear_bias, target, kept, weight)


def _diagnose(criterion: _OfLogits, given: Given, rows: int) -> None:
    """Raise where a target that counts has a wrong value; class probabilities, too, are read by the chunk."""
    if not readable(given.target, given.weight):
        return
    slot = criterion.domains["target"]
    logits = given.input.new_empty(()).expand(len(given.input), *given.weight.shape[:-1])
    place = criterion.places(logits)[1]

    def error(target: Tensor, kept: Tensor | None) -> Exception | None:
        if kept is not None and target.is_floating_point():
            target = torch.where(kept.unsqueeze(1), target, slot.neutral(place, target))
        return slot.diagnose(place, target)

    parts = torch.split(given.target, rows)
    masks = [None] * len(parts) if given.kept is None else torch.split(given.kept, rows)
    if any(error(*each) for each in zip(parts, masks, strict=True)):
        found = error(given.target, given.kept)  # says where it stands in the whole
        assert found is not None
        raise found


def _denominator(criterion: Loss, given: Given) -> Tensor:
    """What the mean divides by."""
    target = given.target
    share = criterion.share(target)
    if share is None:
        share = torch.ones(criterion.items_of(target), device=target.device)
    return reduce(share.to(wide(given.input)), "sum", given.kept, None, given.sample_weight)


def _rows(chunk_size: int, linear_weight: Tensor) -> int:
    """Rows of a chunk."""
    row = linear_weight[..., 0].numel() * linear_weight.element_size()
    return chunk_size or max(1, (ON_GPU if linear_weight.is_cuda else BUDGET) // row)


def _dtype(input: Tensor) -> torch.dtype:
    """What the logits are computed in: as ``nn.Linear`` does, but that float16 on CPU is 50 times slower than float32."""
    kind, dtype = input.device.type, input.dtype
    if dtype is not torch.float64 and autocasting(kind):
        dtype = torch.get_autocast_dtype(kind)
    return torch.float32 if dtype is torch.float16 and kind == "cpu" else dtype
