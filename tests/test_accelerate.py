"""Torch's losses under ``losskit.accelerate()``: the same numbers, and torch itself wherever losskit has others."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
from cases import OWN_TESTS, draw, kinds, variants
from claims import Claim
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.functional import cross_entropy
from torch.overrides import BaseTorchFunctionMode
from torch.utils.checkpoint import checkpoint

import losskit
from losskit import native
from losskit.choice import parameters
from losskit.loss import Loss
from losskit.native import library
from losskit.training import accelerate

F: Any = nn.functional  # its stubs do not know every argument
needs_kernels = pytest.mark.skipif(library.load() is None, reason=native.status().reason)
SERVED = [
    pytest.param(function, loss, id=function.__name__, marks=needs_kernels)
    for function, loss in accelerate.LOSSES.items()
    if loss.about.kernel is not None and loss.__name__ not in OWN_TESTS
]
TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-5, torch.bfloat16: 2e-2, torch.float16: 2e-3}


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who answered each of torch's losses since."""
    names: list[str] = []
    original = accelerate.by_losskit

    def spy(*args: Any) -> Tensor | None:
        answer = original(*args)
        names.append("torch" if answer is None else "losskit")
        return answer

    monkeypatch.setattr(accelerate, "by_losskit", spy)
    return names


@pytest.fixture(autouse=True)
def _no_mode_remains() -> Iterator[None]:
    yield
    left = accelerate._modes()
    accelerate._set_modes([])  # else each test after it fails as well
    assert left == []


def outcome(call: Callable[[Tensor], Tensor], input: Tensor) -> tuple[Any, ...]:
    """What a call gives: loss, gradient and warnings, or its error."""
    leaf = input.detach().clone().requires_grad_(input.is_floating_point())
    gradient: Tensor | None = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            loss = call(leaf)
            if loss.requires_grad:  # under an upstream gradient that is not uniform
                upstream = torch.linspace(1, 2, loss.numel(), dtype=loss.dtype).view(loss.shape)
                (gradient,) = torch.autograd.grad(loss, leaf, upstream)
        except Exception as error:
            return type(error), str(error)
    shown = [str(each.message) for each in caught if "torch.jit.script" not in str(each.message)]  # torch.func's own
    return loss.detach(), gradient, shown


def agree(ours: tuple[Any, ...], torchs: tuple[Any, ...]) -> None:
    assert len(ours) == len(torchs), (ours, torchs)
    for own, their in zip(ours, torchs, strict=True):
        if isinstance(own, Tensor) and isinstance(their, Tensor):  # dtypes and shapes too
            tolerance = TOLERANCE[their.dtype]
            torch.testing.assert_close(own, their, rtol=tolerance, atol=tolerance / 10, equal_nan=True)
        else:
            assert own == their


def in_both(call: Callable[[Tensor], Tensor], input: Tensor) -> None:
    """The call gives the same within the context and without."""
    torchs = outcome(call, input)
    with losskit.accelerate():
        ours = outcome(call, input)
    agree(ours, torchs)


# Numbers


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("function", "loss"), SERVED)
def test_every_argument_gives_torchs_numbers(
    function: Any, loss: type[Loss], dtype: torch.dtype, answered: list[str]
) -> None:
    known = parameters(str(loss.about.torch)) - {"reduction"}
    for items in ((), (4, 4), (2, 3, 4), (300,)):
        for variant in variants(loss, items):
            arguments = {
                name: value.to(dtype) if isinstance(value, Tensor) else value
                for name, value in variant.items()
                if name in known
            }
            for tensors in kinds(loss(**arguments), items):
                input, *rest = (each.to(dtype) if each.is_floating_point() else each for each in tensors)
                refused = arguments.get("ignore_index", -1) >= 0 and rest[0].is_floating_point()  # by torch
                refused = refused or (function.__name__ in accelerate.OF_ROWS and input.dim() > 2)
                for reduction in ("none", "sum", "mean"):
                    answered.clear()
                    in_both(lambda x: function(x, *rest, **arguments, reduction=reduction), input)  # noqa: B023
                    warned = loss is losskit.KLDivLoss and reduction == "mean"
                    served = loss(**arguments).kernel != ""
                    assert answered == ["torch" if refused or warned or not served else "losskit"]


