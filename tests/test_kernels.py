"""Kernels against the formulas they stand for, and their place in autograd."""

from __future__ import annotations

import ctypes
import itertools
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from cases import Subject, another, draw, subjects
from compiler import COMPILER
from torch import Tensor

import losskit
from losskit import native
from losskit.choice import choose
from losskit.core.head import Encoding
from losskit.core.reduction import NOTHING
from losskit.loss import Loss
from losskit.native import autograd, library
from losskit.native.call import op_of

BY_PRODUCTS = "NTXentLoss"  # every item sees every other; see tests/test_nt_xent.py
WITH_KERNEL = [s for s in subjects() if s.loss.about.kernel is not None and str(s) != BY_PRODUCTS]
MORE: dict[Any, list[dict[str, Any]]] = {  # arguments that choose between kernels
    losskit.QuantileLoss: [{"quantile": (1e-3, 0.5, 1 - 1e-3)}],
    losskit.TripletMarginLoss: [{"p": 1.0}, {"p": 3.0}, {"p": torch.inf}],
}
SHAPES = [(37,), (65, 7), (3, 5, 31), (2, 33, 70)]
needs_kernels = pytest.mark.skipif(library.load() is None, reason=native.status().reason)


def test_kernels_are_there() -> None:
    """Wherever there is a compiler; what CI has must not be skipped in silence."""
    forced = os.environ.get(library.FORCE) == "none"
    assert native.status().level is not None or forced or COMPILER is None, native.status()


def run(criterion: Loss, *given: Any, **at_call: Any) -> tuple[Tensor, ...]:
    """Loss and gradients under an upstream gradient that is not uniform; after the tensors: by kernel or formula."""
    *tensors, way = given
    kernel = choose(criterion, tuple(tensors)).ready
    assert kernel is not None, "there is no kernel"
    leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors[: kernel.slopes]]
    tensors[: kernel.slopes] = leaves
    extra = criterion.extra(leaves[0], at_call) if at_call else NOTHING  # type: ignore[arg-type]
    if way == "kernel":
        spoil_free_memory(leaves[0])
        loss = autograd.by_kernel(kernel, criterion._buffers, tuple(tensors), extra)
    else:
        loss = criterion.by_formula(tuple(tensors), extra)
    upstream = torch.linspace(1, 2, loss.numel(), dtype=loss.dtype).view(loss.shape)
    return loss.detach(), *torch.autograd.grad(loss, leaves, upstream)


def spoil_free_memory(like: Tensor) -> None:
    """Leave NaN where a gradient and values will be written, so that what is not written shows."""
    library_, shape = library.load(), (ctypes.c_int64 * like.dim())(*like.shape)
    assert library_ is not None
    spoilt = [torch.full((n,), torch.nan, dtype=dtype) for dtype in (like.dtype, torch.float32) for n in numbers(like)]
    if like.nbytes >= library.LEASED:
        leased = library.lease(library_, shape, like.dtype)
        assert leased is not None
        spoilt.append(leased.fill_(torch.nan))
    del spoilt


