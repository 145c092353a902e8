"""What a message tells to do, done: the mended call works. And what a message must not tell."""

from __future__ import annotations

import ast
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from cases import draw
from torch import Tensor, nn

import losskit
from losskit.catalog import READY_MADE
from losskit.guide.show import UnknownLossError, find

F: Any = losskit.functional  # what is wrong here is meant to be
x = torch.tensor([[0.5, -1.0, 2.0], [1.0, 0.0, -0.5], [0.1, 0.2, 0.3], [2.0, -2.0, 0.0]])
ids = torch.tensor([0, 1, 2, 0])
probabilities = x.softmax(1)
complex_ = torch.complex(x, x)

Call = Callable[[], object]
#: A call, the words of its message, and the call that the message asks for.
MENDS: dict[str, tuple[Call, list[str], Call]] = {
    "255 marks nothing": (
        lambda: F.cross_entropy(x, torch.tensor([0, 255, 2, 255])),
        ["255 at (1,)", "use ignore_index=255"],
        lambda: F.cross_entropy(x, torch.tensor([0, 255, 2, 255]), ignore_index=255),
    ),
    "-1 marks nothing, and there is no ignore_index": (
        lambda: F.multi_margin_loss(x, torch.tensor([0, -1, 2, 1])),
        ["use mask=target != -1"],
        lambda: F.multi_margin_loss(x, torch.tensor([0, -1, 2, 1]), mask=torch.tensor([0, -1, 2, 1]) != -1),
    ),
    "ids from 1": (
        lambda: F.cross_entropy(x, ids + 1),
        ["target - 1"],
        lambda: F.cross_entropy(x, ids + 1 - 1),
    ),
    "ids as floats": (
        lambda: F.nll_loss(x.log_softmax(1), ids.float()),
        ["use target.long()"],
        lambda: F.nll_loss(x.log_softmax(1), ids.float().long()),
    ),
    "class weights at the call": (
        lambda: losskit.CrossEntropyLoss()(x, ids, weight=torch.ones(3)),  # type: ignore[call-arg]
        ["constructor", "CrossEntropyLoss(weight=…)", "sample_weight"],
        lambda: losskit.CrossEntropyLoss(weight=torch.ones(3))(x, ids),
    ),
    "complex numbers": (
        lambda: F.l1_loss(complex_, complex_),
        ["complex numbers are not supported", "torch.view_as_real(input)"],
        lambda: F.l1_loss(torch.view_as_real(complex_), torch.view_as_real(complex_)),
    ),
    "a number as a tensor": (
        lambda: losskit.SmoothL1Loss(beta=torch.tensor(0.5)),  # type: ignore[arg-type]
        ["use beta.item()"],
        lambda: losskit.SmoothL1Loss(beta=torch.tensor(0.5).item()),
    ),
    "a target for each": (
        lambda: F.mse_loss(x, x[:1]),
        ["target.expand_as(input)"],
        lambda: F.mse_loss(x, x[:1].expand_as(x)),
    ),
    "an input for each": (
        lambda: F.mse_loss(x[:1, :1], x),
        ["input.expand_as(target)"],
        lambda: F.mse_loss(x[:1, :1].expand_as(x), x),
    ),
    "logits to CTC": (
        lambda: F.ctc_loss(x.unsqueeze(1), torch.tensor([[1]]), [4], [1]),
        ["log_probs", "0.5 at (0, 0, 0) (7 of 12 values)", "from_logits=True"],
        lambda: F.ctc_loss(x.unsqueeze(1), torch.tensor([[1]]), [4], [1], from_logits=True),
    ),
    "probabilities to CTC": (
        lambda: F.ctc_loss(probabilities.unsqueeze(1), torch.tensor([[1]]), [4], [1]),
        ["log_probs.log()"],
        lambda: F.ctc_loss(probabilities.unsqueeze(1).log(), torch.tensor([[1]]), [4], [1]),
    ),
}


@pytest.mark.parametrize("name", MENDS)
def test_the_mend_works(name: str) -> None:
    bad, told, mended = MENDS[name]
    with pytest.raises((TypeError, ValueError, IndexError)) as caught:
        bad()
    for part in told:
        assert part in str(caught.value)
    mended()


@pytest.mark.parametrize(
    ("bad", "misleading"),
    [
        (lambda: F.l1_loss(complex_, complex_), "float()"),
        (lambda: F.cross_entropy(complex_, ids), "float()"),
        (lambda: losskit.CrossEntropyLoss(weight=complex_[0]), "float()"),
        (lambda: losskit.LinearCrossEntropyLoss(3, 4)(complex_, ids), "float()"),
        (
            lambda: losskit.AdaptiveLogSoftmaxWithLoss(16, 9, [2, 4])(torch.zeros(4, 16, dtype=torch.cfloat), ids),
            "float()",
        ),
        (lambda: losskit.information.entropy(complex_), "float()"),
        (lambda: F.cross_entropy(x, torch.tensor([0.5, 1, 2, 0])), "long()"),
        (lambda: F.cross_entropy(x, 2 * probabilities), "long()"),
        (lambda: F.cross_entropy(x, torch.tensor([0, -1, 7, 0])), "ignore_index"),
        (lambda: F.mse_loss(x, x[:3]), "expand"),
    ],
)
def test_no_mend_that_would_not_help(bad: Call, misleading: str) -> None:
    with pytest.raises((TypeError, ValueError, IndexError)) as caught:
        bad()
    assert misleading not in str(caught.value)