@pytest.mark.parametrize(("function", "loss"), SERVED)
def test_layouts_of_memory(function: Any, loss: type[Loss], answered: list[str]) -> None:
    items = (6,) if function.__name__ in accelerate.OF_ROWS else (2, 3, 5)
    input, *rest = draw(loss, items, 4, torch.float32)
    layouts: list[tuple[Callable[[Tensor], Tensor], Tensor]] = [
        (lambda x: x.mT.contiguous().mT, input),
        (lambda x: x[..., ::2], input.repeat_interleave(2, -1)),
    ]
    if loss is losskit.NLLLoss:  # torch's own backward refuses such pixels
        layouts = [(torch.clone, input)] * 2
    for layout, given in layouts:
        in_both(lambda x, layout=layout: function(layout(x), *rest, reduction="sum"), given)  # type: ignore[misc]
    assert answered == ["losskit"] * 2


@needs_kernels
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_nothing_that_counts(reduction: str, answered: list[str]) -> None:
    """All rows ignored, or all weights 0: NaN as torch, and its gradient."""
    input, ignored = torch.randn(3, 4), torch.full((3,), -100)
    loss = partial(F.cross_entropy, target=ignored, reduction=reduction)
    for arguments in ({}, {"weight": torch.rand(4)}, {"label_smoothing": 0.1}):
        in_both(partial(loss, **arguments), input)
    in_both(partial(loss, target=torch.tensor([0, 1, 1]), weight=torch.tensor([0.0, 0.0, 1.0, 1.0])), input)
    zeros = torch.zeros(3, 4)
    in_both(partial(F.mse_loss, target=zeros, weight=zeros, reduction=reduction), input)
    assert set(answered) == {"losskit"}


@needs_kernels
@pytest.mark.parametrize(("function", "loss"), SERVED)
def test_half_precision_under_autocast_alone(function: Any, loss: type[Loss], answered: list[str]) -> None:
    input, *rest = draw(loss, (64,), 5, torch.bfloat16)
    in_both(lambda x: function(x, *rest, reduction="sum"), input)
    with torch.autocast("cpu", torch.bfloat16):
        in_both(lambda x: function(x, *rest, reduction="sum"), input)
    by_python = function.__name__ in accelerate.UNCAST
    assert answered == ["torch", "torch" if by_python else "losskit"]


def test_the_weight_that_torch_forgets(answered: list[str], torch_still: Claim) -> None:
    """Torch's ``l1_loss`` does not tell a mode its weight, and so loses it under any other."""
    input, target, weight = torch.randn(5), torch.randn(5), torch.rand(5)
    alone = F.l1_loss(input, target, weight=weight)
    with BaseTorchFunctionMode():
        torch_still(not torch.equal(F.l1_loss(input, target, weight=weight), alone), "l1_loss forgets its weight")
    in_both(lambda x: F.l1_loss(x, target, weight=weight), input)
    in_both(lambda x: F.l1_loss(x, target, None, None, "sum", weight), input)
    in_both(lambda x: F.l1_loss(x, target, weight=weight.requires_grad_()), input)
    in_both(lambda x: F.l1_loss(x, target, weight=weight[:2]), input)
    kernels = native.status().level is not None
    assert answered == [*(["losskit"] * 2 if kernels else ["torch"] * 2), "torch", "torch"]


# Which calls


