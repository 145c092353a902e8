"""The autograd node in C++: what it takes, that it does as the node in Python does, and how it is built."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import shutil
import subprocess
import sys
import sysconfig
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from cases import Subject, draw, subjects
from torch import Tensor
from torch._dynamo import compiled_autograd
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode

import losskit
from losskit import native
from losskit.choice import choose
from losskit.native import library, node
from losskit.native.call import Plain

if library.load() is None:
    pytest.skip(native.status().reason, allow_module_level=True)

needs_node = pytest.mark.skipif(node.load() is None, reason=native.status().how)
#: Losses with kernels that it can call: the one of NTXentLoss works on the product of two tensors.
PLAIN = [subject for subject in subjects() if subject.loss.about.kernel is not None and str(subject) != "NTXentLoss"]


def test_it_is_there() -> None:
    """Wherever it can be built: what CI has must not be skipped in silence."""
    can_be_built = shutil.which("c++") and Path(sysconfig.get_path("include"), "Python.h").is_file()
    assert native.status().node or os.environ.get(node.SWITCH) == "none" or not can_be_built, native.status()


@pytest.fixture(params=[pytest.param("C++", marks=needs_node), "Python"])
def language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the node is written in."""
    if request.param == "Python":
        monkeypatch.setattr(node, "found", lambda: (None, "not in this test"))
    return str(request.param)


def drawn() -> tuple[Tensor, Tensor]:
    return torch.randn(6, 4, dtype=torch.float64, requires_grad=True), torch.randn(6, 4, dtype=torch.float64)


