"""What turns fields into a constructor, piece by piece, and the messages of arguments word by word."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn, ones, tensor, zeros

import losskit
from losskit import fields
from losskit.core.about import About
from losskit.core.head import ON_NUMBERS, Task
from losskit.core.ranges import Real
from losskit.core.reduction import Reduction
from losskit.core.shapes import Same
from losskit.core.slots import Slot
from losskit.fields import arg, inside, reduction_arg
from losskit.loss import Loss, instance


class Toy(Loss):
    """One line.

    .. math:: x

    Example:
        >>> 1
        1
    """

    about = About(
        tensors={"input": Slot(Real(), Same()), "target": Slot(Real(), Same())},
        serves=ON_NUMBERS,
        source="Somebody 1900",
    )
    reduction: Reduction = reduction_arg(default="mean")
    share_of: float = arg(default=0.5, within="(0, 1]", doc="A share.")
    count: int = arg(default=2, within="[0, 3)", doc="A count.")
    full: bool = arg(default=False, doc="A switch.")
    maybe: float | None = arg(default=None, kw_only=True, doc="A number or None.")
    each: Tensor | None = arg(default=None, shape="elements", within="[0, inf)", kw_only=True, doc="A tensor.")
    call: Any = arg(default=None, function=True, kw_only=True, doc="A function.")

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        return (input - target).abs()


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"share_of": 0.0}, ValueError, "share_of must lie in (0, 1], got 0.0"),
    ({"share_of": 1.5}, ValueError, "share_of must lie in (0, 1], got 1.5"),
    ({"share_of": np.nan}, ValueError, "share_of must lie in (0, 1], got nan"),
    ({"share_of": True}, TypeError, "share_of must be a number, got True"),
    ({"share_of": "1"}, TypeError, "share_of must be a number, got '1'"),
    ({"share_of": tensor(0.5)}, TypeError, "share_of must be a number, got tensor(0.5000); use share_of.item()"),
    ({"share_of": ones(2)}, TypeError, "share_of must be a number, got tensor([1., 1.])"),
    ({"share_of": None}, TypeError, "share_of must be a number, got None"),
    ({"count": 3}, ValueError, "count must lie in [0, 3), got 3"),
    ({"count": -1}, ValueError, "count must lie in [0, 3), got -1"),
    ({"count": 1.0}, TypeError, "count must be an integer, got 1.0"),
    ({"count": False}, TypeError, "count must be an integer, got False"),
    ({"full": 1}, TypeError, "full must be True or False, got 1"),
    ({"full": None}, TypeError, "full must be True or False, got None"),
    ({"reduction": "avg"}, ValueError, "reduction must be one of 'none', 'mean', 'sum', got 'avg'"),
    ({"each": [1.0]}, TypeError, "each must be a tensor, got list; use torch.tensor(...)"),
    ({"each": tensor([1.0, -2.0, 3.0])}, ValueError, "each must lie in [0, inf), got -2.0"),
    ({"each": tensor([1.0, torch.inf])}, ValueError, "each must lie in [0, inf), got inf"),
    ({"call": 3}, TypeError, "call must be a function, got 3"),
    ({"shaer_of": 1}, TypeError, "no argument 'shaer_of'; did you mean 'share_of'?"),
    (
        {"zzz": 1},
        TypeError,
        "no argument 'zzz'; it takes reduction, share_of, count, full, maybe, each, call",
    ),
]


@pytest.mark.parametrize(("given", "kind", "message"), REFUSED, ids=[message for *_, message in REFUSED])
def test_an_argument_is_refused(given: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        Toy(**given)
    assert str(caught.value) == f"Toy: {message}"
    (name,) = given
    if name in Toy.arguments:
        toy = Toy()
        with pytest.raises(kind) as caught:  # the same when it is set later on
            setattr(toy, name, given[name])
        assert str(caught.value) == f"Toy: {message}"


def test_arguments_are_kept_as_what_they_are() -> None:
    toy = Toy("sum", np.float32(0.5), np.int64(1), True, maybe=3, each=tensor([1.0, 0.0]), call=abs)
    assert (toy.reduction, toy.share_of, toy.count, toy.full, toy.maybe, toy.call) == ("sum", 0.5, 1, True, 3.0, abs)
    assert [type(each) for each in (toy.share_of, toy.count, toy.full, toy.maybe)] == [float, int, bool, float]
    assert dict(toy.named_buffers()).keys() == {"each"}
    assert Toy(share_of=1).share_of == 1.0
    inner = nn.Linear(1, 1)
    assert dict(Toy(call=inner).named_children()) == {"call": inner}


def test_positions_and_names() -> None:
    with pytest.raises(TypeError) as caught:
        Toy("mean", 0.5, 1, False, 2.0)  # type: ignore[call-arg]
    assert str(caught.value) == "Toy: takes 4 arguments by position (reduction, share_of, count, full), got 5"
    with pytest.raises(TypeError) as caught:
        Toy("mean", 0.5, share_of=0.5)  # type: ignore[misc]
    assert str(caught.value) == "Toy: argument 'share_of' is given twice, by position and by name"
    parameters = inspect.signature(Toy).parameters
    assert list(parameters) == list(Toy.arguments)
    by_name = [name for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY]
    assert by_name == ["maybe", "each", "call"]
    assert parameters["count"].default == 2
    assert parameters["count"].annotation == "int"


def test_a_constructor_of_ones_own() -> None:
    """Its signature holds, and what its docstring says of its arguments."""

    class Own(Toy):
        """One line.

        Args:
            width: A width.

        Example:
            >>> 1
        """

        about = Toy.about

        def __init__(self, width: int, *, count: int = 1) -> None:
            super().__init__(count=count)
            self.width = width

    assert str(inspect.signature(Own)) == "(width: 'int', *, count: 'int' = 1)"
    assert (Own(3).width, Own(3, count=2).count) == (3, 2)
    words = str(Own.__doc__)
    assert words.startswith("One line.\n\nArgs:\n    width: A width.\n    reduction: ")
    assert words.count("Args:") == 1


def test_documentation_is_written_from_what_the_class_states() -> None:
    words = inspect.cleandoc(str(Toy.__doc__))
    assert words.startswith("One line.\n\n.. math:: x\n\nArgs:\n    reduction: ``'none'`` keeps one value an item,")
    assert "\n    share_of: A share. Default: 0.5, within (0, 1].\n" in words
    assert "\n    full: A switch. Default: False.\n" in words
    assert (
        "\nShape:\n    input: Real numbers, of any shape.\n    target: Real numbers, of the shape of input.\n" in words
    )
    assert words.endswith("Example:\n    >>> 1\n    1\n\nSource:\n    Somebody 1900")


def test_only_arguments_off_their_default_are_shown() -> None:
    assert repr(Toy()) == "Toy()"
    assert repr(Toy(count=1, full=True)) == "Toy(count=1, full=True)"
    assert repr(Toy(each=ones(1))) == "Toy(each=tensor([1.]))"


def test_a_tensor_is_shown_on_a_line() -> None:
    def shown(each: Tensor) -> str:
        return repr(Toy(each=each)).removeprefix("Toy(each=").removesuffix(")")

    many = torch.arange(1000) / 3
    assert shown(many) == "tensor([0, 0.3333, 0.6667, 1, 1.333, ...], shape=(1000,), dtype=torch.float32)"
    wider = "tensor([0, 0.3333, 0.6667, 1, 1.333, ...], shape=(2, 500), dtype=torch.float64)"
    assert shown(torch.arange(1000).double().reshape(2, 500) / 3) == wider
    assert shown(tensor([[1.0], [2.0]])) == "tensor([[1.], [2.]])"
    assert shown(many.to("meta")) == "tensor(..., device='meta', size=(1000,))"
    assert shown(nn.Parameter(many)).startswith("tensor([0, 0.3333")
    wide = losskit.CrossEntropyLoss(weight=torch.rand(1000), label_smoothing=0.1)
    assert repr(wide).count("\n") == 0
    assert len(repr(wide)) < 150
    with torch._subclasses.FakeTensorMode():
        assert repr(Toy(each=torch.rand(1000))) == "Toy(each=FakeTensor(..., size=(1000,)))"
        assert "\n" not in repr(wide)
    seen = torch.vmap(lambda each: torch.tensor(float(len(shown(each).splitlines()))))(ones(2, 10))
    assert seen.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("interval", "within"),
    [
        ("(0, 1)", [0.5]),
        ("[0, 1)", [0, 0.5]),
        ("(0, 1]", [0.5, 1]),
        ("[0, 1]", [0, 0.5, 1]),
        ("[0, inf)", [0, 0.5, 1, 2]),
    ],
)
def test_intervals(interval: str, within: list[float]) -> None:
    assert [each for each in (-1, 0, 0.5, 1, 2, torch.inf, torch.nan) if inside(interval, each)] == within


def test_a_loss_without_tensors_is_built_once() -> None:
    assert instance(losskit.HuberLoss, "mean", 2.0) is instance(losskit.HuberLoss, "mean", 2.0)
    assert instance(losskit.HuberLoss, "mean", delta=2.0) is instance(losskit.HuberLoss, "mean", delta=2.0)
    others = [instance(losskit.HuberLoss, *given) for given in (("mean", 3.0), ("sum", 2.0))]
    assert [(each.reduction, each.delta) for each in others] == [("mean", 3.0), ("sum", 2.0)]
    one, other = (instance(losskit.MSELoss, weight=ones(1)) for _ in range(2))
    assert one is not other
    assert instance(Toy, call=abs) is not instance(Toy, call=abs)


def test_whoever_varies_an_argument_fills_no_memory() -> None:
    fields.kept.cache_clear()
    sizes = []
    for step in range(1030):
        instance(losskit.HuberLoss, "mean", 1.0 + step)
        sizes.append(fields.kept.cache_info().currsize)
    assert sizes == [*range(1, 1025), *[1024] * 6]


WEIGHTS: list[tuple[str, str]] = [
    (
        "losskit.CrossEntropyLoss(ones(3))(zeros(5, 2), zeros(5).long())",
        "CrossEntropyLoss: weight must hold one entry for each of 2 classes, got 3",
    ),
    (
        "losskit.CrossEntropyLoss(ones(3, 1))",
        "CrossEntropyLoss: weight must have one dimension, a weight for each class, got shape (3, 1)",
    ),
    (
        "losskit.MSELoss(weight=ones(2))(zeros(3, 2), zeros(3, 2))",
        "MSELoss: weight must have the input's shape (3, 2), got (2,)",
    ),
    (
        "losskit.BCEWithLogitsLoss(ones(3))(zeros(3, 2), zeros(3, 2))",
        "BCEWithLogitsLoss: weight must broadcast to the input's shape (3, 2), got (3,)",
    ),
    (
        "losskit.BCEWithLogitsLoss(ones(1, 3, 2))(zeros(3, 2), zeros(3, 2))",
        "BCEWithLogitsLoss: weight must broadcast to the input's shape (3, 2), got (1, 3, 2)",
    ),
]


@pytest.mark.parametrize(("call", "message"), WEIGHTS, ids=[call for call, _ in WEIGHTS])
def test_weights_fit_the_input(call: str, message: str) -> None:
    with pytest.raises(ValueError, match="weight") as caught:
        eval(call, {"losskit": losskit, "ones": ones, "zeros": zeros})
    assert str(caught.value) == message


def test_weights_of_one_broadcast() -> None:
    for shape in ((), (1,), (2,), (1, 1), (3, 1), (1, 2), (3, 2)):
        assert losskit.BCEWithLogitsLoss(torch.full(shape, 2.0))(zeros(3, 2), ones(3, 2)) == 2 * torch.log(tensor(2.0))


def test_tasks_are_named_as_they_are_known() -> None:
    with pytest.raises(ValueError, match="task") as caught:
        losskit.MSELoss().head(Task.COUNTS)
    known = ", ".join(repr(str(task)) for task in ON_NUMBERS)
    assert str(caught.value) == f"MSELoss: task must be one that it serves ({known}), got {str(Task.COUNTS)!r}"
    assert losskit.MSELoss().head() is ON_NUMBERS[Task.REGRESSION]
    assert losskit.MSELoss().head("binary") is losskit.MSELoss().head(Task.BINARY) is ON_NUMBERS[Task.BINARY]
