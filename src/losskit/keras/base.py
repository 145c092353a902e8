"""The base class of Keras's losses."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from typing_extensions import dataclass_transform

from losskit.core.arithmetic import wide
from losskit.core.messages import tensor
from losskit.core.reduction import AtCall, both, shaped
from losskit.documentation import documented
from losskit.fields import Fields, arg
from losskit.keras.fit import over_values, same_rank, without
from losskit.keras.natives import called
from losskit.keras.options import Reduction
from losskit.loss import Loss, instance


@dataclass_transform(field_specifiers=(arg,), eq_default=False)
class KerasLoss(Fields):
    """Base class of Keras's losses: fit the shapes, compute with a loss of losskit, reduce as Keras does."""

    #: The losses of losskit that compute it; where ``from_logits`` chooses, of probabilities and of logits.
    natives: ClassVar[tuple[type[Loss], ...]] = ()
    #: Whether a value is the mean of the native loss over ``axis``; if not, the native loss reduces that dimension itself.
    averages: ClassVar[bool] = True
    reduction: Reduction
    name: str | None
    dtype: Any
    axis: int = -1
    from_logits: bool = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.natives = tuple(called(cls.__name__, kind) for kind in cls.natives)
        cls.__doc__ = cls.__doc__ and _documentation(cls)

    def forward(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        sample_weight: Tensor | float | None = None,
        *,
        mask: Tensor | None = None,
    ) -> Tensor:
        """The loss of ``y_pred`` against ``y_true``."""
        who = type(self).__name__
        tensor(who, "y_true", y_true)
        tensor(who, "y_pred", y_pred)
        mask = both(mask, getattr(y_pred, "_keras_mask", None))
        y_pred = y_pred if self.dtype is None else y_pred.to(self.dtype)
        y_true, y_pred = self._fit(*same_rank(y_true, y_pred))
        shape, whole = without(y_pred.shape, self.axis), self.reduction == "mean_with_sample_weight"
        kept, weight = self._kept(y_true), None
        if mask is not None:
            kept = both(kept, over_values(f"{who}: mask", mask.bool(), shape, whole))
        if sample_weight is not None:
            weight = torch.as_tensor(sample_weight, dtype=wide(y_pred), device=y_pred.device)
            weight = over_values(f"{who}: sample_weight", weight, shape, whole)
        at_call = self._at_call(y_pred, kept, weight)
        if self.reduction in (None, "none"):
            loss = self._native("none").compute((y_pred, y_true), at_call)
            loss = loss.mean(self.axis) if self.averages else loss
            for given in (sample_weight, mask):  # Keras returns the values in the rank of weights and mask
                if isinstance(given, Tensor):
                    loss = shaped(loss, same_rank(loss, given)[0].shape)
        else:  # a sum over elements divided by something, which the kernels do in one pass
            if at_call or self.reduction == "sum" or not math.prod(shape):
                elements = y_pred.shape[self.axis] if self.averages and y_pred.dim() else 1
                at_call["normalizer"] = self._denominator(shape, kept, weight) * max(elements, 1)
            loss = self._native("mean").compute((y_pred, y_true), at_call)
        return loss if self.dtype is None else loss.to(self.dtype)

    def _denominator(self, shape: torch.Size, kept: Tensor | None, weight: Tensor | None) -> Tensor | float:
        """The denominator of Keras's mean."""
        if self.reduction == "sum" or not shape:  # Keras does not divide a single value
            return 1
        counts = kept
        if self.reduction == "mean_with_sample_weight" and weight is not None:
            counts = weight if kept is None else torch.where(kept, weight, 0)
        if counts is None:
            return max(math.prod(shape), 1)
        counted = counts.sum()
        return torch.where(counted == 0, 1, counted)  # where nothing counts Keras gives 0

    def _at_call(self, y_pred: Tensor, kept: Tensor | None, weight: Tensor | None) -> AtCall:
        at_call: AtCall = {}
        if kept is not None:
            at_call["mask"] = self._over_elements(kept, y_pred)
        if weight is not None:
            at_call["sample_weight"] = self._over_elements(weight, y_pred)
        return at_call

    def _over_elements(self, value: Tensor, y_pred: Tensor) -> Tensor:
        if not self.averages or self.axis % max(y_pred.dim(), 1) >= y_pred.dim() - 1:
            return value  # it covers the leading dimensions, as losskit takes it
        return value.unsqueeze(self.axis).expand(y_pred.shape)

    # What a loss may override.

    def _native(self, reduction: Literal["none", "mean"]) -> Loss:
        return instance(self.natives[self.from_logits], reduction=reduction, **self._told())

    def _told(self) -> dict[str, Any]:
        """The arguments of the native loss, except its reduction."""
        return {}

    def _fit(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """``y_true`` and ``y_pred`` in the shapes that the native loss takes."""
        if not -max(y_pred.dim(), 1) <= self.axis < max(y_pred.dim(), 1):
            raise ValueError(
                f"{type(self).__name__}: axis {self.axis} is not a dimension of y_pred, of shape {tuple(y_pred.shape)}"
            )
        return y_true, y_pred

    def _kept(self, y_true: Tensor) -> Tensor | None:
        """Mask of the values, False where ``y_true`` itself excludes one."""
        return None


def _documentation(cls: type[KerasLoss]) -> str:
    summary, example = documented(cls)
    axis = "``axis``" if "axis" in cls.arguments else "its last dimension"
    return f"""{summary}

A call takes ``y_true``, ``y_pred`` and:

    sample_weight: A number, or non-negative weights of the values' shape; dimensions of 1 are broadcast.
    mask: bool, of the values' shape, True where a value counts. The ``_keras_mask`` that Keras's layers set on
        ``y_pred`` is applied as well.

Returns:
    One number; with ``reduction=None`` the values, of the shape of ``y_pred`` without {axis}.

Raises:
    TypeError: A dtype or an argument of the wrong kind.
    ValueError: Shapes that do not fit, or a value out of its range (values are read in eager mode on CPU alone).
    IndexError: A class id out of range.

Example:{example}

Source:
    Keras 3, https://keras.io/api/losses/
"""
