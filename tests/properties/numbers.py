"""Values: the oracle, the reductions, masks, weights and the normalizer."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from cases import CLASSES, ITEMS, Subject, close, draw, kinds, variants
from torch import Tensor

import losskit
from losskit.core.ranges import Probability
from losskit.core.shapes import Vectors
from losskit.loss import Loss
from properties.held import double, either_way, holds, loss_and_grad, reductions


@holds
@either_way
def equals_oracle(subject: Subject) -> None:
    for items in ((), (5,), ITEMS, (2, 3, 4)):
        for arguments in variants(subject.loss, items):
            if "dim" in arguments and items != ITEMS:
                continue  # only there do ids fit any dimension
            for tensors in kinds(subject.loss(**arguments), items):
                loss, share = subject.oracle(tensors, **arguments)
                close(subject.loss(**arguments, reduction="none")(*tensors), loss)
                close(subject.function(*tensors, **arguments, reduction="sum"), loss.sum())
                close(subject.loss(**arguments)(*tensors), loss.sum() / share.sum())
                close(subject.function(*tensors, **arguments), loss.sum() / share.sum())


#: A rate less a product, which may be as large: which element is the worst is left to chance.
CANCEL = frozenset({"PoissonNLLLoss"})


@holds
@either_way
def as_accurate_as_torch(subject: Subject) -> None:
    """In float32, over ordinary and extreme inputs, value and gradient err no more than torch's do, or, without torch, 1e-5."""
    theirs = None if subject.loss.about.torch is None else getattr(F, subject.loss.about.torch)
    for scale in (1.0, 30.0, 3e3):
        tensors = draw(subject.loss, (256,), dtype=torch.float32)
        tensors = (scaled(subject.loss, tensors[0], scale), *tensors[1:])
        exact = loss_and_grad(subject.loss(reduction="none"), *map(double, tensors))  # equals_oracle vouches
        own = loss_and_grad(subject.loss(reduction="none"), *tensors)
        torchs = own if theirs is None else loss_and_grad(theirs, *tensors, reduction="none")
        cancels = isinstance(subject.loss.about.input.shape, Vectors) or subject.loss.__name__ in CANCEL
        dim = -1 if cancels else None
        for ours, their, true in zip(own, torchs, exact, strict=True):
            assert bool((ours.isfinite() | true.float().isinf()).all())  # a rate may overflow, and nothing may be NaN
            bound = 1e-5 if theirs is None else error(their, true, dim) + 2e-7
            assert error(ours, true, dim) <= bound, f"scale {scale}"


def scaled(loss: type[Loss], input: Tensor, scale: float) -> Tensor:
    """A more extreme input; a probability is scaled in its logit, and so remains one."""
    return (input.logit() * scale).sigmoid() if isinstance(loss.about.input.range, Probability) else input * scale


def error(value: Tensor, true: Tensor, dim: int | None = None, least: float = 1e-30) -> float:
    """The worst error relative to the value, or to ``least`` where it is smaller; that of NaN is infinite, and inf is none where it is true.

    With ``dim``, the mean error of the vectors along it: where terms cancel, which one is the worst is left to chance.
    """
    wrong, size = torch.where(value == true, 0, value.double() - true), true
    if dim is not None:
        wrong, size = wrong.norm(dim=dim), size.norm(dim=dim)
    relative = (wrong.abs() / size.abs().clamp(min=least)).nan_to_num(torch.inf, torch.inf)
    return float(relative.max() if dim is None else relative.mean())


@holds
@either_way
def reduction_algebra(subject: Subject) -> None:
    for arguments in variants(subject.loss):
        tensors = draw(subject.loss(**arguments))
        items, total, mean = (subject.loss(**arguments, reduction=r)(*tensors) for r in ("none", "sum", "mean"))
        assert items.shape == subject.loss(**arguments).items(tensors[0])
        assert total.shape == mean.shape == ()
        _, share = subject.oracle(tensors, **arguments)
        close(total, items.sum())
        close(mean, items.sum() / share.sum())


