"""Torch's shapes and names, and advice that fits."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import losskit
from losskit import functional


@pytest.mark.parametrize("items", [(), (5,), (2, 3), (2, 3, 4)])
def test_the_shapes_of_nll_are_torchs(items: tuple[int, ...]) -> None:
    input = torch.randn(*items[:1], 3, *items[1:]).log_softmax(1 if items else 0)
    target, weight = torch.randint(3, items), torch.tensor([0.2, 1.0, 5.0])
    torch.testing.assert_close(functional.nll_loss(input, target, weight), F.nll_loss(input, target, weight))
    with pytest.raises(ValueError, match="class dimension"):
        functional.nll_loss(torch.tensor(-1.0), torch.tensor(0))


def test_the_advice_for_classes_that_come_last_names_what_the_loss_has() -> None:
    with pytest.raises(ValueError, match=r"use input.movedim\(-1, 1\)") as caught:
        functional.nll_loss(-torch.rand(2, 5, 7), torch.randint(7, (2, 5)))
    assert "dim=-1" not in str(caught.value)


def test_the_old_name_of_nll_is_an_alias() -> None:
    assert losskit.NLLLoss2d is losskit.NLLLoss
    assert losskit.CATALOG.count(losskit.NLLLoss) == 1
    input, target = torch.randn(2, 3, 4, 4).log_softmax(1), torch.randint(3, (2, 4, 4))
    torch.testing.assert_close(losskit.NLLLoss2d()(input, target), F.nll_loss(input, target))
