"""The suite: every loss of the catalog × every property."""

from __future__ import annotations

from pathlib import Path

import pytest
from cases import OWN_TESTS, Subject, draw, subjects
from oracles import ORACLES
from properties import PROPERTIES

import losskit


@pytest.mark.parametrize("name", PROPERTIES)
@pytest.mark.parametrize("subject", subjects(), ids=str)
def test_every_loss(subject: Subject, name: str) -> None:
    PROPERTIES[name](subject)


def test_every_loss_has_an_oracle() -> None:
    assert set(ORACLES) - {"CTCLoss"} == {loss.__name__ for loss in losskit.CATALOG} - set(OWN_TESTS)


def test_every_loss_outside_the_suite_has_its_own_tests() -> None:
    files = {loss.__name__: loss.__module__.split(".")[2] for loss in losskit.CATALOG}
    for name in OWN_TESTS:
        assert Path(__file__).with_name(f"test_{files[name]}.py").exists()
        loss = getattr(losskit, name)
        with pytest.raises((TypeError, ValueError)):  # or it belongs into the suite
            loss()(*draw(loss))