def test_the_catalog_says_which(answered: list[str]) -> None:
    assert {function.__name__ for function in accelerate.LOSSES} == {
        loss.about.torch for loss in losskit.CATALOG if loss.about.torch is not None and hasattr(F, loss.about.torch)
    }
    for function, loss in accelerate.LOSSES.items():
        if loss.about.kernel is None and loss.__name__ not in OWN_TESTS:
            input, *rest = draw(loss, dtype=torch.float32)
            in_both(lambda x: function(x, *rest), input)  # noqa: B023
            assert answered.pop() == "torch"


@needs_kernels
def test_names_and_modules_are_seen(answered: list[str]) -> None:
    input, ids, numbers = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, -100, 1]), torch.rand(6, 3)
    for call in (cross_entropy, nn.CrossEntropyLoss(torch.rand(3), label_smoothing=0.1).forward):
        in_both(partial(call, target=ids), input)
    for module in (nn.HuberLoss(delta=0.3), nn.L1Loss(reduction="none"), nn.BCEWithLogitsLoss(pos_weight=numbers[0])):
        in_both(partial(module.forward, target=numbers), input)
    assert answered == ["losskit"] * 5


IDS, REAL, UNIT = (
    torch.tensor([0, 2, 1, -100]),
    torch.linspace(-1, 2, 12).view(4, 3),
    torch.linspace(0, 1, 12).view(4, 3),
)
TORCHS: dict[str, Callable[[Tensor], Tensor]] = {
    "shapes that broadcast, with a warning": lambda x: F.mse_loss(x[:, :1], REAL[:, 0]),
    "shapes that broadcast, refused": lambda x: F.binary_cross_entropy_with_logits(x[:, :1], UNIT[:, 0]),
    "shapes that do not fit": lambda x: F.l1_loss(x, REAL[:, :2]),
    "one logit": lambda x: F.cross_entropy(x[:, :1], IDS.clamp(max=0)),
    "no item": lambda x: F.cross_entropy(x[:0], IDS[:0]),
    "a class id out of range": lambda x: F.cross_entropy(x, IDS + 1),
    "class ids as floats": lambda x: F.cross_entropy(x, IDS.float()),
    "class ids of int32": lambda x: F.cross_entropy(x, IDS.int()),
    "class ids of uint8": lambda x: F.cross_entropy(x, IDS.clamp(min=0).byte()),
    "class ids of another shape": lambda x: F.cross_entropy(x, IDS.view(4, 1)),
    "soft targets that do not sum to 1": lambda x: F.cross_entropy(x, UNIT),
    "soft targets below 0": lambda x: F.cross_entropy(x, REAL),
    "a row of floats": lambda x: F.cross_entropy(x[0], torch.ones(3)),
    "soft targets and an id to ignore": lambda x: F.cross_entropy(x, UNIT.softmax(1), ignore_index=1),
    "smoothing beyond 1": lambda x: F.cross_entropy(x, IDS, label_smoothing=1.5),
    "class weights of another length": lambda x: F.cross_entropy(x, IDS, torch.ones(2)),
    "class weights of another dtype": lambda x: F.cross_entropy(x, IDS, torch.ones(3, dtype=torch.float64)),
    "class weights below 0": lambda x: F.cross_entropy(x, IDS, -torch.ones(3)),
    "no probabilities": lambda x: F.binary_cross_entropy(x, UNIT),
    "NaN for a probability": lambda x: F.binary_cross_entropy(x * torch.nan, UNIT),
    "binary targets beyond 1": lambda x: F.binary_cross_entropy_with_logits(x, UNIT * 2),
    "binary targets of int64": lambda x: F.binary_cross_entropy_with_logits(x, UNIT.long()),
    "binary targets of bool": lambda x: F.binary_cross_entropy(x.sigmoid(), UNIT > 0.5),
    "a weight that broadcasts the input": lambda x: F.binary_cross_entropy_with_logits(x, UNIT, torch.ones(2, 4, 3)),
    "a weight of no run of dimensions": lambda x: F.binary_cross_entropy_with_logits(
        x.view(2, 2, 3), UNIT.view(2, 2, 3), UNIT.view(2, 2, 3)[:, :1]
    ),
    "a weight of another shape": lambda x: F.huber_loss(x, REAL, weight=torch.ones(3)),
    "a weight below 0": lambda x: F.mse_loss(x, REAL, weight=-UNIT),
    "a sparse weight": lambda x: F.mse_loss(x, REAL, weight=UNIT.to_sparse()),
    "a weight with a gradient": lambda x: F.mse_loss(x, REAL, weight=UNIT.clone().requires_grad_()),
    "a target with a gradient": lambda x: F.mse_loss(x, REAL.clone().requires_grad_()),
    "a target of another dtype": lambda x: F.mse_loss(x, REAL.double()),
    "a target of integers": lambda x: F.smooth_l1_loss(x, REAL.long()),
    "input of integers": lambda x: F.l1_loss(x.long(), REAL.long()),
    "input of complex numbers": lambda x: F.l1_loss(x.to(torch.complex64), REAL),
    "half precision": lambda x: F.cross_entropy(x.half(), IDS),
    "sparse input": lambda x: F.mse_loss(x.to_sparse(), REAL),
    "no tensor": lambda x: F.mse_loss(x, 1.0),
    "size_average": lambda x: F.mse_loss(x, REAL, size_average=False),
    "reduce": lambda x: F.cross_entropy(x, IDS, reduce=False),
    "a reduction that is none": lambda x: F.mse_loss(x, REAL, reduction="avg"),
    "reduction None": lambda x: F.mse_loss(x, REAL, reduction=None),
    "ignore_index None": lambda x: F.cross_entropy(x, IDS, ignore_index=None),
    "delta of 0": lambda x: F.huber_loss(x, REAL, delta=0.0),
    "delta as a word": lambda x: F.huber_loss(x, REAL, delta="wide"),
    "beta below 0": lambda x: F.smooth_l1_loss(x, REAL, beta=-1.0),
}


