"""What is no probability; answers of any dtype; the gradient of certainty."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from cases import gradient
from claims import Claim, fails

from losskit import functional


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (math.nan, r"input holds NaN: nan at \(1,\)"),
        (1.5, r"input must lie in \[0, 1\], got 1.5 at \(1,\).*BCEWithLogitsLoss"),
    ],
)
def test_what_is_no_probability_is_called_what_it_is(torch_still: Claim, value: float, words: str) -> None:
    input, target = torch.tensor([0.5, value]), torch.ones(2)
    try:
        F.binary_cross_entropy(input, target)
    except (RuntimeError, ValueError) as error:
        torch_still("nan" not in str(error).lower(), "NaN is called 'not between 0 and 1'")
    with pytest.raises(ValueError, match=f"BCELoss: {words}"):
        functional.binary_cross_entropy(input, target)
    keep = torch.tensor([True, False])
    assert functional.binary_cross_entropy(input, target, mask=keep).item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.uint8])
def test_answers_of_any_dtype_beside_probabilities(torch_still: Claim, dtype: torch.dtype) -> None:
    input, target = torch.tensor([0.2, 0.9, 0.4, 0.6]), torch.tensor([0, 1, 1, 0])
    torch_still(fails(lambda: F.binary_cross_entropy(input, target.to(dtype))), f"{dtype} targets refused")
    torch.testing.assert_close(
        functional.binary_cross_entropy(input, target.to(dtype)), F.binary_cross_entropy(input, target.float())
    )


def test_a_right_answer_of_certainty_keeps_its_gradient(torch_still: Claim) -> None:
    input, target = torch.tensor([0.0, 1e-20, 1.0]), torch.tensor([0.0, 0.0, 1.0])
    theirs = gradient(lambda x: F.binary_cross_entropy(x, target, reduction="sum"), input)
    torch_still(bool((theirs.abs() < 1e-6).all()), "the gradient of -log(1 - p) falls to 0 at p = 0, where it is 1")
    ours = gradient(lambda x: functional.binary_cross_entropy(x, target, reduction="sum"), input)
    torch.testing.assert_close(ours, torch.tensor([1.0, 1.0, -1.0]))
