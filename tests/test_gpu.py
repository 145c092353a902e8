"""On a real GPU: the CPU's numbers, no waiting for the device, and no more memory than is promised. Skipped where there is none."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from cases import Subject, draw, subjects, variants
from properties.held import formula_of, reductions
from torch import Tensor, nn

import losskit
from losskit import functional

if not torch.cuda.is_available():
    pytest.skip("needs a GPU", allow_module_level=True)

pytestmark = [
    pytest.mark.filterwarnings("ignore:TensorFloat32"),  # what the compiler would rather do
    pytest.mark.filterwarnings("ignore:\\s*Online softmax"),
]

#: How far two orders of the same sums may lie apart.
TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-5, torch.bfloat16: 2e-2, torch.float16: 4e-3}
EVERY = pytest.mark.parametrize("subject", subjects(), ids=str)


def on_gpu(value: Any) -> Any:
    return value.cuda() if isinstance(value, Tensor) else value


@contextmanager
def no_waiting() -> Iterator[None]:
    """Raise where the program waits for the GPU."""
    with warnings.catch_warnings():  # of the mode itself: it is a prototype
        warnings.simplefilter("ignore")
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def loss_and_gradients(criterion: Callable[..., Tensor], tensors: tuple[Tensor, ...], **at_call: Any) -> list[Tensor]:
    """The loss, and the gradient of all but the target."""
    count = max(1, len(tensors) - 1)
    leaves = [value.detach().clone().requires_grad_() for value in tensors[:count] if value.is_floating_point()]
    loss = criterion(*leaves, *tensors[len(leaves) :], **at_call)
    scale = torch.linspace(1, 2, loss.numel(), dtype=loss.dtype, device=loss.device).view(loss.shape)
    return [loss.detach(), *torch.autograd.grad((loss * scale).sum(), leaves)]


def same(ours: list[Tensor], theirs: list[Tensor], dtype: torch.dtype) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert one.is_cuda
        assert one.dtype == other.dtype
        torch.testing.assert_close(one.cpu(), other, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype], equal_nan=True)


@EVERY
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_it_has_the_numbers_of_the_cpu(subject: Subject, dtype: torch.dtype) -> None:
    """With each argument, by torch's operator and by the formula, under a mask and weights too; and nothing waits."""
    mask, weight = torch.tensor([True, False, True, True]), torch.tensor([0.5, 1.0, 2.0, 0.0])
    for way in (subject, formula_of(subject)):
        for arguments in variants(way.loss):
            for reduction in reductions(way.loss):
                criterion = way.loss(**arguments, reduction=reduction)
                there = way.loss(**{name: on_gpu(value) for name, value in arguments.items()}, reduction=reduction)
                tensors = draw(criterion, dtype=dtype)
                for extra in ({}, {"mask": mask, "sample_weight": weight}):
                    expected = loss_and_gradients(criterion, tensors, **extra)
                    moved, beside = tuple(map(on_gpu, tensors)), {name: on_gpu(value) for name, value in extra.items()}
                    with no_waiting():
                        found = loss_and_gradients(there, moved, **beside)
                    same(found, expected, dtype)


@EVERY
def test_moved_modules_and_functions(subject: Subject) -> None:
    *_, arguments = variants(subject.loss)
    here = subject.loss(**arguments)
    tensors = draw(here, dtype=torch.float32)
    expected = here(*tensors)
    same([here.to("cuda")(*map(on_gpu, tensors))], [expected], torch.float32)
    tensors = tuple(map(on_gpu, draw(subject.loss, dtype=torch.float32)))
    same([subject.function(*tensors)], [subject.loss()(*(value.cpu() for value in tensors))], torch.float32)
    loss, gradient = losskit.value_and_grad(subject.loss())(*tensors)
    same([loss, gradient], loss_and_gradients(subject.loss(), tuple(each.cpu() for each in tensors))[:2], torch.float32)
    with losskit.accelerate():
        same([subject.loss()(*tensors)], [loss.cpu()], torch.float32)


@EVERY
def test_one_tensor_left_behind_is_named(subject: Subject) -> None:
    input, *rest = draw(subject.loss, dtype=torch.float32)
    with pytest.raises(ValueError, match=r"cuda:0.*cpu|cpu.*cuda:0"):
        subject.loss()(input.cuda(), *rest)


