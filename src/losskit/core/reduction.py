"""From one loss per item to the number that is minimised.

``none`` keeps the items, ``sum`` adds them, ``mean`` and ``batchmean`` divide the sum by a denominator:

* an explicit ``normalizer``, where one is given;
* otherwise the sum over the kept items of 1, times the loss's own weight of the item where torch divides by that (class
  weights of cross-entropy, ``weight`` of ``mse_loss``), times ``sample_weight``;
* for ``batchmean`` the sum over the rows of the average count of their kept items. So a row without kept items does not
  count, and a row of weight 2 counts as two.
"""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, TypedDict

import torch
from torch import Tensor

from losskit.core.arithmetic import times
from losskit.core.watched import readable, savable

Reduction = Literal["none", "mean", "sum"]
BatchReduction = Literal["none", "mean", "sum", "batchmean"]


class AtCall(TypedDict, total=False):
    """What every call takes besides the tensors.

    Attributes:
        sample_weight: Non-negative weight of each item, of the unreduced loss's shape or of its leading dimensions.
            The mean divides by the sum of the weights of the items that are kept. An item of weight 0 has no loss and no
            gradient, even where its loss is infinite (so has one to which a weight of the loss itself gives 0).
        mask: bool, of the unreduced loss's shape or of its leading dimensions. True marks an item that counts; the
            others have no value, no gradient and no place in the mean, whatever their input holds (NaN and inf too).
        normalizer: The denominator of the mean (of ``batchmean`` too), a positive number or a tensor of no dimension.
            Micro-batches and ranks that share it add up to the exact mean of the whole.
    """

    sample_weight: Tensor | None
    mask: Tensor | None
    normalizer: float | Tensor | None


def aligned(weight: Tensor, items: int) -> Tensor:
    """``weight`` over the leading dimensions, as a view that broadcasts against ``items`` dimensions."""
    return weight.reshape(weight.shape + (1,) * (items - weight.dim()))


class Extra(NamedTuple):
    """Mask, weights and normalizer of a call: checked, and aligned to the dimensions of the unreduced loss."""

    sample_weight: Tensor | None = None
    mask: Tensor | None = None
    normalizer: float | Tensor | None = None


NOTHING = Extra()


def checked(
    who: str,
    reduction: str,
    at_call: AtCall,
    items: torch.Size,
    device: torch.device,
    known: Iterable[str] = (),
    elements: torch.Size | None = None,
) -> Extra:
    """Check ``at_call`` and align it for :func:`reduce`.

    Args:
        who: The class.
        reduction: Of the loss.
        at_call: Mask, weights and normalizer of the call.
        items: The shape of the unreduced loss.
        device: Where it is computed.
        known: The arguments of the loss's constructor, for the error message.
        elements: The shape of a mask, if not that of the items.
    """
    for name in at_call:
        if name not in Extra._fields:
            raise TypeError(f"{who}: a call has no argument {name!r}; {_meant(who, name, known)}")
    if all(value is None for value in at_call.values()):
        return NOTHING
    weight, mask, normalizer = (_savable(at_call.get(name)) for name in Extra._fields)
    if mask is not None:
        over = items if elements is None else elements
        mask = _over_items(
            f"{who}: mask", mask, over, device, "the unreduced loss's shape" if over == items else "shape"
        )
        if mask.dtype != torch.bool:
            raise TypeError(f"{who}: mask must be bool, True where an item counts, got {mask.dtype}; use mask.bool()")
    if weight is not None:
        weight = _over_items(f"{who}: sample_weight", weight, items, device, "the unreduced loss's shape")
        used = weight if mask is None or elements is not None else torch.where(mask, weight, 0)
        if used.numel() and readable(used) and not bool((used >= 0).all()):
            raise ValueError(f"{who}: sample_weight must not be negative or NaN, got {used[~(used >= 0)][0].item()}")
    return Extra(weight, mask, _normalizer(who, normalizer, reduction))


def _meant(who: str, name: str, known: Iterable[str]) -> str:
    """A hint for an unknown argument."""
    close = next(iter(difflib.get_close_matches(name, (*Extra._fields, *known), 1)), None)
    if close in Extra._fields:
        return f"did you mean {close!r}?"
    if close is not None:
        return f"give {close!r} to the constructor, {who}({close}=…); a weight for each item is sample_weight"
    return f"it takes {', '.join(Extra._fields)}"


