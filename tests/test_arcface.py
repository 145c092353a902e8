"""ArcFace, whose class directions are its own: the rules of the suite, with a weight beside the call."""

from __future__ import annotations

import copy
import io
import itertools
import math
import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from cases import array, close
from compiler import needs_compiler
from limits import POSITIVE, Limits
from oracles import ORACLES
from torch import Tensor
from torch.func import functional_call

import losskit
from losskit.core.head import Task

N, D, C = 7, 5, 4
F64 = torch.float64
TARGET = torch.tensor([0, 3, 1, 2, 3, 0, 1])
MASK = torch.tensor([True, False, True, True, False, True, True])
WEIGHT = torch.tensor([1.0, 0.5, 2.0, 0.0, 3.0, 1.0, 0.1], dtype=F64)
VARIANTS: list[dict[str, Any]] = [
    {},
    {"scale": 3.0},
    {"margin": 0.0},
    {"margin": 1.2, "scale": 2.5},
    {"ignore_index": 3},
]
AT_CALL: list[dict[str, Any]] = [
    {},
    {"mask": MASK},
    {"sample_weight": WEIGHT},
    {"mask": MASK, "sample_weight": torch.where(MASK, WEIGHT, math.nan)},
    {"normalizer": 3.0},
]


def built(dtype: torch.dtype = F64, **given: Any) -> losskit.ArcFaceLoss:
    torch.manual_seed(1)
    return losskit.ArcFaceLoss(D, C, dtype=dtype, **given)


def drawn(*shape: int, dtype: torch.dtype = F64) -> Tensor:
    return torch.randn(*(shape or (N, D)), dtype=F64).to(dtype)


