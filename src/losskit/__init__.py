"""losskit: the loss-function toolkit for PyTorch.

The names below are loaded when first used, so that ``losskit --help`` need not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from losskit import functional as functional, information as information, keras as keras, native as native
    from losskit.catalog import CATALOG as CATALOG
    from losskit.core.head import Task as Task
    from losskit.fields import arg as arg
    from losskit.loss import Loss as Loss
    from losskit.losses import *  # noqa: F403
    from losskit.training.accelerate import accelerate as accelerate
    from losskit.training.global_count import global_count as global_count
    from losskit.training.value_and_grad import value_and_grad as value_and_grad
else:
    _MODULES = ("functional", "information", "keras", "native")
    _HOME = {
        "Task": "core.head",
        "CATALOG": "catalog",
        "global_count": "training.global_count",
        "Loss": "loss",
        "accelerate": "training.accelerate",
        "arg": "fields",
        "value_and_grad": "training.value_and_grad",
    }

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return import_module(f"losskit.{name}")
        if name.startswith("_"):
            raise AttributeError(f"module 'losskit' has no attribute {name!r}")
        home = import_module(f"losskit.{_HOME.get(name, 'losses')}")
        try:
            value = getattr(home, name)
        except AttributeError:
            raise AttributeError(f"module 'losskit' has no attribute {name!r}") from None
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        losses = import_module("losskit.losses")
        return sorted({*globals(), *_HOME, *_MODULES, *(n for n in vars(losses) if not n.startswith("_"))})
