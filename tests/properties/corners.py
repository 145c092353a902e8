"""The ends of everything: infinite, huge and tiny numbers, exact certainty, and arguments at the ends of their intervals."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import torch
from cases import Subject
from extended_reals import limit
from torch import Tensor

from losskit.core.ranges import (
    ClassId,
    Count,
    Logit,
    LogProbability,
    Mass,
    NonNegative,
    PlusMinusOne,
    Probability,
    ZeroOne,
)
from losskit.core.shapes import Classes, Labels, Same, Vectors
from losskit.core.slots import Either, Slot
from losskit.fields import Arg, inside
from losskit.loss import Loss
from losskit.losses.multilabel_margin import LabelIds
from properties.held import holds, rows_stand_alone

Item = tuple[Any, ...]  # a number or a list of each tensor
Compute = Callable[[Loss, tuple[Tensor, ...]], Tensor]
INF = math.inf
POWERS = (1.0, 1e38, 1e300, INF)  # of norms; those below 1 are none, and grow without end
#: Losses of differences of scores or distances, in which small numbers are lost beside large ones.
ABSORBING = ("MultiMarginLoss", "MultiLabelMarginLoss", "TripletMarginLoss", "TripletMarginWithDistanceLoss")
#: Losses whose digits other properties look at: here an error of 1 in 10 million may pass.
SOFTMAX = ("CrossEntropyLoss", "SoftmaxFocalLoss")


@holds
def corners(subject: Subject) -> None:
    """At infinite, huge and tiny numbers, and at certainty, value and gradient are the limits, where there are any."""
    rows_stand_alone(subject)
    for dtype, most in ((torch.float32, 50), (torch.float64, 50), (torch.float16, 20), (torch.bfloat16, 20)):
        agree(subject, {}, dtype, most, by_call, by_formula)
    agree(subject, {}, torch.float32, 12, mapped)
    for arguments in flags(subject.loss):
        agree(subject, arguments, torch.float32, 20, by_call, by_formula)


@holds
def ends_of_arguments(subject: Subject) -> None:
    """So they are where an argument is at an end of its interval, or next to it."""
    rows_stand_alone(subject)
    for name, argument in subject.loss.arguments.items():
        for end in POWERS if name == "p" and argument.within else ends(argument):
            if name == "eps" and end > 1e38 and subject.loss.__name__ in ABSORBING:
                continue  # no distance of such vectors is a number
            for dtype in (torch.float32, torch.float64):
                agree(subject, {name: end}, dtype, 10, by_call, by_formula)


@holds
def weights_of_zero(subject: Subject) -> None:
    """What weighs nothing has no loss and no gradient, even where it is infinite."""
    for _, tensors in batches(items(subject.loss(), torch.float32, 40), torch.float32):
        for reduction in ("none", "sum"):
            criterion = subject.loss(reduction=reduction)
            weight = torch.zeros(criterion.items(tensors[0]))
            extra = criterion.extra(tensors[0], {"sample_weight": weight})
            for kernel in (True, False):
                leaf = tensors[0].clone().requires_grad_()
                given = (leaf, *tensors[1:])
                value = criterion(*given, sample_weight=weight) if kernel else criterion.by_formula(given, extra)
                (gradient,) = torch.autograd.grad(value.sum(), leaf)
                assert (value == 0).all(), value
                assert (gradient == 0).all(), gradient


# How a loss is computed


def by_call(criterion: Loss, tensors: tuple[Tensor, ...]) -> Tensor:
    value: Tensor = criterion(*tensors)
    return value


def by_formula(criterion: Loss, tensors: tuple[Tensor, ...]) -> Tensor:
    wide = tuple(
        domain.cast(each, torch.promote_types(tensors[0].dtype, torch.float32))
        for domain, each in zip(criterion.domains.values(), tensors, strict=True)
    )
    return criterion.formula(*wide)


def mapped(criterion: Loss, tensors: tuple[Tensor, ...]) -> Tensor:
    """One item at a time, by the transforms."""
    value: Tensor = torch.vmap(lambda *item: criterion(*(each.unsqueeze(0) for each in item)).squeeze(0))(*tensors)
    return value


# What it is given


def reals(dtype: torch.dtype) -> list[float]:
    most, least = torch.finfo(dtype).max, torch.finfo(dtype).smallest_normal
    some = [0.0, 1.25, 3.5, 1e4, least, math.sqrt(most) * 4, most, INF]
    return [sign * each for sign in (1, -1) for each in some]


def entries(domain: Slot, dtype: torch.dtype, chance: random.Random) -> list[Any]:
    """What an item may hold of a tensor."""
    real, ends = reals(dtype), torch.finfo(dtype)
    tiny, finite = ends.smallest_normal, [each for each in real if math.isfinite(each)]

    def rows(of: list[float], how_many: int) -> list[list[float]]:
        return [[chance.choice(of) for _ in range(3)] for _ in range(how_many)]

    match domain.range, domain.shape:
        case ClassId(), _:
            return [0, 1, 2, *([[0.0, 1.0, 0.0], [0.5, 0.0, 0.5]] if isinstance(domain, Either) else [])]
        case LabelIds(), _:
            return [[0, -1, 1], [2, 0, -1], [-1, 0, 0], [1, 2, 0]]
        case ZeroOne(), Labels():
            return [[0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.25, 0.0, 1.0]]
        case ZeroOne(), _:
            return [0.0, 1.0, 0.25] if domain.range.soft else [0.0, 1.0]
        case PlusMinusOne(), _:
            return [1.0, -1.0]
        case Mass(), _:
            return [0.0, 1.0, 0.25, tiny]
        case Probability(), _:
            return [0.0, 1.0, 0.375, tiny, 1 - ends.eps]
        case LogProbability(), Same():
            return [-0.0, -1.0, -1e4, -ends.max, -INF]
        case Count(), _:
            return [0.0, 1.0, 3.0, 6e4]
        case NonNegative(), _:
            return [each for each in real if each >= 0]
        case LogProbability(), Classes():
            return [[0.0, -INF, -INF], [-1e4, 0.0, -ends.max], [-1.0, -1.0, -1.3]]
        case _, Vectors():  # an infinite vector has no direction; and the distance of two is to be a number
            return [[0.0] * 3, [1.0] * 3, *rows([0.0, 1.25, -3.5, 1e4, -ends.max / 16, ends.max / 24], 8)]
        case Logit(), Classes() | Labels():  # a tiny number is lost beside others, and might hide a kink
            finite = [each for each in finite if abs(each) != tiny]
            masked = [[-INF if chance.random() < 0.4 else each for each in row] for row in rows(finite, 10)]
            edge = [[INF, *row[1:]] for row in rows(finite, 4)] if isinstance(domain.shape, Labels) else []
            return [*rows(finite, 10), *[each for each in masked if max(each) > -INF], *edge]
        case _:
            return real


def items(criterion: Loss, dtype: torch.dtype, most: int) -> list[Item]:
    """A seeded sample of what a loss may meet, in which no finite numbers lie further apart than there are numbers."""
    chance, largest = random.Random(0), torch.finfo(dtype).max

    def known(value: Any) -> Any:
        """The number that this dtype has for it."""
        if isinstance(value, list):
            return [known(each) for each in value]
        return torch.tensor(value, dtype=dtype).item() if isinstance(value, float) else value

    columns = [[known(each) for each in entries(d, dtype, chance)] for d in criterion.domains.values()]
    margin = min(abs(getattr(criterion, "margin", 0.0)), largest / 2)
    every = [item for item in itertools.product(*columns) if spread(item) + margin <= largest]
    return every if len(every) <= most else chance.sample(every, most)


def spread(item: Item) -> float:
    """How far the finite numbers of an item lie apart."""
    flat = [value for each in item for value in (each if isinstance(each, list) else [each])]
    finite = [value for value in flat if math.isfinite(value)] or [0.0]
    return float(max(finite) - min(finite))


def batches(every: list[Item], dtype: torch.dtype) -> Iterator[tuple[list[Item], tuple[Tensor, ...]]]:
    """Items as tensors: those with class ids, and those with class probabilities."""
    for soft in (False, True):
        batch = [item for item in every if isinstance(item[-1], list) is soft]
        if batch:
            columns = (torch.tensor(column) for column in zip(*batch, strict=True))
            exact = (torch.tensor(column, dtype=torch.float64) for column in zip(*batch, strict=True))
            pairs = zip(columns, exact, strict=True)
            yield batch, tuple(value.to(dtype) if own.is_floating_point() else own for own, value in pairs)


def flags(loss: type[Loss]) -> Iterator[dict[str, Any]]:
    for name, argument in loss.arguments.items():
        if isinstance(argument.default, bool) and name != "swap":  # of two distances that are the same but for rounding
            yield {name: not argument.default}
        elif argument.among is not None and name != "reduction":
            yield from ({name: value} for value in argument.among if value != argument.default)


def ends(argument: Arg) -> list[Any]:
    """The ends of an argument's interval, and what lies next to those that do not belong to it."""
    if argument.shape is not None and not argument.number:
        return [0.0, 1e30]
    if argument.within is None or isinstance(argument.default, (int, bool)):
        return []
    some = [0.0, 1.0, 1e-300, 1e-45, 1e-40, 1e38, 1e300, 1.7e308, INF]
    return [
        each
        for each in dict.fromkeys(sign * value for value in some for sign in (1, -1))
        if inside(argument.within, each)
    ]


