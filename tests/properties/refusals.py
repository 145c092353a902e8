"""What is refused, and in which words."""

from __future__ import annotations

from functools import partial
from math import inf, nan

import pytest
import torch
from cases import CLASSES, ITEMS, Subject, another, array, close, draw, variants
from limits import ARGUMENTS as LIMITS, DISTRIBUTIONS, SIGN, VALUES
from torch import Tensor

from losskit.core.ranges import ClassId, Distribution
from losskit.core.shapes import Broadcast
from losskit.core.slots import Either
from losskit.loss import Loss
from losskit.losses.multilabel_margin import LabelIds
from properties.held import either_way, formula_of, holds, of_one, refused


@holds
def refuses_bad_arguments(subject: Subject) -> None:
    """Class, argument, what came: each in the message."""
    loss, name = subject.loss, subject.loss.__name__
    refused(ValueError, [name, "reduction", "'avg'", "'mean'"], loss, reduction="avg")
    refused(TypeError, [name, "reducton", "did you mean 'reduction'"], loss, reducton="sum")
    refused(TypeError, [name, "by position"], loss, *range(20))
    functions = {argument for argument, spec in loss.arguments.items() if spec.function or spec.opaque}
    assert set(LIMITS[name]) == set(loss.arguments) - functions - {"reduction"}, "write its limits into limits.py"
    for argument in loss.arguments:
        if argument == "reduction":
            continue
        refused((ValueError, TypeError), [name, argument], loss, **{argument: "x"})
    for argument, limits in LIMITS[name].items():
        if loss.arguments[argument].shape is not None:
            refuses_bad_tensors(subject, argument)
            continue
        for value in limits.taken:
            assert getattr(loss(**{argument: value}), argument) == value
        for value in limits.refused:
            refused(ValueError, [name, argument, str(value)], loss, **{argument: value})
            refused(ValueError, [name, argument, str(value)], setattr, loss(), argument, value)


def refuses_bad_tensors(subject: Subject, argument: str) -> None:
    """A tensor argument: what it is, the shape beside the input, and each of its entries."""
    loss, name = subject.loss, subject.loss.__name__
    refused(TypeError, [name, argument, "tensor"], loss, **{argument: [1.0, 2.0]})
    refused(TypeError, [name, argument, "float()"], loss, **{argument: torch.ones(4).long()})
    tensors, kind = draw(loss), loss.arguments[argument].shape
    wrong_shapes: dict[str, list[tuple[int, ...]]] = {
        "classes": [(CLASSES + 1,), (CLASSES - 1,), (1,)],
        "elements": [(CLASSES,), (4, 1), (1, 4), (1,), (16,), (4, 5), (1, 4, 4)],
        "broadcast": [(CLASSES + 1,), (3, 1), (16,), (4, 5), (1, 4, 4)],
    }
    for shape in wrong_shapes[str(kind)]:
        words = [name, argument, f"got {shape[0]}" if kind == "classes" else f"got {shape}"]
        for criterion in (loss, formula_of(subject).loss):
            refused(ValueError, words, criterion(**{argument: torch.ones(shape)}), *tensors)
    if kind == "classes":
        refused(ValueError, [name, argument, "(4, 1)"], loss, **{argument: torch.ones(CLASSES, 1)})
    shape = (CLASSES,) if kind == "classes" else ITEMS
    for value in LIMITS[name][argument].taken:
        loss(**{argument: one_of(shape, value)})
    for value in LIMITS[name][argument].refused:
        refused(
            ValueError,
            [name, argument, "inf" if value == inf else f"{value:.1g}"],
            loss,
            **{argument: one_of(shape, value)},
        )


def one_of(shape: tuple[int, ...], value: float) -> Tensor:
    """Ones, and in the last place but one another value."""
    tensor = torch.ones(shape, dtype=torch.float64)
    tensor.view(-1)[-2] = value
    return tensor