def _savable(value: Any) -> Any:
    """A tensor as autograd can save it; anything else unchanged, for the checks to refuse."""
    ordinary = not isinstance(value, Tensor) or torch.compiler.is_compiling() or not torch.is_grad_enabled()
    return value if ordinary else savable(value)


def _over_items(who: str, value: Tensor, items: torch.Size, device: torch.device, what: str) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(f"{who} must be a tensor, got {type(value).__name__}; use torch.as_tensor(...)")
    if value.shape != items[: value.dim()]:
        raise ValueError(f"{who} must have {what} {tuple(items)} or its leading dimensions, got {tuple(value.shape)}")
    if value.device != device:
        raise ValueError(f"{who} is on {value.device} and the loss on {device}; use {who.split()[-1]}.to('{device}')")
    return aligned(value, len(items))


def _normalizer(who: str, value: float | Tensor | None, reduction: str) -> float | Tensor | None:
    if value is None:
        return None
    if reduction not in ("mean", "batchmean"):
        raise ValueError(f"{who}: normalizer replaces the mean's denominator, but reduction is {reduction!r}")
    if isinstance(value, Tensor):
        if value.numel() != 1:
            raise ValueError(f"{who}: normalizer must be one number, got a tensor of shape {tuple(value.shape)}")
        value = value.reshape(())  # some trainers pass it as (1, 1)
        if not readable(value):
            return value
    elif isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{who}: normalizer must be a number or a tensor of no dimension, got {value!r}")
    if not value > 0:
        raise ValueError(f"{who}: normalizer must be positive, got {float(value)}")
    return value


def shaped(loss: Tensor, shape: torch.Size) -> Tensor:
    """``loss`` in that shape; never a view, since autograd refuses some in-place changes of views."""
    return loss if loss.shape == shape else loss.reshape(shape).clone()


def both(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    """Both masks combined; either may be None."""
    return one if other is None else other if one is None else one & other


def reduce(
    loss: Tensor,
    reduction: BatchReduction,
    kept: Tensor | None = None,
    share: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Reduce an unreduced ``loss``.

    Args:
        loss: One value an item; its rows are what ``batchmean`` counts.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.
        kept: bool, broadcastable to ``loss``; False takes the item out. None keeps all.
        share: What an item adds to the mean's denominator, broadcastable to ``loss``. None: 1.
        sample_weight: Multiplies both the item and its share. None: 1.
        normalizer: Replaces the mean's denominator.
    """
    if sample_weight is not None:
        sample_weight = sample_weight.to(loss.dtype)  # weights do not promote
        if kept is not None:  # a masked weight may be NaN, which would reach the gradient of a parameter
            sample_weight = torch.where(kept, sample_weight, 0)
        loss = times(sample_weight, loss)
        share = sample_weight if share is None else share * sample_weight
    if kept is not None:
        loss = torch.where(kept, loss, 0)
        share = kept.to(loss.dtype) if share is None else torch.where(kept, share, 0)
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    if normalizer is not None:
        return divided(loss.sum(), normalizer)
    if reduction == "batchmean":
        return loss.sum() / _rows(loss, kept, share)
    if share is None:
        return loss.mean()
    return loss.sum() / share.expand_as(loss).sum()


def divided(total: Tensor, normalizer: float | Tensor) -> Tensor:
    """The mean; a normalizer of another dtype or device does not change the loss's."""
    return total / (normalizer.to(total) if isinstance(normalizer, Tensor) else normalizer)


def _rows(loss: Tensor, kept: Tensor | None, share: Tensor | None) -> Tensor | int:
    """How many rows of ``loss`` count; a single number is one row."""
    if share is None:
        return loss.shape[0] if loss.dim() else 1
    share = share.expand_as(loss)
    if loss.dim() < 2:
        return share.sum()
    items = torch.ones_like(share) if kept is None else kept.expand_as(loss)
    return (share.flatten(1).sum(1) / items.flatten(1).sum(1).clamp(min=1)).sum()
