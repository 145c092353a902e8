"""The tuple of all losses, derived from what ``losses/__init__.py`` exports."""

from __future__ import annotations

from inspect import isclass

from losskit import losses
from losskit.loss import Loss

CATALOG: tuple[type[Loss], ...] = tuple(  # each once, under whatever other name it is exported as well
    dict.fromkeys(value for value in vars(losses).values() if isclass(value) and issubclass(value, Loss))
)