def numbers(like: Tensor) -> set[int]:
    return {1, like.numel(), max(like.numel() // max(like.shape[-1], 1), 1)}


TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 1e-2, torch.float16: 2e-3}


@needs_kernels
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("subject", WITH_KERNEL, ids=str)
def test_equals_the_formula(subject: Subject, dtype: torch.dtype) -> None:
    for items in SHAPES:
        mask = torch.arange(items[0]) % 3 != 1
        options: list[dict[str, Any]] = [{}]
        for name, argument in subject.loss.arguments.items():
            if name not in ("reduction", "dim"):
                value = another(argument, items, 5)
                options.append(
                    {name: value.to(torch.promote_types(dtype, torch.float32)) if isinstance(value, Tensor) else value}
                )
        options += MORE.get(subject.loss, [])
        for arguments in [*options, {k: v for option in options for k, v in option.items()}]:
            tensors = draw(subject.loss(**arguments), items, 5, dtype)
            weight = torch.rand(subject.loss(**arguments).items(tensors[0]))
            for reduction in ("none", "sum", "mean"):
                criterion = subject.loss(**arguments, reduction=reduction)
                for at_call in ({}, {"mask": mask, "sample_weight": weight}) if criterion.kernel else ():
                    own = run(criterion, *tensors, "kernel", **at_call)
                    for ours, formula in zip(own, run(criterion, *tensors, "formula", **at_call), strict=True):
                        scale = float(formula.abs().max()) or 1.0
                        torch.testing.assert_close(
                            ours, formula, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * min(scale, 1.0)
                        )


@needs_kernels
def test_masked_logits_and_soft_targets() -> None:
    torch.manual_seed(0)
    input = torch.randn(40, 6).masked_fill(torch.rand(40, 6) < 0.3, -torch.inf)
    input[:, 0] = 1.0
    input[7] = -torch.inf
    ids = torch.zeros(40, dtype=torch.long).index_fill_(0, torch.tensor([7, 9]), -100)
    for smoothing in (0.0, 0.2):
        criterion = losskit.CrossEntropyLoss(label_smoothing=smoothing)
        soft = torch.where(input.isneginf(), 0, torch.rand(40, 6))
        soft[7] = 1 / 6
        soft = soft / soft.sum(1, keepdim=True)
        keep = torch.arange(40) != 7
        for target, at_call in ((ids, {}), (soft, {"mask": keep})):
            own = run(criterion, input, target, "kernel", **at_call)
            for ours, formula in zip(own, run(criterion, input, target, "formula", **at_call), strict=True):
                assert ours.isfinite().all()
                torch.testing.assert_close(ours, formula, rtol=1e-5, atol=1e-7)


def same(criterion: Loss, input: Tensor, target: Tensor, tolerance: float = 1e-11, **at_call: Any) -> None:
    """Kernel and formula agree in value and gradient, relative to each number."""
    own, formula = (run(criterion, input, target, way, **at_call) for way in ("kernel", "formula"))
    torch.testing.assert_close(own[0], formula[0], rtol=tolerance, atol=0)
    torch.testing.assert_close(own[1], formula[1], rtol=tolerance, atol=tolerance * float(formula[1].abs().max()))


@needs_kernels
@pytest.mark.parametrize("reduction", ["none", "mean"])
@pytest.mark.parametrize("items", [(5,), (1, 17)], ids=str)
@pytest.mark.parametrize("classes", [3, 65, 1500, 2500])
def test_every_path_with_all_that_a_loss_takes(classes: int, items: tuple[int, ...], reduction: Any) -> None:
    """Rows and tiles, with weights, smoothing, soft targets, masked logits, and NaN where nothing counts."""
    generator = torch.Generator().manual_seed(classes)
    input = 3 * torch.randn(*items, classes, generator=generator, dtype=torch.float64)
    ids = torch.randint(1, classes, items, generator=generator)
    soft = torch.rand(input.shape, generator=generator, dtype=torch.float64)
    weight = torch.rand(classes, generator=generator, dtype=torch.float64) + 0.5
    mask = torch.rand(items, generator=generator) < 0.6
    spoilt = torch.where(mask.unsqueeze(-1), input, torch.nan)
    impossible = input.clone()
    impossible[..., 0] = -torch.inf
    ids.view(-1)[1] = -100
    share = torch.rand(items, generator=generator, dtype=torch.float64)
    ignoring = (ids != -100).unsqueeze(-1)
    calls: list[tuple[Tensor, dict[str, Any]]] = [
        (input, {}),
        (impossible, {"sample_weight": share}),
        (spoilt, {"mask": mask}),
    ]
    for logits, at_call in calls:
        given = torch.where(logits.isneginf(), 0, soft)
        given = given / given.sum(-1, keepdim=True)
        for target in (ids, given.movedim(-1, 1) if len(items) > 1 else given):
            for smoothing in (0.0, 0.3):
                for weights in (None, weight):
                    criterion = losskit.CrossEntropyLoss(weights, reduction=reduction, label_smoothing=smoothing)
                    same(criterion, logits.movedim(-1, 1), target, **at_call)
        right = ids.where(ids >= 0, 1)
        for p in (1, 2):
            same(losskit.MultiMarginLoss(p, 0.7, weight, reduction=reduction), logits.movedim(-1, 1), right, **at_call)
        same(losskit.SoftmaxFocalLoss(1.5, weight, reduction=reduction), logits.movedim(-1, 1), ids, **at_call)
        log_p = torch.where(ignoring, logits.log_softmax(-1), torch.nan).movedim(-1, 1)
        same(losskit.NLLLoss(weight, reduction=reduction), log_p, ids, **at_call)


@needs_kernels
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_the_largest_logit_and_the_target_at_any_place(dtype: torch.dtype) -> None:
    """What is left of the last vector, of rows as of tiles of any width."""
    for classes in (2, 3, 17, 33, 64, 65, 67, 99, 130):
        input = 7 * torch.eye(classes, dtype=dtype) + torch.arange(classes).to(dtype) / 256
        for shift in (0, 1, classes - 1):
            target = (torch.arange(classes) + shift) % classes
            same(losskit.CrossEntropyLoss(reduction="none"), input, target, TOLERANCE[dtype])
            same(losskit.CrossEntropyLoss(), input.t()[None].contiguous(), target[None], TOLERANCE[dtype])
    for size in range(1, 70):
        input, target = draw(losskit.BCEWithLogitsLoss, (size,), 5, dtype)
        same(losskit.BCEWithLogitsLoss(reduction="sum"), input, target, TOLERANCE[dtype])


@needs_kernels
@pytest.mark.parametrize("reduction", ["none", "mean"])
def test_what_broadcasts_equals_what_is_expanded(reduction: Any) -> None:
    """Over more than a chunk, from the front, the middle and the end."""
    items = (3, 7, 13, 17)
    generator = torch.Generator().manual_seed(0)
    input = torch.randn(items, generator=generator, dtype=torch.float64)
    target = torch.rand(items, generator=generator, dtype=torch.float64)
    for shape in ((7, 1, 1), (7, 13, 1), (13, 17), (17,), (1,), items, (3, 1, 1, 1), (3, 7, 1, 1), (1, 1, 13, 1)):
        weight = torch.rand(shape, generator=generator, dtype=torch.float64) + 0.5
        whole = weight.expand(items).contiguous()
        for ours in (losskit.MSELoss, losskit.BCEWithLogitsLoss):
            for name in {"weight", "pos_weight"} & set(ours.arguments):
                if ours.arguments[name].shape == "elements" and shape != items:
                    continue  # it must be whole
                arguments: list[dict[str, Any]] = [{name: weight}, {name: whole}]
                own, expanded = (ours(**each, reduction=reduction) for each in arguments)
                for one, other in zip(
                    run(own, input, target, "kernel"), run(expanded, input, target, "kernel"), strict=True
                ):
                    assert torch.equal(one, other), (shape, name)
                same(own, input, target)
    ids = torch.randint(7, (3, 13, 17), generator=generator)
    for criterion, against in (
        (losskit.MSELoss(reduction=reduction), target),
        (losskit.CrossEntropyLoss(reduction=reduction), ids),
    ):
        for dims in (1, 2, against.dim()):
            share = torch.rand(against.shape[:dims], generator=generator, dtype=torch.float64)
            at_call: dict[str, Any] = {"sample_weight": share, "mask": share > 0.3}
            whole_call = {
                n: v.view(v.shape + (1,) * (against.dim() - dims)).expand(against.shape) for n, v in at_call.items()
            }
            found = [run(criterion, input, against, "kernel", **each) for each in (at_call, whole_call)]
            assert torch.equal(found[0][0], found[1][0])
            assert torch.equal(found[0][1], found[1][1])
            same(criterion, input, against, **at_call)


@needs_kernels
@pytest.mark.parametrize("classes", [50, 200])
def test_ids_of_any_width(classes: int) -> None:
    """uint8 has no sign: 200 is a class."""
    input, target = draw(losskit.CrossEntropyLoss, (1000,), classes)
    for criterion in (losskit.CrossEntropyLoss(), losskit.CrossEntropyLoss(ignore_index=classes - 1)):
        first = run(criterion, input, target, "kernel")
        for dtype in (torch.int32, torch.uint8, torch.int16):
            for one, other in zip(run(criterion, input, target.to(dtype), "kernel"), first, strict=True):
                assert torch.equal(one, other)


@needs_kernels
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("classes", [None, 7, 1003])
def test_stores_past_the_cache_equal_those_of_the_parts(dtype: torch.dtype, classes: int | None) -> None:
    """With a mask and weights, and in half precision; a part is small enough for ordinary stores."""
    rows = ((26 << 20) // ((3 if classes is None else 2) * dtype.itemsize)) // (classes or 1)
    generator = torch.Generator().manual_seed(0)
    input = torch.randn((rows, classes) if classes else (rows,), generator=generator).to(dtype)
    target = torch.arange(rows) % classes if classes else input.roll(1)
    at_call = {"mask": torch.arange(rows) % 5 != 1, "sample_weight": torch.arange(rows) % 3 + 0.5}
    own = [losskit.CrossEntropyLoss, losskit.NLLLoss, losskit.MultiMarginLoss] if classes else [losskit.MSELoss]
    for kind in own:
        given = input if kind is not losskit.NLLLoss else -input.abs()
        criterion = kind(reduction="sum")
        whole = run(criterion, given, target, "kernel", **at_call)[1]
        cuts = [0, rows // 3 + 1, rows // 2, rows]
        parts = [
            run(criterion, given[a:b], target[a:b], "kernel", **{n: v[a:b] for n, v in at_call.items()})[1]
            for a, b in itertools.pairwise(cuts)
        ]
        assert torch.equal(whole, torch.cat(parts))


@needs_kernels
@pytest.mark.parametrize("width", [16, 67])
def test_large_pairs_equal_their_parts(width: int) -> None:
    """Stored past the cache, where rows begin within its lines, and where a hinge leaves rows without a slope."""
    rows, generator = (26 << 20) // (4 * 4 * width), torch.Generator().manual_seed(0)
    one, other = (torch.randn(rows, width, generator=generator) for _ in range(2))
    mask, apart = torch.arange(rows) % 5 != 1, torch.arange(rows) % 2 == 0
    for criterion, tensors in (
        (losskit.TripletMarginLoss(reduction="sum"), (one, other, one.flip(0))),
        (losskit.CosineEmbeddingLoss(0.1, reduction="sum"), (one, other, torch.where(apart, -1.0, 1.0))),
    ):
        _, *whole = run(criterion, *tensors, "kernel", mask=mask)
        for part in (slice(0, rows // 2), slice(rows // 2, rows)):
            _, *own = run(criterion, *(tensor[part] for tensor in tensors), "kernel", mask=mask[part])
            assert all(torch.equal(each, all_[part]) for each, all_ in zip(own, whole, strict=True))


@needs_kernels
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_float16_is_scaled_at_the_end(reduction: Any) -> None:
    """Where each step's gradient would be subnormal; by value_and_grad and in batches of gradients, too."""
    input, target = torch.randn(70_000).half(), torch.randn(70_000).half()
    criterion = losskit.MSELoss(reduction)
    slope = 2 * (input.float() - target.float()) / (70_000 if reduction == "mean" else 1)
    _, gradient = losskit.value_and_grad(criterion)(input, target)
    torch.testing.assert_close(gradient.float(), slope, rtol=2e-3, atol=6e-8)
    leaf = input.clone().requires_grad_()
    upstream = torch.tensor([1.0, -3.0])
    (batched,) = torch.autograd.grad(criterion(leaf, target), leaf, upstream, is_grads_batched=True)
    torch.testing.assert_close(batched.float(), slope * upstream[:, None], rtol=2e-3, atol=1.2e-7)


LARGE_SLOPES = {
    "mse_loss": (40_000.0, 0.0, {}),
    "l1_loss": (2.0, 0.0, {"sample_weight": torch.full((4096,), 1e5)}),
    "binary_cross_entropy": (1e-5, 1.0, {}),
    "binary_cross_entropy_with_logits": (-3.0, 1.0, {"weight": torch.full((4096,), 1e5)}),
    "poisson_nll_loss": (11.5, 1.0, {}),
}


@needs_kernels
@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("name", LARGE_SLOPES)
def test_a_float16_slope_that_fits_but_for_its_factor(name: str, reduction: Any) -> None:
    """Beyond 65,504 before the mean makes it small; hooks on saved tensors have it computed in backward."""
    input, target, options = LARGE_SLOPES[name]
    criterion = partial(getattr(losskit.functional, name), reduction=reduction, **options)

    def slope(dtype: torch.dtype) -> Tensor:
        leaf, other = (torch.full((4096,), number).half().to(dtype) for number in (input, target))
        leaf.requires_grad_()
        criterion(leaf, other).mean().backward()
        assert leaf.grad is not None
        return leaf.grad

    right = slope(torch.float64)
    torch.testing.assert_close(slope(torch.float16).double(), right, rtol=2e-3, atol=1e-7)
    with torch.autograd.graph.save_on_cpu():
        torch.testing.assert_close(slope(torch.float16).double(), right, rtol=2e-3, atol=1e-7)


@needs_kernels
def test_large_weights_of_float16_logits_that_are_overwritten() -> None:
    logits, ids, weight = torch.randn(4096, 10).half(), torch.arange(4096) % 10, torch.full((4096,), 1e6)
    slopes = []
    for dtype, over in ((torch.float64, False), (torch.float16, True)):
        leaf = logits.to(dtype).requires_grad_()
        losskit.functional.cross_entropy(leaf * 1, ids, sample_weight=weight, inplace_backward=over).backward()
        assert leaf.grad is not None
        slopes.append(leaf.grad.double())
    torch.testing.assert_close(slopes[1], slopes[0], rtol=2e-3, atol=1e-6)


@needs_kernels
def test_bfloat16_is_rounded_as_torch_rounds() -> None:
    every = torch.arange(-32768, 32768, dtype=torch.int32).to(torch.int16).view(torch.bfloat16)
    input = every[every.float().abs() < 1e38]
    target = input.roll(12345)
    _, gradient = run(losskit.MSELoss("sum"), input, target, "kernel")
    assert torch.equal(gradient, (2 * (input.float() - target.float())).bfloat16())


FLAGS = {
    "v2": "cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3",
    "v3": "avx avx2 bmi1 bmi2 f16c fma abm movbe",
    "v4": "avx512f avx512bw avx512cd avx512dq avx512vl",
}


@needs_kernels
@pytest.mark.skipif(not Path("/proc/cpuinfo").exists() or not library._candidates("v2"), reason="no x86-64 Linux")
def test_the_best_level_of_this_processor_serves() -> None:
    line = next(each for each in Path("/proc/cpuinfo").read_text().splitlines() if each.startswith("flags"))
    have: list[str] = []
    for level, needs in FLAGS.items():
        if set(needs.split()) <= set(line.split()) and len(have) == int(level[1:]) - 2:
            have.append(level)
    there = {level: str(library._candidates(level)[0]) for level in library.LEVELS if library._candidates(level)}
    assert sorted(library._supported(there)) == have
    assert native.status().level == os.environ.get(library.FORCE, have[-1])


@needs_kernels
@pytest.mark.parametrize("subject", WITH_KERNEL, ids=str)
def test_bitwise_the_same_on_any_number_of_threads(subject: Subject) -> None:
    """In float64, whose last digits tell one order of the blocks' sums from another."""
    found, before = [], torch.get_num_threads()
    tensors = draw(subject.loss, (300_007,), 6, torch.float64)
    try:
        for threads in (1, 2, 3, 5):
            torch.set_num_threads(threads)
            found.append(
                run(
                    subject.loss(reduction="sum"),
                    *tensors,
                    "kernel",
                    sample_weight=tensors[0].flatten()[:300_007].abs(),
                )
            )
    finally:
        torch.set_num_threads(before)
    for numbers in found[1:]:
        assert all(map(torch.equal, numbers, found[0]))


SCRIPT = """
import sys, torch
sys.path.insert(0, {tests!r})
from cases import draw, subjects
import losskit
from losskit import native
assert native.status().level == {level!r}, native.status()
answers = {{}}
for subject in subjects():
    if subject.loss.about.kernel is not None and str(subject) != {excluded!r}:
        input, *rest = draw(subject.loss, (3001,), 7, torch.float32)
        loss = subject.loss()(input.requires_grad_(), *rest)
        loss.backward()
        answers[str(subject)] = (loss.detach(), input.grad)
generator = torch.Generator().manual_seed(0)
input = torch.randn(60, 3, 40, generator=generator, requires_grad=True)
loss = losskit.CTCLoss(from_logits=True)(input, torch.randint(1, 40, (3, 20), generator=generator), [60] * 3, [20, 7, 0])
loss.backward()
answers["CTCLoss"] = (loss.detach(), input.grad)
torch.save(answers, {path!r})
"""


@needs_kernels
def test_instruction_sets_agree(tmp_path: Path) -> None:
    """Within 16 eps in the value, and 8 eps of the largest gradient."""
    levels = [level for level in library.LEVELS if library._candidates(level)]
    here = native.status().level
    assert here is not None
    answers = {}
    for level in levels[levels.index(here) :]:
        path = tmp_path / f"{level}.pt"
        script = SCRIPT.format(excluded=BY_PRODUCTS, tests=str(Path(__file__).parent), level=level, path=str(path))
        subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, library.FORCE: level})
        answers[level] = torch.load(path)
    eps = torch.finfo(torch.float32).eps
    for level, own in answers.items():
        for name, (value, gradient) in own.items():
            best_value, best_gradient = answers[here][name]
            assert abs(value - best_value) <= 16 * eps * abs(best_value), (level, name)
            assert (gradient - best_gradient).abs().max() <= 8 * eps * best_gradient.abs().max(), (level, name)


def test_formulas_serve_without_kernels() -> None:
    script = """
import torch, losskit
from losskit import native
assert native.status().level is None
assert "LOSSKIT_LEVEL=none" in str(native.status())
assert native.empty_cache() == 0
x = torch.randn(5, 3, requires_grad=True)
losskit.CrossEntropyLoss()(x, torch.tensor([0, 1, 2, 0, 1])).backward()
"""
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, library.FORCE: "none"})


def test_a_level_that_does_not_exist_is_refused() -> None:
    run = subprocess.run(
        [sys.executable, "-c", "from losskit import native; native.status()"],
        capture_output=True,
        text=True,
        env={**os.environ, library.FORCE: "v9"},
    )
    assert "LOSSKIT_LEVEL must be one of v4, v3, v2, native or none, got 'v9'" in run.stderr


# Its place in autograd


def watched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who computed each loss since: a kernel or a formula."""
    seen: list[str] = []

    def by_kernel(*args: Any) -> Tensor:
        answer = autograd.by_kernel(*args)
        seen.append("kernel")
        return answer

    def by_route(self: Loss, *args: Any) -> Tensor:
        seen.append("formula")
        return unwatched(self, *args)

    unwatched = Loss._by_route
    monkeypatch.setattr("losskit.choice.by_kernel", by_kernel)
    monkeypatch.setattr(Loss, "_by_route", by_route)
    return seen


@needs_kernels
def test_the_kernel_takes_the_plain_call_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    called = watched(monkeypatch)
    input, target = torch.randn(4, 3, requires_grad=True), torch.tensor([0, 1, 2, 0])
    criterion = losskit.CrossEntropyLoss()

    class Doubled(losskit.CrossEntropyLoss):
        def formula(self, input: Tensor, target: Tensor) -> Tensor:
            return 2 * super().formula(input, target)

    class Tagged(torch.Tensor):
        pass

    criterion(input, target)
    assert called == ["kernel"]
    called.clear()
    Doubled()(input, target)
    torch.func.grad(criterion)(input.detach(), target)
    torch.vmap(criterion)(input.detach(), target)
    torch.func.jvp(lambda x: criterion(x, target), (input.detach(),), (input.detach(),))
    criterion(input.detach().as_subclass(Tagged), target)
    criterion(torch.randn(0, 3), target[:0])
    with torch.autograd.forward_ad.dual_level():
        criterion(input, target)
    soft = torch.full((4, 3), 1 / 3, requires_grad=True)
    criterion(input, soft)
    assert set(called) == {"formula"}


@needs_kernels
def test_gradients_of_gradients_and_of_second_backwards() -> None:
    input, target = torch.randn(6, 4, dtype=torch.float64, requires_grad=True), torch.randn(6, 4, dtype=torch.float64)
    loss = losskit.MSELoss("sum")(input, target)
    (gradient,) = torch.autograd.grad(loss, input, create_graph=True)
    (second,) = torch.autograd.grad(gradient.sum(), input)
    torch.testing.assert_close(second, torch.full_like(second, 2.0))
    loss = losskit.MSELoss("sum")(input, target)
    for factor in (1.0, 3.0, 1.0):
        (again,) = torch.autograd.grad(factor * loss, input, retain_graph=True)
        torch.testing.assert_close(again, factor * 2 * (input - target).detach())
    with torch.no_grad():
        input += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(loss, input)


@needs_kernels
def test_the_gradient_is_handed_over_without_a_copy() -> None:
    """``input.grad`` is the block that the kernel wrote; freed, it serves again, and empty_cache gives it back."""
    input = torch.randn(1024, 1024, requires_grad=True)
    target = torch.randn(1024, 1024)
    native.empty_cache()
    loss = losskit.MSELoss()(input, target)
    block = loss.grad_fn.gradients[0].data_ptr()  # type: ignore[union-attr]
    loss.backward()
    assert input.grad is not None
    assert input.grad.data_ptr() == block
    torch.testing.assert_close(input.grad, 2 * (input - target).detach() / input.numel())
    input.grad = None
    del loss
    assert native.empty_cache() >= input.nbytes
    assert native.empty_cache() == 0


@needs_kernels
def test_nothing_is_written_where_no_gradient_is_asked_for() -> None:
    input, target = torch.randn(8, 3, requires_grad=True), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    with torch.no_grad():
        assert losskit.CrossEntropyLoss()(input, target).grad_fn is None
    assert losskit.CrossEntropyLoss()(input.detach(), target).grad_fn is None


@needs_kernels
def test_a_loss_does_not_keep_itself_alive() -> None:
    """No cycle: the loss and its gradient go when the last name goes, without the collector."""
    import gc
    import weakref

    gc.disable()
    try:
        input = torch.randn(64, 10, requires_grad=True)
        loss = losskit.MSELoss()(input, torch.randn(64, 10))
        gone = weakref.ref(loss)
        del loss
        assert gone() is None
    finally:
        gc.enable()


@needs_kernels
def test_one_hot_and_ids_use_the_class_dimension() -> None:
    """A row-wise kernel is for losses with classes; the head says ids for them, one or a list."""
    library_ = library.load()
    assert library_ is not None
    for subject in WITH_KERNEL:
        rowwise = op_of(library_, subject.loss().kernel)[0] == "rowwise"
        ids = any(head.encoding in (Encoding.IDS, Encoding.LABEL_LIST) for head in subject.loss.about.serves.values())
        assert rowwise == ids


def test_private_names_of_torch_exist() -> None:
    """What core/watched.py leans on; a torch that drops one must fail here, not in a user's training."""
    assert torch._C._functorch.peek_interpreter_stack() is None
    assert torch._C._get_tracing_state() is None
    assert torch._C._len_torch_dispatch_stack() == 0
    assert torch.autograd.forward_ad._current_level < 0


@needs_kernels
def test_what_is_made_ready_is_never_stale() -> None:
    """A changed argument, another shape and a weight put in from outside are seen by the next call."""
    input, target = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    criterion = losskit.CrossEntropyLoss(weight=torch.ones(4))
    first = criterion(input, target)
    criterion.ignore_index = 0
    torch.testing.assert_close(criterion(input, target), criterion.by_formula((input, target), NOTHING))
    criterion.weight = None
    criterion.ignore_index = -100
    torch.testing.assert_close(criterion(input, target), first)
    weighted = losskit.CrossEntropyLoss(weight=torch.ones(4))
    weighted(input, target)
    other = torch.tensor([1.0, 2.0, 3.0, 4.0])
    torch.testing.assert_close(
        torch.func.functional_call(weighted, {"weight": other}, (input, target)),
        losskit.CrossEntropyLoss(weight=other)(input, target),
    )
    with pytest.raises((RuntimeError, IndexError, ValueError)):
        torch.func.functional_call(weighted, {"weight": torch.ones(2)}, (input, target))


@needs_kernels
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_gradients_in_batches(reduction: Any) -> None:
    input, target = torch.randn(5, 4, dtype=torch.float64, requires_grad=True), torch.tensor([0, 1, 2, 3, 0])
    for criterion, other in (
        (losskit.CrossEntropyLoss(reduction=reduction), target),
        (losskit.MSELoss(reduction), input * 0),
    ):
        found = []
        for loss in (criterion(input, other.detach()), criterion.by_formula((input, other.detach()), NOTHING)):
            upstream = torch.arange(3 * loss.numel(), dtype=torch.float64).view(3, *loss.shape)
            found.append(torch.autograd.grad(loss, input, upstream, is_grads_batched=True)[0])
        torch.testing.assert_close(*found)


@needs_kernels
def test_what_only_the_formula_can_do() -> None:
    """A gradient of the class weights, and tensors whose memory holds the other sign."""
    input, target = torch.randn(5, 4), torch.tensor([0, 1, 2, 3, 0])
    weight = torch.rand(4, requires_grad=True)
    losskit.functional.cross_entropy(input, target, weight=weight, reduction="sum").backward()
    assert weight.grad is not None
    assert (weight.grad != 0).any()
    negated = torch._neg_view(input)
    torch.testing.assert_close(losskit.L1Loss()(negated, input), (2 * input).abs().mean())


@needs_kernels
def test_a_target_changed_in_place_is_noticed() -> None:
    input, target = torch.randn(5, requires_grad=True), torch.randn(5)
    loss = losskit.MSELoss()(input, target)
    loss.backward(retain_graph=True)
    target.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@needs_kernels
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)  # by either node
def test_a_weight_put_in_from_outside_is_heard(dtype: torch.dtype) -> None:
    """Where there was none when the kernel was filled in, and where it is taken away again."""
    cases: list[tuple[Loss, tuple[int, ...], str, Tensor]] = [
        (losskit.CrossEntropyLoss(), (6,), "weight", torch.arange(4.0)),
        (losskit.MSELoss(), (6, 4), "weight", torch.arange(24.0).view(6, 4)),
        (losskit.BCEWithLogitsLoss(), (6, 4), "pos_weight", torch.arange(4.0)),
    ]
    for criterion, items, name, weight in cases:
        tensors = draw(criterion, items, 4, dtype)
        weighted = type(criterion)(**{name: weight})
        with_weight, without = weighted(*tensors), criterion(*tensors)
        assert not torch.equal(with_weight, without)
        assert torch.equal(torch.func.functional_call(criterion, {name: weight}, tensors), with_weight)
        assert torch.equal(losskit.value_and_grad(criterion)(*tensors)[0], without)
        criterion.register_buffer(name, weight)
        for _ in range(2):
            assert torch.equal(criterion(*tensors), with_weight)
        assert torch.equal(losskit.value_and_grad(criterion)(*tensors)[0], with_weight)
        criterion.register_buffer(name, None)
        assert torch.equal(criterion(*tensors), without)