def test_alpha_for_each_label() -> None:
    """As one number each; kernels take a number, the formula the tensor."""
    target = (x > 0).float()
    each = torch.tensor([0.25, 0.5, 0.9])
    items = F.focal_loss(x, target, alpha=each, reduction="none")
    columns = [F.focal_loss(x[:, i], target[:, i], alpha=each[i].item(), reduction="none") for i in range(3)]
    torch.testing.assert_close(items, torch.stack(columns, 1))
    torch.testing.assert_close(
        losskit.FocalLoss(alpha=torch.tensor(0.25))(x, target), losskit.FocalLoss(alpha=0.25)(x, target)
    )
    criterion = losskit.FocalLoss(alpha=each)
    assert criterion.state_dict()["alpha"] is not None
    criterion.alpha = 0.5
    assert not criterion.state_dict()
    torch.testing.assert_close(criterion(x, target), F.focal_loss(x, target, alpha=0.5))
    criterion.alpha = each
    torch.testing.assert_close(criterion(x, target), items.mean())
    with pytest.raises(ValueError, match=r"alpha must lie in \[0, 1\], got 1\.5"):
        criterion.alpha = torch.tensor([0.5, 1.5, 0.5])


def test_the_divergence_hears_of_batchmean_once() -> None:
    with pytest.warns(UserWarning, match="reduction='batchmean'") as told:
        losskit.KLDivLoss()
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for reduction in ("batchmean", "sum", "none"):
            losskit.KLDivLoss(reduction)
    script = """
import torch, warnings
from losskit.functional import kl_div
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    for _ in range(3):
        kl_div(torch.randn(2, 3).log_softmax(1), torch.randn(2, 3).softmax(1))
assert len(told) == 1, told
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("ce", "CrossEntropyLoss"),
        ("Cross", "CrossEntropyLoss"),
        ("bce", "BCELoss"),
        ("KL", "KLDivLoss"),
        ("mae", "L1Loss"),
    ],
)
def test_what_people_call_a_loss(name: str, loss: str) -> None:
    assert find(name)[0].__name__ == loss


def test_no_close_name_is_proposed_where_none_is_close() -> None:
    with pytest.raises(UnknownLossError, match="losskit list"):
        find("zzz")


def test_class_weights_of_a_label_that_never_occurs() -> None:
    labels = torch.tensor([[1, 0], [0, 0]])
    for loss in (losskit.BCELoss, losskit.BCEWithLogitsLoss):
        code = next(iter(loss.about.suits.values()))
        criterion = eval(f"loss({code})", {"loss": loss, "labels": labels})
        assert criterion(torch.full((2, 2), 0.5), labels).isfinite()


@pytest.mark.skipif(not hasattr(nn, "LinearCrossEntropyOptions"), reason="torch 2.13 brought these options")
def test_options_of_torchs_linear_cross_entropy() -> None:
    options = nn.LinearCrossEntropyOptions(batch_chunk_size=2)
    plain = losskit.LinearCrossEntropyLoss(3, 4)
    assert plain.chunk_size == 0
    hinted = losskit.LinearCrossEntropyLoss(3, 4, options=options)
    assert hinted.chunk_size == 2
    assert losskit.LinearCrossEntropyLoss(3, 4, chunk_size=1, options=options).chunk_size == 1
    hinted.load_state_dict(plain.state_dict())
    torch.testing.assert_close(hinted(x, ids), plain(x, ids))
    torch.testing.assert_close(
        F.linear_cross_entropy(x, plain.linear.weight, ids, options=nn.LinearCrossEntropyOptions()), plain(x, ids)
    )
    with pytest.raises(TypeError, match="LinearCrossEntropyOptions or None, got 3"):
        losskit.LinearCrossEntropyLoss(3, 4, options=3)


ALLOCATING = {
    "arange", "as_tensor", "empty", "eye", "full", "linspace", "logspace", "ones", "rand", "randint", "randn", "randperm",
    "scalar_tensor", "tensor", "tril_indices", "triu_indices", "zeros",
}  # fmt: skip


def allocations_without_a_device(source: str) -> list[int]:
    """Lines on which a tensor is made wherever the default device is."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ALLOCATING:
            of_torch = isinstance(node.func.value, ast.Name) and node.func.value.id == "torch"
            if of_torch and not any(keyword.arg == "device" for keyword in node.keywords):
                found.append(node.lineno)
    return found


def test_every_allocation_names_its_device() -> None:
    """Else a default device, as ``with torch.device("meta")`` sets it, would divide a call's tensors."""
    assert allocations_without_a_device("a = torch.empty(2)\nb = torch.ones(2, device='cpu')") == [1]
    source = Path(losskit.__file__).parent
    found = {
        str(path.relative_to(source)): allocations_without_a_device(path.read_text()) for path in source.rglob("*.py")
    }
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("loss", losskit.CATALOG, ids=lambda loss: loss.__name__)
def test_samples_lie_where_their_generator_does(loss: type[losskit.Loss]) -> None:
    if loss not in READY_MADE:
        return
    with torch.device("meta"):
        drawn: tuple[Tensor, ...] = draw(loss, (3,))
    assert all(value.is_cpu for value in drawn)
