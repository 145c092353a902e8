"""What a loss tends to at the corners of its domain, with its slopes: definitions over exact numbers, no floating point.

Infinity is a number beyond all others. Where the loss depends on which of several infinities is the larger one, or grows
without end as they do, that is seen by trying several sizes: such a limit does not exist (NaN), or is infinite.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import mpmath  # type: ignore[import-untyped]
from mpmath import mpf

BITS = 1500  # 1e308 + 1 is exact
UNKNOWN = mpf("nan")  # a slope at a kink: any between those on both sides will do
SIZES = (mpf(2) ** 2200, mpf(2) ** 3500)  # of infinity; the square of every float64 is smaller
ENDLESS = mpf(10) ** 309


@dataclass(frozen=True)
class Number:
    """A number, and its derivatives in the coordinates that it depends on."""

    value: mpf
    slopes: dict[int, mpf] = field(default_factory=dict)

    def chain(self, value: mpf, slope: mpf) -> Number:
        return Number(value, {i: _times(slope, own) for i, own in self.slopes.items()})

    def __add__(self, other: Any) -> Number:
        right = number(other)
        coordinates = {**self.slopes, **right.slopes}
        slopes = {i: self.slopes.get(i, mpf(0)) + right.slopes.get(i, mpf(0)) for i in coordinates}
        return Number(self.value + right.value, slopes)

    def __mul__(self, other: Any) -> Number:
        right = number(other)
        return self.chain(self.value * right.value, right.value) + right.chain(mpf(0), self.value)

    def __truediv__(self, other: Any) -> Number:
        right = number(other)
        if self.endless and right.endless:
            return Number(UNKNOWN, dict.fromkeys({**self.slopes, **right.slopes}, UNKNOWN))
        value = right.value if right.value != 0 else 1 / SIZES[0]
        return self * right.chain(1 / value, -1 / value**2)

    def __neg__(self) -> Number:
        return self.chain(-self.value, mpf(-1))

    def __sub__(self, other: Any) -> Number:
        return self + -number(other)

    def __rsub__(self, other: Any) -> Number:
        return number(other) - self

    def __abs__(self) -> Number:
        return larger(self, -self)

    __radd__, __rmul__ = __add__, __mul__

    def __lt__(self, other: Any) -> bool:
        return bool(self.value < number(other).value)

    @property
    def endless(self) -> bool:
        return bool(abs(self.value) >= SIZES[0])


def _times(one: mpf, other: mpf) -> mpf:
    return mpf(0) if one == 0 or other == 0 else one * other  # an unknown slope, times 0, is known


def number(value: Any) -> Number:
    return value if isinstance(value, Number) else Number(mpf(value))


def larger(left: Any, right: Any) -> Number:
    one, other = number(left), number(right)
    if mpmath.isnan(one.value) or mpmath.isnan(other.value):
        return one if mpmath.isnan(one.value) else other
    if one.value != other.value:
        return one if one.value > other.value else other
    coordinates = {**one.slopes, **other.slopes}
    same = {i: one.slopes.get(i, mpf(0)) == other.slopes.get(i, mpf(0)) for i in coordinates}
    return Number(one.value, {i: one.slopes.get(i, mpf(0)) if same[i] else UNKNOWN for i in coordinates})


def exp(x: Number) -> Number:
    value = mpf(2) ** 20000 * x.value  # beyond what any power makes of x
    if x.value < 10**5:
        value = mpmath.exp(x.value) if x.value > -(10**5) else mpf(0)
    return x.chain(value, value)


def log(x: Number) -> Number:
    if x.value == 0:  # less than the reciprocal of anything
        return x.chain(-SIZES[1], SIZES[1] ** 2)
    return x.chain(mpmath.log(x.value), 1 / x.value)


def power(x: Number, by: float) -> Number:
    if x.value == 0 or by == 0:
        return Number(mpf(by == 0), {i: mpf(by == 1) * own for i, own in x.slopes.items()})
    return exp(mpf(by) * log(x))


def softplus(x: Number) -> Number:
    return x + exp(-x) if x.value > 10**4 else log(1 + exp(x))


def difference(one: Number, other: Number) -> Number:
    """Of two infinities there is none."""
    if one.endless and other.endless and (one < 0) == (other < 0):
        return Number(UNKNOWN, dict.fromkeys({**one.slopes, **other.slopes}, UNKNOWN))
    return one - other


def total(numbers: Any) -> Number:
    return sum(numbers, Number(mpf(0)))


# The losses, one item each. A vector is a list.


def smooth_l1(x: Number, y: Number, beta: float = 1.0) -> Number:
    error = abs(x - y)
    return error * error / (2 * number(beta)) if error < beta else error - number(beta) / 2


def huber(x: Number, y: Number, delta: float = 1.0, weight: float = 1.0) -> Number:
    error, end = abs(x - y), number(delta)
    return weight * (error * error / 2 if error < end else end * (error - end / 2))


def poisson_nll(x: Number, y: Number, log_input: bool = True, full: bool = False, eps: float = 1e-8) -> Number:
    loss = exp(x) - y * x if log_input else x - y * log(x + number(eps))
    return loss + (y * log(y) - y + log(2 * mpmath.pi * y) / 2 if full and y.value > 1 else 0)


def gaussian_nll(x: Number, y: Number, var: Number, full: bool = False, eps: float = 1e-6) -> Number:
    v = Number(max(var.value, mpf(eps)) or 1 / SIZES[0], var.slopes)  # in the clamp the slope is that at its end
    loss = (log(v) + (x - y) * (x - y) / v) / 2
    return loss + mpmath.log(2 * mpmath.pi) / 2 if full else loss


def kl_div(x: Number, q: Number, log_target: bool = False) -> Number:
    p = exp(q) if log_target else q
    if p.value == 0:
        return Number(mpf(0), dict.fromkeys(x.slopes, mpf(0)))
    return p * ((q if log_target else log(q)) - x)


def bounded_log(p: Number) -> Number:
    return p.chain(mpmath.log(p.value) if p.value > mpmath.exp(-100) else mpf(-100), 1 / max(p.value, mpf(10) ** -12))


def bce(p: Number, y: Number, weight: float = 1.0, pos_weight: float = 1.0) -> Number:
    return -number(weight) * (number(pos_weight) * y * bounded_log(p) + (1 - y) * bounded_log(1 - p))


def bce_with_logits(
    x: Number, y: Number, weight: float = 1.0, pos_weight: float = 1.0, label_smoothing: float = 0.0
) -> Number:
    q = y * (1 - number(label_smoothing)) + number(label_smoothing) / 2
    return number(weight) * (number(pos_weight) * q * softplus(-x) + (1 - q) * softplus(x))


def focal(x: Number, y: Number, gamma: float = 2.0, alpha: float | None = None) -> Number:
    yes, no = exp(-number(gamma) * softplus(x)) * softplus(-x), exp(-number(gamma) * softplus(-x)) * softplus(x)
    return y * yes + (1 - y) * no if alpha is None else number(alpha) * y * yes + (1 - number(alpha)) * (1 - y) * no


def log_softmax(x: list[Number], at: int) -> Number:
    """Of an endless negative logit it is endless; beside one the others have no slope."""
    top = max(x, key=lambda each: each.value)
    others = total(exp(each - x[at]) for c, each in enumerate(x) if c != at)
    if x[at] is top:
        return -log(1 + others) if others.value else -others
    return x[at] - top - log(total(exp(each - top) for each in x))


def cross_entropy(x: list[Number], y: Any, weight: float = 1.0, label_smoothing: float = 0.0) -> Number:
    possible = [not (each.endless and each < 0) for each in x]
    q = [each.value for each in y] if isinstance(y, list) else [mpf(c == y) for c in range(len(x))]
    smoothing = mpf(label_smoothing)
    q = [(1 - smoothing) * own + smoothing * may / max(sum(possible), 1) for own, may in zip(q, possible, strict=True)]
    return -number(weight) * total(own * log_softmax(x, c) for c, own in enumerate(q) if own != 0)


def softmax_focal(x: list[Number], y: int, gamma: float = 2.0, weight: float = 1.0) -> Number:
    log_p = log_softmax(x, y)
    rest = Number(total(exp(log_softmax(x, c)) for c in range(len(x)) if c != y).value, (-exp(log_p)).slopes)
    return -number(weight) * power(rest, gamma) * log_p


def multi_margin(x: list[Number], y: int, p: int = 1, margin: float = 1.0, weight: float = 1.0) -> Number:
    lacking = [larger(0, number(margin) + difference(score, x[y])) for c, score in enumerate(x) if c != y]
    return number(weight) * total(each if p == 1 else each * each for each in lacking) / len(x)


def multilabel_margin(x: list[Number], y: list[int]) -> Number:
    held = list(itertools.takewhile(lambda label: label >= 0, y))
    others = [c for c in range(len(x)) if c not in held]
    return total(larger(0, 1 + difference(x[c], x[j])) for j in held for c in others) / len(x)


def multilabel_soft_margin(x: list[Number], y: list[Number], weight: float = 1.0) -> Number:
    return total(bce_with_logits(*pair, weight) for pair in zip(x, y, strict=True)) / len(x)


def norm(vector: list[Number], p: float) -> Number:
    top = max((abs(each.value) for each in vector), default=mpf(0))
    if top == 0:  # documented: no slope
        return Number(mpf(0), {i: mpf(0) for each in vector for i in each.slopes})
    if math.isinf(p):
        largest = number(0)
        for each in vector:
            largest = larger(largest, abs(each))
        return largest
    return number(top) * power(
        total(power(abs(each).chain(abs(each.value) / top, 1 / top), p) for each in vector), 1 / mpf(p)
    )


def cosine_embedding(one: list[Number], other: list[Number], y: Number, margin: float = 0.0) -> Number:
    lengths = norm(one, 2), norm(other, 2)
    product = total(a * b for a, b in zip(one, other, strict=True))
    if not all(each.value for each in lengths):  # documented: 0, of whatever slope
        cosine = product.chain(mpf(0), UNKNOWN)
    else:
        cosine = product / lengths[0] / lengths[1]
    return 1 - cosine if y.value > 0 else larger(0, cosine - number(margin))


def contrastive(one: list[Number], other: list[Number], y: Number, margin: float = 1.0) -> Number:
    differences = [a - b for a, b in zip(one, other, strict=True)]
    if y.value > 0:
        return total(each * each for each in differences) / 2
    lacking = larger(0, number(margin) - norm(differences, 2))
    return lacking * lacking / 2


def triplet_margin(
    a: list[Number],
    positive: list[Number],
    negative: list[Number],
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    distance_function: Any = None,
) -> Number:
    def distance(one: list[Number], other: list[Number]) -> Number:
        if distance_function is not None:
            return norm([u - v for u, v in zip(one, other, strict=True)], 1)
        return norm([u - v + number(eps) for u, v in zip(one, other, strict=True)], p)

    far = -larger(-distance(a, negative), -distance(positive, negative)) if swap else distance(a, negative)
    return larger(0, number(margin) + difference(distance(a, positive), far))


LIMITS: dict[str, Callable[..., Number]] = {
    "BCELoss": bce,
    "BCEWithLogitsLoss": bce_with_logits,
    "ContrastiveLoss": contrastive,
    "CosineEmbeddingLoss": cosine_embedding,
    "CrossEntropyLoss": cross_entropy,
    "FocalLoss": focal,
    "GaussianNLLLoss": gaussian_nll,
    "HingeEmbeddingLoss": lambda x, y, margin=1.0: x if y.value > 0 else larger(0, number(margin) - x),
    "HuberLoss": huber,
    "KLDivLoss": kl_div,
    "L1Loss": lambda x, y, weight=1.0: number(weight) * abs(x - y),
    "MarginRankingLoss": lambda a, b, y, margin=0.0: larger(0, number(margin) - y * (a - b)),
    "MSELoss": lambda x, y, weight=1.0: number(weight) * (x - y) * (x - y),
    "MultiLabelMarginLoss": multilabel_margin,
    "MultiLabelSoftMarginLoss": multilabel_soft_margin,
    "MultiMarginLoss": multi_margin,
    "NLLLoss": lambda x, y, weight=1.0: -number(weight) * x[y],
    "PoissonNLLLoss": poisson_nll,
    "QuantileLoss": lambda x, y, quantile=0.5: larger(number(quantile) * (y - x), (number(quantile) - 1) * (y - x)),
    "SmoothL1Loss": smooth_l1,
    "SoftMarginLoss": lambda x, y: softplus(-y * x),
    "SoftmaxFocalLoss": softmax_focal,
    "TripletMarginLoss": triplet_margin,
    "TripletMarginWithDistanceLoss": triplet_margin,
}


# Limits


def limit(name: str, item: Sequence[Any], **arguments: Any) -> tuple[float, list[list[float]]]:
    """The loss of an item, a number or a vector of each tensor, and its slopes in these: NaN where there is no limit,
    and None where there is a kink."""
    with mpmath.workprec(BITS):
        found = [[LIMITS[name](*given, **arguments) for given in way] for way in _ways(item)]
        value = _common([[each.value for each in way] for way in found])
        slopes, coordinate = [], itertools.count()
        for tensor in item:
            flat = tensor if isinstance(tensor, list) else [tensor]
            at = [next(coordinate) for _ in flat]
            slopes.append([_common([[each.slopes.get(i, mpf(0)) for each in way] for way in found]) for i in at])
        return value, slopes


def _ways(item: Sequence[Any]) -> Iterator[list[list[Any]]]:
    """The item with numbers in the place of infinities, of growing size; all orders of these, if there are several."""
    flat = [each for tensor in item for each in (tensor if isinstance(tensor, list) else [tensor])]
    infinite = sum(isinstance(each, float) and math.isinf(each) for each in flat)
    alike = [(0,) * infinite] if infinite > 1 else []
    for order in [*itertools.permutations(range(infinite)), *alike]:
        yield [_with(item, [size ** (1 + mpf(rank) / 4) for rank in order]) for size in SIZES]


def _with(item: Sequence[Any], sizes: list[mpf]) -> list[Any]:
    left, coordinate = iter(sizes), itertools.count()

    def exact(value: Any) -> Any:
        i = next(coordinate)
        if isinstance(value, int):
            return value
        own = mpf(math.copysign(1, value)) * next(left) if math.isinf(value) else mpf(value)
        return Number(own, {i: mpf(1)})

    return [[exact(each) for each in tensor] if isinstance(tensor, list) else exact(tensor) for tensor in item]


def _common(ways: list[list[mpf]]) -> float:
    """Where all ways lead, if they do."""
    ends = [_end(*way) for way in ways]
    first = ends[0]
    same = all(end == first or math.isclose(end, first, rel_tol=1e-12) for end in ends)
    return first if same else math.nan


def _end(one: mpf, other: mpf) -> float:
    if mpmath.isnan(one) or mpmath.isnan(other):
        return math.nan
    if abs(other) > 1.2 * abs(one) > 100 or abs(other) > ENDLESS:
        return math.copysign(math.inf, other)
    return 0.0 if abs(other) < 1e-330 else float(other)
