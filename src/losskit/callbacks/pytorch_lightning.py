"""The callback for Lightning, by its name ``pytorch_lightning``, whose classes are others."""

from __future__ import annotations

from pytorch_lightning import Callback

from losskit.callbacks.fit import LightningFit


class LosskitCallback(LightningFit, Callback):
    """Looks at the losses of ``trainer.fit``, as :class:`losskit.callbacks.fit.Fit` tells; ``report`` has what was found."""