def oracle(criterion: losskit.ArcFaceLoss, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    given = {name: getattr(criterion, name) for name in ("scale", "margin", "ignore_index")}
    loss, share = ORACLES["ArcFaceLoss"](array(input), array(target), weight=array(criterion.weight), **given)
    return torch.as_tensor(loss), torch.as_tensor(share)


def slopes(criterion: losskit.ArcFaceLoss, input: Tensor, target: Tensor, **at_call: Any) -> tuple[Tensor, ...]:
    """The loss, and under an upstream gradient that is not uniform those of the embeddings and the weight."""
    leaf = input.detach().clone().requires_grad_()
    loss = criterion(leaf, target, **at_call)
    upstream = torch.linspace(1, 2, loss.numel(), dtype=loss.dtype).view(loss.shape)
    return loss.detach(), *torch.autograd.grad(loss, (leaf, criterion.weight), upstream)


def of_both(criterion: losskit.ArcFaceLoss, target: Tensor, input: Tensor, weight: Tensor, **at_call: Any) -> Tensor:
    """The loss as a function of the embeddings and the weight."""
    loss: Tensor = functional_call(criterion, {"weight": weight}, (input, target), at_call)
    return loss


# Values


@pytest.mark.parametrize("shape", [(), (6,), (2, 3), (0,)])
@pytest.mark.parametrize("given", VARIANTS, ids=str)
def test_equals_the_oracle(given: dict[str, Any], shape: tuple[int, ...]) -> None:
    criterion, input, target = built(**given), drawn(*shape, D), torch.randint(C, shape)
    loss, share = oracle(criterion, input, target)
    for reduction, true in (("none", loss), ("sum", loss.sum()), ("mean", loss.sum() / share.sum())):
        criterion.reduction = reduction  # type: ignore[assignment]
        close(criterion(input, target), true)


def test_what_a_call_adds() -> None:
    for given in VARIANTS:
        criterion, input = built(**given), drawn()
        loss, share = oracle(criterion, input, TARGET)
        share = share * WEIGHT
        close(criterion(input, TARGET, sample_weight=WEIGHT), (loss * WEIGHT).sum() / share.sum())
        weighted = criterion(input, TARGET, sample_weight=WEIGHT, mask=MASK)
        close(weighted, (loss * WEIGHT)[MASK].sum() / share[MASK].sum())
        parts = [criterion(input[i : i + 2], TARGET[i : i + 2], normalizer=10.0) for i in range(0, N, 2)]
        close(torch.stack(parts).sum(), loss.sum() / 10)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_what_is_masked_or_ignored_has_no_gradient_whatever_it_holds(reduction: str) -> None:
    criterion, input = built(reduction=reduction), drawn()
    kept = slopes(criterion, input[MASK], TARGET[MASK])
    spoilt = torch.where(MASK[:, None], input, math.nan)
    for target, at_call in ((torch.where(MASK, TARGET, 99), {"mask": MASK}), (torch.where(MASK, TARGET, -100), {})):
        loss, of_input, of_weight = slopes(criterion, spoilt, target, **at_call)
        assert (of_input[~MASK] == 0).all()
        if reduction == "none":
            assert (loss[~MASK] == 0).all()
            close(loss[MASK], kept[0])
        else:
            for own, true in zip((loss, of_input[MASK], of_weight), kept, strict=True):
                close(own, true)
    nothing = torch.zeros(N, dtype=torch.bool)
    assert criterion(input, TARGET, mask=nothing).isnan().all() == (reduction == "mean")


def test_a_mask_over_leading_dimensions() -> None:
    criterion, input, target = built(), drawn(3, 2, D), torch.randint(C, (3, 2))
    rows = torch.tensor([True, False, True])
    close(criterion(input, target, mask=rows), criterion(input[rows], target[rows]))


def test_micro_batches_add_up() -> None:
    criterion, input, target = built(), drawn(), torch.where(MASK, TARGET, -100)
    n = losskit.global_count(criterion, target)
    assert n == 5
    parts = [criterion(input[i : i + 3], target[i : i + 3], normalizer=n) for i in range(0, N, 3)]
    close(torch.stack(parts).sum(), criterion(input, target))


# Gradients


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("given", VARIANTS, ids=str)
def test_gradcheck(given: dict[str, Any], reduction: str) -> None:
    criterion, leaves = built(**given, reduction=reduction), (drawn().requires_grad_(), drawn(C, D).requires_grad_())
    for at_call in AT_CALL[:4]:
        function = partial(of_both, criterion, TARGET, **at_call)
        torch.autograd.gradcheck(function, leaves)
        torch.autograd.gradgradcheck(function, leaves, fast_mode=True)
    weight = (WEIGHT + 0.5).requires_grad_()
    torch.autograd.gradcheck(lambda x: criterion(leaves[0], TARGET, sample_weight=x), weight)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("margin", [0.0, 0.5, 1.5])
def test_embeddings_along_a_class_and_against_it(margin: float, dtype: torch.dtype) -> None:
    """There the derivative of the angle by the cosine is infinite."""
    criterion = built(dtype, margin=margin, scale=4.0, reduction="none")
    criterion.weight.data.copy_(torch.eye(C, D))
    input = torch.cat([torch.eye(C, D), -torch.eye(C, D), torch.zeros(1, D)]).to(dtype)
    target = torch.tensor([*range(C), *range(C), 0])
    loss, of_input, of_weight = slopes(criterion, input, target)
    along, against = math.cos(margin), -1 - margin * math.sin(margin)
    others = [3.0] * 8 + [3.0]
    for found, cosine, rest in zip(
        loss.tolist(), [along] * 4 + [against] * 4 + [-math.sin(margin)], others, strict=True
    ):
        assert found == pytest.approx(math.log1p(rest * math.exp(-4 * cosine)), rel=1e-5)
    assert of_input.isfinite().all()
    assert of_weight.isfinite().all()
    leaf = input.clone().requires_grad_()
    (slope,) = torch.autograd.grad(criterion(leaf, target).sum(), leaf, create_graph=True)
    (second,) = torch.autograd.grad(slope.sum(), leaf)
    assert second.isfinite().all()


def test_digits_next_to_a_class_and_its_opposite() -> None:
    """In float32 the sine of a small angle, and with it the loss and its slope, keep their digits."""
    for angle in (1e-6, 1e-4, 1e-2, 0.5, 1.0, 2.0, math.pi - 0.51, math.pi - 0.49, math.pi - 1e-2, math.pi - 1e-5):
        narrow, wide = (built(dtype, scale=8.0) for dtype in (torch.float32, F64))
        for criterion in (narrow, wide):
            criterion.weight.data.copy_(torch.eye(C, D))
        input = torch.zeros(1, D)
        input[0, 0], input[0, 4] = math.cos(angle), math.sin(angle)
        found, exact = (slopes(each, input.to(each.weight.dtype), TARGET[:1]) for each in (narrow, wide))
        for own, true in zip(found, exact, strict=True):
            close(own, true, rtol=1e-5, atol=1e-5 * float(true.abs().max()))


def test_it_falls_over_the_whole_half_turn() -> None:
    """The farther from its class, the greater the loss, also where the angle and the margin exceed half a turn."""
    angles = torch.linspace(0, math.pi, 1001, dtype=F64)
    input = torch.zeros(1001, D, dtype=F64)
    input[:, 0], input[:, 4] = angles.cos(), angles.sin()
    for margin in (0.0, 0.1, 0.5, 1.0, 1.57):
        criterion = built(margin=margin, reduction="none")
        criterion.weight.data.copy_(torch.eye(C, D))
        assert (criterion(input, torch.zeros(1001).long()).diff() > 0).all()


def test_lengths_do_not_matter() -> None:
    for dtype in (torch.float16, torch.float32):
        criterion, input = built(dtype), drawn(dtype=dtype)
        expected, ends = criterion(input, TARGET), torch.finfo(dtype)
        for size in (2.0 ** math.floor(math.log2(ends.max) - 3), 2.0 ** math.ceil(math.log2(ends.tiny) + 8)):
            close(criterion(input * size, TARGET), expected, rtol=1e-2 if dtype is torch.float16 else 1e-5)
        longer = copy.deepcopy(criterion)
        longer.weight.data *= 64
        close(longer(input, TARGET), expected)


def test_any_scale_gives_numbers() -> None:
    for dtype, scale in itertools.product((torch.float32, F64), (1e-300, 1e-30, 1e4, 1e30)):
        loss, *gradients = slopes(built(dtype, scale=scale), drawn(dtype=dtype), TARGET)
        assert loss.isfinite()
        assert all(each.isfinite().all() for each in gradients)


# The kernel


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_the_kernel_gives_what_the_formula_gives(dtype: torch.dtype) -> None:
    """Beyond half a turn, too."""
    calls = [*((each, "mean") for each in AT_CALL), ({}, "sum")]
    for given, (at_call, reduction) in itertools.product(VARIANTS, calls):
        criterion, input = built(dtype, **given, reduction=reduction), drawn(64, D, dtype=dtype)
        target, pieces = torch.randint(C, (64,)), {"mask": MASK, "sample_weight": WEIGHT}
        at_call = {name: value.repeat(10)[:64] if name in pieces else value for name, value in at_call.items()}
        extra = criterion.extra(input, at_call)  # type: ignore[arg-type]
        leaf = input.clone().requires_grad_()
        loss = criterion(leaf, target, **at_call)
        assert ("Attached" in str(loss.grad_fn)) == (losskit.native.status().level is not None)
        true = criterion.by_formula((leaf, target), extra)
        close(loss, true, rtol=1e-5)
        found, expected = (torch.autograd.grad(each, (leaf, criterion.weight)) for each in (loss, true))
        for own, its in zip(found, expected, strict=True):
            close(own, its, rtol=1e-4, atol=1e-5 * float(its.abs().max()))


def test_the_graph_is_of_the_weight_that_was_there() -> None:
    """Under ``functional_call``, the layer has its own again at backward; a second backward needs it, and so does a derivative."""
    criterion, input, weight = built(), drawn().requires_grad_(), drawn(C, D).requires_grad_()
    loss = of_both(criterion, TARGET, input, weight)
    once = torch.autograd.grad(loss, (input, weight), retain_graph=True)
    again = torch.autograd.grad(loss, (input, weight), retain_graph=True)
    formula = torch.autograd.grad(loss, (input, weight), create_graph=True)
    for first, second, third in zip(once, again, formula, strict=True):
        assert torch.equal(first, second)
        close(first, third)
    with torch.no_grad():
        weight += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(loss, input, create_graph=True)


# Dtypes and layouts


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_dtypes(dtype: torch.dtype, reduction: str) -> None:
    """Half is computed and summed in float32; gradients have the dtypes of what they belong to."""
    criterion, input = built(dtype, reduction=reduction), drawn(dtype=dtype)
    loss, of_input, of_weight = slopes(criterion, input, TARGET)
    assert loss.dtype == torch.promote_types(dtype, torch.float32)
    assert of_input.dtype == of_weight.dtype == dtype
    exact = slopes(copy.deepcopy(criterion).double(), input.double(), TARGET)
    close(loss, exact[0], rtol=1e-5, atol=1e-5)
    for own, true in ((of_input, exact[1]), (of_weight, exact[2])):
        assert (own - true).norm() <= 4 * max(torch.finfo(dtype).eps, 1e-6 if dtype is not F64 else 0) * true.norm()


def test_a_weight_of_another_dtype_does_not_change_the_loss() -> None:
    for of_weight, of_input in itertools.product((torch.float16, torch.float32, F64), repeat=2):
        criterion, input = built(of_weight), drawn(dtype=of_input)
        loss, *gradients = slopes(criterion, input, TARGET)
        assert loss.dtype == torch.promote_types(of_input, torch.float32)
        assert [each.dtype for each in gradients] == [of_input, of_weight]
        close(loss, copy.deepcopy(criterion).double()(input.double(), TARGET), rtol=1e-5)


def test_autocast_rounds_nothing() -> None:
    criterion, input = built(torch.float32), drawn(dtype=torch.float32)
    expected = slopes(criterion, input, TARGET)
    with torch.autocast("cpu", torch.bfloat16):
        leaf = input.clone().requires_grad_()
        loss = criterion(leaf, TARGET)
        assert torch.equal(criterion.probabilities(input), built(torch.float32).probabilities(input))
    found = torch.autograd.grad(loss, (leaf, criterion.weight))
    for own, true in zip((loss.detach(), *found), expected, strict=True):
        close(own, true)


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.int32, torch.uint8])
def test_any_integer_target(dtype: torch.dtype) -> None:
    criterion, input = built(), drawn()
    close(criterion(input, TARGET.to(dtype)), criterion(input, TARGET))


