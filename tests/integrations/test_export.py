"""Exported programs, by torch.export and to ONNX, against the loss that was exported."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import onnxruntime
import pytest
import snippets
import torch
import torch.nn.functional as F
from cases import draw, subjects
from torch import Tensor, nn

#: No operator of ONNX takes a number apart, by which these are right for vectors of any length.
NOT_IN_ONNX = {"CosineEmbeddingLoss", "NTXentLoss"}


def given(rows: int = 4) -> dict[str, Any]:
    torch.manual_seed(rows)
    return {"features": torch.randn(rows, 6), "target": torch.randint(3, (rows,))}


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(6, 3)


def expected(rows: int) -> tuple[Tensor, Tensor]:
    """By torch, for another number of rows than what was exported."""
    features, target = given(rows).values()
    logits = network()(features)
    return F.cross_entropy(logits, target), logits.softmax(1)


def test_an_exported_program() -> None:
    file = io.BytesIO()
    snippets.run("torch.export", network=network(), file=file, **given())
    file.seek(0)
    program = torch.export.load(file)
    torch.testing.assert_close(program.module()(*given(9).values()), expected(9))


def test_onnx(tmp_path: Any) -> None:
    file = tmp_path / "loss.onnx"
    with_loss = snippets.run("torch.export", network=network(), file=io.BytesIO(), **given())["WithLoss"]
    snippets.run("ONNX", WithLoss=with_loss, network=network(), file=file, **given())
    for ours, theirs in zip(run_onnx(file, tuple(given(9).values())), expected(9), strict=True):
        np.testing.assert_allclose(ours, theirs.detach(), rtol=1e-5)


def run_onnx(file: Any, tensors: tuple[Tensor, ...]) -> list[Any]:
    session = onnxruntime.InferenceSession(file)
    names = [each.name for each in session.get_inputs()]
    answers: list[Any] = session.run(None, {name: value.numpy() for name, value in zip(names, tensors, strict=True)})
    return answers


class Every(nn.Module):
    """All losses in one graph, since each export takes seconds."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.criteria = nn.ModuleDict({str(s): s.loss() for s in subjects() if str(s) in names})

    def forward(self, *tensors: tuple[Tensor, ...]) -> list[Tensor]:
        return [each(*given) for each, given in zip(self.criteria.values(), tensors, strict=True)]


def test_every_loss_in_onnx(tmp_path: Any) -> None:
    every = Every([str(subject) for subject in subjects() if str(subject) not in NOT_IN_ONNX])
    tensors = tuple(draw(criterion, dtype=torch.float32) for criterion in every.criteria.values())  # type: ignore[arg-type]
    torch.onnx.export(every, tensors, tmp_path / "every.onnx", dynamo=True, verbose=False)
    answers = run_onnx(tmp_path / "every.onnx", tuple(each for group in tensors for each in group))
    for name, ours, theirs in zip(every.criteria, answers, every(*tensors), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("name", sorted(NOT_IN_ONNX))
def test_what_is_not_in_onnx_is_named(name: str, tmp_path: Any) -> None:
    """So that a release that has it is noticed."""
    every = Every([name])
    with pytest.raises(torch.onnx.OnnxExporterError):
        torch.onnx.export(every, (draw(every.criteria[name]),), dynamo=True, verbose=False)  # type: ignore[arg-type]
