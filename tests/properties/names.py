"""Torch's names and positions, and the documentation."""

from __future__ import annotations

import inspect
from typing import Any

import torch.nn.functional as F
from cases import Subject, close, draw, variants
from torch import nn

from losskit.core.reduction import AtCall
from properties.held import holds

#: What functions alone take, since it is said of one call's tensors.
OF_A_CALL = {"inplace_backward"}


@holds
def positions_of_torch(subject: Subject) -> None:
    """Names, order and defaults are torch's, less its deprecated ones; what torch does not have comes by name."""
    if subject.loss.about.torch is None:
        return
    pairs: list[tuple[Any, Any]] = [
        (subject.function, getattr(F, subject.loss.about.torch)),
        (subject.loss, getattr(nn, subject.loss.__name__)),
    ]
    for ours, theirs in pairs:
        own = [p for p in inspect.signature(ours).parameters.values() if p.kind is not p.VAR_KEYWORD]
        known = [p for p in inspect.signature(theirs).parameters.values() if p.name not in ("size_average", "reduce")]
        names = {p.name for p in known}
        assert [(p.name, p.kind, p.default) for p in own if p.name in names] == [
            (p.name, p.kind, p.default) for p in known
        ]
        assert all(p.kind is p.KEYWORD_ONLY for p in own if p.name not in names)


@holds
def function_has_the_arguments_of_its_class(subject: Subject) -> None:
    function = inspect.signature(subject.function, eval_str=True).parameters
    first = list(function)[: len(subject.loss.about.tensors)]
    assert first == list(subject.loss.about.tensors)
    given = {n: p.default for n, p in function.items() if n not in first and p.kind is not p.VAR_KEYWORD}
    own = {name: default for name, default in given.items() if name not in OF_A_CALL}
    assert own == {name: argument.default for name, argument in subject.loss.arguments.items()}
    assert function["at_call"].annotation.__args__ == (AtCall,)
    assert f":class:`{subject.loss.__name__}`" in str(subject.function.__doc__)
    for arguments in variants(subject.loss):
        tensors = draw(subject.loss(**arguments))
        close(subject.function(*tensors, **arguments), subject.loss(**arguments)(*tensors))


@holds
def documented(subject: Subject) -> None:
    words = str(subject.loss.__doc__)
    for section in (".. math::", "Args:", "Shape:", "Returns:", "Raises:", "Example:", "Source:", ">>> "):
        assert section in words, section
    for name, argument in subject.loss.arguments.items():
        assert f"{name}: {argument.doc}" in words
    assert subject.loss.about.source in words
