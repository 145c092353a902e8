"""Features gathered over ranks: found where their gradient is lost, left alone where it is not, or not meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from checked import needs_saved_tensors

import losskit
from losskit.checker.finding import Finding

pytestmark = pytest.mark.skipif(not dist.is_available(), reason="torch was built without it")
INTO_TENSOR = getattr(
    dist, "all_gather_single", getattr(dist, "all_gather_into_tensor", None)
)  # the newer name, if any
ANCHORS = "one, two = F.normalize(net(torch.randn(2, 16, 8)), dim=2)\n"
OBJECTS = "every = [None]\ndist.all_gather_object(every, {'rows': two, 'rank': 0})\n"
GATHER = "every = [torch.empty_like(two)]\ndist.all_gather(every, two)\n"
LOSS = "F.cross_entropy(one @ every.T / 0.1, ids)\n"
# gloo copies into one tensor with a graph, as no other backend does, but under no_grad
FAULTY = {
    "a list": ANCHORS + GATHER + "every = torch.cat(every)\n" + LOSS,
    "one tensor": ANCHORS + "every = torch.empty(16, 4)\nwith torch.no_grad():\n    into_tensor(output_tensor=every, input_tensor=two)\n" + LOSS,
    "under no_grad": ANCHORS + "with torch.no_grad():\n    every = [torch.empty_like(two)]\n    dist.all_gather(every, two)\n"
    "every = torch.cat(every)\n" + LOSS,
    "normalized behind it": "one, two = net(torch.randn(2, 16, 8))\n" + GATHER + "one, every = F.normalize(one), F.normalize(every[0])\n" + LOSS,
    "einsum": ANCHORS + GATHER + "F.cross_entropy(torch.einsum('nc,mc->nm', one, every[0]) * 10, ids)\n",
    "to one rank": ANCHORS + GATHER.replace("dist.all_gather(every, two)", "dist.gather(two, every)") + "every = every[0]\n" + LOSS,
    "objects": ANCHORS + OBJECTS + "every = torch.cat([each['rows'] for each in every])\n" + LOSS,
    "objects to one rank": ANCHORS + "every = [None]\ndist.gather_object([two], every, dst=0)\nevery = every[0][0]\n" + LOSS,
    "distances": ANCHORS + GATHER + "F.cross_entropy(-torch.cdist(one, every[0]), ids)\n",
    "distances of many": "one, two = net(torch.randn(2, 32, 8))\n" + GATHER + "F.cross_entropy(-torch.cdist(one, every[0]), torch.arange(32))\n",
    "cosines": ANCHORS + GATHER + "F.cross_entropy(F.cosine_similarity(one[:, None], every[0], -1) * 10, ids)\n",
    "a weight": ANCHORS + GATHER + "F.cross_entropy(F.linear(one, every[0], torch.zeros(16)), ids)\n",
    "a sum of products": ANCHORS + GATHER + "F.cross_entropy((one[:, None] * every[0]).sum(2) * 10, ids)\n",
    "batches": ANCHORS + GATHER + "F.cross_entropy(torch.baddbmm(torch.zeros(1), one[None], every[0].T[None])[0] * 10, ids)\n",
    "on the left": ANCHORS + GATHER + "F.cross_entropy((every[0] @ one.T / 0.1).T, ids)\n",
}  # fmt: skip
FINE = {
    "its own rows put back": ANCHORS + GATHER + "every[0] = two\nevery = torch.cat(every)\n" + LOSS,
    "its own rows put back among objects": ANCHORS
    + OBJECTS
    + "every[0] = {'rows': two}\nevery = torch.cat([each['rows'] for each in every])\n"
    + LOSS,
    "objects that are trained themselves": ANCHORS
    + OBJECTS
    + "every = [nn.Parameter(every[0]['rows'].detach()) * 1][0]\n"
    + LOSS,
    "distances to another's prototypes": ANCHORS
    + GATHER
    + "F.cross_entropy(-torch.cdist(one, torch.randn(16, 4)), ids)\n",
    "no gradient is meant": ANCHORS + "two = two.detach()\n" + GATHER + "every = torch.cat(every)\n" + LOSS,
    "a queue that they are put into": ANCHORS + GATHER + "every = torch.cat([every[0], torch.randn(48, 4)])\n" + LOSS,
    "a metric": ANCHORS + GATHER + "with torch.no_grad():\n    F.cross_entropy(one @ every[0].T, ids)\n",
    "losskit's loss": "losskit.NTXentLoss(process_group=dist.group.WORLD)(*net(torch.randn(2, 16, 8)))\n",
    "another loss beside": ANCHORS + GATHER + "F.cross_entropy(net(torch.randn(16, 8)), ids % 4)\n",
}


@pytest.fixture(autouse=True)
def group() -> Iterator[None]:
    """One rank."""
    torch.manual_seed(0)
    dist.init_process_group(
        "gloo",
        store=dist.HashStore(),  # type: ignore[attr-defined]
        rank=0,
        world_size=1,
    )
    yield
    dist.destroy_process_group()


def found(text: str) -> list[Finding]:
    known: dict[str, Any] = {
        "torch": torch,
        "F": F,
        "dist": dist,
        "into_tensor": INTO_TENSOR,
        "losskit": losskit,
        "nn": torch.nn,
    }
    known |= {"net": torch.nn.Linear(8, 4), "ids": torch.arange(16)}
    with losskit.watch() as watching:
        exec(text, known)
    assert sum(watching.coverage().calls.values()) == 1
    return [each for each in watching.report().findings if each.code == "LK314"]


@pytest.mark.parametrize("way", FAULTY)
def test_it_is_found(way: str) -> None:
    needs_saved_tensors("LK314")
    (finding,) = found(FAULTY[way])
    assert re.search("(16 of 16|32 of 32) rows", finding.evidence)


@pytest.mark.parametrize("way", FINE)
def test_it_is_left_alone(way: str) -> None:
    assert not found(FINE[way])


def test_the_missing_gradient_is_that_of_a_gather_that_has_one() -> None:
    needs_saved_tensors("LK314")
    text = "torch.manual_seed(1)\nnet = torch.nn.Linear(8, 4)\n" + ANCHORS
    known: dict[str, Any] = {"torch": torch, "F": F}
    exec(text, known)
    (finding,) = found(text + GATHER + "every = every[0]\n" + LOSS)
    there, missing = map(float, re.findall(r"\d+\.\d+", finding.harm))
    one, two = (known[name].detach().requires_grad_() for name in ("one", "two"))
    F.cross_entropy(one @ two.T / 0.1, torch.arange(16)).backward()
    for seen, side in ((there, one), (missing, two)):
        assert side.grad is not None
        assert seen == pytest.approx(float(side.grad.norm()), rel=0.01)


def test_gathering_is_as_before_afterwards() -> None:
    codes = dist.all_gather.__code__, dist.all_gather_into_tensor.__code__
    with losskit.watch():
        assert dist.all_gather.__code__ is not codes[0]
        rows = [torch.zeros(2)]
        assert dist.all_gather(rows, torch.ones(2)) is None
        assert rows[0].tolist() == [1, 1]
    assert (dist.all_gather.__code__, dist.all_gather_into_tensor.__code__) == codes
