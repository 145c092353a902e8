"""The functional form of every loss, derived from what ``losses/__init__.py`` exports."""

from __future__ import annotations

from inspect import isfunction
from typing import TYPE_CHECKING

from losskit import losses
from losskit.catalog import CATALOG
from losskit.documentation import of_function

if TYPE_CHECKING:
    from losskit.losses import *  # noqa: F403
else:
    __all__ = [name for name, value in vars(losses).items() if isfunction(value)]
    __test__ = {name: getattr(losses, name) for name in __all__}  # the examples, for doctest
    globals().update(__test__)

    def _complete() -> None:
        of_file = {loss.__module__: loss for loss in CATALOG}
        for function in __test__.values():
            if str(function.__doc__).startswith("Functional form"):  # not without docstrings, and not once more
                function.__doc__ = of_function(function, of_file[function.__module__])

    _complete()

    def __dir__() -> list[str]:
        return list(__all__)