@holds
@either_way
def mask_algebra(subject: Subject) -> None:
    """A mask gives the loss of the items kept; the others have no gradient even where they hold NaN or inf."""
    mask = torch.tensor([True, False, True, True, False, True])
    for tensors in kinds(subject.loss, (6,)):
        for reduction in reductions(subject.loss):
            criterion = subject.loss(reduction=reduction)
            loss, grad = loss_and_grad(criterion, *tensors, mask=mask)
            kept = loss_and_grad(criterion, *(each[mask] for each in tensors))
            spoilt = tensors[0].clone()
            spoilt[1], spoilt[4] = torch.nan, torch.inf
            loss_spoilt, grad_spoilt = loss_and_grad(criterion, spoilt, *tensors[1:], mask=mask)
            close(loss_spoilt, loss)
            close(grad_spoilt, grad)
            assert (grad[~mask] == 0).all()
            if reduction == "none":
                assert (loss[~mask] == 0).all()
                close(loss[mask], kept[0])
            else:
                close(loss, kept[0])
                close(grad[mask], kept[1])
    nothing = torch.zeros(6, dtype=torch.bool)
    assert subject.loss()(*tensors, mask=nothing).isnan()
    _, grad = loss_and_grad(subject.loss(), *tensors, mask=nothing, normalizer=3)
    assert (grad == 0).all()


@holds
def batchmean_algebra(subject: Subject) -> None:
    """Over rows: those of which nothing is kept do not count, and a row of weight k is the row k times over."""
    if "batchmean" not in reductions(subject.loss):
        return
    criterion = subject.loss(reduction="batchmean")
    for items in (ITEMS, (4,), (4, 2, 3)):
        tensors = draw(criterion, items)
        total = subject.loss(reduction="sum")
        close(criterion(*tensors), total(*tensors) / 4)
        close(criterion(*tensors, normalizer=7.0), total(*tensors) / 7)
        rows = torch.tensor([True, False, True, True])
        close(criterion(*tensors, mask=rows), criterion(*(each[rows] for each in tensors)))
        some = torch.rand(items) > 0.5
        some[0], some[1, ...] = True, False  # what is kept of the others counts as a row
        some.view(4, -1)[2:, 0] = True
        close(criterion(*tensors, mask=some), total(*tensors, mask=some) / 3)
        count = torch.tensor([2, 0, 1, 3])
        repeated = criterion(*(each.repeat_interleave(count, 0) for each in tensors))
        close(criterion(*tensors, sample_weight=count.double()), repeated)
        each_item = count.double().view(4, *[1] * (len(items) - 1)).expand(items)
        close(criterion(*tensors, sample_weight=each_item), repeated)
        own = criterion(*tensors, sample_weight=each_item, mask=some)
        close(own, total(*tensors, sample_weight=each_item, mask=some) / 6)
        assert criterion(*tensors, mask=torch.zeros(4, dtype=torch.bool)).isnan()
    single = draw(criterion, ())
    close(criterion(*single), total(*single))


@holds
@either_way
def mask_over_leading_dimensions(subject: Subject) -> None:
    tensors = draw(subject.loss)
    rows = torch.tensor([True, False, True, False])
    whole = rows.unsqueeze(1).expand(ITEMS)
    close(subject.function(*tensors, mask=rows), subject.function(*tensors, mask=whole))
    weight = torch.tensor([0.5, 2, 0, 1])
    whole_weight = weight.unsqueeze(1).expand(ITEMS)
    close(
        subject.function(*tensors, sample_weight=weight),
        subject.function(*tensors, sample_weight=whole_weight),
    )


@holds
@either_way
def sample_weight_algebra(subject: Subject) -> None:
    """A weight of k is the item k times over, in the sum and in the mean; a masked weight does not matter."""
    count = torch.tensor([2, 0, 1, 3])
    for arguments in variants(subject.loss, (4,)):
        if of_the_batch(subject.loss, arguments):
            continue  # such a weight would have to be repeated as well
        for tensors in kinds(subject.loss(**arguments), (4,)):
            for reduction in ("sum", "mean"):
                criterion = subject.loss(**arguments, reduction=reduction)
                weighted = criterion(*tensors, sample_weight=count.double())
                close(weighted, criterion(*(each.repeat_interleave(count, 0) for each in tensors)))
    weight = torch.tensor([1.0, torch.nan, 2.0, -1.0])
    mask = torch.tensor([True, False, True, False])
    for tensors in kinds(subject.loss, (4,)):
        weighted = subject.loss()(*tensors, sample_weight=weight, mask=mask)
        close(weighted, subject.loss()(*(each[mask] for each in tensors), sample_weight=weight[mask]))