def rounded(subject: Subject, arguments: dict[str, Any], dtype: torch.dtype) -> list[dict[str, Any]]:
    """The arguments, and what they may become in this dtype, which may not have such numbers."""
    ends = torch.finfo(dtype)
    least, found = ends.tiny * ends.eps, [arguments]
    if subject.loss.__name__ == "GaussianNLLLoss":  # documented: no variance is smaller
        arguments = {**arguments, "eps": min(max(arguments.get("eps", 1e-6), ends.tiny), ends.max)}
        return [arguments]
    for name, value in arguments.items():
        within = subject.loss.arguments[name].within
        if within and (ends.max < abs(value) < INF or 0 < abs(value) < ends.tiny):
            near = [math.copysign(ends.max, value)] if abs(value) > 1 else [value - 2 * least, value + 2 * least, 0.0]
            found += [{**arguments, name: each} for each in near if inside(within, each)]
    return found


# What is compared


def agree(subject: Subject, arguments: dict[str, Any], dtype: torch.dtype, most: int, *how: Compute) -> None:
    """Value and gradients equal the limits, for a sample of items."""
    known = subject.loss.arguments
    plain = {name: value for name, value in arguments.items() if known[name].shape is None or known[name].number}
    for batch, tensors in batches(items(subject.loss(**plain), dtype, most), dtype):
        shapes = {"classes": (3,), "elements": tensors[0].shape, "broadcast": tensors[0].shape}
        given = {
            name: value
            if name in plain
            else torch.full(shapes[str(subject.loss.arguments[name].shape)], value, dtype=dtype)
            for name, value in arguments.items()
        }
        criterion = subject.loss(**given, reduction="none")
        wide = torch.promote_types(dtype, torch.float32)
        exact = [
            [_limit(subject.loss.__name__, item, each) for item in batch] for each in rounded(subject, arguments, wide)
        ]
        for compute in how:
            leaves = tuple(
                each.clone().requires_grad_(each.is_floating_point() and i in _free(criterion))
                for i, each in enumerate(tensors)
            )
            value = compute(criterion, leaves)
            what, name = f"{arguments}, {dtype}, {compute.__name__}", subject.loss.__name__
            lost = torch.tensor(
                [8 * torch.finfo(wide).eps * spread(item) if name in ABSORBING else 0 for item in batch]
            )
            lost = lost + (8 * torch.finfo(wide).eps if name in SOFTMAX else 0)
            values = torch.tensor([[own for own, _ in each] for each in exact], dtype=torch.float64)
            _equal(value, values, wide, lost, batch, f"{what}: the value")
            sought = [i for i, leaf in enumerate(leaves) if leaf.requires_grad]
            found = torch.autograd.grad(value.sum(), [leaves[i] for i in sought])
            for i, gradient in zip(sought, found, strict=True):
                true = torch.tensor([[own[i] for _, own in each] for each in exact], dtype=torch.float64)
                true = true.view(-1, *gradient.shape)
                if name in ABSORBING:  # where the hinge is, too
                    true[:, (values[0].abs() <= lost) & (value <= lost)] = torch.nan
                slack = lost if name in SOFTMAX else torch.zeros_like(lost)
                _equal(gradient, true, dtype, slack, batch, f"{what}: the gradient of tensor {i}")


