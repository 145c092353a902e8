"""``losskit.keras`` against Keras itself, on its torch backend: value and gradient. And where the two must differ."""

from __future__ import annotations

import copy
import inspect
import itertools
import math
import os
import pickle
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from compiler import needs_compiler
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

import losskit
from losskit.choice import CLAMP_HAS_SLOPE
from losskit.keras import REDUCTIONS, KerasLoss

os.environ["KERAS_BACKEND"] = "torch"  # read when keras is imported
os.environ["KERAS_HOME"] = tempfile.mkdtemp()  # where it writes its configuration
keras: Any = import_module("keras") if sys.version_info >= (3, 11) else pytest.importorskip("keras")

ours, theirs = losskit.keras, keras.losses
NAMES = [name for name in ours.__all__ if inspect.isclass(getattr(ours, name))]
FUNCTIONS = [name for name in ours.__all__ if name not in NAMES]
PROBABILITY_EXTREMES = (0.0, 1.0, 1e-8, 1e-7, 2e-7, 1 - 1e-7, 0.5)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)  # thousands of tiny calls; conftest puts the number back


def both(
    name: str, arguments: dict[str, Any], y_true: Tensor, y_pred: Tensor, *rest: Any, mask: Tensor | None = None
) -> tuple[list[Tensor], list[Tensor]]:
    """Value and gradient (under an upstream gradient that is not uniform) of either library."""
    answers = []
    for library in (ours, theirs):
        leaf = y_pred.detach().clone().requires_grad_()
        given = leaf * 1  # Keras's layers leave their mask on what they compute
        if mask is not None:
            given._keras_mask = mask  # type: ignore[attr-defined]
        loss = getattr(library, name)(**arguments)(y_true, given, *rest)
        assert loss.requires_grad
        (loss * torch.linspace(1, 2, loss.numel(), dtype=loss.dtype).view(loss.shape)).sum().backward()
        answers.append([loss.detach(), leaf.grad])
    return answers[0], answers[1]


def agree(
    name: str,
    arguments: dict[str, Any],
    y_true: Tensor,
    y_pred: Tensor,
    *rest: Any,
    mask: Tensor | None = None,
    dtypes: tuple[torch.dtype, ...] = (torch.float32, torch.float64),
) -> None:
    for dtype in dtypes:
        numbers = {**arguments, "dtype": str(dtype).removeprefix("torch.")}
        own, expected = both(name, numbers, y_true, y_pred.to(dtype), *rest, mask=mask)
        for mine, their in zip(own, expected, strict=True):
            # To float32 rounding: of the largest term, since Keras adds in another order, and in float32 even of float64
            scale = max(1.0, float(their.abs().max()))
            torch.testing.assert_close(mine, their.to(dtype), rtol=2e-6, atol=2e-7 * scale)


def weights(values: tuple[int, ...], broadcast: bool) -> Iterator[Tensor | float | None]:
    """Every shape of sample weights that Keras documents; those that it would broadcast only where it can."""
    yield None
    yield torch.rand(values)
    yield torch.rand(*values, 1)
    yield (torch.rand(values) > 0.5).float()  # some count for nothing
    yield torch.zeros(values)
    if values and values[-1] == 1:
        yield torch.rand(values[:-1])
    if broadcast:
        yield 0.5
        yield torch.tensor(2.0)
        if len(values) > 1:
            yield torch.rand(*values[:-1], 1)
            yield torch.rand(1, *values[1:])


def over_calls(name: str, arguments: dict[str, Any], y_true: Tensor, y_pred: Tensor, *, thorough: bool = True) -> None:
    """All reductions × sample weights × masks, or (not ``thorough``: Keras is slow) one of each reduction."""
    agree(name, arguments, y_true, y_pred)
    values = tuple(getattr(theirs, name)(**arguments, reduction=None)(y_true, y_pred).shape)
    mask = torch.rand(values) > 0.4
    for reduction in ("sum_over_batch_size", "mean_with_sample_weight", "sum", None):
        check = partial(agree, name, {**arguments, "reduction": reduction}, y_true, y_pred, dtypes=(torch.float32,))
        check(torch.rand(values), mask=mask)
        if not thorough:
            continue
        check(None, mask=mask)
        check(torch.rand(*values, 1), mask=torch.zeros_like(mask))
        masked = arguments.get("ignore_class") is not None
        for weight in weights(values, not masked and reduction != "mean_with_sample_weight"):
            check(weight)


