"""The suite: every loss of the catalog × every property."""

from __future__ import annotations

from pathlib import Path

import pytest
from cases import OWN_TESTS, Subject, draw, subjects
from compiler import needs_compiler
from oracles import ORACLES
from properties import PROPERTIES
from properties.derivatives import compile_to_machine_code

import losskit

#: Loss and property that do not go together, and why; tests/test_<the loss's file>.py holds what the property means.
EXEMPT: dict[tuple[str, str], str] = {
    ("NTXentLoss", "sample_weight_algebra"): "an item that is repeated is a negative more",
    ("NTXentLoss", "normalizer_algebra"): "a part of the batch has fewer negatives than the whole",
    ("NTXentLoss", "micro_batches_add_up"): "a part of the batch has fewer negatives than the whole",
    ("NTXentLoss", "half_mean_of_many"): "its 70,000 items would be compared with each other: 78 GB",
    ("NTXentLoss", "corners"): "the limit of an item hangs on the others",
    ("NTXentLoss", "ends_of_arguments"): "the limit of an item hangs on the others",
    (
        "DiceLoss",
        "as_accurate_as_torch",
    ): "slopes of several items meet in one logit, and may cancel to next to nothing",
    ("DiceLoss", "sample_weight_algebra"): "a mask takes out pixels, so that no weight of an item goes unread",
    ("DiceLoss", "micro_batches_add_up"): "a target does not tell how many classes, and so items, there are",
    ("DiceLoss", "ignored_ids"): "an id takes out a pixel, of which an item has several",
    ("DiceLoss", "corners"): "an item is a sum over pixels, and a row of logits belongs to several items",
    ("DiceLoss", "ends_of_arguments"): "an item is a sum over pixels, and a row of logits belongs to several items",
    (
        "DiceLoss",
        "sure_answers_keep_their_digits",
    ): "a row of logits belongs to several items, each with odds of its own",
}
TOO_LARGE = {("NTXentLoss", "half_mean_of_many")}  # to be tried
#: Where a loss itself says why, in place of a number that is wrong.
SAID: dict[tuple[str, str], tuple[type[Exception], str]] = {
    ("DiceLoss", "sample_weight_algebra"): (ValueError, "DiceLoss: sample_weight must not be negative or NaN"),
    ("DiceLoss", "micro_batches_add_up"): (ValueError, "DiceLoss: how many items .* is not known from the target"),
}


@pytest.mark.parametrize("name", PROPERTIES)
@pytest.mark.parametrize("subject", subjects(), ids=str)
def test_every_loss(subject: Subject, name: str) -> None:
    if (str(subject), name) in EXEMPT:
        pytest.skip(EXEMPT[str(subject), name])
    PROPERTIES[name](subject)


@needs_compiler
def test_every_loss_compiles_to_machine_code() -> None:
    compile_to_machine_code(subjects())


@pytest.mark.parametrize("exempt", [each for each in EXEMPT if each not in TOO_LARGE], ids=" ".join)
def test_an_exemption_is_needed(exempt: tuple[str, str]) -> None:
    (subject,) = (each for each in subjects() if str(each) == exempt[0])
    kind, words = SAID.get(exempt, (AssertionError, None))  # anything else is a crash
    with pytest.raises(kind, match=words):
        PROPERTIES[exempt[1]](subject)


def test_exemptions_name_losses_and_properties_that_are_there() -> None:
    assert {loss for loss, _ in EXEMPT} <= {str(subject) for subject in subjects()}
    assert {name for _, name in EXEMPT} <= set(PROPERTIES)
    assert set(SAID) <= set(EXEMPT)
    for loss, _ in EXEMPT:
        file = getattr(losskit, loss).__module__.rpartition(".")[2]
        assert Path(__file__).with_name(f"test_{file}.py").exists()


def test_every_loss_has_an_oracle() -> None:
    assert set(ORACLES) - set(OWN_TESTS) == {loss.__name__ for loss in losskit.CATALOG} - set(OWN_TESTS)


def test_every_loss_outside_the_suite_has_its_own_tests() -> None:
    files = {loss.__name__: loss.__module__.split(".")[2] for loss in losskit.CATALOG}
    for name in OWN_TESTS:
        assert Path(__file__).with_name(f"test_{files[name]}.py").exists()
        loss = getattr(losskit, name)
        with pytest.raises((TypeError, ValueError)):  # or it belongs into the suite
            loss()(*draw(loss))