@EVERY
def test_what_is_left_behind_is_named(subject: Subject) -> None:
    """Weights of the criterion, a mask, weights of the items; a normalizer may lie anywhere, as one number may."""
    *_, most = variants(subject.loss)
    for name in (each for each, value in most.items() if isinstance(value, Tensor)):
        alone = subject.loss(**{name: most[name]})
        with pytest.raises(ValueError, match=rf"{name} is on cpu and .* on cuda:0"):
            alone(*map(on_gpu, draw(alone, dtype=torch.float32)))
    tensors = tuple(map(on_gpu, draw(subject.loss, dtype=torch.float32)))
    with pytest.raises(ValueError, match="mask is on cpu"):
        subject.loss()(*tensors, mask=torch.ones(4, dtype=torch.bool))
    with pytest.raises(ValueError, match="sample_weight is on cpu"):
        subject.loss()(*tensors, sample_weight=torch.ones(4))
    summed = subject.loss(reduction="sum")(*tensors)
    for two in (torch.tensor(2.0), torch.tensor([2], device="cuda")):
        torch.testing.assert_close(subject.loss(reduction="mean")(*tensors, normalizer=two), summed / 2)
    here = draw(subject.loss, dtype=torch.float32)
    torch.testing.assert_close(subject.loss()(*here, normalizer=torch.tensor(2.0).cuda()), summed.cpu() / 2)


@EVERY
def test_changed_in_place_and_let_go(subject: Subject) -> None:
    input, *rest = map(on_gpu, draw(subject.loss, (64,), dtype=torch.float32))
    leaf = input.clone().requires_grad_()
    loss = subject.loss()(leaf, *rest)
    loss /= 4
    loss.backward()
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()
    assert leaf.grad is not None
    assert leaf.grad.is_cuda


@EVERY
def test_compiled_to_one_gpu_program(subject: Subject) -> None:
    tensors = draw(subject.loss, dtype=torch.float32)
    torch._dynamo.reset()
    criterion = subject.loss()
    expected = loss_and_gradients(criterion, tensors)
    same(
        loss_and_gradients(torch.compile(criterion, fullgraph=True), tuple(map(on_gpu, tensors))),
        expected,
        torch.float32,
    )


@EVERY
def test_captured_in_a_cuda_graph(subject: Subject) -> None:
    """Nothing is read, so that a step can be captured once and replayed on other data."""
    one, other = (tuple(map(on_gpu, draw(subject.loss, dtype=torch.float32, seed=seed))) for seed in (0, 1))
    criterion = subject.loss()
    tensors = tuple(value.clone() for value in one)
    side: torch.cuda.Stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # as torch asks: warm up beside
        loss_and_gradients(criterion, tensors)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = loss_and_gradients(criterion, tensors)
    for value, new in zip(tensors, other, strict=True):
        value.copy_(new)
    graph.replay()
    same(captured, [value.cpu() for value in loss_and_gradients(criterion, other)], torch.float32)


@EVERY
def test_under_autocast(subject: Subject) -> None:
    """The network's output comes in half precision, and the loss is that of the CPU's float32 formulas."""
    input, *rest = draw(subject.loss, dtype=torch.float32)
    input = input.bfloat16().float()
    expected = loss_and_gradients(subject.loss(), (input, *rest))
    with torch.autocast("cuda", dtype=torch.bfloat16):
        found = loss_and_gradients(subject.loss(), tuple(map(on_gpu, (input.bfloat16(), *rest))))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.float().cpu(), other, rtol=3e-2, atol=3e-2)


@EVERY
def test_defaults_on_the_gpu(subject: Subject) -> None:
    tensors = draw(subject.loss, dtype=torch.float32)
    expected = loss_and_gradients(subject.loss(), tensors)
    with torch.device("cuda"):
        for one, other in zip(loss_and_gradients(subject.loss(), tensors), expected, strict=True):
            torch.testing.assert_close(one, other)
        same(loss_and_gradients(subject.loss(), tuple(map(on_gpu, tensors))), expected, torch.float32)


