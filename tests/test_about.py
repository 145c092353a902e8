"""A loss's other half, by hand: how targets go in, and how outputs are read."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

import losskit
from losskit.core.head import ON_CLASSES, ON_LABELS, ON_NUMBERS, Activation, Encoding, Head, Task

IDS, BITS = torch.tensor([0, 2, 1]), torch.tensor([[0.0, 1, 1], [0, 0, 0]])
ENCODED: dict[Encoding, tuple[Tensor, Any]] = {
    Encoding.IDS: (IDS.float(), [0, 2, 1]),
    Encoding.SEQUENCE: (IDS.float(), [0, 2, 1]),
    Encoding.ONE_HOT: (IDS, [[1.0, 0, 0], [0, 0, 1], [0, 1, 0]]),
    Encoding.ZERO_ONE: (torch.tensor([0, 1]), [[0.0], [1]]),
    Encoding.PLUS_MINUS_ONE: (torch.tensor([0, 1]), [[-1.0], [1]]),
    Encoding.PLUS_MINUS_ONE_EACH: (BITS.long(), [[-1.0, 1, 1], [-1, -1, -1]]),
    Encoding.MULTI_HOT: (BITS.long(), [[0.0, 1, 1], [0, 0, 0]]),
    Encoding.LABEL_LIST: (BITS, [[1, 2, -1], [-1, -1, -1]]),
    Encoding.VALUE: (torch.tensor([3, 4]), [[3.0], [4]]),
    Encoding.PROBABILITIES: (torch.tensor([[0.25, 0.75]]), [[0.25, 0.75]]),
    Encoding.LOG_PROBABILITIES: (torch.tensor([[0.25, 0.75]]), [[math.log(0.25), math.log(0.75)]]),
}


@pytest.mark.parametrize("encoding", ENCODED, ids=str)
def test_a_target_is_encoded(encoding: Encoding) -> None:
    given, expected = ENCODED[encoding]
    whole = isinstance(torch.tensor(expected).flatten()[0].item(), int)
    for dtype in (torch.float32, torch.float64):
        encoded = Head(encoding).encode(given, 3, dtype)
        torch.testing.assert_close(encoded, torch.tensor(expected, dtype=torch.long if whole else dtype))
    assert Head(encoding).encode(given, 3).dtype == (torch.long if whole else torch.float32)


def test_every_encoding_of_targets_is_tested() -> None:
    assert set(Encoding) - set(ENCODED) == {Encoding.NONE}


def test_a_last_layer_has_an_output_for_each_class_but_for_two() -> None:
    single = {encoding for encoding in Encoding if Head(encoding).width(7) == 1}
    assert single == {Encoding.ZERO_ONE, Encoding.PLUS_MINUS_ONE}
    assert {Head(encoding).width(7) for encoding in set(Encoding) - single} == {7}


def test_activations() -> None:
    output = torch.tensor([[0.0, math.log(3)]], dtype=torch.float64)
    expected = {
        Activation.NONE: [[0.0, math.log(3)]],
        Activation.SIGMOID: [[0.5, 0.75]],
        Activation.SOFTMAX: [[0.25, 0.75]],
        Activation.LOG_SOFTMAX: [[math.log(0.25), math.log(0.75)]],
        Activation.EXP: [[1.0, 3.0]],
    }
    assert set(expected) == set(Activation)
    for activation, values in expected.items():
        torch.testing.assert_close(activation(output, 1), torch.tensor(values, dtype=torch.float64))
    torch.testing.assert_close(Activation.SOFTMAX(output, 0), torch.ones_like(output))


def test_outputs_are_read_at_their_threshold() -> None:
    output = torch.tensor([[-0.1, 0.0, 0.1, 0.49, 0.5, 0.51]])
    assert Head(Encoding.MULTI_HOT, Activation.SIGMOID).predict(output, 1).tolist() == [[0, 1, 1, 1, 1, 1]]
    assert Head(Encoding.MULTI_HOT).predict(output, 1).tolist() == [[0, 0, 0, 0, 1, 1]]
    assert ON_NUMBERS[Task.REGRESSION].predict(output, 1) is output
    assert Head(Encoding.VALUE, Activation.EXP).predict(output, 1).equal(output.exp())
    for encoding in (Encoding.IDS, Encoding.ONE_HOT, Encoding.PROBABILITIES, Encoding.LOG_PROBABILITIES):
        assert Head(encoding).predict(output, 1).tolist() == [5]
        assert Head(encoding).predict(output.t(), 0).tolist() == [5]


def test_probabilities_add_up_where_classes_exclude_each_other() -> None:
    output = torch.tensor([[0.0, math.log(3)], [-2000.0, -2000.0]], dtype=torch.float64)
    of_numbers = ON_NUMBERS[Task.MULTICLASS].probabilities(torch.tensor([[3.0, 0.5, -1.0], [-1.0, -2.0, 0.0]]), 1)
    above = ON_NUMBERS[Task.MULTICLASS].probabilities(torch.tensor([[1.5, 0.5]]), 1)
    torch.testing.assert_close(above, torch.tensor([[2 / 3, 1 / 3]]))
    third = 1 / 3
    torch.testing.assert_close(of_numbers, torch.tensor([[2 / 3, third, 0.0], [third, third, third]]))
    of_labels = ON_LABELS[Task.MULTICLASS].probabilities(output, 1)
    torch.testing.assert_close(of_labels, torch.tensor([[0.4, 0.6], [0.5, 0.5]], dtype=torch.float64))
    of_classes = ON_CLASSES[Task.MULTICLASS].probabilities(output, 1)
    torch.testing.assert_close(of_classes, torch.tensor([[0.25, 0.75], [0.5, 0.5]], dtype=torch.float64))
    each = ON_LABELS[Task.MULTILABEL].probabilities(output, 1)
    torch.testing.assert_close(each, torch.tensor([[0.5, 0.75], [0.0, 0.0]], dtype=torch.float64))
    clamped = ON_NUMBERS[Task.MULTILABEL].probabilities(torch.tensor([[-1.0, 0.3, 2.0]]), 1)
    torch.testing.assert_close(clamped, torch.tensor([[0.0, 0.3, 1.0]]))


@pytest.mark.parametrize("encoding", [Encoding.VALUE, Encoding.NONE])
def test_values_are_no_probabilities(encoding: Encoding) -> None:
    with pytest.raises(ValueError, match=r"values, not probabilities; call predict\(output\)"):
        Head(encoding).probabilities(torch.zeros(1, 2), 1)


def test_a_ranking_of_labels_has_no_threshold() -> None:
    for read in (Head(Encoding.LABEL_LIST).predict, Head(Encoding.LABEL_LIST).probabilities):
        with pytest.raises(ValueError, match="find a threshold on validation data"):
            read(torch.zeros(1, 2), 1)


def test_what_a_target_may_be_is_one_sentence() -> None:
    assert losskit.CrossEntropyLoss().domains["target"].describe("input") == (
        "Class ids in [0, C), of any integer dtype, one for each item; or class probabilities, of the shape of input."
    )


def test_a_head_is_shown_in_words() -> None:
    assert repr(losskit.CrossEntropyLoss().head()) == (
        "Head(encoding='class ids', predicting='softmax', training='none')"
    )
    assert repr(list(losskit.HuberLoss.about.serves)) == "['regression', 'binary', 'multiclass', 'multilabel']"
