"""What every loss must be, in NumPy float64 and from the definition, independent of the formulas in ``losskit``.

An oracle takes input and target as arrays and the loss's arguments by name (without ``reduction``), and returns the
unreduced loss; or a pair of it and what each item adds to the mean's denominator, where that is not 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def log_sigmoid(x: Array) -> Array:
    answer: Array = -np.logaddexp(0, -x)
    return answer


def smooth_l1(x: Array, y: Array, beta: float = 1.0) -> Array:
    error: Array = np.abs(x - y)
    if beta == 0:
        return error
    return np.where(error < beta, error**2 / (2 * beta), error - 0.5 * beta)


def bce_with_logits(
    x: Array, y: Array, weight: Array | None = None, pos_weight: Array | None = None, label_smoothing: float = 0.0
) -> Array:
    q = y * (1 - label_smoothing) + label_smoothing / 2
    p = 1 if pos_weight is None else pos_weight
    w = 1 if weight is None else weight
    return -w * (p * q * log_sigmoid(x) + (1 - q) * log_sigmoid(-x))


def focal(x: Array, y: Array, gamma: float = 2.0, alpha: float | None = None) -> Array:
    p = np.exp(log_sigmoid(x))
    yes, no = -((1 - p) ** gamma) * log_sigmoid(x), -(p**gamma) * log_sigmoid(-x)
    return y * yes + (1 - y) * no if alpha is None else alpha * y * yes + (1 - alpha) * (1 - y) * no


def cross_entropy(
    x: Array,
    y: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    dim: int = 1,
) -> tuple[Array, Array]:
    x = np.moveaxis(x, dim if x.ndim > 1 else 0, -1)
    classes = x.shape[-1]
    w = np.ones(classes) if weight is None else weight
    soft = y.dtype.kind == "f"
    items = np.moveaxis(y, dim if y.ndim > 1 else 0, -1) if soft else y
    loss, share = np.zeros(x.shape[:-1]), np.ones(x.shape[:-1])
    for at in np.ndindex(x.shape[:-1]):
        if not soft and items[at] == ignore_index:
            share[at] = 0
            continue
        q = items[at] if soft else np.eye(classes)[items[at]]
        masked = np.isneginf(x[at])
        spread = np.where(masked, 0, 1 / (~masked).sum())
        q = (1 - label_smoothing) * q + label_smoothing * spread
        top = x[at].max()
        log_p = x[at] - (top + np.log(np.exp(x[at] - top).sum()))
        loss[at] = -sum(w[c] * q[c] * log_p[c] for c in range(classes) if q[c] != 0)
        share[at] = 1 if soft else w[items[at]]
    return loss, share


ORACLES: dict[str, Callable[..., Array | tuple[Array, Array]]] = {
    "BCEWithLogitsLoss": bce_with_logits,
    "CrossEntropyLoss": cross_entropy,
    "FocalLoss": focal,
    "MSELoss": lambda x, y, weight=1.0: ((x - y) ** 2 * weight, np.broadcast_to(weight, x.shape)),
    "SmoothL1Loss": smooth_l1,
}