@needs_kernels
@pytest.mark.parametrize("case", TORCHS)
def test_what_losskit_refuses_or_has_other_numbers_for_is_torchs(case: str, answered: list[str]) -> None:
    """Its numbers and dtypes, its warnings and its errors."""
    in_both(TORCHS[case], torch.randn(4, 3))
    assert set(answered) == {"torch"}


@needs_kernels
def test_what_is_not_on_cpu_is_torchs(answered: list[str]) -> None:
    input, target = torch.randn(4, 3, device="meta"), torch.zeros(4, dtype=torch.long, device="meta")
    with losskit.accelerate():
        assert F.cross_entropy(input, target).is_meta
        assert F.cross_entropy(torch.randn(1, 4, 1), torch.zeros(1, 1, dtype=torch.long), torch.ones(4)).is_cpu
        with pytest.raises(RuntimeError, match="meta"):
            F.cross_entropy(torch.randn(4, 3), IDS, torch.ones(3, device="meta"))
        with FakeTensorMode() as fakes:
            F.mse_loss(fakes.from_tensor(REAL), fakes.from_tensor(UNIT))
    assert answered == ["torch", "losskit", "torch", "torch"]


@needs_kernels
def test_inference_mode(answered: list[str]) -> None:
    """Its tensors are served there; where a gradient is wanted torch refuses them."""
    input = torch.randn(4, 3)
    with torch.inference_mode():
        in_both(lambda x: F.cross_entropy(2 * x, IDS), input)
        made = torch.ones(3)
    in_both(lambda x: F.cross_entropy(x, IDS, made), input)
    assert answered == ["losskit", "torch"]