@holds
def refuses_bad_calls(subject: Subject) -> None:
    loss, name = subject.loss, subject.loss.__name__
    tensors = draw(loss)
    first, *_, last = loss.about.tensors
    refused(TypeError, [name, first, "ndarray"], loss(), array(tensors[0]), *tensors[1:])
    refused(TypeError, [name, last, "list"], loss(), *tensors[:-1], tensors[-1].tolist())
    refused(TypeError, [name, first, "float()"], loss(), tensors[0].long(), *tensors[1:])
    refused(TypeError, [name, "sampel_weight", "did you mean 'sample_weight'"], loss(), *tensors, sampel_weight=1)
    refused(TypeError, [name, "mask", "mask.bool()"], loss(), *tensors, mask=torch.ones(ITEMS))
    refused(ValueError, [name, "mask", "(3,)"], loss(), *tensors, mask=torch.ones(3).bool())
    refused(ValueError, [name, "sample_weight", "(3,)"], loss(), *tensors, sample_weight=torch.ones(3))
    for weight in (-1e-3, -inf, nan):
        one = torch.tensor([1.0, 1.0, weight, 1.0])
        refused(ValueError, [name, "sample_weight"], loss(), *tensors, sample_weight=one)
    for normalizer in (0, -2.0, nan, torch.tensor(0.0), torch.tensor(nan)):
        refused(ValueError, [name, "normalizer", "positive"], loss(), *tensors, normalizer=normalizer)
    refused(ValueError, [name, "normalizer", "'sum'"], loss(reduction="sum"), *tensors, normalizer=2)
    refused(ValueError, [name, "normalizer", "(2,)"], loss(), *tensors, normalizer=torch.ones(2))
    refused(TypeError, [name, "normalizer", "'2'"], loss(), *tensors, normalizer="2")
    refused(TypeError, [name, "normalizer", "True"], loss(), *tensors, normalizer=True)


@holds
def refuses_bad_shapes(subject: Subject) -> None:
    """Nothing is broadcast in silence; the message names both shapes and the mend."""
    loss, name = subject.loss, subject.loss.__name__
    tensors = draw(loss, (6,))
    for place, (which, domain) in enumerate(loss.about.tensors.items()):
        value = tensors[place]
        if place == 0 or isinstance(domain.shape, Broadcast):
            continue
        squeeze = "squeeze(1)" if value.dim() == 1 else ""
        for wrong, mend in ((value.unsqueeze(1), squeeze), (value[:3], ""), (value[:1], "")):
            words = [name, which, str(tuple(wrong.shape)), str(tuple(tensors[0].shape)), mend]
            refused(ValueError, words, of_one, loss(), tensors, place, wrong)
            refused(ValueError, words, of_one, subject.function, tensors, place, wrong)
        if value.shape == tensors[0].shape == (6,):
            refuses_to_broadcast(subject, place, which)


def refuses_to_broadcast(subject: Subject, place: int, which: str) -> None:
    """A column beside a vector, either way round, and one row beside many, with or without its dimension."""
    vectors, rows = draw(subject.loss, (5,)), draw(subject.loss, (5, 3))
    columns, one = tuple(each.unsqueeze(1) for each in vectors), rows[place][:1]
    mends = ["unsqueeze(1)", "squeeze(1)"]
    for tensors, wrong, more in (
        (columns, vectors[place], mends),
        (vectors, columns[place], mends),
        (rows, one.squeeze(0), []),
        (rows, one, []),
    ):
        words = [subject.loss.__name__, f"{which} of shape {tuple(wrong.shape)} does not fit"]
        words += [f"of shape {tuple(tensors[0].shape)}", *more]
        for call in (subject.loss(), subject.function):
            refused(ValueError, words, of_one, call, tensors, place, wrong)


@holds
@either_way
def refuses_bad_values(subject: Subject) -> None:
    """In eager mode on CPU: where it stands, its value, how many, one among good ones; never where it is masked."""
    loss, name = subject.loss, subject.loss.__name__
    for items in (ITEMS, (5,), ()):
        tensors = draw(loss, items)
        last = tuple(size - 1 for size in items)
        keep = torch.ones(items, dtype=torch.bool)
        keep[last] = False
        for which, limits in VALUES.get(name, {}).items():
            place = list(loss.about.tensors).index(which)
            call, kept = partial(of_one, loss(), tensors, place), loss()(*tensors, mask=keep)
            for value in limits.taken:
                assert not call(with_last(loss, items, tensors[place], value)).isneginf()
            for value in limits.refused:
                wrong = with_last(loss, items, tensors[place], value)
                ids = not wrong.is_floating_point()
                words = [name, which, "NaN" if value != value else f"{value:g}"]
                words += (
                    [f"{last if len(last) != 1 else f'({last[0]},)'} (1 of {wrong.numel()}"]
                    if items and wrong.shape == items
                    else []
                )
                refused(IndexError if ids else ValueError, words, call, wrong)
                given = (*tensors[:place], wrong, *tensors[place + 1 :])
                close(loss()(*given, mask=keep), kept)
    torch.vmap(loss())(*draw(loss))  # reads nothing
    if isinstance(loss.about.target.range, (ClassId, LabelIds)):
        input, target = draw(loss)
        refused(TypeError, [name, "target", "target.long()"], loss(), input, target.double())
        refused(TypeError, [name, "target", "target.long()"], loss(), input, target.bool())


