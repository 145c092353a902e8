"""``make power``, on scores that are made here."""

from __future__ import annotations

import null
import numpy as np
import power
import pytest

from losskit.compare.verdict import Reading


@pytest.fixture(scope="module")
def found() -> list[null.Pair]:
    rng = np.random.default_rng(0)
    return [null.Pair(str(number), 0.0, 0.0, rng.normal(scale=0.03, size=(24, 10))) for number in range(6)]


def test_the_spread_is_what_was_asked_for(found: list[null.Pair]) -> None:
    for pair in found:
        scaled = np.stack([each[pair.name] for each in power.scaled(found, 0.004)])
        assert np.sqrt(scaled.var(axis=1, ddof=1).mean()) == pytest.approx(0.004)


def test_what_is_easy_is_said(found: list[null.Pair]) -> None:
    assert power.rates(found, 0.001, 0)[Reading.SAME] > 0.95
    assert power.rates(found, 0.001, 4)[power.BEYOND] == 1
    assert power.rates(found, 0.2, 0)[Reading.UNKNOWN] > 0.95
    assert power.called(found, 0.0045) <= 0.1


def test_what_is_required_can_fail(found: list[null.Pair]) -> None:
    curves = {0.0045: {shift: power.rates(found, 0.0045, shift) for shift in power.SHIFTS}}
    assert all(power.required(curves, 0.0045).values())
    blind = {0.0045: {shift: power.rates(found, 0.05, shift) for shift in power.SHIFTS}}
    assert list(power.required(blind, 0.0045).values()) == [False, False, False, True, True]
    rash = {0.0045: dict(zip(power.SHIFTS, [curves[0.0045][shift] for shift in (0, 4, 2, 4)]))}
    assert list(power.required(rash, 0.0045).values()) == [True, True, True, False, True]


def test_a_plant_that_learns_from_random_targets_alone_is_worse() -> None:
    reference, seeds, noisy = power.plant(1.0, epochs=2)
    assert reference.reading is Reading.REFERENCE
    assert not seeds.reading.matters
    assert noisy.reading is Reading.WORSE
    assert noisy.mean < 0.3