@needs_kernels
def test_where_its_numbers_differ_on_purpose() -> None:
    """What its documentation says: torch's and losskit's, side by side."""
    masked = torch.tensor([[1.0, 2.0, -torch.inf], [-torch.inf] * 3])
    ids, certain = torch.tensor([1, -100]), torch.tensor([0.0, 1.0])
    calls: list[tuple[Callable[[Tensor], Tensor], Tensor]] = [
        (lambda x: F.cross_entropy(x, ids), masked),
        (lambda x: F.cross_entropy(x, ids, label_smoothing=0.1), masked),
        (lambda x: F.cross_entropy(x[:1], torch.tensor([[0.3, 0.7, 0.0]])), masked),
    ]
    for call, input in calls:
        torchs = outcome(call, input)
        assert not all(each.isfinite().all() for each in torchs[:2])
        with losskit.accelerate():
            ours = outcome(call, input)
        assert all(each.isfinite().all() for each in ours[:2])
    torchs = outcome(lambda x: F.binary_cross_entropy(x, certain, reduction="sum"), certain)
    with losskit.accelerate():
        ours = outcome(lambda x: F.binary_cross_entropy(x, certain, reduction="sum"), certain)
    assert torchs[1].tolist() == [0, 0]
    assert ours[1].abs().min() >= 1


# Who else may watch


@needs_kernels
def test_transforms_tracers_and_hooks_see_torch(answered: list[str]) -> None:
    input, other = torch.randn(4, 3), torch.randn(4, 3)

    loss: Callable[..., Tensor] = partial(F.cross_entropy, target=IDS)

    def offloaded(x: Tensor) -> Tensor:
        with torch.autograd.graph.save_on_cpu():
            return loss(x)

    calls: list[Callable[[Tensor], Tensor]] = [
        torch.func.grad(loss),
        lambda x: torch.vmap(F.mse_loss)(x, other),
        torch.func.hessian(loss),
        lambda x: torch.func.jvp(loss, (x,), (other,))[1],
        lambda x: make_fx(loss)(x)(x),
        lambda x: checkpoint(lambda y: loss((2 * y).exp()) * y.sum(), x, use_reentrant=False),
        offloaded,
    ]
    for call in calls:
        answered.clear()
        in_both(lambda x, call=call: call(x), input)  # type: ignore[misc]
        assert set(answered) == {"torch"}

    class Tagged(Tensor):
        pass

    answered.clear()
    with losskit.accelerate():
        assert type(loss(input.as_subclass(Tagged))) is Tagged
    assert answered == ["torch"]


def test_compiled_code_is_torchs(answered: list[str]) -> None:
    """And whole: no break of the graph."""
    loss, input = partial(F.cross_entropy, target=IDS, label_smoothing=0.1), torch.randn(4, 3)
    torch._dynamo.reset()
    compiled = torch.compile(lambda x: loss(2 * x), fullgraph=True, backend="aot_eager")
    expected = outcome(lambda x: loss(2 * x), input)
    with losskit.accelerate():
        agree(outcome(compiled, input), expected)
    agree(outcome(compiled, input), expected)
    losskit.accelerate.install()
    agree(outcome(compiled, input), expected)
    losskit.accelerate.uninstall()
    assert answered == []

    def inside(x: Tensor) -> Tensor:
        with losskit.accelerate():
            return cross_entropy(x, IDS)

    torch._dynamo.reset()
    agree(
        outcome(torch.compile(inside, backend="aot_eager"), input), outcome(partial(cross_entropy, target=IDS), input)
    )


@needs_kernels
def test_gradients_of_gradients_and_reentrant_checkpoints(answered: list[str]) -> None:
    def second(x: Tensor) -> Tensor:
        (gradient,) = torch.autograd.grad(F.cross_entropy(x, IDS), x, create_graph=True)
        return gradient.square().sum()

    in_both(second, torch.randn(4, 3))
    assert set(answered) == {"losskit"}
    for context in (losskit.accelerate, BaseTorchFunctionMode):
        leaf = torch.ones(4, 3, requires_grad=True)
        with context():
            loss = checkpoint(lambda x: F.cross_entropy(x.exp(), IDS), leaf, use_reentrant=True)
            loss.backward()
        assert leaf.grad is not None
        torch.testing.assert_close(leaf.grad[0], torch.tensor([-2.0, 1, 1]) * torch.e / 9)