def with_last(loss: type[Loss], items: tuple[int, ...], tensor: Tensor, value: float) -> Tensor:
    """The tensor with another value in its last item (of several numbers, in its first)."""
    changed = tensor.clone()
    each = changed if changed.shape == items else changed.movedim(loss().class_dim(changed) or 0, -1)[..., 0]
    each[tuple(size - 1 for size in items)] = value
    return changed


@holds
def proposes_signs_for_zeros_and_ones_alone(subject: Subject) -> None:
    """Where the target is 1 or -1: a mend that does not apply is not proposed."""
    if VALUES.get(subject.loss.__name__, {}).get("target") is not SIGN:
        return
    *outputs, target = draw(subject.loss)
    words = "2 * target - 1"
    refused(ValueError, [words, "got 0"], subject.loss(), *outputs, (target > 0).double())
    for value in (0.0, 0.5, 2.0):
        given = (*outputs, with_last(subject.loss, ITEMS, target, value))
        with pytest.raises(ValueError, match=f"must be 1 or -1, got {value:g}") as caught:
            subject.loss()(*given)
        assert words not in str(caught.value)


@holds
def refuses_what_is_no_distribution(subject: Subject) -> None:
    """Class probabilities that do not sum to 1, in one item among good ones, or lie outside [0, 1]."""
    name, loss = subject.loss.__name__, subject.loss()
    slot = subject.loss.about.target
    assert (name in DISTRIBUTIONS) == (isinstance(slot, Either) and isinstance(slot.soft.range, Distribution))
    if name not in DISTRIBUTIONS:
        return
    for items in (ITEMS, (5,), ()):
        input = draw(subject.loss, items)[0]
        dim = min(1, input.dim() - 1)
        good = input.softmax(dim)
        row = (-1, slice(None), -1)[: input.dim()] if input.dim() > 1 else (slice(None),)
        for factor in (0.991, 1.009):  # half precision may be off as much
            target = good.clone()
            target[row] *= factor
            assert loss(input, target).isfinite()
        for factor, word in ((1.05, "1.05"), (0.95, "0.95"), (1.011, "1.011"), (0.989, "0.989"), (0.0, "0")):
            target = good.clone()
            target[row] *= factor
            refused(ValueError, [name, "target", "sum to 1", f"dimension {dim}", word], loss, input, target)
        for value in VALUES["BCELoss"]["target"].refused:
            target = good.clone()
            target[row] = torch.tensor([value, 1 - value, 0.0, 0.0])
            refused(ValueError, [name, "target"], loss, input, target)


@holds
def refuses_weights_put_in_behind_its_back(subject: Subject) -> None:
    """Functional calls replace buffers unseen: of another shape they are refused by name, though the shapes are known."""
    for name, spec in subject.loss.arguments.items():
        if spec.shape not in ("classes", "elements"):
            continue
        criterion = subject.loss(**{name: another(spec, ITEMS, CLASSES)})
        tensors = draw(criterion)
        criterion(*tensors)  # from here on there is a plan
        for size in (1, CLASSES + 5):
            swapped = {name: torch.ones(size, dtype=torch.float64)}
            refused(ValueError, [subject.loss.__name__, name], torch.func.functional_call, criterion, swapped, tensors)


@holds
def names_what_was_left_behind(subject: Subject) -> None:
    """A criterion with weights, or a mask, that stayed on another device than what the network gives."""
    *_, most = variants(subject.loss)
    criterion, name = subject.loss(**most), subject.loss.__name__
    tensors = draw(criterion, dtype=torch.float32)
    moved = tuple(tensor.to("meta") for tensor in tensors)
    for argument in (each for each, value in most.items() if isinstance(value, Tensor)):
        alone = subject.loss(**{argument: most[argument]})
        refused(ValueError, [name, argument, "cpu", "meta", ".to("], alone, *draw_on("meta", alone))
        here = draw(alone, dtype=torch.float32)
        alone(*here)  # so that the plan is there
        refused(ValueError, [name, argument, "cpu", "meta", ".to("], alone.to("meta"), *here)
        assert alone(*draw_on("meta", alone)).is_meta
    if len(tensors) > 1:
        refused(ValueError, [name, "cpu", "meta", ".to("], criterion.to("meta"), moved[0], *tensors[1:])
    kept = torch.ones(ITEMS[0], dtype=torch.bool)
    for word, beside in (("mask", kept), ("sample_weight", kept.float())):
        refused(ValueError, [name, word, "cpu", "meta", ".to("], criterion.to("meta"), *moved, **{word: beside})
    one = torch.tensor(2.0)  # torch, too, takes one number from anywhere
    assert subject.loss(reduction="mean")(*draw_on("meta", subject.loss()), normalizer=one).is_meta


def draw_on(device: str, loss: Loss) -> tuple[Tensor, ...]:
    return tuple(tensor.to(device) for tensor in draw(loss, dtype=torch.float32))
