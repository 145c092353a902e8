"""Keras's losses of probabilities, rates and logits."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from losskit.core.arithmetic import wide
from losskit.fields import arg
from losskit.keras.base import KerasLoss
from losskit.keras.natives import ClippedBCE, ClippedCrossEntropy, CrossEntropy, Divergence, OfRates
from losskit.keras.options import AXIS, DTYPE, FROM_LOGITS, IGNORE_CLASS, LABEL_SMOOTHING, REDUCTION, Reduction, name
from losskit.loss import instance
from losskit.losses import BCEWithLogitsLoss

NO_CLASS = -(2**62)  # an ignore_index that no class id is


class Poisson(KerasLoss):
    r"""Negative Poisson log-likelihood of a rate, averaged over the last dimension; the term log(y!) is omitted.

    .. math:: \ell(y, \hat y) = \tfrac1D \sum_d \hat y_d - y_d \log(\hat y_d + 10^{-7})

    Native: torch's ``PoissonNLLLoss(log_input=False, eps=1e-7)``. A network that gives the logarithm of the rate needs
    no positive last layer, and does not lose gradients there.

    Example:
        >>> import torch, losskit
        >>> y_true, y_pred = torch.tensor([[0.0, 3.0]]), torch.tensor([[1.0, 2.0]])
        >>> print(losskit.keras.Poisson()(y_true, y_pred))
        tensor(0.4603)
        >>> print(torch.nn.PoissonNLLLoss(log_input=False, eps=1e-7)(y_pred, y_true))
        tensor(0.4603)
    """

    natives = (OfRates,)
    reduction: Reduction = REDUCTION
    name: str | None = name("poisson")
    dtype: Any = DTYPE


def poisson(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Values of :class:`Poisson`."""
    return instance(Poisson, None).forward(y_true, y_pred)


class KLDivergence(KerasLoss):
    r"""Kullback-Leibler divergence of predicted from true probabilities, both clipped to [1e-7, 1].

    .. math:: \ell(y, \hat y) = \sum_d y_d \log \frac{y_d}{\hat y_d}

    Native: :func:`losskit.information.kl_divergence`, which clips nothing and is infinite where ``y_pred`` rules out what
    happens. Here such a value is large, but has no gradient. Rows need not sum to 1 and are not normalised.

    Example:
        >>> import torch, losskit
        >>> y_true, y_pred = torch.tensor([[0.5, 0.5, 0.0]]), torch.tensor([[0.25, 0.5, 0.25]])
        >>> print(f"{losskit.keras.KLDivergence()(y_true, y_pred):.4f}")
        0.3466
        >>> print(losskit.information.kl_divergence(y_true, y_pred))
        tensor([0.3466])
    """

    natives = (Divergence,)
    averages = False
    reduction: Reduction = REDUCTION
    name: str | None = name("kl_divergence")
    dtype: Any = DTYPE