def plain(criterion: losskit.Loss, *tensors: Tensor) -> Plain:
    """The call by the node in C++."""
    kernel = choose(criterion, tensors).ready
    assert kernel is not None
    assert kernel.plain is not None
    return kernel.plain


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("subject", PLAIN, ids=str)
@needs_node
def test_it_gives_what_the_node_in_python_gives(
    subject: Subject, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    input, *rest = draw(subject.loss, (5, 3), 4, dtype)
    found = []
    for language in ("C++", "Python"):
        criterion, leaf = subject.loss(), input.clone().requires_grad_()
        loss = criterion(leaf, *rest)
        assert (type(loss.grad_fn).__name__ == "CppFunction") == (language == "C++")
        (3 * loss).backward()
        found.append((loss, leaf.grad, criterion(input, *rest)))
        assert not found[-1][-1].requires_grad
        monkeypatch.setattr(node, "found", lambda: (None, ""))
    torch.testing.assert_close(*found, rtol=0, atol=0)


def test_the_loss_may_change_in_place(language: str) -> None:
    input, target = drawn()
    loss = losskit.MSELoss()(input, target)
    loss /= 4
    loss.add_(1).backward()
    torch.testing.assert_close(input.grad, (input - target).detach() / 2 / input.numel())


def test_second_derivatives_are_those_of_the_formula(language: str) -> None:
    input, target = drawn()
    loss = losskit.MSELoss("sum")(input, target)
    (gradient,) = torch.autograd.grad(2 * loss, input, create_graph=True)
    torch.testing.assert_close(gradient, 4 * (input - target))
    (second,) = torch.autograd.grad(gradient.sum(), input)
    torch.testing.assert_close(second, torch.full_like(second, 4.0))
    criterion = losskit.CrossEntropyLoss()
    assert torch.autograd.gradgradcheck(lambda logits: criterion(logits, torch.arange(6) % 4), input)


def test_an_error_in_the_formula_comes_through(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Tensor:
        raise ZeroDivisionError("of the formula")

    input, target = drawn()
    criterion = losskit.MSELoss()
    loss = criterion(input, target)
    monkeypatch.setattr(type(criterion), "formula", broken)
    with pytest.raises(ZeroDivisionError, match="of the formula"):
        torch.autograd.grad(loss, input, create_graph=True)


def test_second_backwards_and_changes_in_place(language: str) -> None:
    input, target = drawn()
    loss = losskit.MSELoss("sum")(input, target)
    for factor in (1.0, 3.0, 1.0):
        (again,) = torch.autograd.grad(factor * loss, input, retain_graph=True)
        torch.testing.assert_close(again, factor * 2 * (input - target).detach())
    torch.autograd.grad(loss, input)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(loss, input)
    loss = losskit.MSELoss("sum")(input, target)
    torch.autograd.grad(loss, input, retain_graph=True)
    with torch.no_grad():
        input += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(loss, input)


def test_hooks_see_the_gradients(language: str) -> None:
    input, target = drawn()
    seen: list[Tensor] = []
    loss = losskit.MSELoss("sum")(input, target)
    assert loss.grad_fn is not None
    loss.grad_fn.register_prehook(lambda upstream: (5 * upstream[0],))
    loss.grad_fn.register_hook(lambda gradients, _: seen.extend(each for each in gradients if each is not None))
    loss.register_hook(lambda upstream: 2 * upstream)
    input.register_hook(lambda gradient: gradient + 1)
    loss.backward()
    torch.testing.assert_close(seen, [20 * (input - target).detach()])
    torch.testing.assert_close(input.grad, seen[0] + 1)


def test_hooks_see_what_is_saved(language: str) -> None:
    input, target = drawn()
    criterion = losskit.MSELoss()
    criterion(input, target)
    saved: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        saved.append(tensor)
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor + 1):
        loss = criterion(input, target + 0)
    assert len(saved) == 2
    loss.backward()
    torch.testing.assert_close(input.grad, 2 * (input - target).detach() / input.numel())


def test_many_upstream_gradients_at_once(language: str) -> None:
    input, target = drawn()
    upstream = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    (found,) = torch.autograd.grad(losskit.MSELoss("sum")(input, target), input, upstream, is_grads_batched=True)
    torch.testing.assert_close(found, upstream[:, None, None] * 2 * (input - target).detach())


def test_the_gradient_is_handed_over_without_a_copy(language: str) -> None:
    input, target = drawn()
    blocks: list[int] = []
    input.register_hook(lambda gradient: blocks.append(gradient.data_ptr()))
    losskit.MSELoss()(input, target).backward()
    assert input.grad is not None
    assert [input.grad.data_ptr()] == blocks


def test_compiled_functions_and_transforms_see_the_formula(language: str) -> None:
    input, target = drawn()
    criterion = losskit.MSELoss()
    loss = criterion(input, target)
    loss.backward()
    compiled = torch.compile(criterion, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(input, target), loss)
    gradient, value = torch.func.grad_and_value(criterion)(input, target)
    torch.testing.assert_close((gradient, value), (input.grad, loss))
    torch.testing.assert_close(torch.vmap(criterion)(input, target), ((input - target) ** 2).mean(1))


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # torch looks at it
def test_compiled_autograd_takes_it_as_it_is(language: str) -> None:
    input, target = drawn()
    loss = losskit.MSELoss("sum")(2 * input, target)
    with compiled_autograd._enable(lambda graph: graph):
        loss.backward()
    torch.testing.assert_close(input.grad, 4 * (2 * input - target).detach())


def test_losses_that_have_run_can_be_copied_and_die(language: str) -> None:
    input, target = drawn()
    criterion = losskit.MSELoss()
    loss = criterion(input, target)
    for other in (pickle.loads(pickle.dumps(criterion)), copy.deepcopy(criterion), copy.copy(criterion)):
        torch.testing.assert_close(other(input, target), loss)
    here = weakref.ref(criterion)
    loss.backward()
    del criterion, other, loss
    gc.collect()
    assert here() is None


def test_a_changed_argument_is_heard(language: str) -> None:
    input, target = drawn()
    criterion = losskit.HuberLoss(delta=0.1)
    for _ in range(2):
        torch.testing.assert_close(criterion(input, target), torch.nn.functional.huber_loss(input, target, delta=0.1))
    criterion.delta = 0.5
    criterion.reduction = "sum"
    true = torch.nn.functional.huber_loss(input, target, "sum", 0.5)
    for _ in range(2):
        torch.testing.assert_close(criterion(input, target), true)


def test_threads_may_share_a_loss(language: str) -> None:
    criterion = losskit.CrossEntropyLoss()
    logits, target = torch.randn(8, 64, 10), torch.randint(10, (8, 64))
    true = [torch.nn.functional.cross_entropy(*pair) for pair in zip(logits, target, strict=True)]

    def work(turn: int) -> None:
        for _ in range(50):
            leaf = logits[turn].clone().requires_grad_()
            loss = criterion(leaf, target[turn])
            torch.testing.assert_close(loss, true[turn])
            loss.backward()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(8)))


class Tagged(Tensor):
    """A subclass of nothing but the name."""


