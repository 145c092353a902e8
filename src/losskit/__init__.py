"""losskit: the loss-function toolkit for PyTorch.

The names below are loaded when first used, so that ``losskit --help`` need not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from losskit import functional as functional, information as information, keras as keras, native as native
    from losskit.about import Task as Task
    from losskit.catalog import CATALOG as CATALOG
    from losskit.global_mean import global_count as global_count
    from losskit.loss import Loss as Loss, arg as arg
    from losskit.losses import *  # noqa: F403
    from losskit.native.accelerate import accelerate as accelerate
    from losskit.native.autograd import value_and_grad as value_and_grad
else:
    _MODULES = ("functional", "information", "keras", "native")
    _HOME = {
        "Task": "about",
        "CATALOG": "catalog",
        "global_count": "global_mean",
        "Loss": "loss",
        "accelerate": "native.accelerate",
        "arg": "loss",
        "value_and_grad": "native.autograd",
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
