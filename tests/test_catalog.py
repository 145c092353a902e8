"""What the catalog says of all losses, and the defaults of those that the generic suite cannot draw."""

from __future__ import annotations

import inspect
import pydoc
from types import ModuleType

import pytest
import torch
from cases import OWN_TESTS

import losskit
from losskit import cli, functional, information, keras, losses, native
from losskit.catalog import CATALOG, READY_MADE, STANDARD
from losskit.core.head import Task
from losskit.documentation import of_function
from losskit.loss import Loss
from losskit.optimizers import TUTORIAL

#: Losses without a functional form, and why.
CLASS_ALONE = {"ArcFaceLoss": "its weight is its own, and learnt"}
OF_LAYER = {"in_features", "num_classes", "out_features", "bias", "device", "dtype"}  # whose weight a function takes


def test_every_exported_loss_is_in_the_catalog_once() -> None:
    exported = {name for name, value in vars(losses).items() if inspect.isclass(value) and issubclass(value, Loss)}
    assert {loss.__name__ for loss in CATALOG} == exported - {"NLLLoss2d", "Loss"}
    assert len(set(CATALOG)) == len(CATALOG)
    functions = [getattr(functional, name).__module__ for name in vars(functional)["__all__"]]
    assert sorted(functions) == sorted(loss.__module__ for loss in CATALOG if loss.__name__ not in CLASS_ALONE)


def test_all_but_the_owners_of_layers_are_ready_made() -> None:
    assert {loss.__name__ for loss in set(CATALOG) - set(READY_MADE)} == {"ArcFaceLoss", "LinearCrossEntropyLoss"}
    for loss in READY_MADE:
        loss()


def test_every_task_has_a_standard_that_serves_it() -> None:
    assert set(STANDARD) == set(Task)
    for task, name in STANDARD.items():
        assert task in getattr(losskit, name).about.serves


def test_tutorials_start_with_optimizers_of_torch() -> None:
    assert TUTORIAL == {"SGD": 0.01, "Adam": 0.001, "RMSprop": 0.001, "AdamW": 0.001}
    assert all(hasattr(torch.optim, name) for name in TUTORIAL)


@pytest.mark.parametrize("name", [name for name in OWN_TESTS if name not in CLASS_ALONE])
def test_defaults_are_the_same_wherever_they_are_written(name: str) -> None:
    loss = getattr(losskit, name)
    function = next(each for each in vars(functional).values() if getattr(each, "__module__", "") == loss.__module__)
    stated = {name: argument.default for name, argument in loss.arguments.items()}
    stated["ignore_index"] = None if name == "LinearCrossEntropyLoss" else stated.get("ignore_index")  # -100, for ids
    for each in (loss, function):
        own = {name: parameter.default for name, parameter in inspect.signature(each).parameters.items()}
        shared = set(own) & set(stated)
        assert {name: own[name] for name in shared} == {name: stated[name] for name in shared}
        needed = set(loss.arguments) - (OF_LAYER if "linear_weight" in own else set())
        assert shared >= needed, "an argument that cannot be given"


@pytest.mark.parametrize("loss", CATALOG, ids=lambda loss: loss.__name__)
def test_a_call_takes_the_tensors_that_the_loss_states(loss: type[Loss]) -> None:
    names = [name for name in inspect.signature(loss.forward).parameters if name not in ("self", "at_call")]
    assert names == list(loss.about.tensors)


@pytest.mark.parametrize("module", [losskit, functional, information, keras, native], ids=lambda each: each.__name__)
def test_a_module_shows_its_public_names_alone(module: ModuleType) -> None:
    assert dir(module) == sorted(module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert not name.startswith("_")
        value = getattr(module, name)
        assert module is losskit or not isinstance(value, ModuleType)
        assert not hasattr(value, "__module__") or value.__module__.startswith("losskit")
    everything: dict[str, object] = {}
    exec(f"from {module.__name__} import *", everything)
    assert set(everything) - {"__builtins__"} == set(module.__all__)


def test_the_package_shows_every_loss_and_what_serves_them() -> None:
    shown = set(dir(losskit)) - {loss.__name__ for loss in CATALOG}
    assert shown == {
        *("AdaptiveLogSoftmaxWithLoss", "NLLLoss2d", "CATALOG", "Loss", "Task", "arg"),
        *(
            "accelerate",
            "check",
            "global_count",
            "value_and_grad",
            "watch",
            "functional",
            "information",
            "keras",
            "native",
        ),
    }
    for name in ("TYPE_CHECKING_", "_bce", "Bce"):
        with pytest.raises(AttributeError, match=f"^module 'losskit' has no attribute '{name}'$"):
            getattr(losskit, name)


def test_the_package_says_what_is_in_it() -> None:
    words = str(losskit.__doc__)
    assert words.count("\n") <= 16
    verbs = [add.__name__.removeprefix("_add_") for add in cli.VERBS]
    assert all(f"losskit {verb} " in words for verb in verbs)
    assert all(f"losskit.{name} " in words for name in ("functional", "keras", "information"))
    assert "losskit.native.status()" in words


@pytest.mark.parametrize("name", vars(functional)["__all__"])
def test_a_function_is_documented_as_its_class_is(name: str) -> None:
    function = getattr(functional, name)
    loss = next(each for each in CATALOG if each.__module__ == function.__module__)
    words = str(function.__doc__)
    first, _, rest = words.partition("\n\n")
    assert str(loss.__doc__).startswith(f"{first}\n\n")
    assert rest.startswith(f"Functional form of :class:`{loss.__name__}`")
    sections = ("\n.. math:: ", "\nArgs:\n", "\nReturns:\n", "\nRaises:\n", "\nExample:\n", "\nSource:\n")
    places = [words.index(section) for section in sections]
    assert places == sorted(places)
    assert all(words.count(section) == 1 for section in sections)
    parameters = [*inspect.signature(function).parameters][:-1]
    listed = words[places[1] : places[2]].splitlines()
    named = [line.strip().partition(":")[0] for line in listed if line.startswith("    ") and line[4] != " "]
    assert named == [*parameters, "sample_weight", "mask", "normalizer"]
    for tensor, slot in loss.about.tensors.items():
        assert f"    {tensor}: {slot.describe(None)[:9]}" in words
    example = words[places[4] : places[5]]
    assert f"F.{name}(" in example
    assert "criterion" not in example
    assert f".{loss.__name__}" not in example
    assert words.rstrip().endswith(loss.about.source)
    assert pydoc.getdoc(function)


def test_an_example_that_cannot_be_rewritten_is_noticed() -> None:
    def function(input: object, target: object, **at_call: object) -> None:
        """Functional form of :class:`MSELoss`."""

    words = of_function(function, losskit.MSELoss)
    assert "    >>> print(f\"{F.function(input, target, 'sum'):.4f}\")\n    0.6600\n" in words

    class Open(Loss):
        """One line.

        Example:
            >>> losskit.Open((1)
        """

        about = losskit.MSELoss.about

    with pytest.raises(ValueError, match="no end of the parentheses"):
        of_function(function, Open)