def test_layouts_and_what_is_left_alone() -> None:
    criterion, input = built(), drawn()
    expected = slopes(criterion, input, TARGET)
    turned = input.t().contiguous().t()
    for own, true in zip(slopes(criterion, turned, TARGET.repeat_interleave(2)[::2]), expected, strict=True):
        close(own, true)
    before = [each.clone() for each in (input, TARGET, criterion.weight)]
    leaf = input.clone().requires_grad_()
    criterion(leaf, TARGET, mask=MASK, sample_weight=WEIGHT).backward()
    for value, was in zip((input, TARGET, criterion.weight), before, strict=True):
        assert torch.equal(value, was)
        assert value._version == 0 or value is criterion.weight
    with torch.no_grad():
        assert not criterion(leaf, TARGET).requires_grad
    with torch.inference_mode():
        close(criterion(input, TARGET), expected[0])


# Transforms and compilers


def test_vmap_jvp_and_hessian() -> None:
    criterion, batch, targets = built(), drawn(3, N, D), torch.randint(C, (3, N))
    one_by_one = torch.stack([criterion(*each) for each in zip(batch, targets, strict=True)])
    close(torch.vmap(criterion)(batch, targets), one_by_one)
    slope = torch.vmap(torch.func.grad(criterion))(batch, targets)
    close(slope[0], slopes(criterion, batch[0], targets[0])[1])
    ensemble = torch.stack([criterion.weight.detach(), drawn(C, D)])
    losses = torch.vmap(lambda weight: of_both(criterion, TARGET, batch[0], weight))(ensemble)
    close(losses[0], criterion(batch[0], TARGET))
    tangent = drawn()
    forward = torch.func.jvp(lambda x: criterion(x, TARGET), (batch[0],), (tangent,))[1]
    close(forward, (slopes(criterion, batch[0], TARGET)[1] * tangent).sum())
    hessian = torch.func.hessian(lambda x: criterion(x, TARGET))(batch[0])
    close(hessian, torch.autograd.functional.hessian(lambda x: criterion(x, TARGET), batch[0]), atol=1e-10)  # type: ignore[no-untyped-call]


