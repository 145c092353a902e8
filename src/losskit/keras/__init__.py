r"""Keras 3's losses on torch tensors: its names, arguments, call order and numbers.

``losskit.keras.BinaryCrossentropy(from_logits=True)(y_true, y_pred, sample_weight)`` gives what
``keras.losses.BinaryCrossentropy`` gives on its torch backend, value and gradient; keras itself is not needed. Note that
``y_true`` comes first, as in Keras.

Keras averages over a dimension of ``y_pred`` before it reduces: a regression's values are means over the last one, and
``"sum"`` adds these means. Its usual reduction, ``"sum_over_batch_size"``, divides by the number of values whatever the
sample weights are; ``"mean_with_sample_weight"`` divides by the sum of the weights, as losskit's own mean does.

Where Keras gives a number that cannot be intended, this module raises an error that says what to do:

* shapes that Keras would broadcast against each other (where it squeezes or expands a last dimension of 1, so do we);
* in eager mode on CPU: logits without ``from_logits=True``, probabilities or labels outside [0, 1], one-hot rows that do not
  sum to 1, negative rates, NaN, class ids out of range (Keras takes -100 for "no loss"), negative sample weights;
* class ids in floating point, in which large ones are rounded; a softmax over a single class;
* ``"mean_with_sample_weight"`` with weights that need broadcasting: Keras adds them before it broadcasts them;
* ``label_smoothing`` over an ``axis`` that is not last and of another size: Keras spreads it over the last.

Other differences: without ``dtype`` the loss is computed in the dtype promoted over ``y_true`` and ``y_pred`` (half precision
in float32), where Keras casts everything to float32. The loss of an empty batch is always 0. A masked item has no gradient
even if it holds NaN.
"""

from __future__ import annotations

from losskit.keras.base import KerasLoss as KerasLoss
from losskit.keras.options import REDUCTIONS as REDUCTIONS
from losskit.keras.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)
from losskit.keras.regression import (
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    huber,
    mean_absolute_error,
    mean_squared_error,
)

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Huber",
    "KLDivergence",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "huber",
    "kl_divergence",
    "mean_absolute_error",
    "mean_squared_error",
    "poisson",
    "sparse_categorical_crossentropy",
]


def __dir__() -> list[str]:
    return list(__all__)
