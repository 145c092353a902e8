"""What every loss must be, in NumPy float64 and from the definition, independent of the formulas in ``losskit``.

An oracle takes input and target as arrays and the loss's arguments by name (without ``reduction``), and returns the
unreduced loss; or a pair of it and what each item adds to the mean's denominator, where that is not 1.
"""

from __future__ import annotations

import itertools
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


def huber(x: Array, y: Array, delta: float = 1.0, weight: Array | float = 1.0) -> Array:
    error = np.abs(x - y)
    loss: Array = np.where(error < delta, error**2 / 2, delta * error - delta**2 / 2) * weight
    return loss


def bce(x: Array, y: Array, weight: Array | float = 1.0, pos_weight: Array | float = 1.0) -> Array:
    with np.errstate(divide="ignore"):
        yes, no = np.maximum(np.log(x), -100), np.maximum(np.log(1 - x), -100)
    loss: Array = -(pos_weight * y * yes + (1 - y) * no) * weight
    return loss


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


def picked(x: Array, y: Array, weight: Array | None, ignore_index: int) -> tuple[Array, Array]:
    """The entry of ``x`` in each target's class, and the class's weight: 0 where it is ignored."""
    x, value, share = np.moveaxis(x, min(1, x.ndim - 1), -1), np.zeros(y.shape), np.zeros(y.shape)
    for at in np.ndindex(y.shape):
        if y[at] != ignore_index:
            value[at], share[at] = x[at][y[at]], 1 if weight is None else weight[y[at]]
    return value, share


def nll(x: Array, y: Array, weight: Array | None = None, ignore_index: int = -100) -> tuple[Array, Array]:
    value, share = picked(x, y, weight, ignore_index)
    return -share * value, share


def softmax_focal(
    x: Array, y: Array, gamma: float = 2.0, weight: Array | None = None, ignore_index: int = -100
) -> tuple[Array, Array]:
    e = np.exp(x - x.max())
    p, share = picked(e / e.sum(min(1, x.ndim - 1), keepdims=True), y, weight, ignore_index)
    p = np.where(share == 0, 1, p)
    return -share * (1 - p) ** gamma * np.log(p), share


def ctc(
    x: Array,
    y: Array,
    steps: Array,
    lengths: Array,
    blank: int = 0,
    zero_infinity: bool = False,
    from_logits: bool = False,
) -> Array:
    """Every path is walked: (T, N, C) and padded targets (N, S) only."""
    loss = np.zeros(len(y))
    for n, target in enumerate(y):
        scores, wanted, chances = x[: steps[n], n], tuple(target[: lengths[n]]), 0.0
        if from_logits:
            scores = scores - np.log(np.exp(scores).sum(1, keepdims=True))
        for path in itertools.product(range(x.shape[2]), repeat=len(scores)):
            if tuple(label for label, _ in itertools.groupby(path) if label != blank) == wanted:
                chances += np.exp(sum(row[label] for row, label in zip(scores, path, strict=True)))
        with np.errstate(divide="ignore"):
            loss[n] = -np.log(chances)
    return np.where(zero_infinity & np.isinf(loss), 0, loss)


ORACLES: dict[str, Callable[..., Array | tuple[Array, Array]]] = {
    "BCELoss": bce,
    "BCEWithLogitsLoss": bce_with_logits,
    "CTCLoss": ctc,
    "CrossEntropyLoss": cross_entropy,
    "FocalLoss": focal,
    "HuberLoss": huber,
    "L1Loss": lambda x, y, weight=1.0: (np.abs(x - y) * weight, np.broadcast_to(weight, x.shape)),
    "MSELoss": lambda x, y, weight=1.0: ((x - y) ** 2 * weight, np.broadcast_to(weight, x.shape)),
    "NLLLoss": nll,
    "SmoothL1Loss": smooth_l1,
    "SoftmaxFocalLoss": softmax_focal,
}