def test_compile_fullgraph() -> None:
    """All calls in one graph, since most of a compilation is its start; each has another upstream gradient."""
    criterion, leaf = built(), drawn().requires_grad_()

    def every(input: Tensor) -> Tensor:
        return torch.stack([(place + 1) * criterion(input, TARGET, **given) for place, given in enumerate(AT_CALL)])

    torch._dynamo.reset()
    found, expected = (call(leaf) for call in (torch.compile(every, fullgraph=True, backend="aot_eager"), every))
    close(found, expected)
    slopes_found, slopes_expected = (
        torch.autograd.grad(losses.sum(), (leaf, criterion.weight)) for losses in (found, expected)
    )
    for own, true in zip(slopes_found, slopes_expected, strict=True):
        close(own, true)


@needs_compiler
@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_compile_to_machine_code() -> None:
    criterion, input = built(torch.float32), drawn(dtype=torch.float32)
    torch._dynamo.reset()
    compiled: Any = torch.compile(criterion, fullgraph=True)
    close(compiled(input, TARGET), criterion(input, TARGET), rtol=1e-5)


def test_export() -> None:
    criterion, input = built(), drawn()
    close(torch.export.export(criterion, (input, TARGET)).module()(input, TARGET), criterion(input, TARGET))


def test_value_and_grad() -> None:
    criterion, input = built(), drawn()
    loss, gradient, *_ = losskit.value_and_grad(criterion)(input, TARGET)
    expected = slopes(criterion, input, TARGET)
    close(loss, expected[0])
    close(gradient, expected[1])


