"""Cross-entropy that never holds all logits, against the cross-entropy of all logits."""

from __future__ import annotations

import copy
import inspect
import itertools
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from compiler import needs_compiler
from oracles import cross_entropy as oracle
from torch import Tensor, nn
from torch.torch_version import TorchVersion
from torch.utils._python_dispatch import TorchDispatchMode

import losskit
from losskit import functional
from losskit.functional import linear_cross_entropy
from losskit.losses.linear_cross_entropy import chunks

N, D, C = 7, 5, 11
SIZES = (1, 3, N, N + 1)
Layer = tuple[Tensor, Tensor, Tensor]
Given = list[dict[str, Any]]
needs_torchs = pytest.mark.skipif(
    TorchVersion(torch.__version__) < "2.13",
    reason="torch's own is compared with from torch 2.13 on; older ones may lack it",
)


def drawn(dtype: torch.dtype = torch.float64, n: int = N, out: tuple[int, ...] = ()) -> tuple[Layer, Tensor]:
    """Input, weight and bias that ask for gradients, and class ids of which one is ignored."""
    layer = (torch.randn(n, D), torch.randn(C, *out, D), torch.randn(C, *out))
    target = torch.randint(C, (n, *out))
    if n > 2:
        target[2] = -100
    input, weight, bias = (each.to(dtype).requires_grad_() for each in layer)
    return (input, weight, bias), target


def whole(input: Tensor, layer: Tensor, bias: Tensor | None, target: Tensor, **rest: Any) -> Tensor:
    """The same by all logits at once."""
    logits = F.linear(input, layer.flatten(0, -2), None if bias is None else bias.flatten())
    return functional.cross_entropy(logits.unflatten(-1, layer.shape[:-1]), target, **rest)


