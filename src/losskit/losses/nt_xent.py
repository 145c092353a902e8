from __future__ import annotations

import copy
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.head import Encoding, Head, Task
from losskit.core.ranges import Real
from losskit.core.reduction import AtCall, Reduction, shaped
from losskit.core.shapes import Vectors
from losskit.core.slots import Slot
from losskit.core.watched import no_autocast
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served
from losskit.losses.cosine_embedding import scaled, squared
from losskit.losses.log_softmax import log_softmax


class NTXentLoss(Loss):
    r"""Cross-entropy of finding the other view of an item among all views of the batch, by cosine similarity.

    .. math:: \ell = -\frac{1}{2} \sum_{a, p} \log \frac{\exp(\cos(a, p) / T)}{\sum_{k \ne a} \exp(\cos(a, k) / T)}

    where the anchor a and its positive p are the two views of an item, in either order, T is the temperature, and k runs over
    both views of all items: those of the other items are the negatives. A view is never compared with itself. This is the loss
    of SimCLR, known as InfoNCE too. Any leading dimensions are taken as one batch.

    A masked item is not used as a negative; one whose ``sample_weight`` is 0 still is. The mean divides by the number of items.
    Items see each other, so that micro-batches do not add up to the batch. An item without negatives, as in a batch of one,
    has a loss of 0. A vector of zeros has a cosine of 0 to any other.

    With ``process_group`` the negatives come from all ranks: each rank has the loss of its own items, and gradients flow to the
    views of the others. Every rank must then call the loss and its backward. If all ranks have equally many items, the
    gradients that DistributedDataParallel averages equal those of one process with the whole batch; otherwise give
    ``normalizer=losskit.global_count(criterion, first)``. The compiler breaks its graph there.

    Example:
        >>> import torch, losskit
        >>> first = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> second = torch.tensor([[2.0, 0.0], [0.0, 0.5]])
        >>> criterion = losskit.NTXentLoss(temperature=0.5)
        >>> print(f"{criterion(first, second):.4f}, and mixed up {criterion(first, second.flip(0)):.4f}")
        0.2395, and mixed up 2.2395
    """

    about = About(
        tensors={"first": Slot(Real(), Vectors()), "second": Slot(Real(), Vectors())},
        serves={Task.EMBEDDING: Head(Encoding.NONE)},
        source="Chen 2020, A Simple Framework for Contrastive Learning of Visual Representations, arXiv:2002.05709",
        kernel="nt_xent",
        interacting=True,
    )
    temperature: float = arg(
        default=0.5,
        within="(0, inf)",
        doc="What the cosines are divided by; the smaller, the more near negatives count.",
    )
    reduction: Reduction = reduction_arg(default="mean")
    process_group: dist.ProcessGroup | None = arg(
        default=None,
        opaque=True,
        kw_only=True,
        doc="The ranks that negatives come from, ``torch.distributed.group.WORLD`` for all; None for this process alone.",
    )

    def build(self) -> None:
        group = self.process_group
        if group is not None and not (dist.is_available() and isinstance(group, dist.ProcessGroup)):
            raise TypeError(
                f"{type(self).__name__}: process_group must be a group of torch.distributed that this rank is in "
                f"(torch.distributed.group.WORLD for all ranks, once they are initialised), got {group!r}"
            )

    def __deepcopy__(self, memo: dict[int, Any]) -> NTXentLoss:
        memo[id(self.process_group)] = self.process_group  # it cannot be copied: the copy uses the same ranks
        twin = type(self).__new__(type(self))
        twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return twin

    def forward(self, first: Tensor, second: Tensor, **at_call: Unpack[AtCall]) -> Tensor:
        return self.compute((first, second), at_call)

    def formula(self, first: Tensor, second: Tensor, kept: Tensor | None = None) -> Tensor:
        items, width = first.shape[:-1], first.shape[-1]
        anchors = directions(torch.stack([first, second])).reshape(2, -1, width)
        counting = None if kept is None else kept.expand(items).reshape(-1)
        start, views = 0, anchors
        if self.process_group is not None:
            start, views, counting = _of_all_ranks(anchors, counting, self.process_group)
        if views.shape[1] == 0:
            return shaped(anchors.sum((0, 2)), items)
        own = torch.arange(anchors.shape[1], device=first.device) + start
        cosines = products(anchors.flatten(0, 1), views.flatten(0, 1)).view(2, len(own), 2, views.shape[1])
        logits = cosines / max(self.temperature, 8 * torch.finfo(first.dtype).tiny)  # so that no quotient overflows
        logits = logits.where(_compared(own, views.shape[1], counting), -torch.inf)
        right = torch.stack([own + views.shape[1], own]).unsqueeze(-1)  # the place of the other view
        loss = -log_softmax(logits.flatten(2), -1).gather(-1, right).squeeze(-1)
        return shaped(loss.mean(0), items)

    @property
    def kernel(self) -> str:
        alone = self.process_group is None and self.reduction != "none"  # items share the slopes of a view
        return "nt_xent" if alone else ""

    def kernel_params(self) -> tuple[float, ...]:
        return (self.temperature,)


