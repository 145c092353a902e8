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


def gaussian_nll(x: Array, y: Array, var: Array, full: bool = False, eps: float = 1e-6) -> Array:
    sigma = np.sqrt(np.maximum(var, eps))
    density = np.exp(-(((x - y) / sigma) ** 2) / 2) / sigma
    loss: Array = -np.log(density / np.sqrt(2 * np.pi) if full else density)
    return loss


def quantile(x: Array, y: Array, quantile: float | tuple[float, ...] = 0.5) -> Array:
    q, y = (np.array(quantile), y[..., None]) if isinstance(quantile, tuple) else (quantile, y)
    loss: Array = np.where(x < y, q * (y - x), (1 - q) * (x - y))
    return loss


def kl_div(x: Array, q: Array, log_target: bool = False) -> Array:
    p, q = np.exp(x), np.exp(q) if log_target else q
    loss = np.zeros(q.shape)
    for at in np.ndindex(q.shape):
        if q[at] != 0:
            loss[at] = q[at] * np.log(q[at] / p[at])
    return loss


def poisson_nll(x: Array, y: Array, log_input: bool = True, full: bool = False, eps: float = 1e-8) -> Array:
    loss: Array = np.exp(x) - y * x if log_input else x - y * np.log(x + eps)
    many = np.maximum(y, 2)  # of the counts above 1; the others get nothing
    stirling = many * np.log(many) - many + np.log(2 * np.pi * many) / 2
    return loss + stirling * (y > 1) if full else loss


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


def arc_face(
    x: Array, y: Array, weight: Array, scale: float = 64.0, margin: float = 0.5, ignore_index: int = -100
) -> tuple[Array, Array]:
    """By the angles themselves."""
    loss, share = np.zeros(y.shape), np.zeros(y.shape)
    for at in np.ndindex(y.shape):
        if y[at] == ignore_index:
            continue
        cosines = np.array([x[at] @ w / (np.linalg.norm(x[at]) * np.linalg.norm(w)) for w in weight])
        angle = np.arccos(cosines[y[at]])
        past = angle + margin >= np.pi
        cosines[y[at]] = np.cos(angle) - margin * np.sin(margin) if past else np.cos(angle + margin)
        loss[at] = np.log(np.exp(scale * (cosines - cosines[y[at]])).sum())
        share[at] = 1
    return loss, share


def multi_margin(x: Array, y: Array, p: int = 1, margin: float = 1.0, weight: Array | None = None) -> Array:
    x, loss = np.moveaxis(x, min(1, x.ndim - 1), -1), np.zeros(y.shape)
    for at in np.ndindex(y.shape):
        row, right = x[at], y[at]
        others = [max(0.0, margin - row[right] + score) ** p for c, score in enumerate(row) if c != right]
        loss[at] = sum(others) / len(row) * (1 if weight is None else weight[right])
    return loss


def multilabel_margin(x: Array, y: Array) -> Array:
    loss = np.zeros(x.shape[:-1])
    for at in np.ndindex(loss.shape):
        row, held = x[at], []
        for label in y[at]:
            if label == -1:
                break
            held.append(label)
        others = [c for c in range(len(row)) if c not in held]
        loss[at] = sum(max(0.0, 1 - (row[j] - row[c])) for j in held for c in others) / len(row)
    return loss


def multilabel_soft_margin(x: Array, y: Array, weight: Array | float = 1.0) -> Array:
    answer: Array = -(weight * (y * log_sigmoid(x) + (1 - y) * log_sigmoid(-x))).sum(-1) / x.shape[-1]
    return answer


def cosine_embedding(a: Array, b: Array, y: Array, margin: float = 0.0) -> Array:
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    loss: Array = np.where(y == 1, 1 - cosine, np.maximum(0, cosine - margin))
    return loss


def contrastive(a: Array, b: Array, y: Array, margin: float = 1.0) -> Array:
    d = np.linalg.norm(a - b, axis=-1)
    loss: Array = (y * d**2 + (1 - y) * np.maximum(0, margin - d) ** 2) / 2
    return loss