def gradients(loss: Tensor, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Under an upstream gradient that is not uniform."""
    upstream = torch.linspace(1, 2, loss.numel(), dtype=loss.dtype).view(loss.shape)
    return torch.autograd.grad(loss, tensors, upstream)


def agree(ours: Tensor, theirs: Tensor, tensors: tuple[Tensor, ...], **tolerance: Any) -> None:
    torch.testing.assert_close(ours, theirs, equal_nan=True, **tolerance)
    for own, other in zip(gradients(ours, tensors), gradients(theirs, tensors), strict=True):
        torch.testing.assert_close(own, other, **tolerance)


AT_CALL: dict[str, dict[str, Any]] = {
    "nothing": {},
    "mask": {"mask": torch.tensor([True, False, True, True, False, True, True])},
    "sample_weight": {"sample_weight": torch.tensor([1.0, 0.5, 2.0, 0.0, 3.0, 1.0, 0.1], dtype=torch.float64)},
    "both": {
        "mask": torch.tensor([True, False, True, True, False, True, True]),
        "sample_weight": torch.tensor([1.0, math.nan, 2.0, 0.0, -3.0, 1.0, 0.1], dtype=torch.float64),
    },
}


@pytest.mark.parametrize("at_call", AT_CALL)
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("size", SIZES)
def test_equals_the_cross_entropy_of_all_logits(size: int, reduction: str, at_call: str) -> None:
    layer, target = drawn()
    weight = torch.rand(C, dtype=torch.float64)
    calls = [AT_CALL[at_call]]
    if reduction == "mean":
        calls += [{**AT_CALL[at_call], "normalizer": n} for n in (3.0, torch.tensor(5.0))]
    for extra, class_weight, smoothing, ignored in itertools.product(calls, (None, weight), (0.0, 0.2), (-100, 4)):
        ids = torch.where(target == -100, ignored, target)
        given: dict[str, Any] = {"weight": class_weight, "label_smoothing": smoothing, "ignore_index": ignored}
        given |= {"reduction": reduction, **extra}
        ours = linear_cross_entropy(*layer[:2], ids, linear_bias=layer[2], chunk_size=size, **given)
        agree(ours, whole(*layer, ids, **given), layer)


def test_equals_the_oracle() -> None:
    layer, target = drawn()
    logits = np.asarray((layer[0] @ layer[1].t() + layer[2]).detach())
    loss, share = oracle(logits, target.numpy(), label_smoothing=0.1)
    ours = linear_cross_entropy(*layer[:2], target, linear_bias=layer[2], label_smoothing=0.1, chunk_size=2)
    assert ours.item() == pytest.approx(loss.sum() / share.sum(), rel=1e-12)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("size", [3, 0])
def test_gradcheck(size: int, reduction: str) -> None:
    layer, target = drawn()

    def loss(input: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        given: Any = {"reduction": reduction, "chunk_size": size, "label_smoothing": 0.1}
        return linear_cross_entropy(input, weight, target, linear_bias=bias, **given)

    torch.autograd.gradcheck(loss, layer)
    torch.autograd.gradgradcheck(loss, layer, fast_mode=True)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_class_probabilities(reduction: Any) -> None:
    layer, _ = drawn()
    target = torch.rand(N, C, dtype=torch.float64).softmax(1)
    mask = torch.tensor([True, False, True, True, False, True, True])
    spoilt = torch.where(mask[:, None], target, math.nan)
    for size in SIZES:
        ours = linear_cross_entropy(*layer[:2], target, linear_bias=layer[2], reduction=reduction, chunk_size=size)
        agree(ours, whole(*layer, target, reduction=reduction), layer)
        ours = linear_cross_entropy(*layer[:2], spoilt, reduction=reduction, chunk_size=size, mask=mask)
        agree(ours, whole(*layer[:2], None, target, reduction=reduction, mask=mask), layer[:2])
    asking = target.clone().requires_grad_()
    agree(
        linear_cross_entropy(*layer[:2], asking, chunk_size=3),
        whole(*layer[:2], None, asking),
        (*layer[:2], asking),
    )
    with pytest.raises(ValueError, match=r"must sum to 1 .* at \(5,\) \(1 of 7"):
        linear_cross_entropy(*layer[:2], torch.where(torch.arange(N)[:, None] == 5, 0.5, target), chunk_size=3)
    with pytest.raises(
        ValueError, match="LinearCrossEntropyLoss: ignore_index 3 says nothing about class probabilities; use mask"
    ):
        linear_cross_entropy(*layer[:2], target, ignore_index=3)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_several_places_with_classes_of_their_own(reduction: Any) -> None:
    """out_features of torch: K-dimensional loss."""
    layer, target = drawn(out=(2, 3))
    mask = torch.rand(N, 2, 3) > 0.3
    mask[1] = False
    mask[4, 0] = True
    calls: Given = [{}, {"mask": mask}, {"mask": mask[:, 0, 0]}, {"sample_weight": torch.rand(N, 2)}]
    for given in calls:
        ours = linear_cross_entropy(
            *layer[:2], target, linear_bias=layer[2], reduction=reduction, chunk_size=3, **given
        )
        agree(ours, whole(*layer, target, reduction=reduction, **given), layer)


@needs_torchs
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_several_places_are_torchs(reduction: Any) -> None:
    layer, target = drawn(out=(2, 3))
    theirs = F.linear_cross_entropy(*layer[:2], target, linear_bias=layer[2], reduction=reduction)
    agree(linear_cross_entropy(*layer[:2], target, linear_bias=layer[2], reduction=reduction), theirs, layer)
    soft = torch.rand(N, C, 2, 3, dtype=torch.float64).softmax(1)
    agree(linear_cross_entropy(*layer[:2], soft, chunk_size=2), F.linear_cross_entropy(*layer[:2], soft), layer[:2])


@needs_torchs
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_a_single_row(reduction: Any) -> None:
    layer, _ = drawn()
    row = layer[0][0].detach().requires_grad_()
    for target in (torch.tensor(4), torch.rand(C, dtype=torch.float64).softmax(0)):
        ours = linear_cross_entropy(row, layer[1], target, linear_bias=layer[2], reduction=reduction)
        theirs = F.linear_cross_entropy(row, layer[1], target, linear_bias=layer[2], reduction=reduction)
        agree(ours, theirs, (row, *layer[1:]))
    masked = linear_cross_entropy(row, layer[1], torch.tensor(99), mask=torch.tensor(False), reduction="sum")
    assert masked.item() == 0


@needs_torchs
def test_equals_torchs() -> None:
    layer, target = drawn()
    weight = torch.rand(C, dtype=torch.float64)
    calls: Given = [{}, {"weight": weight}, {"label_smoothing": 0.3}, {"linear_bias": layer[2]}]
    for given in calls:
        agree(
            linear_cross_entropy(*layer[:2], target, chunk_size=2, **given),
            F.linear_cross_entropy(*layer[:2], target, **given),
            layer[:2],
        )
    target = torch.randint(4, (N,))
    agree(
        linear_cross_entropy(*layer[:2], target, chunk_size=2, ignore_index=3),
        F.linear_cross_entropy(*layer[:2], target, ignore_index=3),
        layer[:2],
    )


@needs_torchs
def test_names_and_places_are_torchs() -> None:
    pairs: list[tuple[Any, Any]] = [
        (linear_cross_entropy, F.linear_cross_entropy),
        (losskit.LinearCrossEntropyLoss, nn.LinearCrossEntropyLoss),
    ]
    for ours, theirs in pairs:
        own, known = (inspect.signature(each).parameters for each in (ours, theirs))
        shared = list(known)
        assert [name for name in own if name not in ("chunk_size", "at_call")] == shared
        for name in shared:
            assert (own[name].default, own[name].kind) == (known[name].default, known[name].kind)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_half_precision(dtype: torch.dtype, reduction: Any) -> None:
    layer, target = drawn(dtype, 50)
    exact = tuple(each.detach().double().requires_grad_() for each in layer)
    ours = linear_cross_entropy(*layer[:2], target, linear_bias=layer[2], reduction=reduction, chunk_size=16)
    theirs = whole(exact[0], exact[1], exact[2], target, reduction=reduction)
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours.double(), theirs, rtol=2e-2, atol=2e-2)
    pairs = zip(gradients(ours, layer), gradients(theirs, exact), strict=True)
    for own, other in pairs:
        assert own.dtype == dtype
        assert (own - other).norm() < 1e-2 * other.norm()


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_many_chunks_round_the_layers_gradient_once(dtype: torch.dtype, reduction: Any) -> None:
    """Added up in half precision it would stop growing: what each of 512 rows adds is below half a unit of the sum."""
    rows = 512
    layer, target = drawn(dtype, rows)
    layer[0].data.abs_()
    target[:] = 3
    found = []
    for size in (1, rows):
        given: Any = {"linear_bias": layer[2], "reduction": reduction, "chunk_size": size}
        found.append(torch.autograd.grad(linear_cross_entropy(*layer[:2], target, **given).sum(), layer[1:]))
    for many, one in zip(*found, strict=True):
        assert many.dtype == one.dtype == dtype
        assert (many - one).abs().max() <= 2 * torch.finfo(dtype).eps * one.abs().max()


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_autocast_mixes_dtypes(half: torch.dtype) -> None:
    layer, target = drawn(torch.float32)
    hidden = layer[0].detach().to(half).requires_grad_()
    for size in (2, 0):
        with torch.autocast("cpu", half):
            ours = linear_cross_entropy(hidden, layer[1], target, linear_bias=layer[2], chunk_size=size)
        found = gradients(ours, (hidden, *layer[1:]))
        assert [each.dtype for each in (ours, *found)] == [torch.float32, half, torch.float32, torch.float32]
        theirs = whole(hidden.float(), *layer[1:], target)
        torch.testing.assert_close(ours, theirs, rtol=2e-2, atol=2e-2)
    with pytest.raises(TypeError, match=r"input is .* and linear_weight torch.float32; use input.to\(torch.float32\)"):
        linear_cross_entropy(hidden, layer[1], target)


class Largest(TorchDispatchMode):
    """The largest tensor that any operator makes, in elements."""

    def __init__(self) -> None:
        super().__init__()
        self.found = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        given = {id(each) for each in torch.utils._pytree.tree_leaves((args, kwargs)) if isinstance(each, Tensor)}
        for each in torch.utils._pytree.tree_leaves(made):
            if isinstance(each, Tensor) and id(each) not in given:
                self.found = max(self.found, each.untyped_storage().nbytes() // each.element_size())
        return made


ROWS, CLASSES = 64, 500  # the layer's weight is far smaller than all logits


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize(
    "way", ["one pass", "masked", "smooth", "create_graph", "weights", "no_grad", "checkpoint", "func.grad"]
)
def test_no_tensor_is_as_large_as_all_logits(way: str, reduction: Any) -> None:
    input = torch.randn(ROWS, 4, requires_grad=True)
    layer = torch.randn(CLASSES, 4, requires_grad=True)
    target = torch.randint(CLASSES, (ROWS,))
    given: dict[str, Any] = {"reduction": reduction, "chunk_size": 8}
    given |= {"mask": torch.rand(ROWS) > 0.5} if way == "masked" else {}
    given |= {"label_smoothing": 0.1} if way == "smooth" else {}
    given |= {"weight": torch.rand(CLASSES)} if way == "weights" else {}
    given |= {"sample_weight": torch.rand(ROWS, requires_grad=True)} if way == "checkpoint" else {}

    def loss(input: Tensor, layer: Tensor) -> Tensor:
        return linear_cross_entropy(input, layer, target, **given).sum()

    def by_all(input: Tensor, layer: Tensor) -> Tensor:
        rest = {name: value for name, value in given.items() if name != "chunk_size"}
        return whole(input, layer, None, target, **rest).sum()

    found = []
    for each in (loss, by_all):
        with Largest() as largest:
            if way == "func.grad":
                torch.func.grad(each, argnums=(0, 1))(input, layer)
            elif way == "no_grad":
                with torch.no_grad():
                    each(input, layer)
            elif way == "create_graph":
                (slope,) = torch.autograd.grad(each(input, layer), layer, create_graph=True)
                slope.square().sum().backward()
            else:
                each(input, layer).backward()
        found.append(largest.found)
    assert found[0] <= 8 * CLASSES < ROWS * CLASSES <= found[1]


def test_a_checkpoint_keeps_no_chunk_for_backward() -> None:
    """What autograd saves, where the differentiable chunks serve: no logits, of which a chunk has 4000."""
    input = torch.randn(ROWS, 4, requires_grad=True)
    layer = torch.randn(CLASSES, 4, requires_grad=True)
    target, weight = torch.randint(CLASSES, (ROWS,)), torch.rand(ROWS, requires_grad=True)
    saved: list[int] = []

    def pack(tensor: Tensor) -> Tensor:
        saved.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = linear_cross_entropy(input, layer, target, chunk_size=8, sample_weight=weight)
    assert max(saved, default=0) <= layer.numel()
    agree(loss, whole(input, layer, None, target, sample_weight=weight), (input, layer, weight), rtol=1e-4, atol=1e-6)


def test_the_budget_chooses_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, target = drawn()
    seen: list[int] = []
    run = chunks.Chunks.loss

    def noted(self: chunks.Chunks, given: chunks.Given) -> Tensor:
        seen.append(self.size)
        return run(self, given)

    monkeypatch.setattr(chunks.Chunks, "loss", noted)
    linear_cross_entropy(*layer[:2], target)
    linear_cross_entropy(*layer[:2], target, chunk_size=5)
    linear_cross_entropy(torch.zeros(1, 1), torch.zeros(2**25, 1), torch.zeros(1).long())
    assert seen == [chunks.BUDGET // (8 * C), 5, 1]


@pytest.mark.parametrize(("count", "size", "expected"), [(8, 7, [4, 4]), (7, 3, [3, 3, 1]), (2, 5, [2]), (0, 5, [0])])
def test_chunks_are_of_one_size(count: int, size: int, expected: list[int]) -> None:
    """A last one that is much smaller would need memory of its own."""
    given = chunks.Given(torch.zeros(count, 1), torch.zeros(2, 1), None, torch.zeros(count).long(), None, None)
    parts = chunks.Chunks(losskit.CrossEntropyLoss(), size, torch.float32).parts(given)
    assert [stop - start for start, stop in parts] == expected


def test_what_does_not_count_may_hold_anything() -> None:
    """NaN and inf in masked and ignored rows spoil neither the value nor the layer's gradient."""
    layer, target = drawn()
    mask = torch.tensor([True, False, True, True, True, True, True])
    spoilt = layer[0].detach().clone()
    spoilt[1], spoilt[2] = math.nan, math.inf  # masked, and ignored
    spoilt.requires_grad_()
    calls: Given = [{}, {"sample_weight": torch.ones(N, requires_grad=True)}]
    for given in calls:
        for size in SIZES:
            loss = linear_cross_entropy(spoilt, *layer[1:2], target, chunk_size=size, mask=mask, **given)
            theirs = linear_cross_entropy(*layer[:2], target, mask=mask)
            torch.testing.assert_close(loss, theirs)
            found, other = gradients(loss, (spoilt, layer[1])), gradients(theirs, layer[:2])
            torch.testing.assert_close(found, other)
            assert (found[0][1:3] == 0).all()


def test_nothing_kept() -> None:
    layer, target = drawn()
    nothing = torch.full((N,), -100)
    for call in ((layer[0], nothing), (layer[0][:0], target[:0])):
        input = call[0].detach().requires_grad_()
        assert linear_cross_entropy(input, layer[1], call[1]).isnan()
        calls: Given = [{"normalizer": 3.0}, {"reduction": "sum"}]
        for given in calls:
            loss = linear_cross_entropy(input, layer[1], call[1], **given)
            assert loss.item() == 0
            assert all((each == 0).all() for each in torch.autograd.grad(loss, (input, layer[1])))
    assert linear_cross_entropy(layer[0][:0], layer[1], target[:0], reduction="none").shape == (0,)


def test_micro_batches_add_up() -> None:
    """Value and gradients, with the denominator that global_count finds."""
    torch.manual_seed(1)
    criterion = losskit.LinearCrossEntropyLoss(D, C, weight=torch.rand(C), bias=True, chunk_size=2)
    input, target = torch.randn(N, D), drawn()[1]
    criterion(input, target).backward()
    once = [each.grad for each in criterion.parameters()]
    criterion.zero_grad()
    normalizer = losskit.global_count(criterion, target.split(2))
    parts = zip(input.split(2), target.split(2), strict=True)
    losses = [criterion(*each, normalizer=normalizer) for each in parts]
    for each in losses:
        each.backward()
    torch.testing.assert_close(sum(losses), criterion(input, target))
    for own, other in zip(criterion.parameters(), once, strict=True):
        torch.testing.assert_close(own.grad, other)


def test_global_count_knows_it() -> None:
    soft = torch.rand(N, C, 3).softmax(1)
    criterion = losskit.LinearCrossEntropyLoss(D, C, out_features=(3,))
    assert losskit.global_count(criterion, soft) == N * 3
    assert losskit.global_count(criterion, soft, mask=torch.arange(N) < 2) == 2 * 3


def test_tied_weights_have_both_gradients() -> None:
    embedding, target = torch.randn(C, D, dtype=torch.float64, requires_grad=True), drawn()[1]
    words = torch.randint(C, (N,))
    ours = linear_cross_entropy(embedding[words].tanh(), embedding, target, chunk_size=3)
    theirs = whole(embedding[words].tanh(), embedding, None, target)
    agree(ours, theirs, (embedding,))


@pytest.mark.parametrize("asking", list(itertools.product([True, False], repeat=3)))
@pytest.mark.parametrize("reduction", ["none", "mean"])
def test_only_what_asks_gets_a_gradient(asking: tuple[bool, ...], reduction: Any) -> None:
    layer, target = drawn()
    for each, asks in zip(layer, asking, strict=True):
        each.requires_grad_(asks)
    ours = linear_cross_entropy(*layer[:2], target, linear_bias=layer[2], reduction=reduction, chunk_size=3)
    assert ours.requires_grad == any(asking)
    if any(asking):
        wanted = tuple(each for each in layer if each.requires_grad)
        agree(ours, whole(*layer, target, reduction=reduction), wanted)
    with torch.no_grad():
        assert not linear_cross_entropy(*layer[:2], target).requires_grad


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_backward_twice(reduction: Any) -> None:
    layer, target = drawn()
    loss = linear_cross_entropy(*layer[:2], target, reduction=reduction, chunk_size=3).sum()
    loss.backward(retain_graph=True)
    once = [each.grad.clone() for each in layer[:2] if each.grad is not None]
    loss.backward()
    for own, other in zip(layer, once, strict=False):
        torch.testing.assert_close(own.grad, 2 * other)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_a_weight_that_changed_before_backward_is_noticed() -> None:
    layer, target = drawn()
    loss = linear_cross_entropy(*layer[:2], target, reduction="none")
    with torch.no_grad():
        layer[1].mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.sum().backward()


def test_strides_and_dtypes_of_what_is_given() -> None:
    layer, target = drawn(torch.float32)
    turned = tuple(each.detach().t().contiguous().t().requires_grad_() for each in layer[:2])
    spread = torch.repeat_interleave(target, 2)[::2]
    ours = linear_cross_entropy(turned[0], turned[1], spread, chunk_size=3)
    theirs = whole(turned[0], turned[1], None, target)
    agree(ours, theirs, turned)
    for dtype in (torch.int8, torch.int16, torch.int32):
        again = linear_cross_entropy(*layer[:2], target.to(dtype), chunk_size=3)
        torch.testing.assert_close(again, theirs)
    rows = torch.randn(1, D).expand(N, D).requires_grad_()
    agree(linear_cross_entropy(rows, layer[1], target), whole(rows, layer[1], None, target), (rows, layer[1]))
    before = [each.detach().clone() for each in (*layer, target)]
    linear_cross_entropy(*layer[:2], target, linear_bias=layer[2]).backward()
    assert all(torch.equal(each, kept) for each, kept in zip((*layer, target), before, strict=True))


# Compilers and transforms


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=needs_compiler)])
def test_compiled(backend: str) -> None:
    layer, target = drawn(torch.float32)
    mask = torch.tensor([True, False, True, True, False, True, True])

    def loss(input: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        given: Any = {"linear_bias": bias, "chunk_size": 3, "label_smoothing": 0.1, "mask": mask}
        items, mean = (linear_cross_entropy(input, weight, target, reduction=r, **given) for r in ("none", "mean"))
        return torch.cat([items, 2 * mean.view(1)])

    torch._dynamo.reset()
    compiled = torch.compile(loss, fullgraph=True, backend=backend)
    agree(compiled(*layer), loss(*layer), layer, rtol=1e-5, atol=1e-6)


def transformed(loss: Callable[..., Tensor], layer: tuple[Tensor, ...], stacked: tuple[Tensor, ...]) -> list[Any]:
    per_sample = torch.vmap(torch.func.grad(loss, argnums=(0, 1)), (0, None, None))
    return [
        torch.func.grad(loss, argnums=(0, 1, 2))(*layer),
        torch.func.hessian(loss, argnums=1)(*layer),
        torch.func.jvp(loss, layer, layer),
        per_sample(*stacked),
    ]


def test_transforms() -> None:
    layer, target = drawn()

    def ours(input: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return linear_cross_entropy(input, weight, target, linear_bias=bias, chunk_size=3)

    def theirs(input: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return whole(input, weight, bias, target)

    plain = tuple(each.detach() for each in layer)
    stacked = (torch.stack([plain[0], 2 * plain[0]]), *plain[1:])
    for own, other in zip(transformed(ours, plain, stacked), transformed(theirs, plain, stacked), strict=True):
        torch.testing.assert_close(own, other)
    torch._dynamo.reset()
    compiled = torch.compile(torch.func.grad(ours), fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(*plain), torch.func.grad(theirs)(*plain))


# The module


@needs_torchs
@pytest.mark.parametrize("bias", [True, False])
def test_the_module_is_torchs(bias: bool) -> None:
    """The same state_dict and initialisation."""
    weight = torch.rand(C)
    given: Any = {"bias": bias, "weight": weight, "label_smoothing": 0.1, "out_features": (2,)}
    built: list[Any] = []
    for kind in (losskit.LinearCrossEntropyLoss, nn.LinearCrossEntropyLoss):
        torch.manual_seed(3)
        built.append(kind(D, C, **given))
    ours, theirs = built
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True))
    input, target = torch.randn(N, D), torch.randint(C, (N, 2))
    torch.testing.assert_close(ours(input, target), theirs(input, target))
    torch.testing.assert_close(
        ours(input, target), functional.cross_entropy(ours.logits(input), target, weight, label_smoothing=0.1)
    )
    ours.reduction = "none"
    torch.testing.assert_close(ours(input, target), ours.formula(input, target))
    for twin in (pickle.loads(pickle.dumps(ours)), copy.deepcopy(ours)):
        torch.testing.assert_close(twin(input, target), ours(input, target))
        assert repr(twin) == repr(ours)
    assert "in_features=5, num_classes=11, out_features=(2,)" in repr(ours)


def test_the_other_half() -> None:
    criterion = losskit.LinearCrossEntropyLoss(D, C, bias=True, chunk_size=3)
    input = torch.randn(N, D)
    p = criterion.probabilities(input)
    assert torch.equal(p, criterion.linear(input).softmax(1))
    assert torch.equal(criterion.predict(input), p.argmax(1))
    assert criterion.predict(input[0]) == p[0].argmax()
    torch.testing.assert_close(criterion.probabilities(input[0]), p[0])
    assert criterion.predict(input[:0]).shape == (0,)
    with pytest.raises(ValueError, match="task must be one that it serves"):
        criterion.predict(input, "counts")


def test_it_learns() -> None:
    torch.manual_seed(0)
    criterion = losskit.LinearCrossEntropyLoss(8, 4, chunk_size=7)
    input = torch.randn(32, 8)
    target = input[:, :4].argmax(1)
    optimizer = torch.optim.Adam(criterion.parameters(), 0.1)
    for _ in range(100):
        optimizer.zero_grad()
        criterion(input, target).backward()
        optimizer.step()
    assert (criterion.predict(input) == target).all()


def test_export() -> None:
    criterion = losskit.LinearCrossEntropyLoss(D, C, dtype=torch.float64, chunk_size=3)
    (input, *_), target = drawn()
    program = torch.export.export(criterion, (input.detach(), target))
    torch.testing.assert_close(program.module()(input.detach(), target), criterion(input, target))


def test_value_and_grad() -> None:
    criterion = losskit.LinearCrossEntropyLoss(D, C, dtype=torch.float64, chunk_size=3)
    (input, *_), target = drawn()
    value, grad = losskit.value_and_grad(criterion)(input.detach(), target)
    torch.testing.assert_close(value, criterion(input, target).detach())
    torch.testing.assert_close(grad, torch.autograd.grad(criterion(input, target), input)[0])


def test_none_is_the_usual_id_to_ignore() -> None:
    given = [losskit.LinearCrossEntropyLoss(D, C, ignore_index=each) for each in (None, -100, 3)]
    assert [each.ignore_index for each in given] == [-100, -100, 3]
    given[2].ignore_index = None
    assert given[2].ignore_index == -100
    assert "ignore_index" not in "".join(map(repr, given))


def test_it_is_documented() -> None:
    words = str(losskit.LinearCrossEntropyLoss.__doc__)
    for part in ("in_features: ", "chunk_size: ", "label_smoothing: ", "Shape:", "(N, D)", "Source:"):
        assert part in words, part
    assert words.count("Args:") == 1


# Refusals


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"target": torch.tensor([0, 1, 2, 11, 4, -1, 6])}, IndexError, r"\[0, 11\), got 11 at \(3,\) \(2 of 7"),
        ({"target": torch.arange(1.0, 8)}, TypeError, r"target.long\(\)"),
        (
            {"target": torch.arange(7).unsqueeze(1)},
            ValueError,
            r"\(7, 1\).*target.squeeze\(1\).*input of shape \(7, 5\)",
        ),
        ({"target": torch.arange(6)}, ValueError, r"class ids must have shape \(7,\)"),
        ({"target": [1, 2]}, TypeError, "target must be a tensor, got list"),
        (
            {"input": torch.randn(7, 4)},
            ValueError,
            r"linear_weight of shape \(11, 5\) does not fit input of shape \(7, 4\)",
        ),
        ({"input": torch.randn(2, 7, 5)}, ValueError, r"use input.flatten\(0, -2\) and target.flatten\(\)"),
        ({"input": torch.ones(7, 5).long()}, TypeError, r"input must be floating-point.*input.float\(\)"),
        ({"input": np.ones((7, 5))}, TypeError, "input must be a tensor, got ndarray"),
        ({"linear_weight": torch.randn(1, 5)}, ValueError, "one class.*BCEWithLogitsLoss"),
        ({"linear_bias": torch.randn(5)}, ValueError, r"linear_bias must have shape \(11,\), got \(5,\)"),
        ({"weight": torch.rand(5)}, ValueError, "weight must hold one entry for each of 11 classes, got 5$"),
        ({"weight": -torch.rand(11)}, ValueError, r"weight must lie in \[0, inf\)"),
        ({"label_smoothing": 1.5}, ValueError, r"label_smoothing must lie in \[0, 1\]"),
        ({"reduction": "avg"}, ValueError, "reduction must be one of"),
        ({"chunk_size": -1}, ValueError, r"chunk_size must lie in \[0, inf\)"),
        ({"chunk_size": 2.5}, TypeError, "chunk_size must be an integer"),
        ({"sampel_weight": 1}, TypeError, "did you mean 'sample_weight'"),
        ({"mask": torch.ones(7)}, TypeError, r"mask.bool\(\)"),
        ({"mask": torch.ones(3).bool()}, ValueError, r"\(7,\).*\(3,\)"),
        ({"normalizer": -1.0}, ValueError, "normalizer must be positive"),
        ({"normalizer": 1.0, "reduction": "sum"}, ValueError, "normalizer replaces the mean's denominator"),
    ],
)
def test_refusals(change: dict[str, Any], kind: type[Exception], words: str) -> None:
    given: dict[str, Any] = {"input": torch.randn(N, D), "linear_weight": torch.randn(C, D), "target": torch.arange(N)}
    with pytest.raises(kind, match=f"LinearCrossEntropyLoss: .*{words}") as caught:
        linear_cross_entropy(**(given | change))
    assert len(str(caught.value)) < 400


