"""DistributedDataParallel and FSDP2 on two ranks, against torch's loss of the whole batch in one process."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest
import snippets
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import Tensor, nn

RANKS, STEPS, CLASSES = 2, 3, 5


def windows() -> list[list[tuple[Tensor, Tensor]]]:
    """For each rank its micro-batches, which keep unequally many items."""
    torch.manual_seed(3)
    drawn = torch.randn(RANKS, STEPS, 8, 6), torch.randint(CLASSES, (RANKS, STEPS, 8))
    drawn[1][0, 1, :] = drawn[1][1, :, 2:] = -100
    return [list(zip(*each, strict=True)) for each in zip(*drawn, strict=True)]


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, CLASSES))


def sgd(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.5, momentum=0.9)


def rank_main(rank: int, port: int, folder: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=RANKS)
    after: dict[str, list[Tensor]] = {}
    for heading in ("DistributedDataParallel", "FSDP2"):
        model = network()
        optimizer = sgd(model.parameters())  # FSDP2 needs one of its own
        snippets.run(heading, network=model, window=windows()[rank], optimizer=optimizer, make_optimizer=sgd)
        after[heading] = [getattr(p, "full_tensor", p.detach)() for p in model.parameters()]
    if rank == 0:
        torch.save(after, f"{folder}/after.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Tensor]]:
    """The parameters that the ranks have reached."""
    folder = str(tmp_path_factory.mktemp("ranks"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(rank_main, (port, folder), nprocs=RANKS)  # type: ignore[attr-defined,no-untyped-call]
    answers: dict[str, list[Tensor]] = torch.load(f"{folder}/after.pt")
    return answers


@pytest.mark.parametrize("heading", ["DistributedDataParallel", "FSDP2"])
def test_a_step_of_all_ranks_is_that_of_the_whole(heading: str, after: dict[str, list[Tensor]]) -> None:
    model = network()
    optimizer = sgd(model.parameters())
    features, target = (torch.cat(each) for each in zip(*(part for rank in windows() for part in rank), strict=True))
    F.cross_entropy(model(features), target).backward()
    optimizer.step()
    torch.testing.assert_close(after[heading], [p.detach() for p in model.parameters()], rtol=1e-5, atol=1e-6)
