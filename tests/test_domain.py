"""What a domain says of a value that is not in it, word by word: which value, where, and what to do."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import losskit

NAMES: dict[str, Any] = {
    "losskit": losskit,
    "nan": torch.nan,
    **{name: getattr(torch, name) for name in ("full", "ones", "tensor", "zeros")},
}
REFUSED: list[tuple[str, type[Exception], str]] = [
    (
        "losskit.MSELoss()(zeros(3, dtype=int), zeros(3))",
        TypeError,
        "MSELoss: input must be floating-point, got torch.int64; use input.float()",
    ),
    (
        "losskit.MSELoss()(zeros(3, 1), zeros(3))",
        ValueError,
        "MSELoss: target of shape (3,) does not fit input of shape (3, 1), and nothing is broadcast in silence; use "
        "target.unsqueeze(1) or input.squeeze(1)",
    ),
    (
        "losskit.MSELoss()(zeros(3), zeros(3, 1))",
        ValueError,
        "MSELoss: target of shape (3, 1) does not fit input of shape (3,), and nothing is broadcast in silence; use "
        "target.squeeze(1) or input.unsqueeze(1)",
    ),
    (
        "losskit.MSELoss()(zeros(2, 3, 1, 4), zeros(2, 3, 4))",
        ValueError,
        "MSELoss: target of shape (2, 3, 4) does not fit input of shape (2, 3, 1, 4), and nothing is broadcast in "
        "silence; use target.unsqueeze(2) or input.squeeze(2)",
    ),
    (
        "losskit.MSELoss()(zeros(2, 6), zeros(3, 4))",
        ValueError,
        "MSELoss: target of shape (3, 4) does not fit input of shape (2, 6), and nothing is broadcast in silence; if "
        "their elements correspond, use target.reshape(input.shape)",
    ),
    (
        "losskit.MSELoss()(zeros(2, 3), zeros(2))",
        ValueError,
        "MSELoss: target of shape (2,) does not fit input of shape (2, 3), and nothing is broadcast in silence; both "
        "must have the same shape",
    ),
    (
        "losskit.GaussianNLLLoss()(zeros(3), zeros(3), tensor([1.0, -1.0, -2.0]))",
        ValueError,
        "GaussianNLLLoss: var is a variance, which is not negative, got -1 at (1,) (2 of 3 values)",
    ),
    (
        "losskit.GaussianNLLLoss()(zeros(3), zeros(3), tensor([1.0, nan, -2.0]))",
        ValueError,
        "GaussianNLLLoss: var holds NaN: nan at (1,) (1 of 3 values)",
    ),
    (
        "losskit.GaussianNLLLoss()(zeros(2, 2), zeros(2, 2), ones(1, 3))",
        ValueError,
        "GaussianNLLLoss: var of shape (1, 3) does not fit input of shape (2, 2), and nothing is broadcast in "
        "silence; both must have the same shape",
    ),
    (
        "losskit.PoissonNLLLoss()(zeros(3), tensor([1.0, 2.0, -2.0]))",
        ValueError,
        "PoissonNLLLoss: target is a count, which is not negative, got -2 at (2,) (1 of 3 values)",
    ),
    (
        "losskit.SoftMarginLoss()(zeros(3), zeros(3).bool())",
        TypeError,
        "SoftMarginLoss: target must hold 1 and -1, got torch.bool; use 2 * target.int() - 1",
    ),
    (
        "losskit.SoftMarginLoss()(zeros(3), tensor([1, 0, 0]))",
        ValueError,
        "SoftMarginLoss: target must be 1 or -1, got 0 at (1,) (2 of 3 values); for 0 and 1 use 2 * target - 1",
    ),
    (
        "losskit.SoftMarginLoss()(zeros(3), tensor([1, -1, 2]))",
        ValueError,
        "SoftMarginLoss: target must be 1 or -1, got 2 at (2,) (1 of 3 values)",
    ),
    (
        "losskit.SoftMarginLoss()(zeros(3), tensor([1, -1, nan]))",
        ValueError,
        "SoftMarginLoss: target holds NaN: nan at (2,) (1 of 3 values)",
    ),
    (
        "losskit.SoftMarginLoss()(zeros(3), ones(3, 1))",
        ValueError,
        "SoftMarginLoss: target of shape (3, 1) does not fit input of shape (3,), and nothing is broadcast in "
        "silence; use target.squeeze(1) or input.unsqueeze(1)",
    ),
    (
        "losskit.CosineEmbeddingLoss()(zeros(3, 2), zeros(3, 2), ones(3, 1))",
        ValueError,
        "CosineEmbeddingLoss: target of shape (3, 1) does not fit input1 of shape (3, 2): it must have shape (3,), "
        "one entry for each item; use target.squeeze(1)",
    ),
    (
        "losskit.CosineEmbeddingLoss()(zeros(3, 2), zeros(3, 2), ones(2))",
        ValueError,
        "CosineEmbeddingLoss: target of shape (2,) does not fit input1 of shape (3, 2): it must have shape (3,), one "
        "entry for each item",
    ),
    (
        "losskit.CosineEmbeddingLoss()(zeros(3, 0), zeros(3, 0), ones(3))",
        ValueError,
        "CosineEmbeddingLoss: input1 of shape (3, 0) has no features in its last dimension",
    ),
    (
        "losskit.CosineEmbeddingLoss()(zeros(3, 2), zeros(2), ones(3))",
        ValueError,
        "CosineEmbeddingLoss: input2 of shape (2,) does not fit input1 of shape (3, 2), and nothing is broadcast in "
        "silence; if input2 is meant for each of them, use input2.expand_as(input1)",
    ),
    (
        "losskit.TripletMarginLoss()(tensor(1.0), tensor(1.0), tensor(1.0))",
        ValueError,
        "TripletMarginLoss: anchor must have a dimension of features, the last, got a single number",
    ),
    (
        "losskit.CrossEntropyLoss()(tensor(1.0), tensor(1))",
        ValueError,
        "CrossEntropyLoss: dim 1 is not a dimension of input, of shape ()",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(3, 0), zeros(3).long())",
        ValueError,
        "CrossEntropyLoss: input has no class: shape (3, 0), dimension 1",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(3, 1), zeros(3).long())",
        ValueError,
        "CrossEntropyLoss: input has one class (shape (3, 1), dimension 1): there is no other to compare it with, so the "
        "loss is always 0; for yes or no use BCEWithLogitsLoss, or give 2 classes",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(3, 2).long(), zeros(3).long())",
        TypeError,
        "CrossEntropyLoss: input must be floating-point, got torch.int64; use input.float()",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(3, 2), zeros(3))",
        TypeError,
        "CrossEntropyLoss: target holds class ids as torch.float32; use target.long()",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(3, 2), zeros(3, 3))",
        ValueError,
        "CrossEntropyLoss: target must be class ids of shape (3,) or class probabilities of shape (3, 2), got "
        "torch.float32 of shape (3, 3)",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(3, 2), zeros(3).bool())",
        TypeError,
        "CrossEntropyLoss: target must hold integer class ids, got torch.bool; use target.long()",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(3, 2), zeros(3, 2).long())",
        ValueError,
        "CrossEntropyLoss: target of shape (3, 2) does not fit input of shape (3, 2): class ids must have shape "
        "(3,); for one-hot rows use target.argmax(1) or target.float()",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(3, 2), zeros(3, 1).long())",
        ValueError,
        "CrossEntropyLoss: target of shape (3, 1) does not fit input of shape (3, 2): class ids must have shape "
        "(3,); use target.squeeze(1)",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(3, 2, 5), zeros(3, 1, 5).long())",
        ValueError,
        "CrossEntropyLoss: target of shape (3, 1, 5) does not fit input of shape (3, 2, 5): class ids must have "
        "shape (3, 5); use target.squeeze(1)",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(3, 5, 2), zeros(3, 5).long())",
        ValueError,
        "CrossEntropyLoss: target of shape (3, 5) does not fit input of shape (3, 5, 2): class ids must have shape "
        "(3, 2); the classes seem to come last: use dim=-1, or input.movedim(-1, 1)",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(3, 2), zeros(4).long())",
        ValueError,
        "CrossEntropyLoss: target of shape (4,) does not fit input of shape (3, 2): class ids must have shape (3,); "
        "one id for each item",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(3, 2), tensor([1, 2, 2]))",
        IndexError,
        "CrossEntropyLoss: target must hold class ids in [0, 2), got 2 at (1,) (2 of 3 values); ids that start at 1 "
        "need target - 1",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(3, 2), tensor([1, 0, 2]))",
        IndexError,
        "CrossEntropyLoss: target must hold class ids in [0, 2), got 2 at (2,) (1 of 3 values); if 2 marks what does "
        "not count, use ignore_index=2",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(3, 2), tensor([1, 3, 1]))",
        IndexError,
        "CrossEntropyLoss: target must hold class ids in [0, 2), got 3 at (1,) (1 of 3 values); if 3 marks what does "
        "not count, use ignore_index=3",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(3, 2), tensor([1, -1, 1]))",
        IndexError,
        "CrossEntropyLoss: target must hold class ids in [0, 2), got -1 at (1,) (1 of 3 values); if -1 marks what "
        "does not count, use ignore_index=-1",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(2), tensor(2))",
        IndexError,
        "CrossEntropyLoss: target must hold class ids in [0, 2), got 2 at its only place (1 of 1 values); ids that "
        "start at 1 need target - 1",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(3, 2), tensor([1, 255, 255]))",
        IndexError,
        "CrossEntropyLoss: target must hold class ids in [0, 2), got 255 at (1,) (2 of 3 values); if 255 marks what "
        "does not count, use ignore_index=255",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(3, 2), tensor([1, 255, 7]))",
        IndexError,
        "CrossEntropyLoss: target must hold class ids in [0, 2), got 255 at (1,) (2 of 3 values)",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(2, 2), tensor([[0.5, 0.5], [0.5, 0.6]]))",
        ValueError,
        "CrossEntropyLoss: target holds class probabilities that must sum to 1 over dimension 1; the sum is 1.1 at "
        "(1,) (1 of 2 values); divide by target.sum(1, keepdim=True), or, where several classes may hold at once, "
        "use BCEWithLogitsLoss",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(2, 2), tensor([[0.5, 0.5], [-0.1, 1.1]]))",
        ValueError,
        "CrossEntropyLoss: target must lie in [0, 1], got -0.1 at (1, 0) (2 of 4 values)",
    ),
    (
        "losskit.CrossEntropyLoss()(zeros(2, 2), tensor([[0.5, 0.5], [nan, 0.5]]))",
        ValueError,
        "CrossEntropyLoss: target holds NaN: nan at (1, 0) (1 of 4 values)",
    ),
    (
        "losskit.NLLLoss()(full((2, 2), 0.5), tensor([0, 1]))",
        ValueError,
        "NLLLoss: input must hold log-probabilities, which are not positive, got 0.5 at (0, 0) (4 of 4 values); for "
        "logits use input.log_softmax(1) or CrossEntropyLoss, for probabilities input.log()",
    ),
    (
        "losskit.NLLLoss()(full((2, 2), -0.5), tensor([0.0, 1]))",
        TypeError,
        "NLLLoss: target holds class ids as torch.float32; use target.long()",
    ),
    (
        "losskit.NLLLoss()(full((2, 2), -0.5), full((2, 2), 0.5))",
        TypeError,
        "NLLLoss: target must hold integer class ids of shape (2,), got torch.float32 (2, 2)",
    ),
    (
        "losskit.NLLLoss()(full((2, 2), -0.5), full((2, 2), 1))",
        ValueError,
        "NLLLoss: target of shape (2, 2) does not fit input of shape (2, 2): class ids must have shape (2,); for "
        "one-hot rows use target.argmax(1)",
    ),
    (
        "losskit.MultiMarginLoss()(zeros(3, 1), zeros(3).long())",
        ValueError,
        "MultiMarginLoss: input has one class (shape (3, 1), dimension 1): there is no other to compare it with, so the "
        "loss is always 0; for yes or no use BCEWithLogitsLoss, or give 2 classes",
    ),
    (
        "losskit.MultiLabelSoftMarginLoss()(tensor(0.0), tensor(0.0))",
        ValueError,
        "MultiLabelSoftMarginLoss: input must have 1 or more labels in its last dimension, (C), (N, C) or (..., C), "
        "got shape ()",
    ),
    (
        "losskit.MultiLabelSoftMarginLoss()(zeros(2, 0), zeros(2, 0))",
        ValueError,
        "MultiLabelSoftMarginLoss: input must have 1 or more labels in its last dimension, (C), (N, C) or (..., C), "
        "got shape (2, 0)",
    ),
    (
        "losskit.MultiLabelMarginLoss()(zeros(2, 1), zeros(2, 1).long())",
        ValueError,
        "MultiLabelMarginLoss: input must have 2 or more labels in its last dimension, (C), (N, C) or (..., C), got "
        "shape (2, 1)",
    ),
    (
        "losskit.MultiLabelMarginLoss()(zeros(2, 3), zeros(2, 3))",
        TypeError,
        "MultiLabelMarginLoss: target must list the ids of the labels that hold, as integers, got torch.float32; for "
        "ids use target.long(), for 0 and 1 a label criterion.head().encode(target, C)",
    ),
    (
        "losskit.MultiLabelMarginLoss()(zeros(2, 3), zeros(2, 3).bool())",
        TypeError,
        "MultiLabelMarginLoss: target must list the ids of the labels that hold, as integers, got torch.bool; for "
        "ids use target.long(), for 0 and 1 a label criterion.head().encode(target, C)",
    ),
    (
        "losskit.MultiLabelMarginLoss()(zeros(2, 3), zeros(2, 2).long())",
        ValueError,
        "MultiLabelMarginLoss: target of shape (2, 2) does not fit input of shape (2, 3): it must have the same "
        "shape, with -1 after the labels that hold",
    ),
    (
        "losskit.MultiLabelMarginLoss()(zeros(2, 3), zeros(2, 1, 3).long())",
        ValueError,
        "MultiLabelMarginLoss: target of shape (2, 1, 3) does not fit input of shape (2, 3): it must have the same "
        "shape, with -1 after the labels that hold; use target.squeeze(1)",
    ),
    (
        "losskit.MultiLabelMarginLoss()(zeros(2, 3), tensor([[0, -1, -1], [1, 3, -1]]))",
        IndexError,
        "MultiLabelMarginLoss: target must hold label ids in [0, 3), and -1 to end a list, got 3 at (1, 1) (1 of 6 "
        "values)",
    ),
    (
        "losskit.MultiLabelMarginLoss()(zeros(2, 3), tensor([[0, -2, -1], [1, 2, -1]]))",
        IndexError,
        "MultiLabelMarginLoss: target must hold label ids in [0, 3), and -1 to end a list, got -2 at (0, 1) (1 of 6 "
        "values)",
    ),
    (
        "losskit.MultiLabelMarginLoss()(zeros(2, 3), tensor([[0, -1, 0], [1, 1, -1]]))",
        ValueError,
        "MultiLabelMarginLoss: target names a label twice in 1 of 2 lists; end a list with -1; for 0 and 1 a label "
        "use criterion.head().encode(target, C)",
    ),
    (
        "losskit.BCELoss()(tensor([0.5, 1.5]), zeros(2))",
        ValueError,
        "BCELoss: input must lie in [0, 1], got 1.5 at (1,) (1 of 2 values); for logits use input.sigmoid() or "
        "BCEWithLogitsLoss",
    ),
    (
        "losskit.BCELoss()(tensor([0.5, nan]), zeros(2))",
        ValueError,
        "BCELoss: input holds NaN: nan at (1,) (1 of 2 values)",
    ),
    (
        "losskit.BCELoss()(tensor([0.5, -0.5]), zeros(2))",
        ValueError,
        "BCELoss: input must lie in [0, 1], got -0.5 at (1,) (1 of 2 values); for logits use input.sigmoid() or "
        "BCEWithLogitsLoss",
    ),
    (
        "losskit.BCEWithLogitsLoss()(zeros(2), tensor([0, 2]))",
        ValueError,
        "BCEWithLogitsLoss: target must lie in [0, 1], got 2 at (1,) (1 of 2 values)",
    ),
    (
        "losskit.BCEWithLogitsLoss()(zeros(2), tensor([nan, 0.5]))",
        ValueError,
        "BCEWithLogitsLoss: target holds NaN: nan at (0,) (1 of 2 values)",
    ),
    (
        "losskit.BCEWithLogitsLoss()(zeros(2, dtype=int), zeros(2))",
        TypeError,
        "BCEWithLogitsLoss: input must be floating-point, got torch.int64; use input.float()",
    ),
    (
        "losskit.KLDivLoss()(zeros(2, 2).long(), zeros(2, 2))",
        TypeError,
        "KLDivLoss: input must be floating-point, got torch.int64; use input.float()",
    ),
    (
        "losskit.KLDivLoss()(zeros(2, 2), zeros(2))",
        ValueError,
        "KLDivLoss: target of shape (2,) does not fit input of shape (2, 2), and nothing is broadcast in silence; if "
        "target is meant for each of them, use target.expand_as(input)",
    ),
    (
        "losskit.KLDivLoss()(full((2, 2), 0.5), full((2, 2), 0.5))",
        ValueError,
        "KLDivLoss: input must hold log-probabilities, which are not positive, got 0.5 at (0, 0) (4 of 4 values); "
        "for logits use input.log_softmax(-1), for probabilities input.log()",
    ),
    (
        "losskit.KLDivLoss()(full((2, 2), -0.5), full((2, 2), 1.5))",
        ValueError,
        "KLDivLoss: target must lie in [0, 1], got 1.5 at (0, 0) (4 of 4 values); for log-probabilities use "
        "log_target=True, for logits target.softmax(-1)",
    ),
    (
        "losskit.KLDivLoss()(full((2, 2), -0.5), full((2, 2), nan))",
        ValueError,
        "KLDivLoss: target holds NaN: nan at (0, 0) (4 of 4 values)",
    ),
    (
        "losskit.KLDivLoss(log_target=True)(full((2, 2), -0.5), full((2, 2), 0.5))",
        ValueError,
        "KLDivLoss: target must hold log-probabilities, which are not positive, got 0.5 at (0, 0) (4 of 4 values); "
        "for probabilities use log_target=False, for logits target.log_softmax(-1)",
    ),
    (
        "losskit.CTCLoss()(zeros(5), zeros(1).long(), tensor(1), tensor(1))",
        ValueError,
        "CTCLoss: log_probs must have shape (T, N, C) or (T, C): steps, samples, labels with the blank; got (5,)",
    ),
    (
        "losskit.CTCLoss()(full((5, 2, 3), -1.0), zeros(2, 2), tensor([5, 5]), tensor([1, 1]))",
        TypeError,
        "CTCLoss: targets must hold integers, got torch.float32; use targets.long()",
    ),
    (
        "losskit.CTCLoss()(full((5, 2, 3), -1.0), ones(3, 2).long(), tensor([5, 5]), tensor([1, 1]))",
        ValueError,
        "CTCLoss: targets of shape (3, 2) does not fit log_probs of shape (5, 2, 3): it must be (2, S), or all "
        "targets one after the other",
    ),
    (
        "losskit.CTCLoss()(full((5, 2, 3), -1.0), ones(5, 2).long(), tensor([5, 5]), tensor([1, 1]))",
        ValueError,
        "CTCLoss: targets of shape (5, 2) does not fit log_probs of shape (5, 2, 3): it must be (2, S), or all "
        "targets one after the other; if the samples come first, use log_probs.transpose(0, 1)",
    ),
    (
        "losskit.CTCLoss()(full((5, 3), -1.0), ones(2, 2).long(), tensor(5), tensor(1))",
        ValueError,
        "CTCLoss: targets of shape (2, 2) does not fit log_probs of shape (5, 3): it must be (S)",
    ),
    (
        "losskit.CTCLoss()(full((5, 2, 3), -1.0), ones(2, 2).long(), tensor(5), tensor([1, 1]))",
        ValueError,
        "CTCLoss: input_lengths of shape () does not fit log_probs of shape (5, 2, 3): it must hold one length for "
        "each sample, shape (2,); for equal lengths use torch.full((2,), length)",
    ),
    (
        "losskit.CTCLoss()(full((5, 3), -1.0), ones(2).long(), tensor([5, 5]), tensor(1))",
        ValueError,
        "CTCLoss: input_lengths of shape (2,) does not fit log_probs of shape (5, 3): it must hold one length for "
        "each sample, shape ()",
    ),
    (
        "losskit.CTCLoss()(full((5, 2, 3), -1.0), ones(2, 2).long(), tensor([5.0, 5.0]), tensor([1, 1]))",
        TypeError,
        "CTCLoss: input_lengths must hold integers, got torch.float32; use input_lengths.long()",
    ),
]


@pytest.mark.parametrize(("call", "kind", "message"), REFUSED, ids=[call for call, *_ in REFUSED])
def test_what_is_said(call: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        eval(call, NAMES)
    assert str(caught.value) == message


def test_rounding_of_half_precision_is_no_mistake() -> None:
    input, ids = torch.zeros(1, 2), torch.tensor([0])
    for sum, good in ((1.009, True), (0.991, True), (1.011, False), (0.989, False)):
        target = torch.tensor([[0.5, sum - 0.5]])
        if good:
            losskit.CrossEntropyLoss()(input, target)
        else:
            with pytest.raises(ValueError, match="must sum to 1"):
                losskit.CrossEntropyLoss()(input, target)
    for value, good in ((9e-4, True), (1.1e-3, False)):
        if good:
            losskit.NLLLoss()(torch.full((1, 2), value), ids)
        else:
            with pytest.raises(ValueError, match="which are not positive"):
                losskit.NLLLoss()(torch.full((1, 2), value), ids)