class Modest(TorchDispatchMode):
    """A mode that changes nothing."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def dual(call: Callable[[Tensor, Tensor], Tensor | None], input: Tensor, target: Tensor) -> Tensor | None:
    with torch.autograd.forward_ad.dual_level():
        return call(torch.autograd.forward_ad.make_dual(input.detach(), target), target)


def within(context: Any) -> Callable[..., Tensor | None]:
    def call(call: Callable[[Tensor, Tensor], Tensor | None], input: Tensor, target: Tensor) -> Tensor | None:
        with context:
            return call(input, target)

    return call


def inference(call: Callable[[Tensor, Tensor], Tensor | None], input: Tensor, target: Tensor) -> Tensor | None:
    with torch.inference_mode():
        made = target.clone()
    return call(input, made)


#: Calls that it must not take; all of the shapes and dtypes that were planned for, if not otherwise said.
DECLINED: dict[str, Callable[..., Any]] = {
    "another shape": lambda call, input, target: call(input[:3], target[:3]),
    "another dtype": lambda call, input, target: call(input.float(), target.float()),
    "another dtype of one": lambda call, input, target: call(input, target.float()),
    "not contiguous": lambda call, input, target: call(input, target.t().contiguous().t()),
    "a target that wants a gradient": lambda call, input, target: call(input, target.clone().requires_grad_()),
    "a subclass": lambda call, input, target: call(input, target.as_subclass(Tagged)),
    "another device": lambda call, input, target: call(input, target.to("meta")),
    "another layout": lambda call, input, target: call(input, target.to_sparse()),
    "of inference mode": inference,
    "in inference mode": within(torch.inference_mode()),
    "a dual number": dual,
    "negated": lambda call, input, target: call(input, torch._neg_view(target)),
    "a mode": within(Modest()),
    "autocast": within(torch.autocast("cpu")),
    "hooks": within(saved_tensors_hooks(lambda x: x, lambda x: x)),
    "no tensors": lambda call, input, target: call(3, None),
}


@needs_node
@pytest.mark.parametrize("way", DECLINED)
def test_it_declines_what_is_not_plain(way: str) -> None:
    input, target = drawn()
    criterion = losskit.MSELoss()
    node_of = plain(criterion, input, target)
    asked: list[tuple[Any, ...]] = []

    def call(*tensors: Any) -> Tensor | None:
        asked.append(tensors)
        return node_of(tensors)

    assert DECLINED[way](call, input, target) is None
    assert len(asked) == 1
    answer = node_of((input, target))
    assert answer is not None
    assert answer.requires_grad


@needs_node
@pytest.mark.filterwarnings("ignore:`torch.jit.trace` is")
def test_it_declines_transforms_and_bad_values() -> None:
    input, target = drawn()
    node_of, answers = plain(losskit.MSELoss(), input, target), list[Any]()

    def note(input: Tensor) -> Tensor:
        answers.append(node_of((input, target)))
        return (input**2).sum()

    torch.func.grad(note)(input)
    torch.jit.trace(note, input.detach(), check_trace=False)
    assert answers == [None, None]
    ids = torch.arange(6) % 4
    of_ids = plain(losskit.CrossEntropyLoss(), input, ids)
    assert of_ids((input, ids)) is not None
    assert of_ids((input, ids + 1)) is None  # a class id of 4: the formula says so
    with pytest.raises(IndexError, match=r"4"):
        losskit.CrossEntropyLoss()(input, ids + 1)


@needs_node
@pytest.mark.parametrize(
    ("criterion", "dtype"),
    [
        (losskit.MSELoss("none"), torch.float32),
        (losskit.MSELoss(), torch.float16),
        (losskit.MSELoss(weight=torch.ones(6, 4)), torch.float32),
    ],
    ids=repr,
)
def test_it_is_not_made_for_other_calls(criterion: losskit.Loss, dtype: torch.dtype) -> None:
    tensors = tuple(each.detach().to(dtype) for each in drawn())
    kernel = choose(criterion, tensors).ready
    assert kernel is not None
    assert kernel.plain is None


# How it is built


def test_without_a_compiler_nothing_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env = {"PATH": "", "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "losskit.native"]
    run = subprocess.run([*command, "build"], capture_output=True, text=True, env=env)
    assert run.returncode == 1
    assert "no autograd node in C++, so that small calls take longer: there is no C++ compiler" in run.stderr
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found, how = node.found.__wrapped__()
    assert found is None
    assert how == "`python -m losskit.native build` builds a faster one in C++"


def test_a_compiler_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CXX", "false")
    with pytest.raises(OSError, match="false failed"):
        node.build()
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    with pytest.raises(OSError, match=r"there is no .*Python\.h"):
        node.build()
    assert not list(tmp_path.glob("*/*"))


def test_a_file_that_does_not_load_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    node.place().parent.mkdir()
    node.place().write_bytes(b"not a library")
    assert node.build() == node.place()  # it is there
    found, how = node.found.__wrapped__()
    assert found is None
    assert how.startswith(f"{node.place()} does not load: ")
    monkeypatch.setenv(node.SWITCH, "none")
    assert node.found.__wrapped__() == (None, "LOSSKIT_NODE=none")


def test_without_its_source_nothing_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(node, "SOURCE", tmp_path / "gone.cpp")
    found, how = node.found.__wrapped__()
    assert found is None
    assert how.startswith("the one in C++ cannot be looked for: ")


def test_it_is_kept_by_what_it_is_built_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = node.place()
    assert torch.__version__ in before.name
    monkeypatch.setattr(torch.version, "git_version", "another")
    other = node.place()
    assert other != before
    source = tmp_path / "node.cpp"
    source.write_text("another")
    monkeypatch.setattr(node, "SOURCE", source)
    assert node.place() not in (before, other)
