"""NT-Xent, whose items see each other: what the suite exempts it from, its ends, and its negatives on other ranks."""

from __future__ import annotations

import copy
import math
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from cases import close, draw as drawn
from properties.held import loss_and_grad
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import losskit
from losskit.functional import nt_xent_loss
from losskit.native.library import load

F64 = torch.float64
Views = tuple[Tensor, Tensor]


def draw(items: tuple[int, ...], dtype: torch.dtype = F64) -> Views:
    first, second = drawn(losskit.NTXentLoss, items, dtype=dtype)
    return first, second


def both(change: Callable[[Tensor], Tensor], views: Views) -> Views:
    return change(views[0]), change(views[1])


def gradients(loss: Tensor, views: Views) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, views)


def leaves(first: Tensor, second: Tensor) -> Views:
    return first.clone().requires_grad_(), second.clone().requires_grad_()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16], ids=str)
@pytest.mark.parametrize("items", [(1,), (9,), (3, 11)], ids=str)
def test_the_kernel_equals_the_formula(items: tuple[int, ...], dtype: torch.dtype) -> None:
    """With all that a call adds; zeros and vectors that are longer than squares can hold are left to the formula."""
    views, mask = draw(items, dtype), torch.arange(math.prod(items)).view(items) % 4 != 1
    weight, tolerance = torch.rand(items), {F64: 1e-11, torch.float32: 1e-5, torch.float16: 2e-3}[dtype]
    at_calls: list[dict[str, Any]] = [{}, {"mask": mask}, {"mask": mask, "sample_weight": weight}]
    for reduction in ("mean", "sum"):
        for at_call in [*at_calls, {"normalizer": 3.0}] if reduction == "mean" else at_calls:
            criterion, own = losskit.NTXentLoss(0.3, reduction), leaves(*views)
            loss = criterion(*own, **at_call)
            assert load() is None or "Attached" in str(loss.grad_fn)
            formula = criterion.by_formula(own, criterion.extra(own[0], at_call))  # type: ignore[arg-type]
            for mine, its in zip((loss, *gradients(loss, own)), (formula, *gradients(formula, own)), strict=True):
                torch.testing.assert_close(mine, its, rtol=tolerance, atol=tolerance)
    for odd in (0.0, 1e30):
        own = leaves(torch.full((3, 2), odd), torch.ones(3, 2))
        assert "Attached" not in str(nt_xent_loss(*own).grad_fn)


# What a call adds


def test_a_sample_weight_weighs_an_item_which_remains_a_negative() -> None:
    views, weight = draw((4,)), torch.tensor([2.0, 0.0, 1.0, 3.0], dtype=F64)
    items = nt_xent_loss(*views, reduction="none")
    close(nt_xent_loss(*views, reduction="sum", sample_weight=weight), (items * weight).sum())
    close(nt_xent_loss(*views, sample_weight=weight), (items * weight).sum() / 6)
    mask, spoilt = torch.tensor([True, False, True, True]), torch.tensor([2.0, math.nan, 1.0, 3.0])
    kept = both(lambda each: each[mask], views)
    own, true = leaves(*views), leaves(*kept)
    masked, alone = (
        nt_xent_loss(*own, sample_weight=spoilt, mask=mask),
        nt_xent_loss(*true, sample_weight=weight[mask]),
    )
    close(masked, alone)
    for found, expected in zip(gradients(masked, own), gradients(alone, true), strict=True):
        close(found[mask], expected)  # the weight of NaN reaches no other item


def test_a_normalizer_divides_and_parts_of_a_batch_do_not_add_up_to_it() -> None:
    first, second = draw((6,))
    whole = nt_xent_loss(first, second)
    close(nt_xent_loss(first, second, normalizer=7), nt_xent_loss(first, second, reduction="sum") / 7)
    parts = [
        nt_xent_loss(*each, normalizer=6) for each in zip(torch.split(first, 3), torch.split(second, 3), strict=True)
    ]
    assert sum(parts) < whole - 0.3  # each has fewer negatives


def test_a_masked_item_is_no_negative_and_may_hold_nan_in_either_view() -> None:
    views, mask = draw((6,)), torch.tensor([True, False, True, True, False, True])
    for place in (0, 1):
        spoilt = leaves(*views)
        spoilt[place].data[~mask] = math.nan
        found = gradients(nt_xent_loss(*spoilt, mask=mask), spoilt)
        plain = leaves(*both(lambda each: each[mask], views))
        for own, true in zip(found, gradients(nt_xent_loss(*plain), plain), strict=True):
            close(own[mask], true)
            assert (own[~mask] == 0).all()


