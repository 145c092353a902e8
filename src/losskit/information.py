r"""Shannon's quantities of probabilities or of logits, in any base.

Everywhere :math:`0 \log 0 = 0`. The slope of :math:`x \log x` at 0 is infinite and is taken as 0, so that an impossible
outcome adds nothing to a gradient; otherwise the gradient behind a softmax would be NaN. Infinite values stay infinite: the
surprisal of an impossible outcome, and a divergence from a model that rules out what happens.

Probabilities are never renormalised. In eager mode on CPU a sum that is off by more than 0.01, or a value outside [0, 1],
raises an error. Half precision is computed in float32. Tensors of different shapes raise an error: there is no broadcasting.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from losskit.core.arithmetic import wide
from losskit.core.messages import first, floating, outside_unit, tensor, together
from losskit.core.watched import readable

__all__ = ["cross_entropy", "entropy", "js_divergence", "kl_divergence", "mutual_information", "surprisal"]


def __dir__() -> list[str]:
    return list(__all__)


Dims = int | tuple[int, ...]


def surprisal(p: Tensor, *, base: float = math.e, dim: Dims = -1, logits: bool = False) -> Tensor:
    r"""How much is learnt from an outcome: little if it is likely, infinitely much if it is impossible.

    .. math:: I(p) = -\log_b p

    Args:
        p: Probabilities of single outcomes, of any shape; they need not sum to 1. With ``logits``, logits of whole
            distributions over ``dim``.
        base: b, the unit: 2 for bits, e for nats, 10 for hartleys; any positive number but 1.
        dim: The dimension or dimensions over which logits are normalised; probabilities have no use for it.
        logits: Whether ``p`` holds logits.

    Returns:
        The surprisal of each outcome, of the shape of ``p``; float32 for half precision.

    Raises:
        TypeError: ``p`` is not a floating-point tensor, or ``base`` is not a number.
        ValueError: ``base`` is not positive, or 1; ``dim`` is not a dimension of ``p``; a value is not a probability or
            logit (values are read in eager mode on CPU alone).

    Example:
        >>> import torch
        >>> from losskit.information import surprisal
        >>> print(surprisal(torch.tensor([0.5, 0.125, 1.0, 0.0]), base=2))
        tensor([1., 3., 0., inf])

    Source:
        Shannon 1948, A Mathematical Theory of Communication
    """
    unit = _unit("surprisal", base)
    if logits:
        return 0 - _distribution("surprisal", "p", p, dim, True).log() / unit  # 0 - x: the sure outcome has 0, not -0
    _require("surprisal", "p", p)
    if readable(p):
        _diagnose_unit("surprisal: p", p)
    return 0 - p.to(wide(p)).log() / unit


def entropy(p: Tensor, *, base: float = math.e, dim: Dims = -1, keepdim: bool = False, logits: bool = False) -> Tensor:
    r"""The mean surprisal of a distribution: how uncertain its outcome is.

    .. math:: H(p) = -\sum_i p_i \log_b p_i

    It lies between 0, for a sure outcome, and :math:`\log_b n`, for n outcomes that are equally likely.

    Args:
        p: Distributions over ``dim``, of any shape.
        base: b, the unit: 2 for bits, e for nats, 10 for hartleys; any positive number but 1.
        dim: The dimension that holds the outcomes; several for a joint distribution.
        keepdim: Whether the result keeps ``dim``, with size 1.
        logits: Whether ``p`` holds logits.

    Returns:
        The entropy of each distribution, of the shape of ``p`` without ``dim``; float32 for half precision.

    Raises:
        TypeError: ``p`` is not a floating-point tensor, or ``base`` is not a number.
        ValueError: ``base`` is not positive, or 1; ``dim`` is not a dimension of ``p``; values are not probabilities
            that sum to 1, or not logits (values are read in eager mode on CPU alone).

    Example:
        >>> import torch
        >>> from losskit.information import entropy
        >>> print(entropy(torch.tensor([[0.5, 0.25, 0.25, 0.0], [0.0, 0.0, 1.0, 0.0]]), base=2))
        tensor([1.5000, 0.0000])

    Source:
        Shannon 1948, A Mathematical Theory of Communication
    """
    unit = _unit("entropy", base)
    own = _distribution("entropy", "p", p, dim, logits)
    return 0 - (own.p * own.log(own.absent)).sum(dim, keepdim=keepdim) / unit


def cross_entropy(
    p: Tensor,
    q: Tensor,
    *,
    base: float = math.e,
    dim: Dims = -1,
    keepdim: bool = False,
    logits: bool | tuple[bool, bool] = False,
) -> Tensor:
    r"""The mean surprisal of someone who expects ``q`` where ``p`` is the truth.

    .. math:: H(p, q) = -\sum_i p_i \log_b q_i = H(p) + D(p \,\|\, q)

    To train a classifier, :class:`losskit.CrossEntropyLoss` is faster and takes class ids.

    Args:
        p: True distributions over ``dim``, of any shape.
        q: Expected distributions, of the same shape.
        base: b, the unit: 2 for bits, e for nats, 10 for hartleys; any positive number but 1.
        dim: The dimension that holds the outcomes; several for joint distributions.
        keepdim: Whether the result keeps ``dim``, with size 1.
        logits: Whether ``p`` and ``q`` hold logits; a pair says it for each.

    Returns:
        One number for each pair of distributions, of the shape of ``p`` without ``dim``; inf where ``q`` rules out
        what ``p`` does not; float32 for half precision.

    Raises:
        TypeError: ``p`` or ``q`` is not a floating-point tensor, or ``base`` is not a number.
        ValueError: Their shapes or devices differ; ``base`` is not positive, or 1; ``dim`` is not one of their dimensions;
            values are not probabilities that sum to 1, or not logits (values are read in eager mode on CPU alone).

    Example:
        >>> import torch
        >>> from losskit.information import cross_entropy
        >>> p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.25, 0.5, 0.25])
        >>> print(cross_entropy(p, q, base=2))
        tensor(1.5000)
        >>> print(cross_entropy(q, p))
        tensor(inf)

    Source:
        Good 1952, Rational Decisions; Cover & Thomas 2006, Elements of Information Theory, section 2.3
    """
    unit = _unit("cross_entropy", base)
    true, model = _pair("cross_entropy", p, q, dim, logits)
    return 0 - (true.p * model.log(true.absent & model.absent)).sum(dim, keepdim=keepdim) / unit


def kl_divergence(
    p: Tensor,
    q: Tensor,
    *,
    base: float = math.e,
    dim: Dims = -1,
    keepdim: bool = False,
    logits: bool | tuple[bool, bool] = False,
) -> Tensor:
    r"""Kullback-Leibler divergence: what it costs to expect ``q`` where ``p`` is the truth.

    .. math:: D(p \,\|\, q) = \sum_i p_i \log_b \frac{p_i}{q_i}

    It is 0 where the two are equal, and not symmetric. Note the order: ``torch.nn.functional.kl_div`` takes first the
    logarithm of ``q``, then ``p``.

    Args:
        p: True distributions over ``dim``, of any shape.
        q: Expected distributions, of the same shape.
        base: b, the unit: 2 for bits, e for nats, 10 for hartleys; any positive number but 1.
        dim: The dimension that holds the outcomes; several for joint distributions.
        keepdim: Whether the result keeps ``dim``, with size 1.
        logits: Whether ``p`` and ``q`` hold logits; a pair says it for each.

    Returns:
        One number for each pair of distributions, of the shape of ``p`` without ``dim``; inf where ``q`` rules out
        what ``p`` does not; float32 for half precision.

    Raises:
        TypeError: ``p`` or ``q`` is not a floating-point tensor, or ``base`` is not a number.
        ValueError: Their shapes or devices differ; ``base`` is not positive, or 1; ``dim`` is not one of their dimensions;
            values are not probabilities that sum to 1, or not logits (values are read in eager mode on CPU alone).

    Example:
        >>> import torch
        >>> from losskit.information import kl_divergence
        >>> p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.25, 0.5, 0.25])
        >>> print(kl_divergence(p, q, base=2), kl_divergence(q, p))
        tensor(0.5000) tensor(inf)

    Source:
        Kullback & Leibler 1951, On Information and Sufficiency
    """
    unit = _unit("kl_divergence", base)
    true, model = _pair("kl_divergence", p, q, dim, logits)
    ratio = true.log(true.absent) - model.log(true.absent & model.absent)
    return (true.p * ratio).sum(dim, keepdim=keepdim) / unit


def js_divergence(
    p: Tensor,
    q: Tensor,
    *,
    base: float = math.e,
    dim: Dims = -1,
    keepdim: bool = False,
    logits: bool | tuple[bool, bool] = False,
) -> Tensor:
    r"""Jensen-Shannon divergence: how far two distributions lie from their mixture. Symmetric, and never infinite.

    .. math:: J(p, q) = \tfrac12 D(p \,\|\, m) + \tfrac12 D(q \,\|\, m), \quad m = \tfrac12 (p + q)

    It lies between 0, for equal distributions, and :math:`\log_b 2`, for disjoint ones. Its square root is a metric; for
    near-equal distributions rounding may leave it just below 0, so take the root of ``.clamp(min=0)``.

    Args:
        p: Distributions over ``dim``, of any shape.
        q: Distributions of the same shape.
        base: b, the unit: 2 for bits, e for nats, 10 for hartleys; any positive number but 1.
        dim: The dimension that holds the outcomes; several for joint distributions.
        keepdim: Whether the result keeps ``dim``, with size 1.
        logits: Whether ``p`` and ``q`` hold logits; a pair says it for each.

    Returns:
        One number for each pair of distributions, of the shape of ``p`` without ``dim``; float32 for half precision.

    Raises:
        TypeError: ``p`` or ``q`` is not a floating-point tensor, or ``base`` is not a number.
        ValueError: Their shapes or devices differ; ``base`` is not positive, or 1; ``dim`` is not one of their dimensions;
            values are not probabilities that sum to 1, or not logits (values are read in eager mode on CPU alone).

    Example:
        >>> import torch
        >>> from losskit.information import js_divergence
        >>> p, q = torch.tensor([[1.0, 0.0], [0.5, 0.5]]), torch.tensor([[0.0, 1.0], [0.5, 0.5]])
        >>> print(js_divergence(p, q, base=2))
        tensor([1., 0.])

    Source:
        Lin 1991, Divergence measures based on the Shannon entropy
    """
    unit = _unit("js_divergence", base)
    one, other = _pair("js_divergence", p, q, dim, logits)
    mixture = (one.p + other.p) / 2
    log_m = mixture.masked_fill(mixture == 0, 1).log()
    from_mixture = one.p * (one.log(one.absent) - log_m) + other.p * (other.log(other.absent) - log_m)
    return from_mixture.sum(dim, keepdim=keepdim) / (2 * unit)


def mutual_information(
    joint: Tensor,
    *,
    base: float = math.e,
    dim: tuple[int, int] = (-2, -1),
    keepdim: bool = False,
    logits: bool = False,
) -> Tensor:
    r"""How much one of two variables tells of the other, from the table of their joint probabilities.

    .. math:: I(X; Y) = \sum_{x, y} p(x, y) \log_b \frac{p(x, y)}{p(x)\,p(y)} = H(X) + H(Y) - H(X, Y)

    It is 0 where they are independent, and at most the entropy of either.

    Args:
        joint: Joint distributions over the two dimensions ``dim``, of any shape (..., X, Y).
        base: b, the unit: 2 for bits, e for nats, 10 for hartleys; any positive number but 1.
        dim: The dimensions of the two variables.
        keepdim: Whether the result keeps them, with size 1.
        logits: Whether ``joint`` holds logits, normalised over both dimensions together.

    Returns:
        One number for each table, of the shape of ``joint`` without ``dim``; float32 for half precision.

    Raises:
        TypeError: ``joint`` is not a floating-point tensor, or ``base`` is not a number.
        ValueError: ``base`` is not positive, or 1; ``dim`` does not name two dimensions of ``joint``; values are not
            probabilities that sum to 1, or not logits (values are read in eager mode on CPU alone).

    Example:
        >>> import torch
        >>> from losskit.information import mutual_information
        >>> copied, unrelated = torch.tensor([[0.5, 0.0], [0.0, 0.5]]), torch.full((2, 2), 0.25)
        >>> print(mutual_information(torch.stack([copied, unrelated]), base=2))
        tensor([1., 0.])

    Source:
        Shannon 1948, A Mathematical Theory of Communication; Cover & Thomas 2006, Elements of Information Theory, section 2.3
    """
    unit = _unit("mutual_information", base)
    if not isinstance(dim, tuple) or len(dim) != 2:
        raise ValueError(f"mutual_information: dim must be a pair of dimensions, one for each variable, got {dim!r}")
    both = _distribution("mutual_information", "joint", joint, dim, logits)
    expected = torch.zeros_like(both.p)
    for over in dim:
        marginal = both.p.sum(over, keepdim=True)
        expected = expected + marginal.masked_fill(marginal == 0, 1).log()
    return (both.p * (both.log(both.absent) - expected)).sum(dim, keepdim=keepdim) / unit


@dataclass(frozen=True)
class _Distribution:
    """Probabilities, and their logarithms if they were computed from logits, which is more accurate."""

    p: Tensor
    log_p: Tensor | None = None

    @property
    def absent(self) -> Tensor:
        """Where an outcome is impossible. A logit of -1000 is possible, although its probability underflows."""
        return self.p == 0 if self.log_p is None else self.log_p == -torch.inf

    def log(self, but: Tensor | None = None) -> Tensor:
        """The logarithm; where ``but`` is True, 0 without gradient. The argument is masked, since masking the result gives NaN."""
        if self.log_p is not None:
            return self.log_p if but is None else self.log_p.masked_fill(but, 0)
        return (self.p if but is None else self.p.masked_fill(but, 1)).log()


def _distribution(who: str, name: str, value: Tensor, dim: Dims, logits: bool) -> _Distribution:
    _require(who, name, value)
    _require_dim(who, name, value, dim)
    if readable(value):
        (_diagnose_logits if logits else _diagnose)(f"{who}: {name}", name, value, dim)
    value = value.to(wide(value))
    if not logits:
        return _Distribution(value)
    if isinstance(dim, int):
        log_p = value.log_softmax(dim)
    else:
        value = value - value.detach().amax(dim, keepdim=True)
        log_p = value - value.exp().sum(dim, keepdim=True).log()
    return _Distribution(log_p.exp(), log_p)


def _pair(
    who: str, p: Tensor, q: Tensor, dim: Dims, logits: bool | tuple[bool, bool]
) -> tuple[_Distribution, _Distribution]:
    together(who, ("p", "q"), (p, q))
    if p.shape != q.shape:
        raise ValueError(
            f"{who}: q of shape {tuple(q.shape)} does not fit p of shape {tuple(p.shape)}, and nothing is broadcast in "
            "silence; where one is meant for all of the other, use q.expand_as(p) or p.expand_as(q)"
        )
    of_p, of_q = logits if isinstance(logits, tuple) else (logits, logits)
    return _distribution(who, "p", p, dim, of_p), _distribution(who, "q", q, dim, of_q)


def _unit(who: str, base: float) -> float:
    """The natural logarithm of the base, by which nats are divided."""
    if not isinstance(base, numbers.Real) or isinstance(base, bool):
        raise TypeError(f"{who}: base must be a number, got {base!r}")
    if not 0 < base < math.inf or base == 1:
        raise ValueError(f"{who}: base must be positive, finite and not 1, got {base!r}; use 2, math.e or 10")
    return math.log(base)


def _require(who: str, name: str, value: Any) -> None:
    tensor(who, name, value)
    floating(f"{who}: {name}", value)


def _require_dim(who: str, name: str, value: Tensor, dim: Dims) -> None:
    dims = dim if isinstance(dim, tuple) else (dim,)
    for index in dims:
        if not isinstance(index, int) or isinstance(index, bool):
            raise TypeError(f"{who}: dim must be an integer or a tuple of integers, got {dim!r}")
        if not -value.dim() <= index < value.dim():
            raise ValueError(f"{who}: dim {index} is not a dimension of {name}, of shape {tuple(value.shape)}")
    if not dims or len({index % value.dim() for index in dims}) < len(dims):
        raise ValueError(f"{who}: dim must name one dimension or several different ones, got {dim!r}")


def _diagnose_unit(who: str, value: Tensor) -> None:
    error = outside_unit(who, value, "; for logits say logits=True")
    if error is not None:
        raise error


def _diagnose(who: str, name: str, value: Tensor, dim: Dims) -> None:
    _diagnose_unit(who, value)
    total = value.sum(dim, dtype=wide(value))
    wrong = (total - 1).abs() > 1e-2  # probabilities may come from half precision
    if wrong.any():
        raise ValueError(
            f"{who} must sum to 1 over dim {dim}; the sum is {first(total, wrong)}; for counts or weights divide by "
            f"{name}.sum({dim}, keepdim=True)"
        )


def _diagnose_logits(who: str, name: str, value: Tensor, dim: Dims) -> None:
    wrong = value.isnan() | (value == torch.inf)
    if wrong.any():
        raise ValueError(f"{who} must hold logits, finite or -inf, got {first(value, wrong)}")
    top = value.amax(dim) if value.numel() else value
    wrong = top == -torch.inf
    if wrong.any():
        raise ValueError(f"{who} rules out every outcome: its largest logit over dim {dim} is {first(top, wrong)}")
