"""What the callbacks have in common: a watch from the start of a training to its end, however it ends."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from typing import Any

from torch import nn

from losskit.checker.report import Report
from losskit.checker.watching import watch

Show = Callable[[Report], object]


class Fit:
    """Looks at the losses of a training, and shows the report at its end. It changes no result.

    A training that fails is reported too: at the latest when this callback is dropped, or when Python ends.

    Args:
        show: What gets the report, in the first process of several: ``print``, a logger's ``info``, or a function of yours.
    """

    def __init__(self, show: Show = print) -> None:
        super().__init__()
        self.show = show
        self._watching: watch | None = None
        self._finish: Callable[[], object] | None = None

    @property
    def report(self) -> Report | None:
        """What was found until now, in this process; None before the first training."""
        return None if self._watching is None else self._watching.report()

    def start(self, model: nn.Module | None, optimizer: Any, first: bool) -> None:
        """Watch a training, and no earlier one."""
        self.end()
        self._watching = watch(model, optimizer)
        self._watching.__enter__()
        self._finish = weakref.finalize(self, _finish, self._watching, self.show if first else None)

    def end(self) -> None:
        """Watch no more, and show the report, if that has not been done."""
        if self._finish is not None:
            self._finish()

    def __getstate__(self) -> dict[str, Any]:
        """A copy, as processes that are spawned get it, watches nothing yet."""
        return {**vars(self), "_watching": None, "_finish": None}


def _finish(watching: watch, show: Show | None) -> None:
    watching.__exit__()
    watching.model = watching.optimizer = None  # which may be dropped now
    if show is None:
        return
    try:
        show(watching.report())
    except Exception:  # ours must not end the user's run
        logging.getLogger("losskit").warning("the report of losskit could not be shown", exc_info=True)


class LightningFit(Fit):
    """The same by Lightning's hooks, which both of its packages call alike."""

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Start, before the first batch."""
        optimizer = trainer.optimizers[0] if len(trainer.optimizers) == 1 else None
        self.start(pl_module, optimizer, trainer.is_global_zero)

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Show the report."""
        self.end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Show the report of a training that has failed."""
        self.end()
