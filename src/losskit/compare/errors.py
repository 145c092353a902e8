"""What a comparison refuses, said in one message of one screen."""

from __future__ import annotations


class CompareError(ValueError):
    """A comparison that cannot be made; the message says why and what to do."""


class DataError(CompareError):
    """Data that cannot be compared on."""
