from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from losskit.checker.call import LARGEST, Call
from losskit.checker.finding import Finding, Says
from losskit.checker.gathers import RECENT
from losskit.checker.origin import LEAF, behind, nodes, saved
from losskit.checker.phrase import Phrase
from losskit.checker.rule import Rule

NEAR = 200  # nodes between the loss and the product
SAME = 1e-4  # how far the cosine of two rows that are one may be from 1
#: What compares the rows of two sides: the names by which its node saves them, and their places among its parents.
SIDES = {
    "MmBackward0": {"self": 0, "mat2": 1},
    "BmmBackward0": {"self": 0, "mat2": 1},
    "AddmmBackward0": {"mat1": 1, "mat2": 2},
    "BaddbmmBackward0": {"batch1": 1, "batch2": 2},
    "MulBackward0": {"self": 0, "other": 1},
    "CdistBackward0": {"x1": 0, "x2": 1},
    "EuclideanDistBackward0": {"x1": 0, "x2": 1},
}
IN_COLUMNS = ("mat2", "batch2")


class GatheredWithoutGradient(Rule):
    """Features gathered over ranks without their gradient.

    What it does:
        Looks behind the input for products and distances whose one side has no graph and holds nothing but rows that all_gather,
        gather or their forms for objects gave of features that require a gradient.

    Why it is wrong:
        They give copies without a graph. The features are pulled as anchors alone, never as what others are compared
        with: the gradient is not that of the loss over all ranks.

    Bad:
        from torch import distributed
        distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
        one, two = F.normalize(nn.Linear(20, 10)(torch.randn(2, 32, 20)), dim=2)
        gathered = [torch.zeros_like(two)]
        distributed.all_gather(gathered, two)
        loss = F.cross_entropy(one @ torch.cat(gathered).T / 0.1, torch.arange(32))
        distributed.destroy_process_group()

    Good:
        import torch.distributed.nn
        from torch import distributed
        distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
        one, two = F.normalize(nn.Linear(20, 10)(torch.randn(2, 32, 20)), dim=2)
        gathered = distributed.nn.functional.all_gather(two)
        loss = F.cross_entropy(one @ torch.cat(gathered).T / 0.1, torch.arange(32))
        distributed.destroy_process_group()
    """

    code = "LK314"
    name = "gathered-without-gradient"
    says = Says(
        "the features that {who} compares with were gathered over ranks without their gradient",
        "{own} of {all} rows on one side of a comparison are this rank's, gathered by a function that gives no graph",
        "{harm}",
        "gather with torch.distributed.nn.functional.all_gather, whose result has a gradient",
    )

    def inspect(self, call: Call) -> Finding | None:
        if not RECENT or not call.given[0].requires_grad:
            return None
        for rows in _without_graph(call.given[0]):
            own = _own(rows)
            if own is not None:
                lost = _lost(call, rows, own)
                counts = {"own": int(own.sum()), "all": len(rows)}
                if lost is None:
                    return self.warning(call, **counts, harm="what those rows should add to the gradient is missing")
                return self.error(call, **counts, harm=lost)
        return None


def _without_graph(input: Tensor) -> Iterator[Tensor]:
    """The rows on each side without a graph, of the comparisons that led here."""
    for node in nodes(input, NEAR):
        for name, place in SIDES.get(node.name(), {}).items():
            side = saved(node, name) if _cut(node.next_functions[place][0]) else None
            if side is not None and side.dim() == 3:
                side = _one_of_many(side)
            if side is not None and side.dim() == 2:
                yield side.T if name in IN_COLUMNS else side


def _cut(parent: Any) -> bool:
    """Whether no gradient goes from here to the network: objects come as leaves of their own."""
    if parent is None:
        return True
    leaves = (
        [node for node in behind(parent, NEAR) if node.name() == LEAF] if any(each.leaves for each in RECENT) else []
    )
    return bool(leaves) and all(any(node.variable is one for each in RECENT for one in each.leaves) for node in leaves)


def _one_of_many(side: Tensor) -> Tensor | None:
    """The matrix that all of a batch is, or that stands in it between others' rows."""
    for dim in (0, 1):
        if side.shape[dim] and torch.equal(side.select(dim, 0), side.select(dim, -1)):
            return side.select(dim, 0)
    return None


def _own(rows: Tensor) -> Tensor | None:
    """Which of the rows are this rank's; None where not all are gathered, as in a queue."""
    alike = [each for each in RECENT if each.own.shape[1] == rows.shape[1]]
    every = [one for each in alike for one in each.all if one.shape[-1] == rows.shape[1]]
    if not every or len(rows) * sum(map(len, every)) > LARGEST:
        return None
    own = _among(rows, [each.own for each in alike])
    return own if bool(own.any()) and bool(_among(rows, every).all()) else None


def _among(rows: Tensor, known: list[Tensor]) -> Tensor:
    """Which rows have the direction of a known one: they may have been normalized since."""
    unit = torch.nn.functional.normalize(rows.float(), dim=1)
    others = torch.nn.functional.normalize(
        torch.cat([each.reshape(-1, rows.shape[1]) for each in known]).float(), dim=1
    )
    return (unit @ others.T).amax(1) >= 1 - SAME


def _lost(call: Call, rows: Tensor, own: Tensor) -> Phrase | None:
    """The gradient that is missing, beside the one that is there, where the input is a multiple of cosines."""
    rows, input = rows.float(), call.input
    if input.shape != (len(input), len(rows)) or not _alike(rows) or not torch.isfinite(input).all():
        return None
    anchors = input @ torch.linalg.pinv(rows.T)  # times what multiplies the cosines
    scale = anchors.norm(dim=1).mean()
    if not _alike(anchors) or not torch.allclose(anchors @ rows.T, input, rtol=1e-2, atol=1e-2 * float(scale)):
        return None
    with torch.inference_mode(False), torch.enable_grad():
        leaf = input.clone().requires_grad_()
        (slope,) = torch.autograd.grad(call.at(leaf), leaf)
    there, missing = scale * (slope @ rows), (slope.T @ anchors)[own]
    told = "the anchors get a gradient of norm {there}, and the gathered rows of this rank miss one of norm {missing}"
    return Phrase(told, there=float(there.norm()), missing=float(missing.norm()))


def _alike(rows: Tensor) -> bool:
    """Whether all have the same norm."""
    norms = rows.norm(dim=1)
    return bool((norms - norms.mean()).abs().max() <= 1e-3 * norms.mean()) and bool(norms.mean() > 0)
