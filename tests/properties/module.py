"""What a module must do, and leave alone."""

from __future__ import annotations

import copy
import io
import pickle

import torch
from cases import Subject, close, draw, variants
from torch import Tensor

from properties.held import holds


@holds
def pickled(subject: Subject) -> None:
    for arguments in variants(subject.loss):
        criterion = subject.loss(**arguments, reduction="sum")
        tensors = draw(criterion)
        before = criterion(*tensors)
        for twin in (pickle.loads(pickle.dumps(criterion)), copy.deepcopy(criterion), copy.copy(criterion)):
            close(twin(*tensors), before)
            assert repr(twin) == repr(criterion)
        twin.reduction = "mean"  # a copy has its own arguments, and what was made ready for the other is not its
        close(twin(*tensors), subject.loss(**arguments)(*tensors))
        close(criterion(*tensors), before)


@holds
def state_dict(subject: Subject) -> None:
    """Tensor arguments are buffers: they are saved, loaded and moved with the model."""
    for arguments in variants(subject.loss):
        criterion = subject.loss(**arguments)
        tensors = draw(criterion)
        state = criterion.state_dict()
        assert set(state) == {name for name, value in arguments.items() if isinstance(value, Tensor)}
        file = io.BytesIO()
        torch.save(state, file)
        file.seek(0)
        ones = {name: torch.ones_like(v) if isinstance(v, Tensor) else v for name, v in arguments.items()}
        other = subject.loss(**ones)
        other.load_state_dict(torch.load(file))
        close(other(*tensors), criterion(*tensors))
        assert all(v.dtype == torch.float16 for v in copy.deepcopy(criterion).half().state_dict().values())


@holds
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
def needs_no_grad(subject: Subject) -> None:
    tensors = draw(subject.loss)
    tensors[0].requires_grad_()
    with torch.no_grad():
        assert not subject.loss()(*tensors).requires_grad
    with torch.inference_mode():
        close(subject.loss()(*tensors), subject.loss()(*tensors))
    loss = subject.loss()(*tensors)
    loss.backward(retain_graph=True)
    assert tensors[0].grad is not None
    first = tensors[0].grad.clone()
    loss.backward()
    close(tensors[0].grad, 2 * first)
