"""The callback for Lightning, by its name ``lightning``."""

from __future__ import annotations

from lightning.pytorch import Callback, LightningModule, Trainer

from losskit.callbacks.fit import Fit


class LosskitCallback(Fit, Callback):
    """Looks at the losses of ``trainer.fit``, as :class:`losskit.callbacks.fit.Fit` tells; ``report`` has what was found."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start, before the first batch."""
        optimizer = trainer.optimizers[0] if len(trainer.optimizers) == 1 else None
        self.start(pl_module, optimizer, trainer.is_global_zero)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the report."""
        self.end()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Show the report of a training that has failed."""
        self.end()
