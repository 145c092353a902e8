"""Losses as they are written on the command line: names, arguments, balanced weights, and classes of the user's."""

from __future__ import annotations

import ast
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from comparisons import some
from sklearn.utils.class_weight import compute_class_weight

import losskit
from losskit import Task
from losskit.compare import CompareError, make_plan
from losskit.compare.contender import Contender, contender, serving, usual
from losskit.compare.engine import Engine, Job
from losskit.compare.recipe import recipe

OWN = """
import torch
from torch import nn
import losskit


class Plain(nn.Module):
    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = scale

    def forward(self, input, target):
        return self.scale * nn.functional.cross_entropy(input, target)


class Stated(losskit.MSELoss):
    pass


class Late(nn.Module):
    def forward(self, input, target):
        raise TypeError("only on Sundays")


class Many(nn.Module):
    def forward(self, input, target):
        return input


def function(input, target):
    return input
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a module of losses."""
    torch.set_num_threads(1)
    (tmp_path / "losses_of_mine.py").write_text(OWN)
    (tmp_path / "broken_losses.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "losses_of_mine", raising=False)
    contender.cache_clear()
    return tmp_path


def refused(written: str, task: Task = Task.MULTICLASS) -> str:
    with pytest.raises(CompareError) as caught:
        contender(written, task)
    assert str(caught.value).startswith("losses: ")
    return str(caught.value)


def test_a_name_is_the_loss_of_the_catalog() -> None:
    for task in (Task.MULTICLASS, Task.BINARY, Task.REGRESSION):
        for name in serving(task):
            made = contender(name, task)
            assert (made.name, made.loss, made.arguments) == (name, getattr(losskit, name), {})
            assert made.head == made.loss.about.serves[task]  # type: ignore[attr-defined]
            assert not made.borrowed


def test_arguments_reach_the_loss() -> None:
    made = contender("FocalLoss(gamma=1, alpha=0.3)", Task.BINARY)
    criterion: Any = made.criterion(torch.zeros(4, 1), 2)
    assert (criterion.gamma, criterion.alpha) == (1, 0.3)
    weighted: Any = contender("CrossEntropyLoss(weight=[1.0, 2.5], label_smoothing=0.1)", Task.BINARY)
    criterion = weighted.criterion(torch.tensor([0, 1]), 2)
    assert criterion.weight.tolist() == [1, 2.5]
    assert criterion.label_smoothing == 0.1
    assert weighted.in_code("weight") == "torch.tensor([1.0, 2.5])"
    assert weighted.in_code("label_smoothing") == "0.1"


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_balanced_weights_are_those_of_scikit_learn(classes: int) -> None:
    ids = np.random.default_rng(classes).choice(classes, 200, p=np.arange(1, classes + 1) / sum(range(classes + 1)))
    made = contender("CrossEntropyLoss(weight=balanced)", Task.MULTICLASS)
    criterion: Any = made.criterion(made.head.encode(torch.tensor(ids), classes), classes)
    expected = compute_class_weight("balanced", classes=np.arange(classes), y=ids)
    assert criterion.weight.tolist() == pytest.approx(list(expected))
    assert in_code(made, torch.tensor(ids), classes)["weight"].tolist() == pytest.approx(list(expected))


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS])
def test_balanced_positive_weights_are_zeros_for_each_one(task: Task) -> None:
    classes = 2 if task is Task.BINARY else 3
    ids = torch.tensor([0] * 12 + [1] * 3 + [2] * (classes - 2))
    made = contender("BCEWithLogitsLoss(pos_weight=balanced)", task)
    encoded = made.head.encode(ids, classes)
    criterion: Any = made.criterion(encoded, classes)
    expected = [4.0] if task is Task.BINARY else [4 / 12, 13 / 3, 15.0]
    assert criterion.pos_weight.tolist() == pytest.approx(expected)
    assert in_code(made, encoded, classes)["pos_weight"].tolist() == pytest.approx(expected)


def in_code(made: Contender, target: torch.Tensor, classes: int) -> dict[str, Any]:
    """What the lines of the printed script compute."""
    data = some(60, task=Task.MULTICLASS, classes=[str(number) for number in range(classes)])
    known: dict[str, Any] = {"target": target, "data": data}
    exec("\n".join(made.weights_in_code()), known)
    return known


def test_a_class_that_no_row_has_does_not_divide_by_zero() -> None:
    made = contender("CrossEntropyLoss(weight=balanced)", Task.MULTICLASS)
    criterion: Any = made.criterion(torch.tensor([0, 0, 2]), 3)
    assert criterion.weight.isfinite().all()
    positive = contender("BCEWithLogitsLoss(pos_weight=balanced)", Task.BINARY)
    criterion = positive.criterion(torch.zeros(5, 1), 2)
    assert criterion.pos_weight.isfinite().all()


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("FocalLoss(gama=1)", "did you mean 'gamma'"),
        ("FocalLoss(gamma=-1)", "FocalLoss"),
        ("CrossEntropyLos", "CrossEntropyLos is not a loss .*; did you mean 'CrossEntropyLoss'"),
        ("FocalLoss(1)", "'FocalLoss(1)' is not a loss with its arguments by name"),
        ("FocalLoss(**{'gamma': 1})", "by name"),
        ("FocalLoss(gamma=print(1))", "by name"),
        ("FocalLoss(gamma=", "by name"),
        ("torch.nn.MSELoss", "by name"),
        ("", "by name"),
        ("FocalLoss(gamma=balanced)", "balanced is known for weight and pos_weight, not gamma"),
        ("MSELoss(weight=balanced)", "weight"),
        ("QuantileLoss", "QuantileLoss does not serve a multiclass task"),
        ("CTCLoss", "CTCLoss"),
        ("TripletMarginLoss", "TripletMarginLoss"),
    ],
)
def test_what_is_wrong_is_told(written: str, told: str) -> None:
    message = refused(written)
    if ".*" in told:
        first, second = told.split(".*")
        assert first.strip() in message
        assert second in message
    else:
        assert told in message


