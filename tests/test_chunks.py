"""How a call is cut into chunks, and that nothing is computed that nobody wants."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import losskit
from losskit.functional import linear_cross_entropy
from losskit.losses.linear_cross_entropy import chunks
from losskit.losses.linear_cross_entropy.chunks import BUDGET, Chunks, Given, at_call
from losskit.losses.linear_cross_entropy.loss import _rows


def given(rows: int = 5, dtype: torch.dtype = torch.float32, kept: Tensor | None = None) -> Given:
    generator = torch.Generator().manual_seed(0)
    input, weight = (torch.randn(n, 3, generator=generator).to(dtype) for n in (rows, 4))
    return Given(input, weight, torch.zeros(4, dtype=dtype), torch.arange(rows) % 4, kept, None)


@pytest.mark.parametrize("reduction", ["sum", "none"])
@pytest.mark.parametrize("rows", range(8))
def test_chunks_are_as_few_as_may_be_and_of_one_size(rows: int, reduction: Any) -> None:
    for size in range(1, 10):
        parts = Chunks(losskit.CrossEntropyLoss(reduction=reduction), size, torch.float32).parts(given(rows))
        sizes = [stop - start for start, stop in parts]
        assert [row for start, stop in parts for row in range(start, stop)] == list(range(rows))
        assert len(parts) == max(1, -(-rows // size))
        assert all(each == sizes[0] <= size for each in sizes[:-1])
        assert (sizes[-1] > 0) == (rows > 0)


def test_the_logits_of_a_chunk_fill_the_budget() -> None:
    row = 2**20  # bytes
    assert _rows(0, torch.empty(2**18, 3)) == BUDGET // row
    assert _rows(0, torch.empty(2**17, 3, dtype=torch.float64)) == BUDGET // row
    assert _rows(0, torch.empty(2**16, 4, 3)) == BUDGET // row
    assert _rows(0, torch.empty(1, device="meta").expand(2**26, 3)) == 1  # a single row takes more
    assert _rows(7, torch.empty(2**14, 3)) == 7


@pytest.mark.parametrize("wanted", [(True, False, False), (False, True, False), (False, False, True), (False,) * 3])
def test_only_what_is_wanted_is_computed(wanted: tuple[bool, bool, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    slopes = []
    for where, name in ((torch.autograd, "grad"), (chunks, "overwrite")):
        before = getattr(where, name)
        monkeypatch.setattr(where, name, lambda *a, of=before: slopes.append(a) or of(*a))  # type: ignore[func-returns-value]
    call = given(dtype=torch.bfloat16)
    _, found = Chunks(losskit.CrossEntropyLoss(reduction="sum"), 2, torch.bfloat16).run(call, wanted)
    assert tuple(each is not None for each in found) == wanted
    assert len(slopes) >= (3 if any(wanted) else 0)
    assert bool(slopes) == any(wanted)
    for each, own, dtype in zip(found, call, (torch.bfloat16, torch.float32, torch.float32), strict=False):
        if each is not None:
            assert own is not None
            assert (each.shape, each.dtype) == (own.shape, dtype)


def test_a_layer_that_learns_nothing_costs_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: Any) -> Any:
        raise AssertionError("computed a gradient")

    monkeypatch.setattr(torch.autograd, "grad", never)
    monkeypatch.setattr(chunks, "overwrite", never)
    call = given()
    expected = torch.nn.functional.cross_entropy(call.input @ call.weight.t(), call.target)
    for leaf in (call.input, call.input.clone().requires_grad_()):
        with torch.set_grad_enabled(leaf is call.input):
            loss = linear_cross_entropy(leaf, call.weight, call.target, chunk_size=2)
        torch.testing.assert_close(loss, expected)
        assert not loss.requires_grad


def test_rows_that_do_not_count_hold_nothing() -> None:
    kept = torch.tensor([True, False, True, False, True])
    spoilt = given(kept=kept)
    spoilt.input[~kept] = torch.nan
    part = spoilt.rows(1, 4)
    assert part.input.equal(torch.where(kept[1:4, None], spoilt.input[1:4], 0))
    assert part.target.equal(spoilt.target[1:4])
    assert part.kept is not None
    assert part.kept.equal(kept[1:4])
    assert at_call(part) == {"mask": part.kept, "sample_weight": None}
    grid = torch.tensor([[True, False], [False, False], [False, True], [False, False], [True, True]])
    assert spoilt._replace(kept=grid).rows(0, 5).input.equal(torch.where(kept[:, None], spoilt.input, 0))
