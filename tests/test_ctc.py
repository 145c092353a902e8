"""CTC, held to the rules of the suite by tests of its own: a sample lies across the steps, and lengths bound each other."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
import random
from collections.abc import Callable, Iterator
from typing import Any, get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from cases import OWN_TESTS, Subject, array, close, draw
from compiler import needs_compiler
from oracles import ORACLES
from properties import PROPERTIES
from properties.held import double, loss_and_grad, refused
from torch import Tensor

import losskit
from losskit import functional, native
from losskit.choice import choose
from losskit.core.head import Activation, Encoding, Task
from losskit.core.reduction import NOTHING, Reduction
from losskit.losses import CTCLoss
from losskit.native import autograd, library
from losskit.native.call import Unfit

ctc_loss: Callable[..., Tensor] = functional.ctc_loss
SUBJECT = Subject(CTCLoss, ctc_loss)
FLAGS: list[dict[str, Any]] = [{}, {"zero_infinity": True}, {"from_logits": True}, {"blank": 2}]


class ByFormula(CTCLoss):
    """The formula, wherever torch's operator would serve."""

    def formula(self, *tensors: Tensor) -> Tensor:
        return super().formula(*tensors)


KINDS = [CTCLoss, ByFormula]


def small(blank: int = 0) -> tuple[Tensor, ...]:
    """Scores that are not normalised, nor positive; repeats, an empty target, too few steps, no step."""
    scores = -1.5 * torch.randn(5, 6, 3, dtype=torch.float64).abs()
    one, two = (label for label in range(3) if label != blank)
    targets = torch.tensor([[one, two], [one, one], [two, 99], [-7, 99], [two, two], [99, 99]])
    return scores, targets, torch.tensor([5, 4, 1, 3, 2, 0]), torch.tensor([2, 2, 1, 0, 2, 0])


def concatenated(targets: Tensor, lengths: Tensor) -> Tensor:
    rows = zip(targets, lengths.tolist(), strict=True)
    return torch.cat([row[:length] for row, length in rows]) if len(targets) else targets.reshape(-1)


def exact(tensors: tuple[Tensor, ...], **arguments: Any) -> Tensor:
    return torch.as_tensor(ORACLES["CTCLoss"](*map(array, tensors), **arguments))


# Numbers