def test_refusals_of_the_module() -> None:
    with pytest.raises(ValueError, match="weight must hold one entry for each of 11 classes, got 5"):
        losskit.LinearCrossEntropyLoss(D, C, weight=torch.rand(5))
    with pytest.raises(ValueError, match="reduction must be one of"):
        losskit.LinearCrossEntropyLoss(D, C, reduction="avg")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="num_classes is required: Number of classes"):
        losskit.LinearCrossEntropyLoss(D)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"num_classes must be an integer, got 2\.5"):
        losskit.LinearCrossEntropyLoss(D, 2.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="bias must be True or False, got 1"):
        losskit.LinearCrossEntropyLoss(D, C, bias=1)  # type: ignore[arg-type]
    criterion = losskit.LinearCrossEntropyLoss(D, C)
    with pytest.raises(ValueError, match="chunk_size must lie in"):
        criterion.chunk_size = -1
    wrong = torch.tensor([3, 99, 3, 3, 3, 3, 3])
    mask = wrong < 99
    assert criterion(torch.randn(N, D), wrong, mask=mask).isfinite()


def test_float16_is_computed_in_float32_wherever_it_is_seen() -> None:
    """The logits, too: rounded to float16 they would lose the digits that the transforms would then lack."""
    input, weight, target = torch.randn(6, 8).half() * 4, torch.randn(11, 8).half(), torch.randint(11, (6,))
    eager = functional.linear_cross_entropy(input, weight, target, reduction="none")
    exact = torch.nn.functional.cross_entropy(input.float() @ weight.float().T, target, reduction="none")
    seen = torch.vmap(lambda row, id: functional.linear_cross_entropy(row, weight, id))(input, target)
    for found in (eager, seen):
        torch.testing.assert_close(found, exact, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"in_features": 0}, ValueError, "in_features must lie in"),
        ({"num_classes": -3}, ValueError, "num_classes must lie in"),
        ({"in_features": 4.0}, TypeError, "in_features must be an integer"),
        ({"out_features": 2}, TypeError, "out_features must be a tuple of positive integers, got 2"),
        ({"out_features": (2, 0)}, TypeError, "out_features must be a tuple of positive integers"),
    ],
)
def test_sizes_of_no_layer_are_refused(given: dict[str, Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=f"LinearCrossEntropyLoss: {words}"):
        losskit.LinearCrossEntropyLoss(**{"in_features": 4, "num_classes": 3} | given)