def _free(criterion: Loss) -> list[int]:
    """The tensors that may be moved a little: the input, and other real numbers."""
    bound = (ZeroOne, Mass, PlusMinusOne, Count, ClassId, LabelIds)
    return [i for i, domain in enumerate(criterion.domains.values()) if i == 0 or not isinstance(domain.range, bound)]


@cache
def _cached(name: str, item: str, arguments: str) -> tuple[float, list[list[float]]]:
    names = {"inf": INF, "nan": math.nan}
    return limit(name, eval(item, names), **eval(arguments, names))


def _limit(name: str, item: Item, arguments: dict[str, Any]) -> tuple[float, list[list[float]]]:
    return _cached(name, repr(item), repr(arguments))


def _equal(own: Tensor, trues: Tensor, dtype: torch.dtype, slack: Tensor, batch: list[Item], what: str) -> None:
    """Whether every number is right, or lies between those that roundings of an argument would give."""
    ends, own, trues = torch.finfo(dtype), own.detach().double(), trues.to(dtype).double()
    unknown = trues.isnan().any(0)  # no limit, or a kink
    relative = max(1e-4 if dtype is not torch.float64 else 1e-9, 8 * ends.eps)
    slack = slack.double() + ends.smallest_normal ** (15 / 16)
    if own.dim() > 1:  # a small entry of a vector is lost beside a large one
        slack = slack.unsqueeze(1) + relative * trues.abs().nan_to_num(0, 0, 0).amax((0, -1)).unsqueeze(1)
    low, high = trues.amin(0), trues.amax(0)
    inner = (own >= low - relative * low.abs() - slack) & (own <= high + relative * high.abs() + slack)
    right = (own == low) | (own == high) | (inner & own.isfinite()) | unknown
    if not right.all():
        n = int((~right).nonzero()[0][0])
        raise AssertionError(f"{what} at {batch[n]} is {own[n].tolist()}, not {trues[:, n].tolist()}")