@pytest.mark.parametrize("arguments", FLAGS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_sum_over_all_paths(kind: type[CTCLoss], arguments: dict[str, Any]) -> None:
    tensors = small(arguments.get("blank", 0))
    scores, targets, steps, lengths = tensors
    loss = exact(tensors, **arguments)
    expected: dict[Reduction, Tensor] = {"none": loss, "sum": loss.sum(), "mean": (loss / lengths.clamp(min=1)).mean()}
    for reduction, value in expected.items():
        close(kind(**arguments, reduction=reduction)(*tensors), value)
        flat = scores, concatenated(targets, lengths), steps.tolist(), tuple(lengths.tolist())
        close(kind(**arguments, reduction=reduction)(*flat), value)
        close(ctc_loss(*tensors, **arguments, reduction=reduction), value)
    for n in range(6):  # without a batch
        target, one = targets[n, : lengths[n]], kind(**arguments, reduction="none")
        close(one(scores[:, n], target, steps[n], lengths[n]), loss[n])
        close(one(scores[:, n], targets[n], int(steps[n]), int(lengths[n])), loss[n])
        close(one(scores[:, n], targets[n : n + 1], steps[n : n + 1], [int(lengths[n])]), loss[n])
        assert one(scores[:, n], target, steps[n], lengths[n]).shape == ()


@pytest.mark.parametrize("arguments", FLAGS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_its_gradient_is_that_of_the_sum_over_all_paths(kind: type[CTCLoss], arguments: dict[str, Any]) -> None:
    tensors = small(arguments.get("blank", 0))
    scores, *rest = tensors
    loss, gradient = loss_and_grad(kind(**arguments, reduction="none"), *tensors)
    upstream, h = torch.linspace(1, 2, 6, dtype=torch.float64), 1e-6
    for at in np.ndindex(5, 6, 3):
        up, down = scores.clone(), scores.clone()
        up[at] += h
        down[at] -= h
        n = at[1]
        if math.isinf(loss[n]):
            assert gradient[at] == 0
            continue
        both = [exact((moved[:, n : n + 1], *(each[n : n + 1] for each in rest)), **arguments) for moved in (up, down)]
        close(gradient[at], upstream[n] * (both[0] - both[1])[0] / (2 * h), rtol=1e-6, atol=1e-8)
    for n, steps in enumerate(rest[1].tolist()):
        assert (gradient[steps:, n] == 0).all()


@pytest.mark.parametrize("zero_infinity", [False, True])
@pytest.mark.parametrize("reduction", get_args(Reduction))
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_torchs_behind_a_log_softmax(kind: type[CTCLoss], reduction: Reduction, zero_infinity: bool) -> None:
    logits = 2 * torch.randn(30, 7, 9, dtype=torch.float64)
    targets = torch.randint(1, 4, (7, 6))  # few labels: repeats
    steps, lengths = torch.tensor([30, 30, 17, 12, 25, 29, 5]), torch.tensor([6, 0, 3, 6, 1, 5, 4])
    targets[6] = 2  # four labels, three of them repeats, in five steps
    theirs = loss_and_grad(
        lambda x: F.ctc_loss(x.log_softmax(2), targets, steps, lengths, 0, reduction, zero_infinity), logits
    )
    criterion, inside = (kind(0, reduction, zero_infinity, from_logits=flag) for flag in (False, True))
    flat = concatenated(targets, lengths)
    finite = theirs[1].isfinite()
    assert finite.all() == zero_infinity
    for y in (targets, flat, targets.to(torch.uint8)):
        behind = loss_and_grad(lambda x, y=y: criterion(x.log_softmax(2), y, steps, lengths), logits)
        for own in (behind, loss_and_grad(inside, logits, y, steps.int(), lengths.to(torch.int8))):
            close(own[0], theirs[0])
            close(own[1][finite], theirs[1][finite], rtol=1e-9, atol=1e-12)
            assert own[1].isfinite().all()


def test_the_mean_of_ctc_divides_by_the_target_first() -> None:
    """Torch's mean, documented: the average of loss/length, not the sum of losses over that of lengths."""
    input, target = torch.randn(9, 2, 4).log_softmax(2), torch.tensor([[1, 2, 3], [2, 0, 0]])
    steps, lengths = torch.tensor([9, 9]), torch.tensor([3, 1])
    items = functional.ctc_loss(input, target, steps, lengths, reduction="none")
    mean = functional.ctc_loss(input, target, steps, lengths)
    torch.testing.assert_close(mean, F.ctc_loss(input, target, steps, lengths))
    torch.testing.assert_close(mean, (items / lengths).mean())
    assert not torch.isclose(mean, items.sum() / lengths.sum())
    assert "divides each sample's loss by its target length" in " ".join(str(losskit.CTCLoss.__doc__).split())


def test_float32_is_as_accurate_as_torchs() -> None:
    logits = 3 * torch.randn(150, 8, 40)
    targets, steps, lengths = torch.randint(1, 40, (8, 30)), torch.randint(100, 151, (8,)), torch.randint(1, 31, (8,))
    true = loss_and_grad(ByFormula(reduction="none", from_logits=True), logits.double(), targets, steps, lengths)
    theirs = loss_and_grad(lambda x: F.ctc_loss(x.log_softmax(2), targets, steps, lengths, reduction="none"), logits)
    for criterion in (
        lambda x: ctc_loss(x.log_softmax(2), targets, steps, lengths, reduction="none"),
        lambda x: ctc_loss(x, targets, steps, lengths, reduction="none", from_logits=True),
    ):
        for ours, their, exactly in zip(loss_and_grad(criterion, logits), theirs, true, strict=True):
            worst = [float((each - exactly).abs().max()) for each in (ours, their)]
            assert worst[0] <= 1.2 * worst[1] + 1e-6


@pytest.mark.parametrize(
    "name", ["as_accurate_as_torch", "vmap", "half_mean_of_many", "empty", "positions_of_torch", "documented"]
)
def test_properties_of_the_suite_that_can_draw_it(name: str) -> None:
    PROPERTIES[name](SUBJECT)


def test_it_is_in_the_catalog() -> None:
    assert CTCLoss in losskit.CATALOG
    assert "CTCLoss" in OWN_TESTS
    arguments = {name: argument.default for name, argument in CTCLoss.arguments.items()}
    names = [*CTCLoss.about.tensors, *arguments]
    signature = inspect.signature(ctc_loss).parameters
    assert list(signature) == [*names, "at_call"]
    assert {name: signature[name].default for name in arguments} == arguments


# Derivatives


@pytest.mark.parametrize("arguments", FLAGS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_gradcheck_of_scores_that_are_not_normalised(kind: type[CTCLoss], arguments: dict[str, Any]) -> None:
    scores, *rest = small(arguments.get("blank", 0))
    for reduction in get_args(Reduction):
        some = slice(0, 4) if reduction == "none" else slice(1, 3)
        given = [each[some] for each in rest]
        leaf = (4 * scores[:, some]).requires_grad_()
        criterion = kind(**arguments, reduction=reduction)
        torch.autograd.gradcheck(lambda x, f=criterion, y=given: f(x, *y), leaf)
    torch.autograd.gradgradcheck(lambda x: criterion(x, *given), leaf)


def test_transforms() -> None:
    scores, *rest = small()
    rest = [each[:4] for each in rest]
    scores = scores[:, :4]
    criterion = CTCLoss(zero_infinity=True)
    _, gradient = loss_and_grad(criterion, scores, *rest)
    close(torch.func.grad(criterion)(scores, *rest), gradient)
    tangent = torch.linspace(-1, 1, scores.numel(), dtype=torch.float64).view(scores.shape)
    close(torch.func.jvp(lambda x: criterion(x, *rest), (scores,), (tangent,))[1], (gradient * tangent).sum())
    hessian = torch.func.hessian(lambda x: criterion(x, *rest))(scores)
    leaf = scores.clone().requires_grad_()
    (first,) = torch.autograd.grad(criterion(leaf, *rest), leaf, create_graph=True)
    (second,) = torch.autograd.grad((first * tangent).sum(), leaf)
    close((hessian * tangent).sum((3, 4, 5)), second)
    jacobian: Any = torch.autograd.functional.jacobian
    rows = jacobian(lambda x: CTCLoss(reduction="none")(x, *rest), scores, vectorize=True)
    close(rows[1][:, 1], loss_and_grad(CTCLoss(reduction="sum"), scores, *rest)[1][:, 1])
    weights = torch.vmap(criterion, in_dims=(1, 0, 0, 0))(scores, *rest)  # over the samples
    close(weights, CTCLoss(reduction="none")(scores, *rest) / rest[2].clamp(min=1))


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=needs_compiler)])
@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_the_compiler_sees_the_whole_of_it(backend: str) -> None:
    tensors = tuple(each[:3] if each.dim() == 3 else each.clamp(max=3) for each in small())
    flat = tensors[0], concatenated(tensors[1], tensors[3]), *tensors[2:]
    mask, weight = torch.tensor([True, False, True, True, False, True]), torch.rand(6, dtype=torch.float64)
    calls: list[dict[str, Any]] = [{}, {"mask": mask, "sample_weight": weight, "normalizer": 3.0}]
    for given in (tensors, flat) if backend == "aot_eager" else (tensors,):
        for at_call in calls if given is flat else calls[1:]:
            torch._dynamo.reset()
            criterion = CTCLoss(zero_infinity=True, from_logits=True)
            compiled = torch.compile(criterion, fullgraph=True, backend=backend)
            expected = loss_and_grad(criterion, *given, **at_call)
            for own, eager in zip(loss_and_grad(compiled, *given, **at_call), expected, strict=True):
                close(own, eager)
    torch._dynamo.reset()