# As a module


def test_the_weight_is_a_parameter() -> None:
    criterion = built(torch.float32)
    assert {name: tuple(each.shape) for name, each in criterion.named_parameters()} == {"weight": (C, D)}
    assert set(criterion.state_dict()) == {"weight"}
    assert repr(criterion) == f"ArcFaceLoss(in_features={D}, num_classes={C})"
    assert losskit.ArcFaceLoss(D, C, dtype=F64).weight.dtype == F64
    assert losskit.ArcFaceLoss(D, C, device="meta").weight.is_meta
    assert repr(built(F64, scale=30)) == f"ArcFaceLoss(in_features={D}, num_classes={C}, scale=30.0)"
    before = criterion.weight.detach().clone()
    torch.manual_seed(1)
    criterion.reset_parameters()
    assert torch.equal(criterion.weight, before)


def test_copies_and_states() -> None:
    criterion, input = built(margin=0.3), drawn()
    expected = criterion(input, TARGET)
    for twin in (pickle.loads(pickle.dumps(criterion)), copy.deepcopy(criterion), copy.copy(criterion)):
        close(twin(input, TARGET), expected)
        assert repr(twin) == repr(criterion)
    twin = copy.deepcopy(criterion)
    twin.weight.data.zero_()
    close(criterion(input, TARGET), expected)
    file = io.BytesIO()
    torch.save(criterion.state_dict(), file)
    file.seek(0)
    twin.load_state_dict(torch.load(file))
    close(twin(input, TARGET), expected)
    assert twin.half().weight.dtype == torch.float16
    assert twin.to("meta")(input.to("meta"), TARGET.to("meta")).is_meta


def test_it_learns_and_predicts_the_nearest_class() -> None:
    torch.manual_seed(0)
    centres, target = 3 * torch.randn(C, D), torch.arange(40) % C
    input = centres[target] + torch.randn(40, D)
    criterion, layer = losskit.ArcFaceLoss(8, C, scale=16.0, margin=0.3), torch.nn.Linear(D, 8)
    optimizer = torch.optim.Adam([*layer.parameters(), *criterion.parameters()], 0.05)
    for _ in range(150):
        optimizer.zero_grad()
        criterion(layer(input), target).backward()
        optimizer.step()
    embeddings = layer(input).detach()
    assert (criterion.predict(embeddings) == target).double().mean() > 0.9
    p = criterion.probabilities(embeddings)
    close(p.sum(-1), torch.ones(40), rtol=1e-6)
    assert torch.equal(p.argmax(-1), criterion.predict(embeddings))
    cosines = torch.cosine_similarity(embeddings[:, None], criterion.weight, dim=-1)
    close(p, (16 * cosines).softmax(-1), rtol=1e-4, atol=1e-6)
    close(criterion.probabilities(embeddings[0]), p[0], rtol=1e-6)
    assert criterion.predict(embeddings.view(5, 8, 8)).shape == (5, 8)
    assert torch.equal(criterion.predict(embeddings, Task.BINARY), criterion.predict(embeddings))
    with pytest.raises(ValueError, match="task must be one"):
        criterion.predict(embeddings, "regresion")


# What is refused