@EVERY
def test_transforms(subject: Subject) -> None:
    tensors = draw(subject.loss, dtype=torch.float64)
    criterion = subject.loss()
    step = torch.func.grad(lambda input, *rest: criterion(input, *rest))
    same([step(*map(on_gpu, tensors))], [step(*tensors)], torch.float64)
    second = torch.func.jvp(
        lambda input: step(input, *map(on_gpu, tensors[1:])),
        (tensors[0].cuda(),),
        (torch.ones_like(tensors[0]).cuda(),),
    )
    assert second[1].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_the_language_model_head_keeps_its_promise(dtype: torch.dtype) -> None:
    """Numbers of ``nn.Linear`` and cross-entropy, in a fraction of their memory."""
    torch.manual_seed(0)
    rows, width, classes = 4096, 256, 50_000
    criterion = losskit.LinearCrossEntropyLoss(width, classes, device="cuda", dtype=dtype)
    weight = criterion.linear.weight
    hidden = torch.randn(rows, width, device="cuda", dtype=dtype)
    target = torch.randint(classes, (rows,), device="cuda")
    target[::7] = -100

    def peak(function: Callable[[Tensor], Tensor]) -> tuple[int, list[Tensor]]:
        leaf = hidden.clone().requires_grad_()
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        loss = function(leaf)
        found = [loss.detach(), *torch.autograd.grad(loss, (leaf, weight))]
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before, found

    def by_all_logits(leaf: Tensor) -> Tensor:
        return F.cross_entropy(F.linear(leaf, weight).float(), target)

    peak(by_all_logits), peak(lambda leaf: criterion(leaf, target))  # warm: libraries take workspaces
    all_logits, expected = peak(by_all_logits)
    chunks, found = peak(lambda leaf: criterion(leaf, target))
    assert chunks < all_logits / 2
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.float(), other.float(), rtol=2e-2, atol=1e-4 if dtype.itemsize == 4 else 2e-3)
    kept = losskit.LinearCrossEntropyLoss(width, classes, device="cuda", dtype=dtype, reduction="none")
    assert torch.equal(kept(hidden, target)[::7], torch.zeros(-(-rows // 7), device="cuda"))
    assert criterion.predict(hidden[:8]).shape == (8,)


def called(criterion: Callable[..., Tensor], *rest_then_input: Tensor) -> Tensor:
    *rest, input = rest_then_input
    return criterion(input, *rest)


def test_ctc() -> None:
    """Long and short targets, by lengths on the CPU or the GPU."""
    torch.manual_seed(0)
    steps, batch, classes = 40, 5, 12
    logits = torch.randn(steps, batch, classes, dtype=torch.float64)
    target = torch.randint(1, classes, (batch, 9))
    lengths, of_target = torch.tensor([40, 30, 40, 25, 12]), torch.tensor([9, 9, 1, 4, 3])
    for reduction in ("none", "sum", "mean"):
        for from_logits in (False, True):
            criterion = losskit.CTCLoss(reduction=reduction, from_logits=from_logits)
            input = logits if from_logits else logits.log_softmax(-1)
            expected = loss_and_gradients(partial(called, criterion, target, lengths, of_target), (input,))
            for moved in ((lengths, of_target), (lengths.cuda(), of_target.cuda())):
                found = loss_and_gradients(partial(called, criterion, target.cuda(), *moved), (input.cuda(),))
                same(found, expected, torch.float64)


def test_losses_that_own_weights_move() -> None:
    torch.manual_seed(0)
    arcface = losskit.ArcFaceLoss(16, 10)
    embeddings, ids = torch.randn(32, 16), torch.randint(10, (32,))
    expected = loss_and_gradients(arcface, (embeddings, ids))
    with pytest.raises(ValueError, match=r"criterion\.to"):
        arcface(embeddings.cuda(), ids.cuda())
    arcface.to("cuda")
    moved = embeddings.cuda(), ids.cuda()
    with no_waiting():
        found = loss_and_gradients(arcface, moved)
    same(found, expected, torch.float32)
    adaptive = losskit.AdaptiveLogSoftmaxWithLoss(16, 100, [10, 50])
    target = torch.randint(100, (32,))
    before = adaptive(embeddings, target)[1].detach()
    adaptive.to("cuda")
    torch.testing.assert_close(adaptive(embeddings.cuda(), target.cuda())[1].detach().cpu(), before)


def test_training_learns_on_the_gpu() -> None:
    """A network on real data, the loss compiled along with it or not."""
    from sklearn.datasets import load_digits

    pixels, digits = load_digits(return_X_y=True)
    input, target = torch.tensor(pixels / 16, dtype=torch.float32).cuda(), torch.tensor(digits).cuda()
    for compiled in (False, True):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)).cuda()
        criterion = losskit.CrossEntropyLoss(label_smoothing=0.05)
        step = torch.compile(lambda: criterion(network(input), target)) if compiled else None  # noqa: B023
        optimizer = torch.optim.Adam(network.parameters(), 0.01)
        for _ in range(60):
            optimizer.zero_grad()
            loss = criterion(network(input), target) if step is None else step()
            loss.backward()
            optimizer.step()
        assert (criterion.predict(network(input)) == target).float().mean() > 0.97


def test_wrong_targets_are_the_devices_to_refuse() -> None:
    """Values are not read there: a wrong one has a number, or torch's own assertion; docs/integrations.md says so."""
    assert functional.binary_cross_entropy_with_logits(torch.zeros(2).cuda(), torch.full((2,), 1.5).cuda()).isfinite()