def kl_divergence(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Values of :class:`KLDivergence`."""
    return instance(KLDivergence, None).forward(y_true, y_pred)


class BinaryCrossentropy(KerasLoss):
    r"""Negative log-probability of the true answer, yes or no, averaged over ``axis``.

    .. math:: \ell(y, \hat y) = -\tfrac1D \sum_d q_d \log p_d + (1 - q_d) \log (1 - p_d), \quad
        q = (1 - \varepsilon)\,y + \varepsilon / 2

    Native: :class:`losskit.BCEWithLogitsLoss` with ``from_logits=True``, the same number by default. Of probabilities
    it is :class:`losskit.BCELoss` of ``y_pred`` clipped to [1e-7, 1 - 1e-7]: a value is at most about 16, and a
    clipped one has no gradient. Use logits.

    Example:
        >>> import torch, losskit
        >>> y_true, logits = torch.tensor([[0, 1], [1, 0]]), torch.tensor([[-1.2, 0.4], [2.1, -0.5]])
        >>> print(losskit.keras.BinaryCrossentropy(from_logits=True)(y_true, logits))
        tensor(0.3415)
        >>> print(losskit.BCEWithLogitsLoss()(logits, y_true))
        tensor(0.3415)
    """

    natives = (ClippedBCE, BCEWithLogitsLoss)
    from_logits: bool = FROM_LOGITS
    label_smoothing: float = LABEL_SMOOTHING
    axis: int = arg(default=-1, doc="The dimension over which the loss is averaged first.")
    reduction: Reduction = REDUCTION
    name: str | None = name("binary_crossentropy")
    dtype: Any = DTYPE

    def _told(self) -> dict[str, Any]:
        return {"label_smoothing": self.label_smoothing}


def binary_crossentropy(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """Values of :class:`BinaryCrossentropy`."""
    return instance(BinaryCrossentropy, from_logits, label_smoothing, axis, None).forward(y_true, y_pred)


class CategoricalCrossentropy(KerasLoss):
    r"""Negative log-probability of the true class, given one-hot or as probabilities.

    .. math:: \ell(y, \hat y) = -\sum_c q_c \log p_c, \quad q_c = (1 - \varepsilon)\,y_c + \varepsilon / C

    Native: :class:`losskit.CrossEntropyLoss` with ``dim=axis`` and ``from_logits=True``, the same number by default. Of
    probabilities, each row is first divided by its sum and clipped to [1e-7, 1 - 1e-7]: a value is at most about 16,
    and a clipped probability has no gradient. Use logits.

    Example:
        >>> import torch, losskit
        >>> y_true, logits = torch.tensor([[0, 1, 0], [0, 0, 1]]), torch.tensor([[0.1, 2.0, 0.3], [0.2, 0.8, 0.1]])
        >>> print(losskit.keras.CategoricalCrossentropy(from_logits=True)(y_true, logits))
        tensor(0.8512)
        >>> print(losskit.CrossEntropyLoss()(logits, y_true.float()))
        tensor(0.8512)
        >>> print(losskit.keras.CategoricalCrossentropy()(y_true, logits.softmax(-1)))
        tensor(0.8512)
    """

    natives = (ClippedCrossEntropy, CrossEntropy)
    averages = False
    from_logits: bool = FROM_LOGITS
    label_smoothing: float = LABEL_SMOOTHING
    axis: int = AXIS
    reduction: Reduction = REDUCTION
    name: str | None = name("categorical_crossentropy")
    dtype: Any = DTYPE

    def _told(self) -> dict[str, Any]:
        return {"label_smoothing": self.label_smoothing, "dim": self.axis}

    def _fit(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        y_true, y_pred = super()._fit(y_true, y_pred)
        if y_true.shape != y_pred.shape:
            classes = y_pred.shape[self.axis] if y_pred.dim() else 1
            raise ValueError(
                f"CategoricalCrossentropy: y_true of shape {tuple(y_true.shape)} does not fit y_pred of shape "
                f"{tuple(y_pred.shape)}; for class ids use SparseCategoricalCrossentropy, or "
                f"torch.nn.functional.one_hot(y_true.long(), {classes})"
            )
        if self.label_smoothing and y_pred.dim() and y_pred.shape[self.axis] != y_pred.shape[-1]:
            raise ValueError(
                f"CategoricalCrossentropy: label_smoothing with axis {self.axis} of y_pred of shape {tuple(y_pred.shape)}: "
                "Keras would spread it over the size of the last dimension; bring the classes there with "
                f"movedim({self.axis}, -1)"
            )
        return y_true if y_true.is_complex() else y_true.to(wide(y_pred)), y_pred


def categorical_crossentropy(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """Values of :class:`CategoricalCrossentropy`."""
    return instance(CategoricalCrossentropy, from_logits, label_smoothing, axis, None).forward(y_true, y_pred)


class SparseCategoricalCrossentropy(KerasLoss):
    r"""Negative log-probability of the true class, given by its id.

    .. math:: \ell(y, \hat y) = -\log p_y

    Native: :class:`losskit.CrossEntropyLoss` with ``dim=axis``, ``ignore_index=ignore_class`` and ``from_logits=True``,
    the same number by default; where everything is ignored Keras gives 0, losskit NaN. Of probabilities, each row is
    first divided by its sum and clipped to [1e-7, 1 - 1e-7]: a value is at most about 16, and a clipped probability
    has no gradient. Use logits.

    Example:
        >>> import torch, losskit
        >>> y_true, logits = torch.tensor([1, 2]), torch.tensor([[0.1, 2.0, 0.3], [0.2, 0.8, 0.1]])
        >>> print(losskit.keras.SparseCategoricalCrossentropy(from_logits=True)(y_true, logits))
        tensor(0.8512)
        >>> print(losskit.CrossEntropyLoss()(logits, y_true))
        tensor(0.8512)
        >>> print(losskit.keras.SparseCategoricalCrossentropy()(y_true, logits.softmax(-1)))
        tensor(0.8512)
    """

    natives = (ClippedCrossEntropy, CrossEntropy)
    averages = False
    from_logits: bool = FROM_LOGITS
    ignore_class: int | None = IGNORE_CLASS
    reduction: Reduction = REDUCTION
    axis: int = AXIS
    name: str | None = name("sparse_categorical_crossentropy")
    dtype: Any = DTYPE

    def _told(self) -> dict[str, Any]:
        return {"ignore_index": NO_CLASS, "dim": self.axis}

    def _fit(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        y_true, y_pred = super()._fit(y_true, y_pred)
        if y_true.is_floating_point():
            raise TypeError(
                f"SparseCategoricalCrossentropy: y_true must hold integer class ids, got {y_true.dtype} of shape "
                f"{tuple(y_true.shape)}; use y_true.long(), or CategoricalCrossentropy for one-hot rows"
            )
        if y_true.dim() == y_pred.dim() > 0 and y_true.shape[self.axis] == 1:
            y_true = y_true.squeeze(self.axis)
        return y_true, y_pred

    def _kept(self, y_true: Tensor) -> Tensor | None:
        return None if self.ignore_class is None else y_true.long() != self.ignore_class


def sparse_categorical_crossentropy(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Tensor:
    """Values of :class:`SparseCategoricalCrossentropy`."""
    return instance(SparseCategoricalCrossentropy, from_logits, ignore_class, None, axis).forward(y_true, y_pred)
