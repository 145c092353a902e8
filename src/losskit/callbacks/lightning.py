"""The callback for Lightning, by its name ``lightning``."""

from __future__ import annotations

from lightning.pytorch import Callback

from losskit.callbacks.fit import LightningFit


class LosskitCallback(LightningFit, Callback):
    """Looks at the losses of ``trainer.fit``, as :class:`losskit.callbacks.fit.Fit` tells; ``report`` has what was found."""
