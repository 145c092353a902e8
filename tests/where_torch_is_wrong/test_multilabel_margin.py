"""Second derivatives, compiled lists of labels; labels of 0 and 1."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from cases import gradient
from claims import Claim, fails
from torch import Tensor

import losskit
from losskit import functional


def test_multilabel_margin_can_be_differentiated_twice(torch_still: Claim) -> None:
    input, target = torch.randn(5, 3), torch.tensor([[0, 2, -1]]).expand(5, 3)

    def penalty(loss: Callable[..., Tensor], x: Tensor) -> Tensor:
        (first,) = torch.autograd.grad((loss(x, target) + 1) ** 2, x, create_graph=True)
        return (first**2).sum()

    torch_still(fails(lambda: gradient(partial(penalty, F.multilabel_margin_loss), input)), "multilabel margin, twice")
    assert (gradient(partial(penalty, functional.multilabel_margin_loss), input) != 0).any()


def test_a_compiled_list_of_labels_ends_at_minus_one(torch_still: Claim) -> None:
    """pt#141017, said to be mended in torch 2.14."""
    input, target = torch.tensor([[1.0, -1.0, 0.5, 0.3, -0.2]]), torch.tensor([[0, 1, -1, -1, -1]])
    right = F.multilabel_margin_loss(input, target)
    theirs = torch.compile(F.multilabel_margin_loss, backend="aot_eager")(input, target)
    torch_still(not torch.isclose(theirs, right), "a compiled multilabel_margin_loss counts the padding behind -1")
    ours = torch.compile(functional.multilabel_margin_loss, backend="aot_eager", fullgraph=True)(input, target)
    torch.testing.assert_close(ours, right)


def test_a_row_of_zeros_and_ones_is_not_taken_for_a_list_of_labels(torch_still: Claim) -> None:
    criterion, scores, hot = losskit.MultiLabelMarginLoss(), torch.randn(2, 3), torch.tensor([[0, 1, 1], [1, 0, 0]])
    torch_still(not fails(lambda: F.multilabel_margin_loss(scores, hot)), "0 and 1 a label are taken for ids")
    with pytest.raises(ValueError, match=r"names a label twice in 2 of 2 lists.*head\(\).encode\(target, C\)"):
        criterion(scores, hot)
    with pytest.raises(TypeError, match=r"torch.float32.*head\(\).encode\(target, C\)"):
        criterion(scores, hot.float())
    lists = criterion.head().encode(hot, 3)
    assert lists.tolist() == [[1, 2, -1], [0, -1, -1]]
    torch.testing.assert_close(criterion(scores, lists), F.multilabel_margin_loss(scores, lists))