def test_reductions_of_two_names() -> None:
    y_true, y_pred = torch.rand(4, 3), torch.rand(4, 3)
    for one, other in (("mean", "sum_over_batch_size"), ("none", None)):
        agree("MeanSquaredError", {"reduction": one}, y_true, y_pred, torch.rand(4), mask=torch.rand(4) > 0.5)
        answers = [ours.MeanSquaredError(reduction=each)(y_true, y_pred) for each in (one, other)]  # type: ignore[arg-type]
        torch.testing.assert_close(*answers)


# Shapes of y_true and y_pred that Keras takes, with the ranks that it evens out.
SHAPES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((6, 3), (6, 3)),
    ((6,), (6, 1)),
    ((6, 1), (6,)),
    ((6,), (6,)),
    ((6, 1), (6, 1)),
    ((4, 5), (4, 5, 1)),
    ((4, 5, 1), (4, 5)),
    ((2, 3, 4), (2, 3, 4)),
    ((), (1,)),
    ((1,), ()),
]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [("MeanSquaredError", {}), ("MeanAbsoluteError", {}), ("Huber", {}), ("Huber", {"delta": 0.3}), ("Poisson", {})],
    ids=str,
)
def test_regression(name: str, arguments: dict[str, Any], shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    y_true, y_pred = torch.rand(shapes[0]) * 3, torch.rand(shapes[1]) * 3
    over_calls(name, arguments, y_true, y_pred, thorough=name == "MeanSquaredError")
    agree(name, arguments, y_true.round().int(), y_pred)


def test_regression_extremes() -> None:
    y_true = torch.tensor([[0.0, 1.0, -2.0, 1e4], [0.5, 1.0, 0.25, 0.0]])
    y_pred = torch.tensor([[0.0, 2.0, -1.0, -1e4], [1.0, 0.5, 0.0, 1e-30]])
    for name in ("MeanSquaredError", "MeanAbsoluteError", "Huber"):
        for reduction in REDUCTIONS:
            agree(name, {"reduction": reduction}, y_true, y_pred)
    counts, rates = torch.tensor([[0.0, 0.0, 5.0, 1e4]]), torch.tensor([[0.0, 1e-9, 0.0, 1e-3]])
    agree("Poisson", {}, counts, rates)


@pytest.mark.parametrize("shapes", [shapes for shapes in SHAPES if len(shapes[0]) == len(shapes[1])], ids=str)
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
def test_binary(from_logits: bool, label_smoothing: float, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    y_true, y_pred = torch.randint(2, shapes[0]), 3 * torch.randn(shapes[1])
    y_pred = y_pred if from_logits else y_pred.sigmoid()
    for axis in range(-y_pred.dim(), y_pred.dim()):
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        if axis == -1:
            over_calls("BinaryCrossentropy", arguments, y_true, y_pred, thorough=from_logits and label_smoothing > 0)
        else:
            values = y_pred.sum(axis).shape
            for reduction in ("sum_over_batch_size", "mean_with_sample_weight", "sum", None):
                whole = {**arguments, "reduction": reduction}
                agree("BinaryCrossentropy", whole, y_true, y_pred, torch.rand(values), mask=torch.rand(values) > 0.3)
    agree("BinaryCrossentropy", {"from_logits": from_logits}, y_true.bool(), y_pred)
    agree("BinaryCrossentropy", {"from_logits": from_logits}, torch.rand(shapes[0]), y_pred)


def test_binary_ranks_are_evened_out() -> None:
    for y_true, y_pred in ((torch.ones(6), torch.rand(6, 1)), (torch.ones(4, 5, 1), torch.rand(4, 5))):
        over_calls("BinaryCrossentropy", {}, y_true, y_pred)


def test_binary_extremes() -> None:
    p = torch.tensor(PROBABILITY_EXTREMES)[:, None]
    for y_true in (torch.zeros_like(p), torch.ones_like(p), torch.full_like(p, 0.5)):
        for label_smoothing, reduction in itertools.product((0.0, 0.1), REDUCTIONS):
            agree("BinaryCrossentropy", {"label_smoothing": label_smoothing, "reduction": reduction}, y_true, p)
        logits = torch.tensor([[-1e3], [-80.0], [0.0], [15.0], [80.0], [1e3], [1e30]])
        agree("BinaryCrossentropy", {"from_logits": True, "reduction": None}, y_true, logits)


CLASSES = 4


def classes(*shape: int, axis: int = -1, from_logits: bool = True) -> Tensor:
    """Scores, or probabilities that are not normalised: Keras normalises them."""
    scores = 2 * torch.randn(shape)
    return (
        scores
        if from_logits
        else scores.softmax(axis) * (0.3 + 0.7 * torch.rand(scores.sum(axis).shape)).unsqueeze(axis)
    )


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
@pytest.mark.parametrize(
    ("shape", "axis"),
    [((6, CLASSES), -1), ((CLASSES,), -1), ((5, 3, CLASSES), -1), ((5, CLASSES, 4), 1), ((CLASSES, 3, 4), 0)],
    ids=str,
)
def test_categorical(from_logits: bool, label_smoothing: float, shape: tuple[int, ...], axis: int) -> None:
    y_pred, soft = classes(*shape, axis=axis, from_logits=from_logits), torch.randn(shape).softmax(axis)
    hard = (soft == soft.amax(axis, keepdim=True)).int()
    arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
    over_calls("CategoricalCrossentropy", arguments, hard, y_pred, thorough=from_logits and label_smoothing > 0)
    agree("CategoricalCrossentropy", arguments, soft, y_pred)


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("ignore_class", [None, 2, -100])
@pytest.mark.parametrize(
    ("target", "shape", "axis"),
    [
        ((6,), (6, CLASSES), -1),
        ((6, 1), (6, CLASSES), -1),
        ((), (CLASSES,), -1),
        ((1,), (CLASSES,), 0),
        ((5, 3), (5, 3, CLASSES), -1),
        ((5, 3, 1), (5, 3, CLASSES), 2),
        ((5, 3), (5, CLASSES, 3), 1),
        ((5, 1, 3), (5, CLASSES, 3), -2),
        ((4, 1), (4, 1, CLASSES), -1),
    ],
    ids=str,
)
def test_sparse(
    from_logits: bool, ignore_class: int | None, target: tuple[int, ...], shape: tuple[int, ...], axis: int
) -> None:
    y_pred, y_true = classes(*shape, axis=axis, from_logits=from_logits), torch.randint(CLASSES, target)
    if ignore_class is not None:
        y_true = torch.where(torch.rand(target) < 0.3, ignore_class, y_true)
    arguments = {"from_logits": from_logits, "axis": axis, "ignore_class": ignore_class}
    over_calls(
        "SparseCategoricalCrossentropy",
        arguments,
        y_true,
        y_pred,
        thorough=from_logits and ignore_class != 2 and axis in (-1, 1),
    )
    if ignore_class is not None:
        nothing = torch.full(target, ignore_class)
        for reduction in REDUCTIONS:
            agree("SparseCategoricalCrossentropy", {**arguments, "reduction": reduction}, nothing, y_pred)


def test_class_extremes() -> None:
    p = torch.tensor([[0.0, 1.0, 0.0], [1e-8, 1.0, 0.5], [1e-7, 0.0, 1.0], [0.0, 0.0, 1e-20], [1.0, 1.0, 1.0]])
    logits = torch.tensor(
        [[-1e3, 1e3, 0.0], [50.0, -50.0, 0.0], [1e30, 0.0, 0.0], [0.0, 0.0, 0.0], [-90.0, 90.0, 91.0]]
    )
    for ids in ([0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [2, 2, 2, 2, 2]):
        y_true = torch.tensor(ids)
        for reduction in ("sum_over_batch_size", None):
            agree("SparseCategoricalCrossentropy", {"reduction": reduction}, y_true, p)
            agree("SparseCategoricalCrossentropy", {"reduction": reduction, "from_logits": True}, y_true, logits)
            one_hot = torch.nn.functional.one_hot(y_true, 3)
            for smoothing in (0.0, 0.1):
                arguments = {"reduction": reduction, "label_smoothing": smoothing}
                agree("CategoricalCrossentropy", arguments, one_hot, p)
                agree("CategoricalCrossentropy", {**arguments, "from_logits": True}, one_hot, logits)


def test_sparse_dtypes() -> None:
    y_true, y_pred = torch.tensor([0, 255, 3, 2]), classes(4, CLASSES, from_logits=False)
    for dtype in (torch.uint8, torch.int16, torch.int32):
        agree("SparseCategoricalCrossentropy", {"ignore_class": 255}, y_true.to(dtype), y_pred)
    own = ours.SparseCategoricalCrossentropy(ignore_class=-1, reduction=None)
    assert (own(torch.tensor([0, 3], dtype=torch.uint8), y_pred[:2]) > 0).all()  # -1 is no uint8


@pytest.mark.parametrize("shape", [(6, 3), (6, 1), (5,), (2, 3, 4)], ids=str)
def test_divergence(shape: tuple[int, ...]) -> None:
    y_true, y_pred = torch.rand(shape), torch.rand(shape)
    over_calls("KLDivergence", {}, y_true, y_pred)
    agree("KLDivergence", {}, torch.randint(2, shape), y_pred)


def test_divergence_extremes() -> None:
    # Where the clip begins, the slope is that of the installed torch's clamp: 2.14 gives 0 for a number, 1/2 for a tensor.
    beginning = () if CLAMP_HAS_SLOPE else (1e-7,)
    pairs = [(q, p) for q, p in itertools.product(PROBABILITY_EXTREMES, repeat=2) if q not in beginning]
    q, p = torch.tensor(pairs).unbind(1)
    for reduction in REDUCTIONS:
        agree("KLDivergence", {"reduction": reduction}, p[:, None], q[:, None])
        agree("KLDivergence", {"reduction": reduction}, p, q)


# What is called as in Keras


@pytest.mark.parametrize("name", [*NAMES, *FUNCTIONS])
def test_signatures(name: str) -> None:
    def parameters(callable: Callable[..., object]) -> list[tuple[str, Any]]:
        return [(p.name, p.default) for p in inspect.signature(callable).parameters.values()]

    assert parameters(getattr(ours, name)) == parameters(getattr(theirs, name))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    y_pred = torch.rand(5, 3, 4)
    y_true = torch.randint(4, (5, 3)) if name.startswith("sparse") else torch.eye(4)[torch.randint(4, (5, 3))]
    for arguments in ({}, {"from_logits": True}, {"delta": 0.2}):
        if set(arguments) <= set(inspect.signature(getattr(theirs, name)).parameters):
            answers = [getattr(library, name)(y_true, y_pred, **arguments) for library in (ours, theirs)]
            torch.testing.assert_close(*answers, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_module(name: str) -> None:
    criterion, kin = getattr(ours, name)(), getattr(theirs, name)()
    assert (criterion.name, criterion.reduction) == (kin.name, kin.reduction)
    assert repr(criterion) == f"{name}()"
    assert "reduction='sum'" in repr(getattr(ours, name)(reduction="sum"))
    y_true, y_pred = sample(name)
    for twin in (pickle.loads(pickle.dumps(criterion)), copy.deepcopy(criterion)):
        assert twin(y_true, y_pred) == criterion(y_true, y_pred)
    for part in ("Native:", "Args:", "Returns:", "Raises:", "Example:", "Source:", ".. math::"):
        assert criterion.__doc__.count(part) == 1


def sample(name: str, *, seed: int = 0, rows: int = 6) -> tuple[Tensor, Tensor]:
    """A usual y_true and y_pred, of probabilities where there are classes."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(2, rows, 3, generator=generator)
    if name.startswith("Sparse"):
        return scores[0].argmax(1), scores[1].softmax(1)
    return scores[0].softmax(1), scores[1].softmax(1)


def test_dtypes() -> None:
    for name in NAMES:
        y_true, y_pred = sample(name)
        exact = getattr(ours, name)()(y_true, y_pred.double())
        assert exact.dtype == torch.float64
        for half in (torch.float16, torch.bfloat16):
            leaf = y_pred.to(half).requires_grad_()
            loss = getattr(ours, name)()(y_true, leaf)
            assert loss.dtype == torch.float32
            loss.backward()
            assert leaf.grad is not None
            assert leaf.grad.dtype == half
            wide = getattr(ours, name)()(y_true, y_pred.to(half).double())
            torch.testing.assert_close(loss.double(), wide, rtol=1e-5, atol=1e-6)
        for dtype in ("float16", torch.float16, "mixed_float16", keras.DTypePolicy("mixed_float16")):
            assert getattr(ours, name)(dtype=dtype)(y_true, y_pred).dtype == torch.float16


def test_an_empty_batch_is_worth_nothing() -> None:
    for name in NAMES:
        y_true, y_pred = sample(name)
        leaf = y_pred[:0].clone().requires_grad_()
        loss = getattr(ours, name)()(y_true[:0], leaf)
        assert loss == 0
        loss.backward()
        assert getattr(ours, name)(reduction=None)(y_true[:0], leaf).shape == (0,)


def test_masked_values_have_no_gradient_whatever_they_hold() -> None:
    mask = torch.tensor([True, False, True, True, False, True])
    for name in NAMES:
        y_true, y_pred = sample(name)
        for reduction in REDUCTIONS:
            criterion, gradients = getattr(ours, name)(reduction=reduction), []
            for spoilt in (False, True):
                leaf = y_pred.masked_fill(~mask[:, None] & spoilt, torch.nan).requires_grad_()
                criterion(y_true, leaf, mask=mask).sum().backward()
                assert leaf.grad is not None
                gradients.append(leaf.grad)
            torch.testing.assert_close(*gradients)
            assert (gradients[1][~mask] == 0).all()


def test_options_are_checked_when_they_change_too() -> None:
    criterion = ours.Huber(name=None)
    assert criterion.name == "huber_loss"
    criterion.dtype = "float16"
    assert criterion.dtype == torch.float16
    for option, value in (("delta", 0), ("reduction", "avg"), ("dtype", "int32")):
        with pytest.raises(ValueError, match=f"Huber: {option}"):
            setattr(criterion, option, value)


def test_losses_in_keras_s_words_keep_kernel_and_operator() -> None:
    for name in NAMES:
        *_, native = getattr(ours, name).natives
        assert native.__name__ == name
        assert list(native.about.tensors) == ["y_pred", "y_true"]
        assert native.keeps_kernel
        assert native.keeps_operator == (name not in ("KLDivergence", "Poisson"))


def test_native_equivalents() -> None:
    logits, ids = torch.randn(6, 5), torch.tensor([0, 4, -100, 2, 1, 1])
    sparse = ours.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-100)
    torch.testing.assert_close(sparse(ids, logits), losskit.CrossEntropyLoss()(logits, ids))
    weight = torch.rand(6, 5)
    mean = ours.MeanSquaredError(reduction="mean_with_sample_weight")
    torch.testing.assert_close(
        mean(logits, weight, torch.arange(6.0)), losskit.MSELoss()(weight, logits, sample_weight=torch.arange(6.0))
    )


# Derivatives and transforms


@pytest.mark.parametrize("name", NAMES)
def test_gradcheck(name: str) -> None:
    y_true, y_pred = sample(name)
    y_pred = y_pred.double().requires_grad_()
    for logits in (False, True):
        if logits and "from_logits" not in inspect.signature(getattr(ours, name)).parameters:
            continue
        arguments = {"from_logits": True} if logits else {}
        function = partial(getattr(ours, name)(**arguments), y_true)
        assert torch.autograd.gradcheck(function, y_pred)
        assert torch.autograd.gradgradcheck(function, y_pred)


@pytest.mark.parametrize("name", NAMES)
def test_transforms(name: str) -> None:
    pairs = [sample(name, seed=seed) for seed in range(4)]
    y_true, y_pred = (torch.stack(each) for each in zip(*pairs, strict=True))
    weight = torch.rand(4, 6)
    for reduction in ("sum_over_batch_size", "mean_with_sample_weight", "sum"):
        criterion = getattr(ours, name)(reduction=reduction)
        one_by_one = torch.stack([criterion(*pair, w) for pair, w in zip(pairs, weight, strict=True)])
        torch.testing.assert_close(torch.vmap(criterion)(y_true, y_pred, weight), one_by_one)
        gradient = torch.func.grad(criterion, argnums=1)(*pairs[0])
        leaf = pairs[0][1].clone().requires_grad_()
        criterion(pairs[0][0], leaf).backward()
        torch.testing.assert_close(gradient, leaf.grad)
        tangent = torch.func.jvp(partial(criterion, pairs[0][0]), (pairs[0][1],), (torch.ones(6, 3),))[1]
        torch.testing.assert_close(tangent, gradient.sum(), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("reduction", "more", "dynamic"),
    [("sum_over_batch_size", False, False), ("mean_with_sample_weight", True, False), ("sum", True, True)],
)
def test_compile(reduction: str, more: bool, dynamic: bool) -> None:
    """All losses in one graph, since most of a compilation is its start."""
    mask, weight = torch.tensor([True, False, True, True, False, True]), torch.rand(6)
    at_call = {"mask": mask, "sample_weight": weight} if more else {}
    criteria, drawn = [getattr(ours, name)(reduction=reduction) for name in NAMES], [sample(name) for name in NAMES]

    def every(given: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
        return [criterion(*each, **at_call) for criterion, each in zip(criteria, given, strict=True)]

    torch._dynamo.reset()
    found = torch.compile(every, fullgraph=True, backend="aot_eager", dynamic=dynamic)(drawn)
    for name, own, eager in zip(NAMES, found, every(drawn), strict=True):
        torch.testing.assert_close(own, eager, msg=lambda how, name=name: f"{name}: {how}")  # type: ignore[misc]


def test_compile_functions() -> None:
    drawn = [sample("Sparse" if name.startswith("sparse") else name) for name in FUNCTIONS]

    def every(given: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
        return [getattr(ours, name)(*each) for name, each in zip(FUNCTIONS, given, strict=True)]

    torch._dynamo.reset()
    found = torch.compile(every, fullgraph=True, backend="aot_eager")(drawn)
    for name, own, eager in zip(FUNCTIONS, found, every(drawn), strict=True):
        torch.testing.assert_close(own, eager, msg=lambda how, name=name: f"{name}: {how}")  # type: ignore[misc]


@needs_compiler
def test_compile_to_machine_code() -> None:
    torch._dynamo.reset()
    y_true, y_pred = sample("Sparse")
    criterion = ours.SparseCategoricalCrossentropy(from_logits=True, ignore_class=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's own
        torch.testing.assert_close(torch.compile(criterion, fullgraph=True)(y_true, y_pred), criterion(y_true, y_pred))


def test_no_value_is_read_off_cpu() -> None:
    with FakeTensorMode():
        y_pred, ids = torch.empty(6, 3, device="cuda"), torch.empty(6, device="cuda", dtype=torch.long)
        weight, mask = torch.empty(6, device="cuda"), torch.empty(6, device="cuda", dtype=torch.bool)
        for name in NAMES:
            y_true = ids if name.startswith("Sparse") else y_pred
            for reduction in REDUCTIONS:
                for call in ({}, {"sample_weight": weight}, {"sample_weight": weight, "mask": mask}):
                    loss = getattr(ours, name)(reduction=reduction)(y_true, y_pred, **call)
                    assert loss.device.type == "cuda"


# Where Keras gives a number that cannot be meant

SPARSE, ONE_HOT, BINARY = ours.SparseCategoricalCrossentropy, ours.CategoricalCrossentropy, ours.BinaryCrossentropy
MSE, LOGITS, P = ours.MeanSquaredError, torch.tensor([[2.0, -1.0], [0.5, 3.0]]), torch.full((2, 2), 0.5)
IDS, EYE = torch.tensor([0, 1]), torch.eye(2)


@pytest.mark.parametrize(
    ("kind", "words", "call"),
    [
        # broadcast
        (ValueError, ["MeanSquaredError: y_true of shape (3, 1)", "y_pred of shape (3, 2)", "expand_as(y_pred)"], lambda: MSE()(torch.ones(3, 1), torch.ones(3, 2))),
        (ValueError, ["Huber: y_true", "(3,)", "(3, 3)"], lambda: ours.Huber()(torch.ones(3), torch.ones(3, 3))),
        (ValueError, ["KLDivergence: y_true", "(1, 3)"], lambda: ours.KLDivergence()(torch.ones(1, 3), torch.ones(3, 3))),
        (ValueError, ["sample_weight of shape (3,)", "values, of shape (3, 3)", "reshape(*sample_weight.shape, 1)"], lambda: MSE()(torch.ones(3, 3, 2), torch.ones(3, 3, 2), torch.ones(3))),
        (ValueError, ["sample_weight of shape (3, 3)", "values, of shape (3,)"], lambda: MSE()(torch.ones(3, 3), torch.ones(3, 3), torch.ones(3, 3))),
        (ValueError, ["sample_weight of shape (5,)", "values, of shape ()"], lambda: MSE()(torch.ones(5), torch.ones(5), torch.ones(5))),
        (ValueError, ["mask of shape (4,)"], lambda: MSE()(torch.ones(3, 2), torch.ones(3, 2), mask=torch.ones(4).bool())),
        (ValueError, ["sample_weight of shape (3, 1)", "expand(3, 2)"], lambda: MSE("mean_with_sample_weight")(torch.ones(3, 2, 1), torch.ones(3, 2, 1), torch.ones(3, 1, 1).squeeze(-1))),
        (ValueError, ["sample_weight of shape ()"], lambda: MSE("mean_with_sample_weight")(torch.ones(3, 2), torch.ones(3, 2), 2.0)),
        # logits and probabilities
        (ValueError, ["BinaryCrossentropy: y_pred must lie in [0, 1], got 2 at (0, 0)", "from_logits=True"], lambda: BINARY()(EYE, LOGITS)),
        (ValueError, ["SparseCategoricalCrossentropy: y_pred", "from_logits=True"], lambda: SPARSE()(IDS, LOGITS)),
        (ValueError, ["CategoricalCrossentropy: y_pred", "from_logits=True"], lambda: ONE_HOT()(EYE, LOGITS)),
        (ValueError, ["KLDivergence: y_pred", "y_pred.softmax(-1)"], lambda: ours.KLDivergence()(EYE, LOGITS)),
        (ValueError, ["SparseCategoricalCrossentropy: y_pred", "the sum is 0 at (0,)"], lambda: SPARSE()(IDS, torch.tensor([[0.0, 0.0], [0.5, 0.5]]))),
        (ValueError, ["BinaryCrossentropy: y_pred holds NaN"], lambda: BINARY()(EYE, P * math.nan)),
        # targets
        (ValueError, ["BinaryCrossentropy: y_true must lie in [0, 1], got 2"], lambda: BINARY(from_logits=True)(EYE * 2, LOGITS)),
        (ValueError, ["CategoricalCrossentropy: y_true", "sum to 1", "SparseCategoricalCrossentropy"], lambda: ONE_HOT(from_logits=True)(EYE * 0, LOGITS)),
        (ValueError, ["CategoricalCrossentropy: y_true of shape (2,)", "SparseCategoricalCrossentropy", "one_hot(y_true.long(), 2)"], lambda: ONE_HOT()(IDS, P)),
        (TypeError, ["SparseCategoricalCrossentropy: y_true", "y_true.long()", "CategoricalCrossentropy"], lambda: SPARSE()(EYE, P)),
        (TypeError, ["SparseCategoricalCrossentropy: y_true", "torch.bool", "y_true.long()"], lambda: SPARSE()(IDS.bool(), P)),
        (ValueError, ["SparseCategoricalCrossentropy: y_true of shape (3,)", "y_pred of shape (2, 2)"], lambda: SPARSE()(torch.tensor([0, 1, 1]), P)),
        (IndexError, ["SparseCategoricalCrossentropy: y_true", "[0, 2)", "-100 at (1,)", "use ignore_class=-100"], lambda: SPARSE(from_logits=True)(torch.tensor([0, -100]), LOGITS)),
        (IndexError, ["SparseCategoricalCrossentropy: y_true", "2 at (0,)"], lambda: SPARSE(ignore_class=5)(torch.tensor([2, 5]), P)),
        (ValueError, ["SparseCategoricalCrossentropy: y_pred has one class", "BinaryCrossentropy"], lambda: SPARSE(from_logits=True)(torch.tensor([0, 0]), torch.ones(2, 1))),
        (ValueError, ["Poisson: y_pred is a number, which is not negative, got -1 at (0, 1)"], lambda: ours.Poisson()(P, LOGITS)),
        (ValueError, ["Poisson: y_true is a number, which is not negative"], lambda: ours.Poisson()(LOGITS, P)),
        (ValueError, ["CategoricalCrossentropy: label_smoothing", "movedim(1, -1)"], lambda: ONE_HOT(True, 0.1, axis=1)(torch.ones(2, 2, 3) / 2, torch.ones(2, 2, 3))),
        (ValueError, ["MeanSquaredError: sample_weight must not be negative", "-1"], lambda: MSE()(EYE, P, torch.tensor([1.0, -1.0]))),
        # arguments
        (ValueError, ["SparseCategoricalCrossentropy: axis 2", "y_pred", "(2, 2)"], lambda: SPARSE(axis=2)(IDS, P)),
        (TypeError, ["MeanSquaredError: y_true must be a tensor", "list", "torch.as_tensor(y_true)"], lambda: MSE()([0.0], torch.ones(1))),  # type: ignore[arg-type]
        (TypeError, ["MeanSquaredError: y_pred must be floating-point", "y_pred.float()"], lambda: MSE()(IDS, IDS)),
        (ValueError, ["MeanSquaredError: reduction", "'avg'", "'sum_over_batch_size'"], lambda: MSE("avg")),  # type: ignore[arg-type]
        (TypeError, ["BinaryCrossentropy: from_logits", "0.1"], lambda: BINARY(0.1)),  # type: ignore[arg-type]
        (ValueError, ["BinaryCrossentropy: label_smoothing", "[0, 1]", "2"], lambda: BINARY(label_smoothing=2)),
        (ValueError, ["Huber: delta", "(0, inf)", "-1"], lambda: ours.Huber(-1)),
        (TypeError, ["Huber: delta", "'sum'"], lambda: ours.Huber("sum")),  # type: ignore[arg-type]
        (TypeError, ["SparseCategoricalCrossentropy: ignore_class", "'sum'"], lambda: SPARSE(False, "sum")),  # type: ignore[arg-type]
        (TypeError, ["CategoricalCrossentropy: axis", "'sum'"], lambda: ONE_HOT(False, 0.0, "sum")),  # type: ignore[arg-type]
        (ValueError, ["Poisson: dtype", "'int32'"], lambda: ours.Poisson(dtype="int32")),
    ],
)  # fmt: skip
def test_refuses(kind: type[Exception], words: list[str], call: Callable[[], object]) -> None:
    with pytest.raises(kind) as caught:
        call()
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in {caught.value!s}"
    assert not {"input", "target", "dim"} & set(str(caught.value).replace("(", " ").replace(".", " ").split())


def test_keras_still_gives_these_numbers() -> None:
    """What is refused above, in the Keras that is installed: a claim expires when Keras mends it."""
    assert theirs.MeanSquaredError(reduction=None)(torch.ones(1, 3), torch.ones(3, 3)).shape == (3,)
    values = theirs.MeanSquaredError(reduction=None)(torch.ones(3, 3, 2), torch.zeros(3, 3, 2), torch.arange(3.0))
    assert (values == torch.arange(3.0)).all()  # the weights of the samples went along the rows
    doubled = theirs.MeanSquaredError("mean_with_sample_weight")(torch.ones(4, 1), torch.zeros(4, 1), 1.0)
    assert doubled == 4
    assert theirs.BinaryCrossentropy()(EYE, LOGITS).isfinite()
    assert theirs.SparseCategoricalCrossentropy(from_logits=True)(torch.tensor([-100]), LOGITS[:1]) == 0
    assert theirs.SparseCategoricalCrossentropy(from_logits=True)(torch.tensor([0]), torch.ones(1, 1)) == 0
    smoothing = theirs.CategoricalCrossentropy(True, 0.5, axis=1, reduction="sum")
    with pytest.warns(SyntaxWarning):
        smoothed = smoothing(EYE[:1, :, None], torch.zeros(1, 2, 1))
    assert abs(float(smoothed) - 1.5 * math.log(2)) < 1e-6  # 0.5 + 2 × 0.5 / 1: more than one
    assert theirs.MeanSquaredError()(torch.ones(0, 2), torch.ones(0, 2)).shape == (0,)


def test_keras_itself_is_not_needed() -> None:
    files = sorted(Path(ours.__file__).parent.glob("*.py"))
    assert len(files) > 1
    assert not any("import keras" in file.read_text() for file in files)
    assert "keras" in dir(losskit)
    assert issubclass(ours.Huber, KerasLoss)
