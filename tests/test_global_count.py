"""Micro-batches and ranks against one process that has the whole batch, in real gloo process groups."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import losskit
from losskit.loss import Loss

STEPS, BATCH, TOKENS, CLASSES = 3, 4, 5, 7  # micro-batches a rank, sequences, tokens, classes
Part = tuple[Tensor, Tensor, dict[str, Tensor]]


def cross_entropy() -> Loss:
    return losskit.CrossEntropyLoss()


def weighted() -> Loss:
    return losskit.CrossEntropyLoss(weight=torch.linspace(0.1, 2, CLASSES))


def soft() -> Loss:
    return losskit.CrossEntropyLoss(label_smoothing=0.1)


def squared() -> Loss:
    return losskit.MSELoss()


CRITERIA: dict[str, Callable[[], Loss]] = {
    "tokens": cross_entropy,
    "class weights": weighted,
    "soft targets": soft,
    "masks": squared,
    "sample weights": cross_entropy,
}


def parts(case: str, ranks: int) -> list[list[Part]]:
    """For each rank its micro-batches: features, target, and what the call adds. They keep unequally many items."""
    generator = torch.Generator().manual_seed(5)
    found: list[list[Part]] = []
    for rank in range(ranks):
        found.append([])
        for step in range(STEPS):
            features = torch.randn(BATCH * TOKENS, 6, generator=generator)
            target = torch.randint(CLASSES, (BATCH * TOKENS,), generator=generator)
            keep = torch.rand(BATCH * TOKENS, generator=generator) < (0.2 + 0.3 * step)
            if (rank, step) == (0, 1):
                keep[:] = False  # wholly ignored
            at_call: dict[str, Tensor] = {}
            if case == "masks":
                at_call, target = {"mask": keep}, torch.randn(BATCH * TOKENS, CLASSES, generator=generator)
            elif case == "soft targets":
                at_call = {"mask": keep}
                target = torch.rand(BATCH * TOKENS, CLASSES, generator=generator).softmax(1)
            else:
                target = torch.where(keep, target, -100)
                if case == "sample weights":
                    at_call = {"sample_weight": torch.rand(BATCH * TOKENS, generator=generator)}
            found[-1].append((features, target, at_call))
    return found


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, CLASSES))


def beside(own: list[Part]) -> dict[str, Any]:
    return {name: [at_call[name] for *_, at_call in own] for name in own[0][2]}


def gradients(model: nn.Module) -> Tensor:
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def rank_main(rank: int, ranks: int, port: int, folder: str) -> None:
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=ranks)
    answers = {}
    for case, make in CRITERIA.items():
        model, criterion, own = DistributedDataParallel(network()), make(), parts(case, ranks)[rank]
        n = losskit.global_count(criterion, [target for _, target, _ in own], **beside(own))
        total = torch.zeros(())
        for step, (features, target, at_call) in enumerate(own):
            model.require_backward_grad_sync = step == STEPS - 1  # what no_sync sets
            loss = criterion(model(features), target, normalizer=n, **at_call)
            loss.backward()
            total += loss.detach()
        dist.all_reduce(total)
        answers[case] = (gradients(model), total / ranks)
        summed = losskit.global_count(criterion, [target for _, target, _ in own], **beside(own), averaged=False)
        torch.testing.assert_close(summed, n * ranks)
    for some in ([0, 2], [1]):  # a subgroup counts what its own ranks keep
        group = dist.new_group([each for each in some if each < ranks])
        if rank in some:
            targets = [[target for _, target, _ in own] for own in parts("tokens", ranks)]
            kept = sum(int((each != -100).sum()) for member in some if member < ranks for each in targets[member])
            given: Any = {"process_group": group}
            assert losskit.global_count(cross_entropy(), targets[rank], **given, averaged=False) == kept
            assert losskit.global_count(cross_entropy(), targets[rank], **given) == kept / dist.get_world_size(group)
    if rank == 0:
        torch.save(answers, f"{folder}/answers.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_and_micro_batches_add_up(ranks: int, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(rank_main, (ranks, port, str(tmp_path)), nprocs=ranks)  # type: ignore[attr-defined,no-untyped-call]
    answers = torch.load(tmp_path / "answers.pt")
    for case, make in CRITERIA.items():
        model, every = network(), [part for own in parts(case, ranks) for part in own]
        features, target = (torch.cat([part[i] for part in every]) for i in (0, 1))  # type: ignore[misc]
        at_call = {name: torch.cat(values) for name, values in beside(every).items()}
        loss = make()(model(features), target, **at_call)
        loss.backward()
        whole = gradients(model)
        gradient, value = answers[case]
        assert (gradient - whole).abs().max() <= 1e-6 * whole.abs().max(), case
        torch.testing.assert_close(value, loss.detach(), rtol=1e-6, atol=0)


def test_a_mean_of_means_is_another_number() -> None:
    """What the exact mean is for: the usual way is off by far more than rounding."""
    own, model = parts("tokens", 1)[0], network().requires_grad_(False)
    criterion = losskit.CrossEntropyLoss()
    kept = [part for part in own if bool((part[1] != -100).any())]
    means = sum(criterion(model(x), y) for x, y, _ in kept) / len(kept)
    n = losskit.global_count(criterion, [y for _, y, _ in own])
    exact = sum(criterion(model(x), y, normalizer=n) for x, y, _ in own)
    assert abs(float(means - exact)) > 1e-3 * float(exact)


def test_nothing_kept_is_zero_and_connected() -> None:
    criterion, input, target = losskit.CrossEntropyLoss(), torch.randn(3, 4, requires_grad=True), torch.full((3,), -100)
    n = losskit.global_count(criterion, target)
    loss = criterion(input, target, normalizer=n)
    loss.backward()
    assert n == 1
    assert loss == 0
    assert input.grad is not None
    assert (input.grad == 0).all()


def test_every_kind_of_item_is_counted() -> None:
    ids, rows = torch.tensor([[0, 1], [2, -100]]), torch.rand(4, 3)
    assert losskit.global_count(losskit.CrossEntropyLoss(), ids) == 3
    assert losskit.global_count(losskit.CrossEntropyLoss(), rows.softmax(1)) == 4
    assert losskit.global_count(losskit.MSELoss(), rows) == 12
    assert losskit.global_count(losskit.MSELoss(), [rows, rows]) == 24
    assert losskit.global_count(losskit.MSELoss(), rows, mask=torch.tensor([True, False, True, False])) == 6
    assert losskit.global_count(losskit.BCEWithLogitsLoss(), rows.round().long()) == 12
    weight = torch.tensor([0.5, 1.0, 2.0])
    assert losskit.global_count(losskit.NLLLoss(weight), ids) == 3.5
    assert losskit.global_count(losskit.MSELoss(), rows.to("meta")).device.type == "meta"  # nothing is read


def test_the_count_is_one_exact_number() -> None:
    """float64 whatever the targets are: float32 stops counting at 2**24."""
    many = torch.zeros(1, dtype=torch.bool).expand(2**24 + 1)
    for n in (
        losskit.global_count(losskit.MSELoss(), many.half()),
        losskit.global_count(losskit.CrossEntropyLoss(), many.long(), sample_weight=torch.ones(1).expand(2**24 + 1)),
    ):
        assert (n.dtype, n.dim(), n.item()) == (torch.float64, 0, 2**24 + 1)


def test_masks_and_weights_go_with_their_own_targets() -> None:
    targets = [torch.zeros(2, dtype=torch.long), torch.zeros(3, dtype=torch.long)]
    weights, masks = [torch.tensor([1.0, 2.0]), torch.tensor([4.0, 8.0, 16.0])], [torch.tensor([True, False])] * 2
    masks[1] = torch.tensor([False, True, True])
    criterion = losskit.CrossEntropyLoss()
    assert losskit.global_count(criterion, targets, sample_weight=weights) == 31
    assert losskit.global_count(criterion, targets, mask=masks) == 3
    assert losskit.global_count(criterion, targets, mask=masks, sample_weight=weights) == 25
    assert losskit.global_count(criterion, targets[0], mask=masks[0], sample_weight=weights[0]) == 1
    assert losskit.global_count(criterion, iter(targets), mask=iter(masks)) == 3
    with pytest.raises(ValueError, match="2 targets, but 1 of sample_weight"):
        losskit.global_count(criterion, targets, sample_weight=weights[:1])


def test_refusals() -> None:
    target = torch.tensor([0, 1])
    with pytest.raises(ValueError, match=r"CrossEntropyLoss: global_count needs reduction 'mean', got 'sum'"):
        losskit.global_count(losskit.CrossEntropyLoss(reduction="sum"), target)
    with pytest.raises(ValueError, match="got no target"):
        losskit.global_count(losskit.CrossEntropyLoss(), [])
    with pytest.raises(ValueError, match="2 targets, but 1 of mask"):
        losskit.global_count(losskit.CrossEntropyLoss(), [target, target], mask=[target == 0])
