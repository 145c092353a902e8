"""A loss with its arguments, as a run trains it: ``MSELoss``, ``FocalLoss(gamma=1)`` or ``package:MyLoss``."""

from __future__ import annotations

import ast
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from losskit.catalog import READY_MADE, STANDARD
from losskit.compare.errors import CompareError, argument
from losskit.core.head import Activation, Encoding, Head, Situation, Task
from losskit.loss import Loss
from losskit.names import meant

BALANCED = "balanced"
#: Weights that follow from the encoded targets of the training rows, as code; :func:`_balanced` computes the same.
IN_CODE = {
    "weight": "len(target) / (data.outputs * target.bincount(minlength=data.outputs).clamp(min=1))",
    "pos_weight": "(target == 0).sum(0) / (target == 1).sum(0).clamp(min=1)",
}
UNEQUAL = 4  # times as many rows of the largest class as of the smallest: weighted variants join

#: A loss that owns its last layer cannot be compared behind the same network.
CLASSES: dict[str, type[Loss]] = {loss.__name__: loss for loss in READY_MADE}


@dataclass(frozen=True)
class Contender:
    """A loss of a run.

    Args:
        name: As it was written, and as it stands in the report.
        loss: Its class.
        arguments: Its arguments; the text ``balanced`` stands for the weights that follow from the training rows.
        head: How targets are encoded for it, and outputs decoded.
        borrowed: Whether the head is that of the task's standard loss, since the class states none.
    """

    name: str
    loss: type[nn.Module]
    arguments: Mapping[str, Any]
    head: Head
    borrowed: bool = False

    def criterion(self, encoded: Tensor, classes: int) -> nn.Module:
        """A fresh criterion; balanced weights are those of ``encoded``, the targets of the training rows."""
        given = {
            name: _balanced(name, encoded, classes) if value == BALANCED else value
            for name, value in self.arguments.items()
        }
        return self.loss(
            **{name: torch.tensor(v, device="cpu") if isinstance(v, list) else v for name, v in given.items()}
        )

    def in_code(self, argument: str) -> str:
        """An argument of the constructor, as code."""
        value = self.arguments[argument]
        if value == BALANCED:
            return argument
        return f"torch.tensor({value})" if isinstance(value, list) else repr(value)

    def weights_in_code(self) -> list[str]:
        """Lines that compute balanced weights from the encoded ``target``."""
        return [f"{name} = {IN_CODE[name]}" for name, value in self.arguments.items() if value == BALANCED]

    @property
    def gives_probabilities(self) -> bool:
        """Whether its output is decoded by a sigmoid or a softmax."""
        return self.head.predicting in (Activation.SIGMOID, Activation.SOFTMAX)

    @property
    def elements(self) -> bool:
        """Whether its mean runs over the classes too, so that gradients shrink with their number."""
        return self.head.encoding is Encoding.ONE_HOT


def _balanced(name: str, encoded: Tensor, classes: int) -> Tensor:
    """Class weights as scikit-learn's ``class_weight="balanced"``; for ``pos_weight``, zeros for each 1 of a column."""
    if name == "pos_weight":
        return (encoded == 0).sum(0) / (encoded == 1).sum(0).clamp(min=1)
    return len(encoded) / (classes * encoded.bincount(minlength=classes).clamp(min=1))


def trains(loss: type[Loss]) -> bool:
    """Whether a loss takes one output of the network and its target, as trainings here have them."""
    return tuple(loss.about.tensors) == ("input", "target")


def serving(task: Task) -> list[str]:
    """The losses of the catalog that can be compared on ``task``."""
    return [name for name, loss in CLASSES.items() if task in loss.about.serves and trains(loss)]


def usual(task: Task, sizes: Sequence[int] = ()) -> list[str]:
    """The losses of a run that names none; with classes of unequal ``sizes`` the weighted variants too.

    A twin would be trained twice, and a loss whose items see each other is not a loss of single rows.
    """
    names = [name for name in serving(task) if not (CLASSES[name].about.twin or CLASSES[name].about.interacting)]
    if not sizes or max(sizes) < UNEQUAL * min(sizes):
        return names
    return [variant for name in names for variant in (name, *_weighted(name))]


def _weighted(name: str) -> list[str]:
    code = CLASSES[name].about.suits.get(Situation.IMBALANCED, "")
    return [f"{name}({by}={BALANCED})" for by in ("weight", "pos_weight") if code.startswith(f"{by}=")]


@cache
def contender(written: str, task: Task) -> Contender:
    """The loss that ``written`` names, with its arguments."""
    module, _, call = written.partition(":") if ":" in written.partition("(")[0] else ("", "", written)
    name, arguments = _parsed(written, call)
    loss: Any = _own(written, module, name) if module else CLASSES[_known(name, task)]
    borrowed = not (issubclass(loss, Loss) and task in loss.about.serves)
    stating = CLASSES[STANDARD[task]] if borrowed else loss
    made = Contender(written, loss, arguments, stating.about.serves[task], borrowed)
    _try(made)
    return made


def _parsed(written: str, call: str) -> tuple[str, dict[str, Any]]:
    try:
        tree = ast.parse(call, mode="eval").body
        if isinstance(tree, ast.Name):
            return tree.id, {}
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and not tree.args:
            return tree.func.id, {_name(each): _value(each.value) for each in tree.keywords}
    except (SyntaxError, ValueError):
        pass
    raise CompareError(
        f"{argument('losses')}: {written!r} is not a loss with its arguments by name; "
        'write it as "FocalLoss(gamma=1)", with balanced for weights that follow from the classes'
    )


def _name(keyword: ast.keyword) -> str:
    if keyword.arg is None:
        raise ValueError("**arguments have no names")
    return keyword.arg


def _value(tree: ast.expr) -> Any:
    return BALANCED if isinstance(tree, ast.Name) and tree.id == BALANCED else ast.literal_eval(tree)


def _own(written: str, module: str, name: str) -> type[nn.Module]:
    """A class of the user's."""
    where = os.getcwd()
    if where not in sys.path:
        sys.path.insert(0, where)
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise CompareError(
            f"{argument('losses')}: {written} cannot be imported, {type(error).__name__}: {error}; it must be a class of a "
            "module in this folder, or of an installed package"
        ) from error
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise CompareError(
            f"{argument('losses')}: {written} is no class of losses; make it a subclass of losskit.Loss or nn.Module"
        )
    return found


def _known(name: str, task: Task) -> str:
    known = serving(task)
    if name in known:
        return name
    others = meant(name, known) or f"; choose among {', '.join(known)}"
    if name not in CLASSES:
        why = "is not a loss that networks can be compared with"
    elif task not in CLASSES[name].about.serves:
        why = f"does not serve a {task} task"
    else:
        why = f"takes {', '.join(CLASSES[name].about.tensors)}, and a training here has input and target alone"
    raise CompareError(f"{argument('losses')}: {name} {why}{others}")


def _try(made: Contender) -> None:
    """Raise, before any training, if its arguments are wrong."""
    wrong = [
        name for name, value in made.arguments.items() if value == BALANCED and name not in ("weight", "pos_weight")
    ]
    if wrong:
        raise CompareError(
            f"{argument('losses')}: {made.name}: {BALANCED} is known for weight and pos_weight, not {wrong[0]}"
        )
    try:
        made.criterion(made.head.encode(torch.tensor([0, 1], device="cpu"), 2), 2)
    except Exception as error:
        told = (
            str(error)
            if str(error).startswith(made.loss.__name__)
            else f"{made.name} raised {type(error).__name__}: {error}"
        )
        raise CompareError(f"{argument('losses')}: {told}") from error