def of_the_batch(loss: type[Loss], arguments: dict[str, Any]) -> bool:
    """Whether an argument is a tensor of the batch's shape."""
    return any(isinstance(value, Tensor) and loss.arguments[n].shape != "classes" for n, value in arguments.items())


@holds
@either_way
def normalizer_algebra(subject: Subject) -> None:
    """Micro-batches that share the normalizer add up to the mean of the whole, value and gradient."""
    for arguments in variants(subject.loss):
        if of_the_batch(subject.loss, arguments):
            continue
        criterion = subject.loss(**arguments)
        tensors = draw(criterion)
        _, share = subject.oracle(tensors, **arguments)
        close(criterion(*tensors, normalizer=7), subject.loss(**arguments, reduction="sum")(*tensors) / 7)
        for normalizer in (float(share.sum()), share.sum()):
            parts = [criterion(*(each[i : i + 1] for each in tensors), normalizer=normalizer) for i in range(4)]
            close(torch.stack(parts).sum(), criterion(*tensors))


@holds
@either_way
def ignored_ids(subject: Subject) -> None:
    """``ignore_index`` takes out its ids, be they classes or none, in any integer dtype that can hold them."""
    if "ignore_index" not in subject.loss.arguments:
        return
    weight = torch.tensor([0.5, 2.0, 0.0, 1.5], dtype=torch.float64)
    for index in (0, 1, CLASSES - 1, CLASSES, -1, -100, 127, 255, 2**40):
        input, target = draw(subject.loss)
        target[0, 1] = target[2, 2] = target[3, 0] = index
        for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64):
            if not torch.iinfo(dtype).min <= index <= torch.iinfo(dtype).max:
                continue
            for arguments in ({"ignore_index": index}, {"ignore_index": index, "weight": weight}):
                loss, share = subject.oracle((input, target), **arguments)
                assert (share == 0).sum() >= 3
                for reduction, true in (("none", loss), ("sum", loss.sum()), ("mean", loss.sum() / share.sum())):
                    criterion = subject.loss(**arguments, reduction=reduction)
                    value, slope = loss_and_grad(criterion, input, target.to(dtype))
                    close(value, true)
                    assert (slope.movedim(1, -1)[target == index] == 0).all()


@holds
@either_way
def every_argument_changes_the_result(subject: Subject) -> None:
    """By itself, or beside the others where it means nothing without them."""
    heard = set()
    for arguments in variants(subject.loss):
        tensors = draw(subject.loss(**arguments))
        changed = subject.loss(**arguments, reduction="none")(*tensors)
        close(subject.function(*tensors, **arguments, reduction="none"), changed)
        for name in arguments:
            rest = {other: value for other, value in arguments.items() if other != name}
            if not torch.allclose(changed, lenient(subject.loss(**rest, reduction="none"), tensors)):
                heard.add(name)
    opaque = {name for name, argument in subject.loss.arguments.items() if argument.opaque}
    assert heard == set(subject.loss.arguments) - {"reduction"} - opaque


def lenient(criterion: Loss, tensors: tuple[Tensor, ...]) -> Tensor:
    """The loss of values that these arguments may refuse, since they were drawn for others."""
    try:
        loss: Tensor = criterion(*tensors)
        return loss
    except ValueError:
        return torch.full(criterion.items(tensors[0]), torch.nan, dtype=torch.float64)


@holds
def micro_batches_add_up(subject: Subject) -> None:
    """Parts that share ``global_count`` as their normalizer add up to the mean of the whole, whatever each of them keeps."""
    mask = torch.tensor([True, False, True, True])
    for arguments in variants(subject.loss):
        if any(subject.loss.arguments[name].shape == "elements" for name in arguments):
            continue  # weights of the whole's shape fit no part
        criterion = subject.loss(**arguments)
        tensors, names = draw(criterion), list(criterion.domains)
        target = tensors[names.index("target") if "target" in names else 0]
        n = losskit.global_count(criterion, target.split(3), mask=mask.split(3))
        total = torch.zeros((), dtype=torch.float64)
        for *part, kept in zip(*(each.split(3) for each in (*tensors, mask)), strict=True):
            total = total + criterion(*part, mask=kept, normalizer=n)
        close(total, criterion(*tensors, mask=mask))
