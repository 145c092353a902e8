"""The functional form of every loss, derived from what ``losses/__init__.py`` exports."""

from __future__ import annotations

from inspect import isfunction
from typing import TYPE_CHECKING

from losskit import losses

if TYPE_CHECKING:
    from losskit.losses import *  # noqa: F403
else:
    __all__ = [name for name, value in vars(losses).items() if isfunction(value)]
    globals().update({name: getattr(losses, name) for name in __all__})

    def __dir__() -> list[str]:
        return list(__all__)