@pytest.mark.filterwarnings("ignore")  # the compiler's own
@pytest.mark.parametrize("dynamic", [False, True])
@needs_compiler
def test_many_steps_are_one_operator_to_the_compiler(dynamic: bool) -> None:
    torch._dynamo.reset()
    criteria = [CTCLoss(from_logits=flag, zero_infinity=True) for flag in (False, True)]

    def both(*given: Any) -> Tensor:
        return torch.stack([criterion(*given) for criterion in criteria])

    compiled = torch.compile(both, fullgraph=True, dynamic=dynamic)
    for steps in (40, 50) if dynamic else (40,):
        scores = -torch.randn(steps, 3, 5, dtype=torch.float64).abs()
        targets = torch.tensor([[1, 2], [1, 1], [3, 99]])
        rest: list[Any] = [targets, torch.tensor([steps, 2, 20]), torch.tensor([2, 2, 1])]
        expected = loss_and_grad(both, scores, *rest)
        for own, eager in zip(loss_and_grad(compiled, scores, *rest), expected, strict=True):
            close(own, eager)
        targets[0, 1] = 77  # nothing is checked here, and nothing is read that is not there
        assert compiled(scores, *rest).isnan().all()
    torch._dynamo.reset()
    scores, *rest = torch.randn(40, 3, 5), torch.tensor([[1, 2]] * 3), torch.tensor([40] * 3), torch.tensor([2] * 3)
    torch.library.opcheck(torch.ops.losskit.ctc, (scores.requires_grad_(), *rest, 0, True))


def test_export() -> None:
    tensors = small()
    program = torch.export.export(CTCLoss(zero_infinity=True), tensors)
    close(program.module()(*tensors), CTCLoss(zero_infinity=True)(*tensors))