# On and off


def is_on() -> bool:
    input = torch.randn(4, 3, requires_grad=True)
    return "Attached" in str(F.cross_entropy(input, IDS).grad_fn)


@needs_kernels
def test_it_is_on_within_and_off_after() -> None:
    assert not is_on()
    with losskit.accelerate():
        assert is_on()
        with losskit.accelerate():
            assert is_on()
            in_both(TORCHS["one logit"], torch.randn(4, 3))
        assert is_on()
    assert not is_on()
    with pytest.raises(KeyError), losskit.accelerate():
        raise KeyError
    assert not is_on()


@needs_kernels
def test_install_and_uninstall() -> None:
    losskit.accelerate.uninstall()
    for _ in range(2):
        losskit.accelerate.install()
        assert is_on()
        assert len(accelerate._modes()) == 1
    with losskit.accelerate():
        losskit.accelerate.uninstall()
        assert is_on()
    assert not is_on()
    losskit.accelerate.uninstall()


@needs_kernels
def test_install_leaves_other_modes_in_their_places() -> None:
    """Contexts that were open before pop their own mode, and a default device stays at the bottom."""
    outer = BaseTorchFunctionMode()
    for default in (None, "cpu"):
        torch.set_default_device(default)
        with torch.device("cpu"), outer:
            before = accelerate._modes()
            losskit.accelerate.install()
            assert [mode for mode in accelerate._modes() if mode in before] == before
            assert is_on()
        assert is_on()
        torch.set_default_device("cpu" if default is None else None)
        assert is_on()
        torch.set_default_device(None)
        assert is_on()
        losskit.accelerate.uninstall()
        assert not is_on()
    losskit.accelerate.install()
    with outer:
        losskit.accelerate.uninstall()
        assert accelerate._modes() == [outer]
    assert not is_on()


@needs_kernels
def test_each_thread_has_its_own() -> None:
    found: list[bool] = []

    def work() -> None:
        found.append(is_on())
        losskit.accelerate.install()
        found.append(is_on())

    losskit.accelerate.install()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    losskit.accelerate.uninstall()
    assert found == [False, True]


SCRIPT = """
import os, sys
import torch, losskit
import torch.nn.functional as F
losskit.accelerate.install()
depth = torch._C._len_torch_function_stack()
if not os.fork():
    os._exit(torch._C._len_torch_function_stack())
forked = os.waitstatus_to_exitcode(os.wait()[1])
with losskit.accelerate():
    loss = F.mse_loss(torch.ones(3, requires_grad=True), torch.zeros(3))
losskit.accelerate.uninstall()
print(depth, forked, loss.grad_fn.name())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("level", [pytest.param(None, marks=needs_kernels), "none"])
def test_forked_processes_and_torch_without_kernels(level: str | None) -> None:
    env = {name: value for name, value in os.environ.items() if name != library.FORCE}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        check=True,
        capture_output=True,
        text=True,
        env=env | ({} if level is None else {library.FORCE: level}),
    )
    assert run.stdout.split()[:2] == ["0", "0"] if level else ["1", "1"]
    assert ("MseLoss" in run.stdout) == (level is not None)


def test_private_names_of_torch_exist() -> None:
    """What accelerate.py leans on; a torch that drops one must fail here."""
    assert torch._C._len_torch_function_stack() == 0
    with BaseTorchFunctionMode() as mode:
        assert torch._C._get_function_stack_at(0) is mode
        torch._C._push_on_torch_function_stack(torch._C._pop_torch_function_stack())
    assert hasattr(torch, "_GLOBAL_DEVICE_CONTEXT")
    assert torch._C._autograd._top_saved_tensors_default_hooks(True) is None
