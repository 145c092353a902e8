"""losskit: the loss-function toolkit for PyTorch.

    criterion = losskit.CrossEntropyLoss()     # every loss with torch's names, positions and defaults: losskit.CATALOG
    loss = criterion(logits, target)           # each call also takes mask=, sample_weight= and normalizer=
    classes = criterion.predict(logits)        # and criterion.probabilities(logits)

In Python:
    losskit.functional        the losses as functions, as torch.nn.functional has them
    losskit.keras             Keras 3's losses on torch tensors; losskit.information has entropy, divergences and the like
    losskit.check(criterion, output, target)  is this loss misused? losskit.watch() looks at a whole training
    losskit.accelerate()      torch's own losses on losskit's kernels; losskit.native.status() says whether there are any
In a terminal:
    losskit check --run FILE  do I misuse a loss in this script?
    losskit guide             which loss to take, which last layer and which target
    losskit list              all losses; losskit explain NAME says everything about one
    losskit compare           does the choice of loss matter on your data?
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from losskit import functional as functional, information as information, keras as keras, native as native
    from losskit.catalog import CATALOG as CATALOG
    from losskit.checker.batch import check as check
    from losskit.checker.watching import watch as watch
    from losskit.core.head import Task as Task
    from losskit.fields import arg as arg
    from losskit.loss import Loss as Loss
    from losskit.losses import *  # noqa: F403
    from losskit.training.accelerate import accelerate as accelerate
    from losskit.training.global_count import global_count as global_count
    from losskit.training.value_and_grad import value_and_grad as value_and_grad
else:  # loaded when first used, so that `losskit --help` need not import torch
    _MODULES = ("functional", "information", "keras", "native")
    _HOME = {
        "Task": "core.head",
        "CATALOG": "catalog",
        "global_count": "training.global_count",
        "Loss": "loss",
        "accelerate": "training.accelerate",
        "arg": "fields",
        "check": "checker.batch",
        "value_and_grad": "training.value_and_grad",
        "watch": "checker.watching",
    }

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return import_module(f"losskit.{name}")
        if name.startswith("_") and name != "__all__":
            raise AttributeError(f"module 'losskit' has no attribute {name!r}")
        home = import_module(f"losskit.{_HOME.get(name, 'losses')}")
        try:
            value = _public(vars(home)) if name == "__all__" else getattr(home, name)
        except AttributeError:
            raise AttributeError(f"module 'losskit' has no attribute {name!r}") from None
        globals()[name] = value
        return value

    def _public(losses: dict[str, Any]) -> list[str]:
        return sorted([*_MODULES, *_HOME, *(name for name, value in losses.items() if isinstance(value, type))])

    def __dir__() -> list[str]:
        return list(globals().get("__all__") or __getattr__("__all__"))
