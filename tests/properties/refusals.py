"""What is refused, and in which words."""

from __future__ import annotations

from typing import Any

import torch
from cases import CLASSES, ITEMS, Subject, array, close, draw

from losskit.domain import ClassIndex, LabelList
from losskit.loss import inside
from properties.held import either_way, holds, of_one, refused


@holds
def refuses_bad_arguments(subject: Subject) -> None:
    """Class, argument, what came: each in the message."""
    loss, name = subject.loss, subject.loss.__name__
    refused(ValueError, [name, "reduction", "'avg'", "'mean'"], loss, reduction="avg")
    refused(TypeError, [name, "reducton", "did you mean 'reduction'"], loss, reducton="sum")
    refused(TypeError, [name, "by position"], loss, *range(20))
    for argument, spec in loss.arguments.items():
        if argument == "reduction":
            continue
        assert spec.within or spec.among or spec.function or isinstance(spec.default, int), f"{argument}: any number?"
        refused(ValueError if spec.among else TypeError, [name, argument], loss, **{argument: "x"})
        if spec.within is not None:
            bad: list[Any] = [v for v in (-1.0, 2.0, float("nan"), float("inf")) if not inside(spec.within, v)]
            for value in bad:
                wrong = value if spec.shape is None else torch.full((CLASSES,), value)
                refused(ValueError, [name, argument, spec.within], loss, **{argument: wrong})
                if spec.shape is None:
                    refused(ValueError, [name, argument], setattr, loss(), argument, wrong)
        if spec.shape is not None:
            refused(TypeError, [name, argument, "tensor"], loss, **{argument: [1.0, 2.0]})
            refused(TypeError, [name, argument, "float()"], loss, **{argument: torch.ones(4).long()})
            tensors = draw(loss)
            wrong = torch.ones(CLASSES + 1)
            refused(ValueError, [name, argument, "5"], loss(**{argument: wrong}), *tensors)


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
    for weight in (-1.0, torch.nan):
        refused(ValueError, [name, "sample_weight"], loss(), *tensors, sample_weight=torch.full((4,), weight))
    for normalizer in (0, -2.0, torch.tensor(0.0)):
        refused(ValueError, [name, "normalizer", "positive"], loss(), *tensors, normalizer=normalizer)
    refused(ValueError, [name, "normalizer", "'sum'"], loss(reduction="sum"), *tensors, normalizer=2)
    refused(ValueError, [name, "normalizer", "(2,)"], loss(), *tensors, normalizer=torch.ones(2))
    refused(TypeError, [name, "normalizer", "'2'"], loss(), *tensors, normalizer="2")


@holds
def refuses_bad_shapes(subject: Subject) -> None:
    """Nothing is broadcast in silence; the message names both shapes and the mend."""
    loss, name = subject.loss, subject.loss.__name__
    tensors = draw(loss, (6,))
    for place, (which, domain) in enumerate(loss.about.tensors.items()):
        value = tensors[place]
        if place == 0 or domain.broadcasts:
            continue
        squeeze = "squeeze(1)" if value.dim() == 1 else ""
        for wrong, mend in ((value.unsqueeze(1), squeeze), (value[:3], ""), (value[:1], "")):
            words = [name, which, str(tuple(wrong.shape)), str(tuple(tensors[0].shape)), mend]
            refused(ValueError, words, of_one, loss(), tensors, place, wrong)
            refused(ValueError, words, of_one, subject.function, tensors, place, wrong)
        if value.shape == tensors[0].shape == (6,):
            refused(ValueError, ["unsqueeze(1)", "squeeze(1)"], loss(), tensors[0].unsqueeze(1), *tensors[1:])


@holds
@either_way
def refuses_bad_values(subject: Subject) -> None:
    """In eager mode on CPU: where it stands, its value, how many; never where it is masked."""
    loss, name = subject.loss, subject.loss.__name__
    tensors = draw(loss)
    keep = torch.ones(ITEMS, dtype=torch.bool)
    keep[1, 2] = keep[3, 0] = False
    for place, (which, domain) in enumerate(loss.about.tensors.items()):
        for value in domain.outside(CLASSES):
            wrong = tensors[place].clone()
            items = wrong if wrong.shape == ITEMS else wrong.movedim(loss().class_dim(wrong) or 0, -1)
            items[1, 2] = items[3, 0] = value
            kind = IndexError if isinstance(domain, (ClassIndex, LabelList)) else ValueError
            words = [name, which, "(1, ", "NaN" if value != value else f"{value:g}"]
            words += ["2 of 16"] if wrong.shape == ITEMS else []
            refused(kind, words, of_one, loss(), tensors, place, wrong)
            close(
                loss()(*tensors[:place], wrong, *tensors[place + 1 :], mask=keep),
                loss()(*tensors, mask=keep),
            )
    torch.vmap(loss())(*tensors)  # reads nothing
    if isinstance(loss.about.target, (ClassIndex, LabelList)):
        refused(TypeError, [name, "target", "target.long()"], loss(), tensors[0], tensors[1].double())
        refused(TypeError, [name, "target", "target.long()"], loss(), tensors[0], tensors[1].bool())