# Precision, and what a kernel refuses

HALVES = """
import torch, losskit
import losskit
from losskit import native
assert native.status().level == {level!r}, native.status()
every = torch.arange(-32768, 32768, dtype=torch.int32).to(torch.int16).view(torch.float16)
input = every[every.isfinite()][:-1].clone().requires_grad_()  # an odd number: what is left of the last vector too
target = input.detach().roll(12345)
loss = losskit.MSELoss("sum")(input, target)
loss.backward()
exact = (2 * (input.detach().float() - target.float())).half()
assert torch.equal(input.grad, exact)
assert losskit.MSELoss("none")(torch.tensor([torch.nan, torch.inf]).half(), torch.zeros(2).half()).tolist()[1] == torch.inf
"""


@needs_kernels
def test_half_precision_is_converted_as_torch_does() -> None:
    """Every float16 there is, widened and rounded, by each level's own means."""
    levels = [level for level in library.LEVELS if library._candidates(level)]
    for level in levels[levels.index(str(native.status().level)) :]:
        script = HALVES.format(level=level)
        subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, library.FORCE: level})


@needs_kernels
@pytest.mark.parametrize("items", [(40,), (1000,), (6, 17)], ids=str)
def test_nll_refuses_what_is_no_log_probability(items: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Among the first numbers whichever it is, further on where it is picked, never where it does not count."""
    input, target = draw(losskit.NLLLoss, items, 100, torch.float32)
    criterion, numbers = losskit.NLLLoss(), input.numel()
    for position in (0, min(numbers, 65536) - 1):
        wrong = input.clone()
        wrong.view(-1)[position] = 0.5
        with pytest.raises(ValueError, match="log-probabilities"):
            criterion(wrong, target)
    picked = input.movedim(1, -1).reshape(-1, 100).clone()
    picked[-1, target.view(-1)[-1]] = 0.5
    wrong = picked.view(*items, 100).movedim(-1, 1) if len(items) > 1 else picked
    with pytest.raises(ValueError, match="log-probabilities"):
        criterion(wrong, target)
    called = watched(monkeypatch)
    ignored = target.clone()
    ignored.view(-1)[-1] = -100
    assert criterion(wrong, ignored).isfinite()
    assert criterion(wrong, target, mask=ignored >= 0).isfinite()
    assert criterion(torch.full_like(input, torch.nan), target).isnan()
    assert set(called) == {"kernel"}


@needs_kernels
@pytest.mark.parametrize("classes", [7, 1003])
def test_large_gradients_whose_rows_begin_within_a_cache_line(classes: int) -> None:
    """Past the size at which stores stream, with parts of cache lines at both ends."""
    for shape in ((3_300_003 // classes, classes), (3, classes, 1_100_001 // classes)):
        input = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        target = torch.arange(input.numel() // classes).view(shape[:1] + shape[2:]) % classes
        for criterion in (losskit.CrossEntropyLoss(), losskit.MSELoss()):
            second = target if criterion.class_dim(input) is not None else input.flip(0)
            own = run(criterion, input, second, "kernel")
            for ours, formula in zip(own, run(criterion, input, second, "formula"), strict=True):
                torch.testing.assert_close(ours, formula, rtol=1e-5, atol=1e-9)


@needs_kernels
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("pos_weight", [None, torch.tensor(3.0)])
def test_a_soft_target_changes_nothing_for_its_neighbours(dtype: torch.dtype, pos_weight: Tensor | None) -> None:
    """Where all targets of a chunk are 0 or 1 a shorter way gives the same loss, and the same slope but for rounding."""
    generator = torch.Generator().manual_seed(0)
    input = torch.rand(999, generator=generator, dtype=dtype) ** 20  # down to subnormals
    input[:4] = torch.tensor([0.0, 1.0, 1 - 1e-7, 1e-40])
    target = torch.randint(2, (999,), generator=generator).to(dtype)
    criterion = losskit.BCELoss(reduction="none", pos_weight=pos_weight)
    hard = run(criterion, input, target, "kernel")
    soft = run(criterion, input, torch.cat([target[:-1], target.new_tensor([0.5])]), "kernel")
    assert torch.equal(hard[0][:-1], soft[0][:-1])
    torch.testing.assert_close(hard[1][:-1], soft[1][:-1], rtol=1e-6, atol=0)
    for mine, theirs in zip(hard, run(criterion, input, target, "formula"), strict=True):
        torch.testing.assert_close(mine, theirs)


@needs_kernels
def test_value_and_grad_builds_no_graph() -> None:
    saved: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        saved.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        losskit.value_and_grad(losskit.MSELoss())(torch.randn(6), torch.randn(6))
        assert not saved
        losskit.MSELoss()(torch.randn(6, requires_grad=True), torch.randn(6))
        assert saved