def dice(x: Array, y: Array, smooth: float = 1.0, dim: int = 1, ignore_index: int = -100) -> tuple[Array, Array]:
    """Sample by sample, class by class, pixel by pixel."""
    lone, soft = x.ndim == 1, y.ndim == x.ndim
    x = np.moveaxis(x[None] if lone else x, 1 if lone else dim, -1)
    y = y[None] if lone else np.moveaxis(y, dim, -1) if soft else y
    loss, share = np.zeros((len(x), x.shape[-1])), np.zeros((len(x), x.shape[-1]))
    for n, c in np.ndindex(loss.shape):
        both, either = smooth, smooth
        for at in np.ndindex(x.shape[1:-1]):
            row, true = x[n][at], y[n][at]
            if not soft and true == ignore_index:
                continue
            e = np.exp(row - row.max())
            p, t = (1 / (1 + np.exp(-row[c])), true[c]) if soft else (e[c] / e.sum(), c == true)
            both, either, share[n, c] = both + 2 * p * t, either + p + t, 1
        loss[n, c] = share[n, c] * (1 - both / either)
    return (loss[0], share[0]) if lone else (loss, share)


def triplet(distance: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    def loss(a: Array, p: Array, n: Array, margin: float, swap: bool) -> Array:
        far = np.minimum(distance(a, n), distance(p, n)) if swap else distance(a, n)
        answer: Array = np.maximum(0, distance(a, p) - far + margin)
        return answer

    return loss


def triplet_margin(
    anchor: Array,
    positive: Array,
    negative: Array,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
) -> Array:
    def norm(u: Array, v: Array) -> Array:
        answer: Array = (abs(u - v + eps) ** p).sum(-1) ** (1 / p)
        return answer

    return triplet(norm)(anchor, positive, negative, margin, swap)


def triplet_margin_with_distance(
    a: Array, p: Array, n: Array, distance_function: Any = None, margin: float = 1.0, swap: bool = False
) -> Array:
    if distance_function is None:
        return triplet_margin(a, p, n, margin, swap=swap)
    return triplet(distance_function)(a, p, n, margin, swap)


def nt_xent(first: Array, second: Array, temperature: float = 0.5) -> Array:
    """Every anchor by itself; the items of all leading dimensions are one batch."""
    shape, width = first.shape[:-1], first.shape[-1]
    views = [*first.reshape(-1, width), *second.reshape(-1, width)]
    count = len(views) // 2
    loss = np.zeros(count)
    for at, anchor in enumerate(views):
        scores = {
            k: anchor @ other / (np.linalg.norm(anchor) * np.linalg.norm(other)) / temperature
            for k, other in enumerate(views)
            if k != at
        }
        right = scores[(at + count) % (2 * count)]
        loss[at % count] += np.log(sum(np.exp(score - right) for score in scores.values())) / 2
    return loss.reshape(shape)


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
    "ArcFaceLoss": arc_face,
    "BCELoss": bce,
    "BCEWithLogitsLoss": bce_with_logits,
    "ContrastiveLoss": contrastive,
    "CosineEmbeddingLoss": cosine_embedding,
    "CTCLoss": ctc,
    "CrossEntropyLoss": cross_entropy,
    "DiceLoss": dice,
    "FocalLoss": focal,
    "GaussianNLLLoss": gaussian_nll,
    "HingeEmbeddingLoss": lambda x, y, margin=1.0: np.where(y == 1, x, np.maximum(0, margin - x)),
    "HuberLoss": huber,
    "KLDivLoss": kl_div,
    "L1Loss": lambda x, y, weight=1.0: (np.abs(x - y) * weight, np.broadcast_to(weight, x.shape)),
    "MarginRankingLoss": lambda a, b, y, margin=0.0: np.maximum(0, -y * (a - b) + margin),
    "MSELoss": lambda x, y, weight=1.0: ((x - y) ** 2 * weight, np.broadcast_to(weight, x.shape)),
    "MultiLabelMarginLoss": multilabel_margin,
    "MultiLabelSoftMarginLoss": multilabel_soft_margin,
    "MultiMarginLoss": multi_margin,
    "NLLLoss": nll,
    "NTXentLoss": nt_xent,
    "PoissonNLLLoss": poisson_nll,
    "QuantileLoss": quantile,
    "SmoothL1Loss": smooth_l1,
    "SoftMarginLoss": lambda x, y: -log_sigmoid(y * x),
    "SoftmaxFocalLoss": softmax_focal,
    "TripletMarginLoss": triplet_margin,
    "TripletMarginWithDistanceLoss": triplet_margin_with_distance,
}
