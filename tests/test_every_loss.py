"""The suite: every loss of the catalog × every property."""

from __future__ import annotations

import pytest
from cases import OWN_TESTS, Subject, subjects
from oracles import ORACLES
from properties import PROPERTIES

import losskit


@pytest.mark.parametrize("name", PROPERTIES)
@pytest.mark.parametrize("subject", subjects(), ids=str)
def test_every_loss(subject: Subject, name: str) -> None:
    PROPERTIES[name](subject)


def test_every_loss_has_an_oracle() -> None:
    assert set(ORACLES) == {loss.__name__ for loss in losskit.CATALOG} - set(OWN_TESTS)