@pytest.mark.parametrize(
    ("sizes", "weighted"), [([40, 10], True), ([39, 10], False), ([80, 30, 20], True), ([], False)]
)
def test_weighted_variants_join_from_one_to_four(sizes: list[int], weighted: bool) -> None:
    for task in (Task.BINARY, Task.MULTICLASS):
        found = usual(task, sizes)
        variants = {"CrossEntropyLoss(weight=balanced)", "BCEWithLogitsLoss(pos_weight=balanced)"}
        assert {name for name in found if "(" in name} == (variants if weighted else set())
        assert [name for name in found if "(" not in name] == usual(task)
        assert all(contender(name, task) for name in found)
    assert usual(Task.REGRESSION) == usual(Task.REGRESSION, [])


def test_no_twin_and_no_loss_of_whole_batches_joins_by_itself() -> None:
    for task in (Task.MULTICLASS, Task.BINARY, Task.REGRESSION):
        left_out = set(serving(task)) - set(usual(task))
        for name in serving(task):
            about = getattr(losskit, name).about
            assert (name in left_out) == bool(about.twin or about.interacting), name
        assert left_out


# A class of the user's.


def test_a_class_in_the_current_folder(folder: Path) -> None:
    made = contender("losses_of_mine:Plain(scale=2.0)", Task.MULTICLASS)
    assert made.borrowed
    assert made.head == losskit.CrossEntropyLoss.about.serves[Task.MULTICLASS]
    x, y = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
    criterion = made.criterion(y, 3)
    torch.testing.assert_close(criterion(x, y), 2 * torch.nn.functional.cross_entropy(x, y))
    again = contender("losses_of_mine:Stated", Task.MULTICLASS)
    assert not again.borrowed  # it states how targets are encoded
    assert again.head == losskit.MSELoss.about.serves[Task.MULTICLASS]
    assert contender("losses_of_mine:Stated", Task.REGRESSION).head == losskit.MSELoss.about.serves[Task.REGRESSION]


def test_a_text_with_a_colon_is_no_module(folder: Path) -> None:
    assert contender("losses_of_mine:Plain(scale={1: 2})", Task.MULTICLASS).arguments == {"scale": {1: 2}}
    assert "'FocalLoss(gamma={1: 2)' is not a loss" in refused("FocalLoss(gamma={1: 2)")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("losses_of_mine:function", "is no class of losses; make it a subclass of losskit.Loss or nn.Module"),
        ("losses_of_mine:Missing", "cannot be imported, AttributeError"),
        ("no_such_module_here:MyLoss", "cannot be imported, ModuleNotFoundError"),
        ("broken_losses:MyLoss", "cannot be imported, ZeroDivisionError: division by zero"),
        ("losses_of_mine:Plain(shade=1)", "Plain.__init__() got an unexpected keyword argument 'shade'"),
    ],
)
def test_a_class_that_cannot_be_taken(written: str, told: str, folder: Path) -> None:
    assert told in refused(written)


@pytest.mark.parametrize(("name", "told"), [("Late", "TypeError: only on Sundays"), ("Many", "raised RuntimeError")])
def test_a_class_that_raises_in_a_training(name: str, told: str, folder: Path) -> None:
    data = some(60, task=Task.MULTICLASS)
    plan = make_plan(data, losses=[f"losses_of_mine:{name}"], steps=4, seeds=1)
    with pytest.raises(CompareError, match=told) as caught:
        Engine(plan, data).do(Job(f"losses_of_mine:{name}", 0, 0))
    assert f"losses_of_mine:{name}" in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # it comes out of a worker


def test_the_script_of_an_own_class_imports_it(folder: Path) -> None:
    data = some(60, task=Task.MULTICLASS)
    plan = make_plan(data, losses=["losses_of_mine:Plain(scale=2.0)", "losses_of_mine:Stated"], steps=4)
    chosen = plan.configurations(contender(plan.losses[1], plan.task))[0]
    code = recipe(plan, data, plan.losses[1], chosen, "accuracy")
    ast.parse(code)
    assert "from losses_of_mine import Plain\nfrom losskit import CrossEntropyLoss\n" in code
    assert "criterion = Plain(scale=2.0)\n" in code
    assert 'head = CrossEntropyLoss().head("multiclass")\n' in code
    stated = recipe(plan, data, plan.losses[2], chosen, "accuracy")
    assert 'head = Stated.about.serves["multiclass"]\n' in stated