def test_nothing_is_read_off_the_cpu() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.utils._python_dispatch import TorchDispatchMode

    class Calls(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            assert not {"_local_scalar_dense", "item", "nonzero"} & {func.__name__.split(".")[0]}, func
            return func(*args, **(kwargs or {}))

    with FakeTensorMode(), Calls():
        x, y = torch.empty(5, 3, 4, device="cuda"), torch.empty(3, 2, dtype=torch.int64, device="cuda")
        lengths = torch.empty(3, dtype=torch.int64, device="cuda")
        mask = torch.empty(3, dtype=torch.bool, device="cuda")
        for targets in (y, y.reshape(-1)):
            for at_call in ({}, {"mask": mask}):
                assert ctc_loss(x, targets, lengths, lengths, **at_call).device.type == "cuda"
                on_cpu = torch.empty(3, dtype=torch.int64)
                assert ctc_loss(x, targets, on_cpu, on_cpu, **at_call).device.type == "cuda"


@pytest.mark.parametrize("arguments", FLAGS, ids=str)
def test_what_runs_on_a_device_where_nothing_is_read(
    arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here it runs on the CPU, with eyes closed."""
    tensors = small(arguments.get("blank", 0))
    tensors[0][1, 0, 1], tensors[0][3, 1] = -torch.inf, -torch.inf
    if "from_logits" in arguments:
        tensors[0][3, 1, 0] = 1.0
    criterion = CTCLoss(**arguments, reduction="none")
    calls: list[tuple[tuple[Tensor, ...], dict[str, Any]]] = [
        (tensors, {}),
        ((tensors[0], concatenated(tensors[1], tensors[3]), *tensors[2:]), {}),
    ]
    calls += [(given, {"mask": torch.tensor([True, True, True, False, True, False])}) for given, _ in calls]
    expected = [loss_and_grad(criterion, *given, **at_call) for given, at_call in calls]
    for module in ("loss", "operator"):
        monkeypatch.setattr(f"losskit.losses.ctc.{module}.readable", lambda *tensors: False)
    monkeypatch.setattr("losskit.choice.in_memory", lambda tensors: False)
    for (given, at_call), wanted in zip(calls, expected, strict=True):
        for own, theirs in zip(loss_and_grad(criterion, *given, **at_call), wanted, strict=True):
            close(own, theirs)
    for label in (-1, 3, 2**40):
        tensors[1][0, 1] = label
        loss, gradient = loss_and_grad(criterion, *tensors)
        assert loss[0].isnan()
        close(loss[1:], expected[0][0][1:])
        close(gradient[:, 1:], expected[0][1][:, 1:])


def test_another_formula_disowns_torchs_operator() -> None:
    class Twice(CTCLoss):
        def formula(self, *tensors: Tensor) -> Tensor:
            return 2 * super().formula(*tensors)

    tensors = small()
    close(Twice(reduction="none")(*tensors), 2 * CTCLoss(reduction="none")(*tensors))


def test_backward_twice_and_not_at_all() -> None:
    scores, *rest = small()
    leaf = scores.clone().requires_grad_()
    loss = CTCLoss(zero_infinity=True)(leaf, *rest)
    loss.backward(retain_graph=True)
    assert leaf.grad is not None
    first = leaf.grad.clone()
    loss.backward()
    close(leaf.grad, 2 * first)
    with torch.no_grad():
        assert not CTCLoss()(leaf, *rest).requires_grad
    expected = exact((scores, *rest), zero_infinity=True).sum()
    with torch.inference_mode():
        close(CTCLoss(0, "sum", True)(leaf, *rest), expected)


# Masks, weights, the normalizer


@pytest.mark.parametrize("kind", KINDS)
def test_mask_algebra(kind: type[CTCLoss]) -> None:
    """What is masked may hold anything: NaN, labels and lengths that there are not."""
    mask = torch.tensor([True, False, True, True, False, True])
    scores, targets, steps, lengths = small()
    scores[:, 1], scores[0, 4] = torch.nan, torch.inf
    wrong_targets, wrong_steps, wrong_lengths = targets.clone(), steps.clone(), lengths.clone()
    wrong_targets[1, 0], wrong_targets[4] = 77, -1
    wrong_steps[1], wrong_lengths[4] = 99, -5
    flat = concatenated(wrong_targets, lengths)
    for reduction in get_args(Reduction):
        criterion = kind(reduction=reduction, from_logits=True)
        kept = loss_and_grad(criterion, scores[:, mask], *(each[mask] for each in (targets, steps, lengths)))
        for rest in ((wrong_targets, wrong_steps, wrong_lengths), (flat, wrong_steps, lengths)):
            loss, gradient = loss_and_grad(criterion, scores, *rest, mask=mask)
            assert (gradient[:, ~mask] == 0).all()
            close(
                gradient[:, mask] if reduction != "none" else gradient[:, :1],
                kept[1] if reduction != "none" else kept[1][:, :1],
            )
            close(loss[mask] if reduction == "none" else loss, kept[0])
            assert reduction != "none" or (loss[~mask] == 0).all()
    nothing = torch.zeros(6, dtype=torch.bool)
    assert kind()(scores, *small()[1:], mask=nothing).isnan()
    loss, gradient = loss_and_grad(kind(), scores, *small()[1:], mask=nothing, normalizer=2)
    assert loss == 0
    assert (gradient == 0).all()
    single = kind()(scores[:, 0], targets[0], 5, 2, mask=torch.tensor(True), sample_weight=torch.tensor(3.0))
    close(single, kind()(scores[:, :1], targets[:1], [5], [2]))


@pytest.mark.parametrize("kind", KINDS)
def test_weights_and_normalizer(kind: type[CTCLoss]) -> None:
    tensors = small()
    lengths = tensors[3].clamp(min=1)
    items = kind(zero_infinity=True, reduction="none")(*tensors)
    weight = torch.rand(6, dtype=torch.float64)
    mean, total = kind(zero_infinity=True), kind(zero_infinity=True, reduction="sum")
    close(mean(*tensors, sample_weight=weight), (weight * items / lengths).sum() / weight.sum())
    close(total(*tensors, sample_weight=weight), (weight * items).sum())
    close(mean(*tensors, sample_weight=weight.gt(0.5)), (items / lengths)[weight > 0.5].mean())
    parts = [
        mean(tensors[0][:, at], *(each[at] for each in tensors[1:]), normalizer=6) for at in (slice(2), slice(2, 6))
    ]
    close(parts[0] + parts[1], mean(*tensors))
    close(mean(*tensors, normalizer=torch.tensor(3.0), sample_weight=weight), (weight * items / lengths).sum() / 3)


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_aligned_disturbs_nobody(kind: type[CTCLoss]) -> None:
    """Too few steps, no chance at all, and labels of no chance: inf, no gradient, and neighbours as they would be alone."""
    tensors = scores, targets, steps, lengths = draw(CTCLoss, (5,))
    steps[:] = 8
    targets[1], steps[1], lengths[1] = 2, 4, 3  # three equal labels need five steps
    scores[3, 2] = -torch.inf  # no label at all at step 3
    lengths[3], targets[3, 0] = 1, 1
    scores[2:6, 3, 2:] = -torch.inf
    steps[4], scores[6:, 4], steps[4] = 6, torch.nan, 6  # beyond its length
    loss, gradient = loss_and_grad(kind(reduction="none"), *tensors)
    assert loss[1:3].tolist() == [math.inf] * 2
    assert gradient.isfinite().all()
    assert (gradient[:, 1:3] == 0).all()
    assert (gradient[6:, 4] == 0).all()
    close(
        loss,
        exact(tuple(each.nan_to_num(0, neginf=-torch.inf) if each.is_floating_point() else each for each in tensors)),
    )
    for n in (0, 3, 4):
        alone = kind(reduction="none")(scores[:, n], targets[n], steps[n], lengths[n])
        close(loss[n], alone)
    zeroed = loss_and_grad(kind(reduction="none", zero_infinity=True), *tensors)
    close(zeroed[0], loss.where(loss.isfinite(), 0))
    close(zeroed[1], gradient)
    assert kind()(*tensors).isinf()
    assert loss_and_grad(kind(), *tensors)[1].isfinite().all()
    leaf = scores.clone().requires_grad_()
    (first,) = torch.autograd.grad(kind()(leaf, *tensors[1:]), leaf, create_graph=True)
    assert torch.autograd.grad(first.square().sum(), leaf)[0].isfinite().all()


# Dtypes, layouts, sizes


def test_dtypes() -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        tensors = draw(CTCLoss, (4,), dtype=dtype)
        for reduction in get_args(Reduction):
            loss, gradient = loss_and_grad(CTCLoss(reduction=reduction), *tensors)
            assert loss.dtype == torch.promote_types(dtype, torch.float32)
            assert gradient.dtype == dtype
            close(loss, CTCLoss(reduction=reduction)(*map(double, tensors)), rtol=1e-5, atol=1e-6)
    x, *rest = draw(CTCLoss, (4,))
    for integers in (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8):
        close(CTCLoss()(x, *(each.to(integers) for each in rest)), CTCLoss()(x, *rest))
    with torch.autocast("cpu", torch.bfloat16):
        loss = CTCLoss(from_logits=True)(x.bfloat16(), *rest)
    assert loss.dtype == torch.float32
    close(loss, CTCLoss(from_logits=True)(x.bfloat16().float(), *rest), rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_strides(kind: type[CTCLoss]) -> None:
    tensors = draw(CTCLoss, (4,))
    expected = loss_and_grad(kind(reduction="none"), *tensors)
    for dims in ((0, 1), (1, 2), (0, 2)):
        views = [
            each.transpose(*dims).contiguous().transpose(*dims)
            if each.dim() == 3
            else each.repeat_interleave(2, -1)[..., ::2]
            for each in tensors
        ]
        leaf = views[0].requires_grad_()
        loss = kind(reduction="none")(*views)
        (loss * torch.linspace(1, 2, 4, dtype=torch.float64)).sum().backward()
        close(loss.detach(), expected[0])
        assert leaf.grad is not None
        close(leaf.grad, expected[1])
    one = [
        each[:, :1].expand(-1, 3, -1) if each.dim() == 3 else each[:1].expand(3, *each.shape[1:]) for each in tensors
    ]
    close(kind(reduction="none")(*one), expected[0][:1].expand(3))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_at_all(kind: type[CTCLoss]) -> None:
    """No step, no sample, no label: what remains still has its value."""
    none = torch.zeros(2, 0, dtype=torch.int64)
    assert kind(reduction="none")(torch.zeros(0, 2, 4), none, [0, 0], [0, 0]).tolist() == [0, 0]
    assert kind(reduction="none")(torch.zeros(0, 1, 4), torch.tensor([[1]]), [0], [1]).tolist() == [math.inf]
    scores = -torch.randn(3, 2, 4, dtype=torch.float64).abs()
    for empty in (none, none.reshape(-1)):
        loss, gradient = loss_and_grad(kind(reduction="none"), scores, empty, [3, 0], [0, 0])
        close(loss, torch.stack((-scores[:, 0, 0].sum(), torch.tensor(0.0))))
        close(gradient[:, 0, 0], torch.full((3,), -1.0))
    assert kind(reduction="none")(torch.zeros(3, 0, 4), none[:0], [], []).shape == (0,)
    close(kind()(torch.zeros(3, 1, 1), none[:1], [3], [0]), torch.tensor(0.0))  # the blank alone


def test_inputs_unmodified() -> None:
    for at_call in ({}, {"mask": torch.tensor([True, False, True, True]), "sample_weight": torch.rand(4)}):
        for flat in (False, True):
            tensors = list(draw(CTCLoss, (4,)))
            if flat:
                tensors[1] = concatenated(tensors[1], tensors[3])
            before = [each.clone() for each in tensors]
            loss = CTCLoss()(tensors[0].requires_grad_(), *tensors[1:], **at_call)
            loss.backward()
            for value, kept in zip(tensors, before, strict=True):
                assert torch.equal(value.detach(), kept)
                assert value._version == 0


def test_the_module_is_copied_and_pickled() -> None:
    criterion = CTCLoss(1, "sum", True, from_logits=True)
    tensors = small(1)
    expected = exact(tensors, blank=1, zero_infinity=True, from_logits=True).sum()
    for twin in (pickle.loads(pickle.dumps(criterion)), copy.deepcopy(criterion), copy.copy(criterion)):
        close(twin(*tensors), expected)
        assert (
            repr(twin) == repr(criterion) == "CTCLoss(blank=1, reduction='sum', zero_infinity=True, from_logits=True)"
        )
    assert not criterion.state_dict()


# The kernel

needs_kernels = pytest.mark.skipif(library.load() is None, reason=native.status().reason)


def by_the_kernel(criterion: CTCLoss, *tensors: Tensor, **at_call: Any) -> tuple[Tensor, Tensor]:
    """The loss and its gradient from the kernel, which must not decline."""

    def call(scores: Tensor, *rest: Tensor) -> Tensor:
        every = scores, *rest
        kernel = choose(criterion, every).ready
        assert kernel is not None
        return autograd.by_kernel(kernel, {}, every, criterion.extra(scores, at_call) if at_call else NOTHING)  # type: ignore[arg-type]

    return loss_and_grad(call, *tensors)


def sequences(dice: random.Random, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Scores of any spread, targets and lengths of any size, that may not fit."""
    steps, samples, classes, most = dice.randint(1, 24), dice.randint(1, 5), dice.randint(2, 40), dice.randint(0, 20)
    generator = torch.Generator().manual_seed(dice.randrange(2**31))
    logits = dice.choice([0.1, 3, 60]) * torch.randn(steps, samples, classes, generator=generator, dtype=dtype)
    targets = torch.randint(1, dice.choice([2, classes]), (samples, most), generator=generator)
    ends = [torch.randint(0, high + 1, (samples,), generator=generator) for high in (steps, min(most, steps))]
    if dice.random() < 0.3:
        logits[:, :, dice.randrange(classes)] = -torch.inf
    if dice.random() < 0.3:
        ends[0][:] = steps
    return logits, targets, *ends


@needs_kernels
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_kernel_equals_the_formula(dtype: torch.dtype) -> None:
    dice, tolerance = random.Random(0), 1e-4 if dtype is torch.float32 else 1e-9
    for _ in range(40):
        scores, targets, steps, lengths = sequences(dice, dtype)
        logits, samples = dice.random() < 0.5, len(targets)
        blank = dice.choice([0, 0, scores.shape[2] - 1])
        targets = targets.where(targets != blank, 0 if blank else 1)
        scores = scores if logits else scores.log_softmax(2).nan_to_num(-1.0, neginf=-torch.inf)
        if dice.random() < 0.3:
            targets = concatenated(targets, lengths)
        at_call: dict[str, Any] = {}
        if dice.random() < 0.3:
            at_call = {"mask": torch.rand(samples) < 0.7, "sample_weight": torch.rand(samples).round(decimals=1)}
        arguments = (blank, dice.choice(get_args(Reduction)), dice.random() < 0.5)
        tensors = scores, targets, steps, lengths
        own = by_the_kernel(CTCLoss(*arguments, from_logits=logits), *tensors, **at_call)
        exactly = loss_and_grad(ByFormula(*arguments, from_logits=logits), scores.double(), *tensors[1:], **at_call)
        for ours, formula in zip(own, exactly, strict=True):
            close(ours, formula, rtol=tolerance, atol=tolerance)


@needs_kernels
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_most_improbable_is_still_told_from_the_impossible(dtype: torch.dtype) -> None:
    """The target's labels are the least probable ones of 99 steps, by a factor of e^1000 each."""
    scores = torch.zeros(99, 2, 6, dtype=dtype)
    scores[:, :, 5] = 1000.0
    targets, rest = torch.tensor([[1, 2, 3, 3], [5, 5, 5, 5]]), (torch.tensor([99, 99]), torch.tensor([4, 4]))
    criterion = CTCLoss(reduction="none", from_logits=True)
    own = by_the_kernel(criterion, scores, targets, *rest)
    exactly = loss_and_grad(ByFormula(reduction="none", from_logits=True), scores.double(), targets, *rest)
    assert own[0].isfinite().all()
    for ours, formula in zip(own, exactly, strict=True):
        close(ours, formula, rtol=1e-6, atol=1e-5)
    scores[7, 0, :5] = -torch.inf
    assert by_the_kernel(criterion, scores, targets, *rest)[0].isinf().tolist() == [True, False]


@needs_kernels
def test_the_kernel_declines_what_it_cannot_know() -> None:
    scores, *rest = (each[:2] if each.dim() < 3 else each[:, :2] for each in small())
    for wrong in (torch.nan, torch.inf, -1e30):
        spoilt = scores.clone()
        spoilt[2, 1, 1] = wrong
        with pytest.raises(Unfit):
            by_the_kernel(CTCLoss(from_logits=True), spoilt, *rest)
    low = scores.where(scores > -1.5, -1e20)
    close(ctc_loss(low, *rest), ByFormula()(low, *rest))  # the formula knows it


@needs_kernels
def test_the_kernel_is_bitwise_the_same_on_any_number_of_threads() -> None:
    logits = torch.randn(70, 23, 300, dtype=torch.float64)
    rest = torch.randint(1, 300, (23, 60)), torch.randint(40, 71, (23,)), torch.randint(0, 30, (23,))
    found, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(by_the_kernel(CTCLoss(from_logits=True), logits, *rest))
    finally:
        torch.set_num_threads(before)
    for value, gradient in found[1:]:
        assert torch.equal(value, found[0][0])
        assert torch.equal(gradient, found[0][1])


@needs_kernels
def test_the_kernel_streams_what_the_cache_cannot_hold() -> None:
    logits, targets = torch.randn(1100, 2, 1501), torch.tensor([[7, 7, 1500], [3, 3, 3]])
    rest = targets, torch.tensor([1100, 600]), torch.tensor([3, 1])
    own = by_the_kernel(CTCLoss(reduction="sum", from_logits=True), logits, *rest)
    exactly = loss_and_grad(ByFormula(reduction="sum", from_logits=True), logits.double(), *rest)
    for ours, formula in zip(own, exactly, strict=True):
        close(ours, formula, rtol=1e-6, atol=1e-6)


@needs_kernels
def test_the_kernels_loss_behaves_as_any() -> None:
    """Its arguments and its value may change; what its gradient is recomputed from may not."""
    scores, *rest = (each[:2] if each.dim() < 3 else each[:, :2] for each in small())
    leaf = scores.clone().requires_grad_()
    criterion = CTCLoss(reduction="sum", from_logits=True)
    for argument, value in (("reduction", "mean"), ("from_logits", False), ("zero_infinity", True), ("blank", 2)):
        criterion(leaf, *rest)
        setattr(criterion, argument, value)
        labels = rest[0].where(rest[0] != 2, 0) if argument == "blank" else rest[0]
        again = CTCLoss(
            criterion.blank, criterion.reduction, criterion.zero_infinity, from_logits=criterion.from_logits
        )
        assert torch.equal(criterion(leaf, labels, *rest[1:]), again(leaf, labels, *rest[1:]))
    loss = ctc_loss(leaf, *rest, reduction="none")
    loss += 1
    loss *= 2
    (gradient,) = torch.autograd.grad(loss.sum(), leaf, retain_graph=True)
    close(gradient, 2 * loss_and_grad(lambda x: ctc_loss(x, *rest, reduction="sum"), scores)[1])
    rest[0][0, 0] = 1 + rest[0][0, 0] % 2
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(loss.sum(), leaf)
    numbers = torch.ones(3, dtype=torch.float64)
    (batch,) = torch.autograd.grad(ctc_loss(leaf, *rest), leaf, numbers, is_grads_batched=True)
    close(batch[2], loss_and_grad(lambda x: ctc_loss(x, *rest), scores)[1])


@needs_kernels
def test_accelerate_leaves_ctc_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of scores that are not normalised the gradients differ."""
    scores, *rest = (each[:2] if each.dim() < 3 else each[:, :2] for each in small())
    theirs = loss_and_grad(F.ctc_loss, scores, *rest)
    with losskit.accelerate():
        for own, their in zip(loss_and_grad(F.ctc_loss, scores, *rest), theirs, strict=True):
            assert torch.equal(own, their)


# Refusals

Change = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Any, ...]]
REFUSED: dict[str, tuple[type[Exception], list[str], Change]] = {
    "label too large": (
        IndexError,
        ["targets", "[0, 4)", "got 4 at (1, 2)", "1 of"],
        lambda x, y, s, n: (x, put(y, (1, 2), 4), s, n),
    ),
    "label below 0": (
        IndexError,
        ["targets", "[0, 4)", "-1 at (0, 0)"],
        lambda x, y, s, n: (x, put(y, (0, 0), -1), s, n),
    ),
    "blank as a label": (
        ValueError,
        ["targets", "blank", "0 at (1, 1)"],
        lambda x, y, s, n: (x, put(y, (1, 1), 0), s, n),
    ),
    "its place in the row": (
        IndexError,
        ["got 9 at (4,)"],
        lambda x, y, s, n: (x, put(y, (1, 1), 9).reshape(-1), s, n),
    ),
    "too many steps": (
        ValueError,
        ["input_lengths", "[0, 8]", "9 at (0,)"],
        lambda x, y, s, n: (x, y, put(s, (0,), 9), n),
    ),
    "steps below 0": (ValueError, ["input_lengths", "-1 at (1,)"], lambda x, y, s, n: (x, y, put(s, (1,), -1), n)),
    "too many labels": (
        ValueError,
        ["CTCLoss: target_lengths must", "[0, 3]", "4 at (1,)"],
        lambda x, y, s, n: (x, y, s, put(n, (1,), 4)),
    ),
    "labels below 0": (
        ValueError,
        ["CTCLoss: target_lengths must", "-2 at (0,)"],
        lambda x, y, s, n: (x, y, s, put(n, (0,), -2)),
    ),
    "sum of lengths": (
        ValueError,
        ["targets", "add up to, 6", "got 5"],
        lambda x, y, s, n: (x, y.reshape(-1)[:5], s, n),
    ),
    "float labels": (TypeError, ["targets", "float64", "targets.long()"], lambda x, y, s, n: (x, y.double(), s, n)),
    "bool labels": (TypeError, ["targets", "bool", "targets.long()"], lambda x, y, s, n: (x, y.bool(), s, n)),
    "float lengths": (TypeError, ["input_lengths", "input_lengths.long()"], lambda x, y, s, n: (x, y, s.float(), n)),
    "list of floats": (
        TypeError,
        ["target_lengths", "list", "torch.as_tensor"],
        lambda x, y, s, n: (x, y, s, [1.0, 2.0]),
    ),
    "list of labels": (TypeError, ["targets", "list", "torch.as_tensor"], lambda x, y, s, n: (x, y.tolist(), s, n)),
    "integer scores": (TypeError, ["log_probs", "log_probs.float()"], lambda x, y, s, n: (x.long(), y, s, n)),
    "four dimensions": (
        ValueError,
        ["log_probs", "(T, N, C)", "(8, 2, 4, 1)"],
        lambda x, y, s, n: (x.unsqueeze(3), y, s, n),
    ),
    "samples first": (
        ValueError,
        ["targets", "(8, 3)", "log_probs.transpose(0, 1)"],
        lambda x, y, s, n: (x, y[:1].expand(8, 3), s, n),
    ),
    "other targets": (ValueError, ["targets", "(1, 3)", "(8, 2, 4)", "(2, S)"], lambda x, y, s, n: (x, y[:1], s, n)),
    "other lengths": (
        ValueError,
        ["input_lengths", "(3,)", "(2,)", "torch.full"],
        lambda x, y, s, n: (x, y, [8, 8, 8], n),
    ),
    "one length for all": (ValueError, ["target_lengths", "torch.full((2,), length)"], lambda x, y, s, n: (x, y, s, 3)),
    "no blank": (ValueError, ["blank", "got 0"], lambda x, y, s, n: (x[..., :0], y, s, n)),
}


def put(value: Tensor, at: tuple[int, ...], new: int) -> Tensor:
    value = value.clone()
    value[at] = new
    return value


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_what_came_and_what_to_do(name: str) -> None:
    kind, words, change = REFUSED[name]
    tensors = (
        torch.randn(8, 2, 4, dtype=torch.float64).log_softmax(2),
        torch.tensor([[1, 2, 3], [3, 3, 1]]),
        torch.tensor([8, 8]),
        torch.tensor([3, 3]),
    )
    ctc_loss(*tensors)
    refused(kind, ["CTCLoss", *words], CTCLoss(), *change(*tensors))
    refused(kind, ["CTCLoss", *words], ctc_loss, *change(*tensors))


def test_refused_arguments() -> None:
    refused(ValueError, ["CTCLoss", "blank", "[0, inf)"], CTCLoss, -1)
    refused(TypeError, ["CTCLoss", "blank", "integer"], CTCLoss, 0.5)
    refused(ValueError, ["CTCLoss", "reduction", "'avg'"], CTCLoss, 0, "avg")
    refused(TypeError, ["CTCLoss", "zero_infinity", "'yes'"], CTCLoss, 0, "mean", "yes")
    refused(TypeError, ["CTCLoss", "by position"], CTCLoss, 0, "mean", False, True)
    tensors = draw(CTCLoss, (3,))
    refused(TypeError, ["CTCLoss", "did you mean 'mask'"], CTCLoss(), *tensors, maks=1)
    refused(ValueError, ["CTCLoss", "mask", "(3,)", "(8, 3)"], CTCLoss(), *tensors, mask=torch.ones(8, 3).bool())
    refused(ValueError, ["CTCLoss", "sample_weight", "(4,)"], CTCLoss(), *tensors, sample_weight=torch.ones(4))
    refused(ValueError, ["CTCLoss", "blank", "got 4"], CTCLoss(4), *tensors)
    refused(ValueError, ["CTCLoss", "task", "'multiclass'"], CTCLoss().head, "multiclass")


def fuzzed(seed: int) -> Iterator[tuple[Any, ...]]:
    dice = random.Random(seed)
    while True:
        steps, samples, classes, most = dice.randint(0, 7), dice.randint(0, 4), dice.randint(1, 5), dice.randint(0, 4)
        blank = dice.choice([0, 0, 0, classes - 1, classes])
        off = dice.random() < 0.3  # some are wrong
        low, high = (-1, classes) if off else (0, classes - 1)
        labels = [label for label in range(low, high + 1) if off or label != blank] or [0]
        x = -torch.randn(steps, samples, classes).abs() * dice.choice([1, 30])
        if dice.random() < 0.2 and x.numel():
            x.view(-1)[dice.randrange(x.numel())] = -torch.inf
        y = torch.tensor([[dice.choice(labels) for _ in range(most)] for _ in range(samples)], dtype=torch.int64)
        y = y.reshape(samples, most)
        n = [dice.randint(-off, most + off) if labels != [blank] else 0 for _ in range(samples)]
        s = [dice.randint(-off, steps + off) for _ in range(samples)]
        if dice.random() < 0.3:
            y = torch.cat([row[: max(length, 0)] for row, length in zip(y, n, strict=True)] or [y.reshape(-1)])
        if dice.random() < 0.05:
            y = y.double()
        if dice.random() < 0.2 and samples == 1:
            x, y = x[:, 0], y.reshape(-1)
        yield (
            CTCLoss(blank, dice.choice(["none", "sum"]), dice.random() < 0.5, from_logits=dice.random() < 0.5),
            (x, y, s, n),
        )


def test_fuzzed_calls_give_a_loss_or_a_named_error() -> None:
    found = {"loss": 0, "error": 0}
    calls = fuzzed(0)
    for _ in range(2000):
        criterion, tensors = next(calls)
        leaf = tensors[0].clone().requires_grad_()
        try:
            loss = criterion(leaf, *tensors[1:])
        except (IndexError, TypeError, ValueError) as error:
            if not str(error).startswith("CTCLoss: "):
                raise
            found["error"] += 1
            continue
        found["loss"] += 1
        lone = criterion.from_logits and bool((tensors[0] == -torch.inf).all(-1).any())  # a softmax of nothing
        assert lone or not loss.isnan().any()
        assert not criterion.zero_infinity or lone or loss.isfinite().all()
        loss.sum().backward()
        assert leaf.grad is not None
        assert lone or leaf.grad.isfinite().all()
    assert min(found.values()) > 300, found


# The other half


def test_the_most_probable_path_is_read() -> None:
    paths = torch.tensor([[1, 1, 0, 1, 2, 2], [0, 0, 0, 0, 0, 0], [3, 0, 3, 3, 1, 0]])
    output = F.one_hot(paths.T, 4).float()
    criterion = CTCLoss()
    for scores in (output, output.log_softmax(2)):
        assert [each.tolist() for each in criterion.predict(scores)] == [[1, 1, 2], [], [3, 3, 1]]
    for lengths in (torch.tensor([3, 6, 2]), [3, 6, 2]):
        assert [each.tolist() for each in criterion.predict(output, lengths)] == [[1], [], [3]]
    assert [each.tolist() for each in criterion.predict(output[:, 0])] == [[1, 1, 2]]
    assert [each.tolist() for each in criterion.predict(output[:, 0], 4)] == [[1, 1]]
    assert [each.tolist() for each in CTCLoss(blank=1).predict(output[:, 0])] == [[0, 2]]
    assert criterion.predict(torch.zeros(0, 1, 4))[0].tolist() == []
    refused(ValueError, ["CTCLoss", "lengths", "[0, 6]", "7 at (0,)"], criterion.predict, output, [7, 1, 1])
    refused(ValueError, ["CTCLoss", "lengths", "(2,)"], criterion.predict, output, [7, 1])
    refused(ValueError, ["CTCLoss", "task"], criterion.predict, output, None, "regression")
    close(criterion.probabilities(output), output.softmax(2))


def test_trained_by_gradient_descent_it_predicts_its_target() -> None:
    targets, lengths = torch.tensor([[1, 1, 2], [3, 0, 0]]), [3, 1]
    for from_logits in (False, True):
        criterion = CTCLoss(from_logits=from_logits)
        head = criterion.head(Task.SEQUENCE)
        assert head.encoding is Encoding.SEQUENCE
        assert head.training is (Activation.NONE if from_logits else Activation.LOG_SOFTMAX)
        output = torch.randn(8, 2, 4).requires_grad_()
        optimizer = torch.optim.Adam([output], 0.3)
        for _ in range(60):
            optimizer.zero_grad()
            criterion(head.training(output, 2), targets, [8, 8], lengths).backward()
            optimizer.step()
        assert [each.tolist() for each in criterion.predict(output)] == [[1, 1, 2], [3]]