def test_the_items_of_all_leading_dimensions_are_one_batch() -> None:
    first, second = draw((2, 3))
    flat = nt_xent_loss(first.flatten(0, 1), second.flatten(0, 1), reduction="none")
    close(nt_xent_loss(first, second, reduction="none"), flat.view(2, 3))
    mask = torch.tensor([True, False])
    close(nt_xent_loss(first, second, mask=mask), nt_xent_loss(first[0], second[0]))


def test_half_precision_is_computed_in_float32() -> None:
    for dtype in (torch.float16, torch.bfloat16):
        views = draw((500,), dtype=dtype)
        loss = nt_xent_loss(*views, 0.05)
        assert loss.dtype == torch.float32
        close(loss, nt_xent_loss(*both(Tensor.double, views), 0.05), rtol=1e-5)


# Its ends


def test_an_item_without_negatives_has_no_loss_and_no_gradient() -> None:
    views = draw((3,))
    for given, mask in (
        (both(lambda each: each[:1], views), None),
        (views, torch.tensor([False, True, False])),
        (both(lambda each: each[0], views), None),
    ):
        own = leaves(*given)
        loss = nt_xent_loss(*own, mask=mask)
        assert loss == 0
        assert all((each == 0).all() for each in gradients(loss, own))


def test_a_vector_of_zeros_has_a_cosine_of_zero() -> None:
    first = torch.tensor([[0.0, 0.0], [3.0, 0.0]], dtype=F64).requires_grad_()
    second = torch.tensor([[1.0, 0.0], [0.0, 2.0]], dtype=F64).requires_grad_()
    loss = nt_xent_loss(first, second, 1.0, "none")
    assert loss[0].item() == pytest.approx((math.log(3) + math.log(2 + math.e)) / 2)  # all its cosines are 0
    assert all(each.isfinite().all() for each in torch.autograd.grad(loss.sum(), (first, second)))
    everywhere = torch.zeros(3, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(nt_xent_loss(everywhere, everywhere, 0.01), everywhere)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_lengths_do_not_matter(dtype: torch.dtype) -> None:
    ends, views = torch.finfo(dtype), draw((5,))
    least, most = math.log2(ends.smallest_normal) + 8, math.log2(ends.max) - 8
    views = both(lambda each: (each.abs() + 0.1).to(dtype), views)
    exact = loss_and_grad(losskit.NTXentLoss(), *both(Tensor.double, views))
    for power in (least, -3, 3, most):
        size = 2.0 ** math.floor(power)
        loss, grad = loss_and_grad(losskit.NTXentLoss(), views[0] * size, views[1] * size)
        close(loss, exact[0], rtol=1e-5)
        if 1e-3 < size < 1e3:
            close(grad.double() * size, exact[1], rtol=8 * ends.eps, atol=ends.eps)
        assert grad.isfinite().all() or dtype is torch.float16  # where 1 / length may overflow


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("temperature", [1e-300, 1e-45, 1e-30, 1e-4, 1e30, 1e300])
def test_any_temperature_gives_numbers(temperature: float, dtype: torch.dtype) -> None:
    first, second = draw((6,), dtype=dtype)
    second[2], first[3], second[4] = first[2], first[0], -first[4]  # a sure one, a tie, and an opposite
    own = leaves(first, second)
    loss = nt_xent_loss(*own, temperature)
    assert loss.isfinite()
    if temperature > 1e-5:
        assert all(each.isfinite().all() for each in gradients(loss, own))
    if temperature > 1e29:
        close(loss, torch.tensor(math.log(11)), rtol=1e-6)  # all are as likely


def test_sure_answers_keep_their_digits() -> None:
    """At right angles to all others the odds against the other view are (2N - 2) exp(-1 / temperature)."""
    views = torch.eye(8)
    for temperature in (0.2, 0.05, 0.02, 0.0125):
        odds = 14 * math.exp(-1 / temperature)
        for compute in (nt_xent_loss, torch.compile(nt_xent_loss, fullgraph=True, backend="aot_eager")):
            loss, grad = loss_and_grad(compute, views, views.clone(), temperature)
            close(loss, torch.tensor(math.log1p(odds)), rtol=1e-5, atol=1e-37)
            assert grad.isfinite().all()


def test_float32_errs_by_its_rounding_alone_at_small_temperatures() -> None:
    views = torch.randn(64, 128), torch.randn(64, 128)
    for temperature in (0.5, 0.07, 0.01):
        loss, grad = loss_and_grad(losskit.NTXentLoss(temperature), *views)
        exact, true = loss_and_grad(losskit.NTXentLoss(temperature), *both(Tensor.double, views))
        close(loss, exact, rtol=1e-6 / temperature**0.5)
        assert (grad - true).norm() < 1e-6 / temperature * true.norm()


# Its negatives on other ranks


@pytest.mark.parametrize("group", ["WORLD", 0, True, dist.GroupMember.NON_GROUP_MEMBER])
def test_refuses_what_is_no_process_group(group: Any) -> None:
    with pytest.raises(TypeError, match=r"NTXentLoss: process_group must be .*group.WORLD for all ranks"):
        losskit.NTXentLoss(process_group=group)
    with pytest.raises(TypeError, match=r"NTXentLoss: process_group must be"):
        nt_xent_loss(torch.ones(2, 2), torch.ones(2, 2), process_group=group)


#: Of each rank: how many items it has.
SIZES = {
    "equal": (4, 4),
    "masked": (4, 4),
    "unequal": (3, 5),
    "weighed": (4, 4),
    "nothing kept": (4, 4),
    "empty": (0, 3),
}
WIDTH = 6


def parts(case: str) -> list[tuple[Tensor, Tensor, dict[str, Tensor]]]:
    """For each rank: features of both views, and what the call adds."""
    generator = torch.Generator().manual_seed(3)
    found = []
    for rank, size in enumerate(SIZES[case]):
        first, second = (torch.randn(size, WIDTH, generator=generator, dtype=F64) for _ in range(2))
        mask, at_call = torch.tensor([True, False, rank == 0, True]), {}
        if case in ("masked", "nothing kept"):
            at_call["mask"] = mask & ((case == "masked") | (rank == 1))
        if case == "weighed":
            at_call["sample_weight"] = torch.rand(size, generator=generator, dtype=F64)
        found.append((first, second, at_call))
    return found


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(WIDTH, 8), nn.Tanh(), nn.Linear(8, 5)).double()


