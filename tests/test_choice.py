"""When torch's own operator takes a loss's place: a table of calls, each with the answer, and torch's number where it is wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from cases import close, draw
from properties.places import NOT_BY_TORCH
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

import losskit
from losskit.choice import CLAMP_HAS_SLOPE, choose, unchanged
from losskit.loss import Loss

INF = torch.inf


@dataclass(frozen=True)
class Call:
    """A loss with arguments, what it is given, and whether torch's operator gives its numbers."""

    loss: type[Loss]
    tensors: tuple[Tensor, ...]
    right: bool
    arguments: dict[str, Any] = field(default_factory=dict)
    within: Callable[[], AbstractContextManager[Any]] = nullcontext
    reduction: Any = "none"


def numbers(*values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def manhattan(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).abs().sum(-1)


def under_autocast() -> AbstractContextManager[Any]:
    return torch.autocast("cpu", torch.bfloat16)


MASKED, PAIR = numbers([1, 2, -INF], [0.5, -INF, 1]), torch.tensor([1, 0])
ROWS, ROW_IDS = numbers([0.3, 1, 2], [0.5, 0, 1]), torch.tensor([2, -100])
SHORT = numbers([1e-8, 0], [3e-8, 1e-8]), numbers([1, 1.0], [0, 2]), numbers(1, 1)
EQUAL = numbers([1, 2.0], [0, 1]), numbers([1, 2.0], [3, 1]), numbers([0, 2.0], [0, 1])
NEAR = numbers([0.5, 0]), numbers([0.0, 0]), numbers([0.3, 0])
LISTS = torch.tensor([[2, -1, 0], [0, 1, -1]])
SCORES = numbers([0.3, 1, 2], [0.5, 0, 1])
C = losskit

CALLS = {
    "probabilities": Call(C.BCELoss, (numbers(0.2, 0.9), numbers(1, 0)), True),
    "probabilities under autocast": Call(C.BCELoss, (numbers(0.2, 0.9).float(), numbers(1, 0).float()), False, {}, under_autocast),
    "logits": Call(C.BCEWithLogitsLoss, (numbers(-3, 4), numbers(1, 0)), True),
    "short embeddings": Call(C.CosineEmbeddingLoss, SHORT, False),
    "ids": Call(C.CrossEntropyLoss, (ROWS, ROW_IDS), True),
    "ids, class 0 of which is ignored": Call(C.CrossEntropyLoss, (ROWS, torch.tensor([0, 2])), True, {"ignore_index": 0}),
    "ids, smoothed, beside a masked class": Call(C.CrossEntropyLoss, (MASKED, PAIR[:1].repeat(2) * 0), False, {"label_smoothing": 0.1}),
    "class probabilities beside a masked class": Call(C.CrossEntropyLoss, (MASKED, numbers([0.5, 0.5, 0], [1, 0, 0])), False),
    "a variance": Call(C.GaussianNLLLoss, (ROWS, ROWS, ROWS[:1] + 1), False),
    "impossible outcomes": Call(C.KLDivLoss, (MASKED.log_softmax(1), numbers([0.5, 0.5, 0], [1, 0, 0])), False),
    "ranked by a margin": Call(C.MarginRankingLoss, (numbers(1, 2), numbers(1, 0), numbers(1, -1)), True, {"margin": 0.5}),
    "equal scores": Call(C.MarginRankingLoss, (numbers(1, 2), numbers(1, 2), numbers(1, -1)), CLAMP_HAS_SLOPE),
    "a hinge of classes": Call(C.MultiMarginLoss, (ROWS, torch.tensor([2, 0])), True),
    "a hinge of one item": Call(C.MultiMarginLoss, (ROWS[0], torch.tensor(2)), True),
    "a hinge of pixels": Call(C.MultiMarginLoss, (ROWS.view(1, 3, 2), torch.tensor([[2, 0]])), False),
    "a hinge of nothing": Call(C.MultiMarginLoss, (ROWS[:0], torch.tensor([2])[:0]), False, reduction="mean"),
    "a hinge of learnt weights": Call(C.MultiMarginLoss, (ROWS, torch.tensor([2, 0])), False, {"weight": torch.ones(3, dtype=torch.float64).requires_grad_()}),
    "a hinge of an endless margin": Call(C.MultiMarginLoss, (ROWS.float(), torch.tensor([2, 0])), False, {"margin": 1e300}),
    "an endless margin": Call(C.HingeEmbeddingLoss, (numbers(1, 2).float(), numbers(1, -1)), False, {"margin": 1e300}),
    "a margin": Call(C.HingeEmbeddingLoss, (numbers(1, 2), numbers(1, -1)), True, {"margin": 1e300}),
    "label lists": Call(C.MultiLabelMarginLoss, (SCORES, LISTS), True),
    "a label list": Call(C.MultiLabelMarginLoss, (SCORES[0], LISTS[0]), True),
    "label lists of sequences": Call(C.MultiLabelMarginLoss, (SCORES.view(1, 2, 3), LISTS.view(1, 2, 3)), False),
    "no label list": Call(C.MultiLabelMarginLoss, (SCORES[:0], LISTS[:0]), False, reduction="mean"),
    "counts": Call(C.PoissonNLLLoss, (numbers(0.1, 0.2), numbers(0, 3)), True, {"full": True}),
    "counts that are learnt": Call(C.PoissonNLLLoss, (numbers(0.1, 0.2), numbers(0, 3).requires_grad_()), False, {"full": True}),
    "counts that are learnt, less a constant": Call(C.PoissonNLLLoss, (numbers(0.1, 0.2), numbers(0, 3).requires_grad_()), True),
    "a score that is very wrong": Call(C.SoftMarginLoss, (numbers(-800, 1), numbers(1, 1)), False),
    "triplets": Call(C.TripletMarginLoss, EQUAL, True),
    "triplets of equal vectors": Call(C.TripletMarginLoss, EQUAL, False, {"eps": 0.0}),
    "triplets by a high power": Call(C.TripletMarginLoss, NEAR, False, {"p": 1e300}),
    "triplets by the largest difference": Call(C.TripletMarginLoss, EQUAL, True, {"p": INF}),
    "triplets by a distance": Call(C.TripletMarginWithDistanceLoss, EQUAL, False, {"distance_function": manhattan}),
    "triplets by no distance": Call(C.TripletMarginWithDistanceLoss, EQUAL, True),
}  # fmt: skip


def slopes(function: Callable[..., Tensor], tensors: tuple[Tensor, ...], order: int) -> list[Tensor]:
    """The loss and its derivatives up to an order, in all that may be learnt."""
    learnt = [each is tensors[0] or each.requires_grad for each in tensors]
    leaves = [each.detach().clone().requires_grad_(wanted) for each, wanted in zip(tensors, learnt, strict=True)]
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    found = [function(*leaves)]
    for _ in range(order):
        found += torch.autograd.grad(found[-1].sum(), wanted, create_graph=True)
    return [each.detach() for each in found]


@pytest.mark.parametrize("name", CALLS)
def test_torch_is_right(name: str) -> None:
    call = CALLS[name]
    criterion = call.loss(**call.arguments)
    with call.within():
        assert criterion.torch_is_right(*call.tensors) == call.right


#: How torch fails where it is not right: a word of its error, or the order of the derivative that is wrong (0 is the value).
WRONG: dict[str, str | int] = {
    "short embeddings": 0,
    "ids, smoothed, beside a masked class": 0,
    "class probabilities beside a masked class": 0,
    "impossible outcomes": 0,
    "equal scores": 1,
    "a hinge of pixels": "nonzero|non-zero|size|dimension|Expected",
    "a hinge of an endless margin": "overflow",
    "an endless margin": "overflow",
    "triplets by a high power": 0,
    "a hinge of learnt weights": "not differentiable with respect to argument 'weight'",
    "label lists of sequences": "Expected",
    "counts that are learnt": 1,
    "a score that is very wrong": 0,
    "triplets of equal vectors": 2,
}


#: Shown by tests of their own below.
ELSEWHERE = {
    "a variance",
    "probabilities under autocast",
    "a hinge of nothing",
    "no label list",
    "triplets by a distance",
}


@pytest.mark.parametrize("name", [name for name in CALLS if name not in ELSEWHERE])
def test_torch_gives_these_numbers_where_it_is_right(name: str) -> None:
    """And fails where it is not: a torch that mends that fails here."""
    call = CALLS[name]
    criterion = call.loss(**call.arguments, reduction=call.reduction)
    arguments = {n: v.detach() if isinstance(v, Tensor) and n != "weight" else v for n, v in call.arguments.items()}

    def torchs(*tensors: Tensor) -> Tensor:
        answer: Tensor = getattr(F, str(call.loss.about.torch))(*tensors, **arguments, reduction=call.reduction)
        return answer

    wrong = WRONG.get(name)
    assert call.right or wrong is not None
    with call.within():
        if not call.right and isinstance(wrong, str):
            with pytest.raises((RuntimeError, ValueError), match=wrong):
                slopes(torchs, call.tensors, 1)
            return
        order = wrong if isinstance(wrong, int) and not call.right else 1
        ours, theirs = slopes(criterion, call.tensors, order), slopes(torchs, call.tensors, order)
    if call.right:
        for own, their in zip(ours, theirs, strict=True):
            close(own, their)
        return
    assert all(bool(each.isfinite().all()) for each in ours)
    differs = [not torch.allclose(own, their, rtol=1e-6) for own, their in zip(ours, theirs, strict=True)]
    assert differs[-1]


@pytest.mark.parametrize("name", ["a hinge of nothing", "no label list"])
def test_torchs_mean_of_nothing_is_whatever_memory_holds(name: str) -> None:
    call = CALLS[name]
    input = call.tensors[0].clone().requires_grad_()
    assert call.loss()(input, call.tensors[1]).isnan()
    assert not getattr(F, str(call.loss.about.torch))(input, call.tensors[1]).isnan()


def test_a_distance_of_one_number_is_refused_where_torch_broadcasts_it() -> None:
    def whole(one: Tensor, other: Tensor) -> Tensor:
        return (one - other).abs().sum()

    assert F.triplet_margin_with_distance_loss(*EQUAL, distance_function=whole).isfinite()
    with pytest.raises(ValueError, match="a distance for each item"):
        C.TripletMarginWithDistanceLoss(distance_function=whole)(*EQUAL)


def test_torch_refuses_probabilities_under_autocast_on_a_gpu() -> None:
    torch.set_autocast_enabled("cuda", True)
    try:
        with FakeTensorMode():
            p = torch.empty(3, device="cuda")
            assert not C.BCELoss().torch_is_right(p, p)
            assert C.BCELoss()(p, p).dtype == torch.float32
            with pytest.raises(RuntimeError, match="unsafe to autocast"):
                F.binary_cross_entropy(p, p)
    finally:
        torch.set_autocast_enabled("cuda", False)


def test_torch_reads_the_variance() -> None:
    with FakeTensorMode():
        x = torch.empty(3, device="cuda")
        assert C.GaussianNLLLoss()(x, x, x).is_cuda
        with pytest.raises(DataDependentOutputException):
            F.gaussian_nll_loss(x, x, x)


def test_every_loss_that_asks_stands_in_the_table() -> None:
    asking = {loss for loss in losskit.CATALOG if "torch_is_right" in vars(loss)}
    never = {call.loss for call in CALLS.values() if not call.right}
    assert asking - never <= {losskit.MarginRankingLoss}  # which torch 2.14 and later compute otherwise
    for name in set(NOT_BY_TORCH) - {"MarginRankingLoss"}:
        assert not any(call.right for call in CALLS.values() if call.loss.__name__ == name)


# When torch's operator is taken


def takes_torch(criterion: Loss, *tensors: Tensor) -> bool:
    plan = choose(criterion, tensors)
    return plan.operator is not None and criterion.torch_is_right(*tensors)


def meta(*tensors: Tensor) -> list[Tensor]:
    return [each.detach().to("meta") for each in tensors]


@pytest.mark.parametrize(
    ("criterion", "taken"),
    [
        (C.CrossEntropyLoss(), True),
        (C.CrossEntropyLoss(ignore_index=0), True),
        (C.CrossEntropyLoss(torch.ones(3), reduction="sum"), True),
        (C.CrossEntropyLoss(dim=-1), False),  # torch's knows no such argument
        (C.CrossEntropyLoss(dim=1), True),
        (C.CrossEntropyLoss(label_smoothing=0.1), False),
        (C.SoftmaxFocalLoss(), False),  # torch has no such loss
    ],
    ids=str,
)
def test_off_cpu_it_is_taken_where_it_is_right(criterion: Loss, taken: bool) -> None:
    given, moved = meta(ROWS, ROW_IDS), copy.deepcopy(criterion).to("meta")
    assert takes_torch(moved, *given) == taken
    assert not takes_torch(criterion, ROWS, ROW_IDS)  # a kernel serves there

    def seen(x: Tensor) -> Tensor:
        assert not takes_torch(moved, x, given[1])
        return x.sum()

    torch.func.grad(seen)(given[0])
    torch.vmap(seen)(given[0].unsqueeze(0))


def test_arguments_that_torch_does_not_know_keep_it_away() -> None:
    with FakeTensorMode():
        x, y, one = (torch.empty(2, device="cuda") for _ in range(3))
        assert takes_torch(C.BCELoss(one), x, y)
        assert not takes_torch(C.BCELoss(pos_weight=one), x, y)
        assert takes_torch(C.BCEWithLogitsLoss(pos_weight=one), x, y)
        assert not takes_torch(C.BCEWithLogitsLoss(label_smoothing=0.1), x, y)
    assert not takes_torch(C.MultiMarginLoss(), *meta(ROWS, torch.tensor([2, 0])))  # which has no such operator there
    assert not takes_torch(C.MultiLabelMarginLoss(), *meta(SCORES, LISTS))


def test_a_loss_without_a_kernel_takes_it_on_cpu() -> None:
    for kind in (C.MarginRankingLoss, C.TripletMarginLoss, C.MultiMarginLoss, C.PoissonNLLLoss):
        tensors = draw(kind, (4,))
        loss: Any = type(kind.__name__, (kind,), {"about": replace(kind.about, kernel=None)})
        assert takes_torch(loss(margin=0.5) if kind is C.MarginRankingLoss else loss(), *tensors)

        class Other(loss):  # type: ignore[misc]
            def formula(self, *tensors: Tensor) -> Tensor:
                return super().formula(*tensors)  # type: ignore[no-any-return]

        assert not takes_torch(Other(), *tensors)


def test_its_weights_are_given_in_the_dtype_of_the_input() -> None:
    """As torch's operators want them."""
    for weight in (torch.rand(3, dtype=torch.float64) + 0.5, (torch.rand(3) + 0.5).half()):
        for dtype in (torch.float32, torch.float64):
            ids = torch.tensor([2, 0])
            value = C.MultiMarginLoss(weight=weight)(ROWS.to(dtype), ids)
            assert value.dtype == dtype
            close(value, C.MultiMarginLoss(weight=weight.double())(ROWS, ids), rtol=1e-6)
            seen = C.CrossEntropyLoss(weight.to("meta"))(ROWS.to(dtype).to("meta"), ids.to("meta"))
            assert seen.dtype == dtype


@pytest.mark.parametrize("name", ["formula", "by_formula", "kept", "share", "class_dim", "items", "domains", "_masked"])
@pytest.mark.parametrize(("kind", "fact"), [(losskit.MSELoss, "kernel"), (losskit.PoissonNLLLoss, "torch")])
def test_whoever_overrides_what_the_numbers_follow_from_loses_the_rest(kind: Any, fact: str, name: str) -> None:
    """Though what it is overridden by is the same: no one can tell."""
    other = type("Other", (kind,), {name: getattr(kind, name)})
    assert not unchanged(other, fact)
    assert unchanged(type("Other", (kind,), {name: getattr(kind, name), "same_numbers": True}), fact)
    assert unchanged(type("Other", (kind,), {"extra_repr": lambda self: ""}), fact)
