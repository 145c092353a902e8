"""What a module must do, and leave alone."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import torch
from cases import Subject, close, draw, variants
from torch import Tensor

from losskit.loss import Loss
from properties.held import either_way, holds


@holds
def pickled(subject: Subject) -> None:
    """A copy computes what its arguments say, by the oracle, and has them for itself."""
    for arguments in variants(subject.loss):
        criterion = subject.loss(**arguments, reduction="sum")
        tensors = draw(criterion)
        loss, share = subject.oracle(tensors, **arguments)
        criterion(*tensors)  # what it made ready for itself must not be a copy's
        for twin in (pickle.loads(pickle.dumps(criterion)), copy.deepcopy(criterion), copy.copy(criterion)):
            assert type(twin) is subject.loss
            assert twin.reduction == "sum"
            same_arguments(twin, arguments)
            close(twin(*tensors), loss.sum())
            assert repr(twin) == repr(criterion)
            twin.reduction = "mean"
            close(twin(*tensors), loss.sum() / share.sum())
        close(criterion(*tensors), loss.sum())


def same_arguments(criterion: Loss, arguments: dict[str, Any]) -> None:
    for name, argument in criterion.arguments.items():
        expected, own = arguments.get(name, argument.default), getattr(criterion, name)
        if isinstance(expected, Tensor):
            assert isinstance(own, Tensor)
            assert torch.equal(own, expected)
        elif name != "reduction":
            assert own == expected


@holds
def state_dict(subject: Subject) -> None:
    """Tensor arguments are buffers: they are saved, loaded and moved with the model."""
    for arguments in variants(subject.loss):
        criterion = subject.loss(**arguments)
        tensors = draw(criterion)
        given = {name: value for name, value in arguments.items() if isinstance(value, Tensor)}
        state = criterion.state_dict()
        assert set(state) == set(given)
        assert all(torch.equal(state[name], value) for name, value in given.items())
        file = io.BytesIO()
        torch.save(state, file)
        file.seek(0)
        other = subject.loss(**{name: torch.ones_like(v) if name in given else v for name, v in arguments.items()})
        other(*tensors)
        other.load_state_dict(torch.load(file))
        same_arguments(other, arguments)
        loss, share = subject.oracle(tensors, **arguments)
        close(other(*tensors), loss.sum() / share.sum())
        halved = copy.deepcopy(criterion).half()
        assert all(getattr(halved, name).dtype == torch.float16 for name in given)
        away = copy.deepcopy(criterion).to("meta")
        assert all(getattr(away, name).is_meta for name in given)
        same_arguments(criterion, arguments)


@holds
@either_way
def inputs_unmodified(subject: Subject) -> None:
    for arguments in variants(subject.loss):
        tensors = draw(subject.loss(**arguments))
        given = [*tensors, *(v for v in arguments.values() if isinstance(v, Tensor))]
        before = [value.clone() for value in given]
        mask, weight = torch.tensor([True, False, True, True]), torch.rand(4)
        tensors[0].requires_grad_()
        subject.loss(**arguments)(*tensors).backward()
        subject.loss(**arguments)(*tensors, mask=mask, sample_weight=weight).backward()
        for value, kept in zip(given, before, strict=True):
            assert torch.equal(value.detach(), kept)
            assert value._version == 0


@holds
@either_way
def needs_no_grad(subject: Subject) -> None:
    tensors = draw(subject.loss)
    tensors[0].requires_grad_()
    with torch.no_grad():
        assert not subject.loss()(*tensors).requires_grad
    expected = subject.loss()(*tensors).detach()
    with torch.inference_mode():
        close(subject.loss()(*tensors), expected)
    loss = subject.loss()(*tensors)
    loss.backward(retain_graph=True)
    assert tensors[0].grad is not None
    first = tensors[0].grad.clone()
    loss.backward()
    close(tensors[0].grad, 2 * first)