def embedded(model: nn.Module, first: Tensor, second: Tensor) -> Views:
    one, other = model(torch.cat([first, second])).split(len(first)) if len(first) else [model(first)] * 2
    return one, other


def slopes(model: nn.Module) -> Tensor:
    return torch.cat([each.grad.flatten() for each in model.parameters() if each.grad is not None])


def curvature(loss: Tensor, views: Views) -> tuple[Tensor, ...]:
    """The derivative of the squared slope."""
    slope = torch.autograd.grad(loss, views, create_graph=True)
    return torch.autograd.grad(sum((each**2).sum() for each in slope), views)  # type: ignore[arg-type]


def rank_main(rank: int, port: int, folder: str) -> None:
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=2)
    group, answers = dist.group.WORLD, {}
    criterion = losskit.NTXentLoss(0.2, process_group=group)
    for case in SIZES:
        first, second, at_call = parts(case)[rank]
        model = DistributedDataParallel(network())
        n = None if case == "equal" else losskit.global_count(criterion, first, **at_call)  # type: ignore[arg-type]
        loss = criterion(*embedded(model, first, second), normalizer=n, **at_call)
        loss.backward()
        total = loss.detach().clone()
        dist.all_reduce(total)
        answers[case] = (total / 2, slopes(model))
    views = leaves(*parts("equal")[rank][:2])
    second_order = curvature(nt_xent_loss(*views, 0.2, "sum", process_group=group), views)
    alone = dist.new_group([0]), dist.new_group([1])
    close(losskit.NTXentLoss(process_group=alone[rank])(*views), losskit.NTXentLoss()(*views))
    twin: Any = copy.deepcopy(nn.Sequential(criterion))[0]
    assert twin.process_group is group
    close(twin(*views), criterion(*views))
    torch.save((answers, second_order), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_ranks_equal_one_process_with_the_whole_batch(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(rank_main, (port, str(tmp_path)), nprocs=2)  # type: ignore[attr-defined,no-untyped-call]
    of_ranks = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    for case in SIZES:
        first, second = (torch.cat([part[i] for part in parts(case)]) for i in (0, 1))  # type: ignore[misc]
        added = [part[2] for part in parts(case)]
        at_call: Any = {name: torch.cat([each[name] for each in added]) for name in added[0]}
        model = network()
        loss = losskit.NTXentLoss(0.2)(*embedded(model, first, second), **at_call)
        loss.backward()
        for answers, _ in of_ranks:
            close(answers[case][0], loss.detach())
            close(answers[case][1], slopes(model), rtol=1e-9, atol=1e-9)
    one, other = parts("equal")
    views = leaves(torch.cat([one[0], other[0]]), torch.cat([one[1], other[1]]))
    expected = curvature(nt_xent_loss(*views, 0.2, "sum"), views)
    for rank, (_, found) in enumerate(of_ranks):
        for own, true in zip(found, expected, strict=True):
            close(own, true[4 * rank : 4 * rank + 4])
