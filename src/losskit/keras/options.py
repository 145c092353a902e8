"""The options that Keras's losses share, as fields."""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch

from losskit.fields import Arg, arg

_Word = Literal["sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none"]
Reduction = _Word | None
REDUCTIONS: tuple[Reduction, ...] = (*get_args(_Word), None)


class _Name(Arg):
    def check(self, who: str, value: Any) -> Any:
        return value or self.default


class _Dtype(Arg):
    def check(self, who: str, value: Any) -> torch.dtype | None:
        """A torch dtype from what Keras takes: a name, or a policy (``"mixed_float16"``) that computes in one."""
        known = getattr(value, "compute_dtype", value)
        known = getattr(torch, known.removeprefix("mixed_"), None) if isinstance(known, str) else known
        if value is not None and not (isinstance(known, torch.dtype) and known.is_floating_point):
            raise ValueError(f"{who} must be a floating-point dtype or its name, got {value!r}")
        return known


class _IntegerOrNone(Arg):
    @property
    def kind(self) -> type:
        return int


def _field(kind: type[Arg], default: Any, doc: str) -> Any:
    return kind(default, within=None, among=None, shape=None, kw_only=False, doc=doc)


def name(default: str) -> Any:
    """Declare the name, which Keras gives each loss."""
    return _field(_Name, default, "A name for display; the loss does not use it.")


REDUCTION: Any = arg(
    default="sum_over_batch_size",
    among=REDUCTIONS,
    doc="""``"sum_over_batch_size"`` or ``"mean"`` divides the sum of the values by their number (of those that a mask
        keeps), ``"mean_with_sample_weight"`` by the sum of the sample weights; ``"sum"`` adds them; ``"none"`` or None
        keeps them.""",
)
DTYPE = _field(
    _Dtype,
    None,
    "The dtype to compute in: torch's, its name, or a Keras policy. None: the dtype promoted over ``y_true`` and ``y_pred``.",
)
FROM_LOGITS: Any = arg(default=False, doc="Whether ``y_pred`` holds logits; else probabilities.")
LABEL_SMOOTHING: Any = arg(
    default=0.0, within="[0, 1]", doc="Share of ``y_true`` that is spread evenly over all answers."
)
AXIS: Any = arg(default=-1, doc="The dimension that holds the classes.")
IGNORE_CLASS = _field(
    _IntegerOrNone,
    None,
    "A ``y_true`` of this value has no loss, no gradient and no place in the mean. None: all count.",
)