TURN = Limits((0.0, 0.5, 1.57), (-1e-3, 1.6, -math.inf, math.inf, math.nan))
ARGUMENTS: dict[str, Limits] = {
    "in_features": Limits((1, 512), (0, -1)),
    "num_classes": Limits((2, 10), (1, 0, -1)),
    "scale": POSITIVE,
    "margin": TURN,
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_refuses_bad_arguments(name: str) -> None:
    for value in ARGUMENTS[name].taken:
        assert getattr(losskit.ArcFaceLoss(**{"in_features": D, "num_classes": C, name: value}), name) == value
    for value in (*ARGUMENTS[name].refused, "x", True):
        with pytest.raises((ValueError, TypeError), match=f"ArcFaceLoss: {name} .*{value!r}"):
            losskit.ArcFaceLoss(**{"in_features": D, "num_classes": C, name: value})


def test_says_what_is_required() -> None:
    wrong: Any = losskit.ArcFaceLoss
    for given in ((), (D,)):
        missing = ("in_features", "num_classes")[len(given)]
        with pytest.raises(TypeError, match=f"ArcFaceLoss: {missing} is required"):
            wrong(*given)
    with pytest.raises(TypeError, match="did you mean 'margin'"):
        wrong(D, C, margn=0.5)
    with pytest.raises(TypeError, match="takes 6 arguments by position"):
        wrong(*range(8))


@pytest.mark.parametrize(
    ("input", "target", "kind", "words"),
    [
        (drawn(3, D), torch.tensor([0, C, -1]), IndexError, rf"class ids in \[0, {C}\), got {C} at \(1,\) \(2 of 3"),
        (drawn(3, D), torch.tensor([1, C, 2]), IndexError, "ids that start at 1 need target - 1"),
        (drawn(3, D), torch.tensor([1, -1, 2]), IndexError, "use ignore_index=-1"),
        (drawn(3, D), torch.zeros(3), TypeError, r"target.long\(\)"),
        (drawn(3, D), torch.zeros(3).bool(), TypeError, r"target.long\(\)"),
        (drawn(3, D), torch.zeros(3, 1).long(), ValueError, r"\(3, 1\).*\(3, 5\).*target.squeeze\(1\)"),
        (drawn(3, D), torch.zeros(3, C).long(), ValueError, r"one-hot rows use target.argmax\(-1\)"),
        (drawn(3, D), torch.zeros(2).long(), ValueError, r"must have shape \(3,\)"),
        (drawn(3, 9), torch.zeros(3).long(), ValueError, r"must have 5 features .*\(in_features\), got shape \(3, 9\)"),
        (torch.tensor(1.0), torch.tensor(1), ValueError, "dimension of features"),
        (torch.ones(3, D).long(), torch.zeros(3).long(), TypeError, r"input.float\(\)"),
        (np.ones((3, D)), torch.zeros(3).long(), TypeError, "input must be a tensor, got ndarray"),
        (
            drawn(3, D).to("meta"),
            torch.zeros(3).long().to("meta"),
            ValueError,
            r"on meta and the weight on cpu; .*\.to\(",
        ),
    ],
)
def test_refusals(input: Any, target: Tensor, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=f"ArcFaceLoss: .*{words}"):
        built()(input, target)


def test_refusals_of_what_a_call_adds() -> None:
    calls: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"sampel_weight": 1}, TypeError, "did you mean 'sample_weight'"),
        ({"mask": torch.ones(N)}, TypeError, r"mask.bool\(\)"),
        ({"mask": torch.ones(N, D).bool()}, ValueError, r"mask must have .*\(7,\)"),
        ({"sample_weight": -torch.ones(N)}, ValueError, "must not be negative"),
        ({"normalizer": 0}, ValueError, "must be positive"),
    ]
    for given, kind, words in calls:
        with pytest.raises(kind, match=f"ArcFaceLoss: .*{words}"):
            built()(drawn(), TARGET, **given)
    assert built()(drawn(), TARGET, sample_weight=torch.zeros(N), normalizer=2) == 0


def test_documented() -> None:
    words = str(losskit.ArcFaceLoss.__doc__)
    for section in (".. math::", "Args:", "Shape:", "Returns:", "Raises:", "Example:", "Source:", ">>> "):
        assert section in words
    for name, argument in losskit.ArcFaceLoss.arguments.items():
        assert f"{name}: {argument.doc}" in words
