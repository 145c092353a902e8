"""The exact mean over several calls: micro-batches, and the ranks of a process group."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat

import torch
import torch.distributed as dist
from torch import Tensor

from losskit.core.reduction import AtCall, both
from losskit.loss import Loss

OneOrMany = Tensor | Iterable[Tensor]


def global_count(
    criterion: Loss,
    targets: OneOrMany,
    *,
    mask: OneOrMany | None = None,
    sample_weight: OneOrMany | None = None,
    process_group: dist.ProcessGroup | None = None,
    averaged: bool = True,
) -> Tensor:
    r"""The denominator of the mean over a whole window; give it to each call as its ``normalizer``.

    .. math:: n = \frac{1}{R} \sum_{r=1}^{R} \sum_{i} m_i\, w_i\, s_i

    over the R ranks and the items of the window, with mask m, sample weight w, and the loss's own count s of an item: 1, or
    the weight of its class. A mean of means is a different number if micro-batches or ranks keep different numbers of items,
    as with padding. Divided by this count, the calls add up to the mean of the whole batch.

    DistributedDataParallel averages gradients over the ranks, which divides by R once more: hence the factor 1/R. The loss
    that a rank reports is then R times its part, so that the *mean* over the ranks is the global loss. If gradients are summed
    instead, use ``averaged=False``.

    Args:
        criterion: The loss that will be called, with reduction ``"mean"``.
        targets: The target of each micro-batch of the window (between two optimizer steps) on this rank, or one tensor.
            For a loss without a target, its first tensor.
        mask: The masks of the calls, one for each target.
        sample_weight: The sample weights of the calls, one for each target.
        process_group: The ranks; None for the default group, or for this process alone if there is none.
        averaged: Whether gradients are averaged over the ranks, as DistributedDataParallel does.

    Returns:
        A float64 tensor without dimensions on the targets' device (float32 on MPS, which has no float64). Its value is not
        read, so that a GPU does not synchronise. It is 1 if nothing counts: the loss is then 0, not NaN.

    Raises:
        ValueError: The reduction is not ``"mean"``, there is no target, or there are not as many masks as targets.

    Example:
        >>> import torch, losskit
        >>> criterion = losskit.CrossEntropyLoss()
        >>> logits, target = torch.randn(6, 5), torch.tensor([1, 2, -100, -100, -100, 4])
        >>> n = losskit.global_count(criterion, target.split(2))
        >>> parts = [criterion(x, y, normalizer=n) for x, y in zip(logits.split(2), target.split(2))]
        >>> bool(torch.isclose(sum(parts), criterion(logits, target)))
        True

    Source:
        huggingface/transformers#34191: a mean of means weights short sequences more.
    """
    who = type(criterion).__name__
    if criterion.reduction != "mean":
        raise ValueError(f"{who}: global_count needs reduction 'mean', got {criterion.reduction!r}")
    windows = [targets] if isinstance(targets, Tensor) else list(targets)
    if not windows:
        raise ValueError(f"{who}: global_count got no target; give the target of each micro-batch of the window")
    masks, weights = _beside(who, "mask", mask, windows), _beside(who, "sample_weight", sample_weight, windows)
    counts = [_count(criterion, *call) for call in zip(windows, masks, weights, strict=True)]
    total = torch.stack(counts).sum()
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(total, group=process_group)
        if averaged:
            total = total / dist.get_world_size(process_group)
    return torch.where(total == 0, torch.ones_like(total), total)


def _beside(who: str, name: str, given: OneOrMany | None, targets: list[Tensor]) -> Iterable[Tensor | None]:
    if given is None:
        return repeat(None, len(targets))
    tensors = [given] if isinstance(given, Tensor) else list(given)
    if len(tensors) != len(targets):
        raise ValueError(
            f"{who}: global_count got {len(targets)} targets, but {len(tensors)} of {name}; give one for each"
        )
    return tensors


def _count(criterion: Loss, target: Tensor, mask: Tensor | None, sample_weight: Tensor | None) -> Tensor:
    """The count of one micro-batch."""
    items = criterion.items_of(target)
    at_call: AtCall = {}
    if mask is not None:
        at_call["mask"] = mask
    if sample_weight is not None:
        at_call["sample_weight"] = sample_weight
    dtype = torch.float32 if target.device.type == "mps" else torch.float64
    extra = criterion.checked(at_call, items, target.device)
    kept, share = both(criterion.kept(target), extra.mask), torch.ones(items, dtype=dtype, device=target.device)
    ids = kept is not None and target.shape == items and not target.is_floating_point()
    safe = torch.where(kept, target, 0) if ids and kept is not None else target
    own = criterion.share(safe)
    for factor in (own, extra.sample_weight):
        if factor is not None:
            share = share * factor
    return (share if kept is None else torch.where(kept, share, 0)).sum()
