"""All losses, derived from what ``losses/__init__.py`` exports."""

from __future__ import annotations

from inspect import Parameter, isclass, signature

from losskit import losses
from losskit.loss import Loss

CATALOG: tuple[type[Loss], ...] = tuple(
    value for value in vars(losses).values() if isclass(value) and issubclass(value, Loss)
)

#: Those that can be built without arguments; the others own a layer, whose sizes they must be told.
READY_MADE: tuple[type[Loss], ...] = tuple(
    loss for loss in CATALOG if all(each.default is not Parameter.empty for each in signature(loss).parameters.values())
)