def directions(vectors: Tensor) -> Tensor:
    """The vectors scaled to length 1; vectors of zeros are unchanged."""
    unit = scaled(vectors)
    return unit / squared(unit).sqrt()


def products(one: Tensor, other: Tensor) -> Tensor:
    """The inner products of all rows of two matrices, in their own dtype, under autocast too."""
    with no_autocast(one.device.type):
        return one @ other.transpose(-2, -1)


def _compared(own: Tensor, items: int, counting: Tensor | None) -> Tensor:
    """The views that an anchor is compared with, (2, N, 2, M): its other view, and both views of the other kept items."""
    item, view = torch.arange(items, device=own.device), torch.arange(2, device=own.device)
    others = own.unsqueeze(1) != item
    others = others if counting is None else others & counting
    right = (own.unsqueeze(1) == item).unsqueeze(1) & (view.view(2, 1, 1, 1) != view.unsqueeze(1))
    return others.unsqueeze(1) | right


def _of_all_ranks(anchors: Tensor, counting: Tensor | None, group: dist.ProcessGroup) -> tuple[int, Tensor, Tensor]:
    """The index of this rank's first item among those of all ranks, their views (2, M, D), and which of them count."""
    items = anchors.shape[1]
    counts = torch.ones(items, device=anchors.device) if counting is None else counting
    most = torch.tensor(items, device=anchors.device)
    dist.all_reduce(most, dist.ReduceOp.MAX, group)
    rows = torch.cat([*anchors, counts.to(anchors.dtype).unsqueeze(1)], 1)
    rows = F.pad(rows, (0, 0, 0, int(most) - items))  # by items that do not count
    rows = _Gathered.apply(rows, group)  # type: ignore[no-untyped-call]
    views = rows[:, :-1].unflatten(1, (2, -1)).transpose(0, 1)
    return dist.get_rank(group) * int(most), views, rows[:, -1] > 0


class _Gathered(torch.autograd.Function):
    """The rows of all ranks, concatenated; backward sums the gradients of this rank's rows over all ranks."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, group: dist.ProcessGroup) -> Tensor:
        ctx.group = group
        of_ranks = [torch.empty_like(rows) for _ in range(dist.get_world_size(group))]
        dist.all_gather(of_ranks, rows.contiguous(), group)
        return torch.cat(of_ranks)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        return _Returned.apply(upstream, ctx.group), None  # type: ignore[no-untyped-call]


class _Returned(torch.autograd.Function):
    """The sum over the ranks of this rank's rows. It and :class:`_Gathered` are each other's backward."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, group: dist.ProcessGroup) -> Tensor:
        ctx.group = group
        total = rows.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total, group=group)
        return total.chunk(dist.get_world_size(group))[dist.get_rank(group)].clone()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        return _Gathered.apply(upstream, ctx.group), None  # type: ignore[no-untyped-call]


def nt_xent_loss(
    first: Tensor,
    second: Tensor,
    temperature: float = 0.5,
    reduction: Reduction = "mean",
    *,
    process_group: dist.ProcessGroup | None = None,
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`NTXentLoss`."""
    if process_group is None:
        return served(NTXentLoss, (first, second), at_call, temperature, reduction)
    # Not cached: that would keep the group alive.
    loss = NTXentLoss(temperature, reduction, process_group=process_group)
    return loss.compute((first, second), at_call)
