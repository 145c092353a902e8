r"""Keras 3's losses on torch tensors: its names, arguments, call order and numbers.

``losskit.keras.BinaryCrossentropy(from_logits=True)(y_true, y_pred, sample_weight)`` gives what
``keras.losses.BinaryCrossentropy`` gives on its torch backend, value and gradient; keras itself is not needed. Mind that
``y_true`` comes first, as in Keras.

Keras loses a dimension of ``y_pred`` before it reduces: a regression's values are means over the last one, and
``"sum"`` adds these means. Its usual reduction, ``"sum_over_batch_size"``, divides by the number of values whatever the
sample weights are; ``"mean_with_sample_weight"`` divides by the sum of the weights, as losskit's own mean does.

Where Keras gives a number that cannot be meant, this module raises, and says what to do:

* shapes that Keras would broadcast against each other (where it squeezes or expands a last dimension of 1, so do we);
* in eager mode on CPU: logits without ``from_logits=True``, probabilities or labels outside [0, 1], one-hot rows that do not
  sum to 1, negative rates, NaN, class ids out of range (Keras takes -100 for "no loss"), negative sample weights;
* class ids in floating point, in which large ones are rounded; a softmax over a single class;
* ``"mean_with_sample_weight"`` with weights that need broadcasting: Keras adds them before it broadcasts them;
* ``label_smoothing`` over an ``axis`` that is not last and of another size: Keras spreads it over the last.

What else differs: without ``dtype`` the loss is computed in the dtype promoted over ``y_true`` and ``y_pred``, half precision
in float32, where Keras casts all to float32; of an empty batch it is 0 whatever the shape; a masked item has no gradient even where it
holds NaN.
"""

from __future__ import annotations

import inspect
import math
import re
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from losskit.core.about import About
from losskit.core.arithmetic import wide
from losskit.core.messages import Place, first
from losskit.core.ranges import NonNegative, Probability, ZeroOne
from losskit.core.reduction import AtCall, both, shaped
from losskit.core.shapes import Classes, Labels, Same
from losskit.core.slots import Slot
from losskit.fields import arg, inside
from losskit.loss import Loss, instance
from losskit.losses import BCEWithLogitsLoss, CrossEntropyLoss, HuberLoss, L1Loss, MSELoss

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

EPSILON = 1e-7  # keras.config.epsilon(), by which Keras clips probabilities
NO_CLASS = -(2**62)  # an ignore_index that no class id is

Reduction = Literal["sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none"] | None
REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)

SHARED = """    reduction: ``"sum_over_batch_size"`` or ``"mean"`` divides the sum of the values by their number (of those that a mask
        keeps), ``"mean_with_sample_weight"`` by the sum of the sample weights; ``"sum"`` adds them; ``"none"`` or None
        keeps them.
    name: A name for people; the loss does not use it.
    dtype: What it is computed in: a torch dtype, its name, or a Keras dtype policy. None: that promoted over ``y_true`` and ``y_pred``.

A call takes ``y_true``, ``y_pred`` and:

    sample_weight: A number, or non-negative weights of the values' shape; dimensions of 1 are broadcast.
    mask: bool, of the values' shape, True where a value counts. The ``_keras_mask`` that Keras's layers leave on
        ``y_pred`` is obeyed as well.

Returns:
    One number; with ``reduction=None`` the values, of the shape of ``y_pred`` without {axis}.

Raises:
    TypeError: A dtype or an argument of the wrong kind.
    ValueError: Shapes that do not fit, or a value out of its range (values are read in eager mode on CPU alone).
    IndexError: A class id out of range.

"""


class KerasLoss(nn.Module):
    """The call that Keras's losses share: fit the shapes, compute by a loss of losskit, reduce as Keras does."""

    NAME: ClassVar[str] = ""
    AXIS: ClassVar[str] = "its last dimension"
    axis: int = -1

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        summary, _, example = inspect.cleandoc(str(cls.__doc__)).partition("Example:")
        if "Args:" not in summary:
            summary += "Args:\n"
        source = "Source:\n    Keras 3, https://keras.io/api/losses/\n"
        cls.__doc__ = f"{summary.rstrip()}\n{SHARED.format(axis=cls.AXIS)}Example:{example.rstrip()}\n\n{source}"

    def __init__(self, reduction: Reduction, name: str | None, dtype: Any) -> None:
        super().__init__()
        who = type(self).__name__
        if not (reduction is None or isinstance(reduction, str)) or reduction not in REDUCTIONS:
            known = ", ".join(map(repr, REDUCTIONS))
            raise ValueError(f"{who}: reduction must be one of {known}, got {reduction!r}")
        self.reduction = reduction
        self.name = name or self.NAME
        self.dtype = _dtype(who, dtype)

    def forward(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        sample_weight: Tensor | float | None = None,
        *,
        mask: Tensor | None = None,
    ) -> Tensor:
        """The loss of ``y_pred`` against ``y_true``."""
        if torch.compiler.is_compiling():  # where no values are read, hence nothing is left to be said
            return self._compute(y_true, y_pred, sample_weight, mask)
        try:
            return self._compute(y_true, y_pred, sample_weight, mask)
        except (IndexError, TypeError, ValueError) as error:
            raise type(error)(_in_keras_words(type(self).__name__, str(error))) from None

    def _compute(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | float | None, mask: Tensor | None
    ) -> Tensor:
        who = type(self).__name__
        for name, tensor in (("y_true", y_true), ("y_pred", y_pred)):
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    f"{who}: {name} must be a tensor, got {type(tensor).__name__}; use torch.as_tensor({name})"
                )
        mask = both(mask, getattr(y_pred, "_keras_mask", None))
        y_pred = y_pred if self.dtype is None else y_pred.to(self.dtype)
        y_true, y_pred = self._fit(*_same_rank(y_true, y_pred))
        shape = _without(y_pred.shape, self.axis)
        kept = both(self._kept(y_true), None if mask is None else self._over_values("mask", mask.bool(), shape))
        weight = sample_weight
        if weight is not None:
            weight = torch.as_tensor(weight, dtype=wide(y_pred), device=y_pred.device)
            weight = self._over_values("sample_weight", weight, shape)
        if self.reduction in (None, "none"):
            loss = self._values(y_true, y_pred, kept, weight)
            for given in (sample_weight, mask):  # Keras hands the values back in the rank of what weighs them
                if isinstance(given, Tensor):
                    loss = shaped(loss, _same_rank(loss, given)[0].shape)
        else:
            loss = self._reduced(y_true, y_pred, kept, weight, shape)
        return loss if self.dtype is None else loss.to(self.dtype)

    def _values(self, y_true: Tensor, y_pred: Tensor, kept: Tensor | None, weight: Tensor | None) -> Tensor:
        loss: Tensor = self._native("none")(y_pred, y_true, **self._at_call(y_pred, kept, weight))
        return loss.mean(self.axis) if self._averages() else loss

    def _reduced(
        self, y_true: Tensor, y_pred: Tensor, kept: Tensor | None, weight: Tensor | None, shape: torch.Size
    ) -> Tensor:
        """Every reduction is a sum over elements divided by something, which the kernels do in one pass."""
        values = math.prod(shape)
        if kept is None and weight is None and self.reduction != "sum" and values:
            loss: Tensor = self._native("mean")(y_pred, y_true)
            return loss
        at_call = self._at_call(y_pred, kept, weight)
        counted: Tensor | float = max(values, 1)
        if self.reduction == "sum" or not shape:  # Keras does not divide a single value
            counted = 1
        elif self.reduction == "mean_with_sample_weight" and weight is not None:
            counted = (weight if kept is None else torch.where(kept, weight, 0)).sum()
        elif kept is not None:
            counted = kept.sum()
        if isinstance(counted, Tensor):
            counted = torch.where(counted == 0, 1, counted)  # where nothing counts Keras gives 0
        elements = y_pred.shape[self.axis] if self._averages() and y_pred.dim() else 1
        at_call["normalizer"] = counted * max(elements, 1)
        loss = self._native("mean")(y_pred, y_true, **at_call)
        return loss

    def _at_call(self, y_pred: Tensor, kept: Tensor | None, weight: Tensor | None) -> AtCall:
        at_call: AtCall = {}
        if kept is not None:
            at_call["mask"] = self._over_elements(kept, y_pred)
        if weight is not None:
            at_call["sample_weight"] = self._over_elements(weight, y_pred)
        return at_call

    def _over_elements(self, value: Tensor, y_pred: Tensor) -> Tensor:
        if not self._averages() or self.axis % max(y_pred.dim(), 1) >= y_pred.dim() - 1:
            return value  # over the leading dimensions, as losskit takes it
        return value.unsqueeze(self.axis).expand(y_pred.shape)

    def _over_values(self, name: str, value: Tensor, shape: torch.Size) -> Tensor:
        """``value`` in the shape of the values, by Keras's rules; an error where Keras would broadcast the values."""
        fits = value
        if value.dim() == len(shape) + 1 and value.shape[-1] == 1:
            fits = value.squeeze(-1)
        elif 0 < value.dim() == len(shape) - 1 and shape[-1] == 1:
            fits = value.unsqueeze(-1)
        who = f"{type(self).__name__}: {name} of shape {tuple(value.shape)}"
        same = fits.dim() == len(shape) and all(own in (1, n) for own, n in zip(fits.shape, shape, strict=True))
        if fits.dim() and not same:
            mend = ""
            if fits.shape == shape[: fits.dim()]:
                ones = ", ".join("1" * (len(shape) - fits.dim()))
                mend = f"; to weigh whole samples use {name}.reshape(*{name}.shape, {ones})"
            raise ValueError(
                f"{who} does not fit the loss's values, of shape {tuple(shape)} (one dimension of y_pred less){mend}"
            )
        if self.reduction == "mean_with_sample_weight" and fits.numel() != math.prod(shape):
            raise ValueError(
                f"{who} is to be broadcast to {tuple(shape)}, and Keras would divide by its sum before that; use "
                f"{name}.expand{tuple(shape)}"
            )
        return fits.expand(shape)

    # What a loss says of itself.

    def _native(self, reduction: Literal["none", "mean"]) -> Loss:
        """The loss of losskit that computes it."""
        raise NotImplementedError

    def _averages(self) -> bool:
        """Whether a value is the mean of the native loss over ``axis``; else the native loss has no such dimension."""
        return True

    def _fit(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """The two in the shapes that the native loss takes."""
        if not -max(y_pred.dim(), 1) <= self.axis < max(y_pred.dim(), 1):
            raise ValueError(
                f"{type(self).__name__}: axis {self.axis} is no dimension of y_pred, of shape {tuple(y_pred.shape)}"
            )
        return y_true, y_pred

    def _kept(self, y_true: Tensor) -> Tensor | None:
        """Mask of the values: False where ``y_true`` itself says that it does not count."""
        return None

    def extra_repr(self) -> str:
        """Name the arguments that are not at their default."""
        arguments = inspect.signature(type(self)).parameters.values()
        return ", ".join(f"{a.name}={getattr(self, a.name)!r}" for a in arguments if getattr(self, a.name) != a.default)


class MeanSquaredError(KerasLoss):
    r"""Squared error, averaged over the last dimension.

    .. math:: \ell(y, \hat y) = \tfrac1D \sum_d (y_d - \hat y_d)^2

    Native: :class:`losskit.MSELoss`, the same number by default. ``"sum"`` adds means, so it is D times less than
    losskit's.

    Example:
        >>> import torch, losskit
        >>> y_true, y_pred = torch.tensor([[0.0, 1.0], [0.0, 0.0]]), torch.tensor([[1.0, 1.0], [1.0, 0.0]])
        >>> print(losskit.keras.MeanSquaredError()(y_true, y_pred), losskit.MSELoss()(y_pred, y_true))
        tensor(0.5000) tensor(0.5000)
        >>> print(losskit.keras.MeanSquaredError(reduction=None)(y_true, y_pred))
        tensor([0.5000, 0.5000])
    """

    NAME = "mean_squared_error"

    def __init__(
        self, reduction: Reduction = "sum_over_batch_size", name: str | None = "mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(reduction, name, dtype)

    def _native(self, reduction: Literal["none", "mean"]) -> Loss:
        return instance(MSELoss, reduction)


class MeanAbsoluteError(KerasLoss):
    r"""Absolute error, averaged over the last dimension.

    .. math:: \ell(y, \hat y) = \tfrac1D \sum_d |y_d - \hat y_d|

    Native: :class:`losskit.L1Loss`, the same number by default. ``"sum"`` adds means, so it is D times less than
    losskit's.

    Example:
        >>> import torch, losskit
        >>> y_true, y_pred = torch.tensor([[0.0, 1.0], [0.0, 0.0]]), torch.tensor([[1.0, 1.0], [3.0, 0.0]])
        >>> print(losskit.keras.MeanAbsoluteError()(y_true, y_pred), losskit.L1Loss()(y_pred, y_true))
        tensor(1.) tensor(1.)
    """

    NAME = "mean_absolute_error"

    def __init__(
        self, reduction: Reduction = "sum_over_batch_size", name: str | None = "mean_absolute_error", dtype: Any = None
    ) -> None:
        super().__init__(reduction, name, dtype)

    def _native(self, reduction: Literal["none", "mean"]) -> Loss:
        return instance(L1Loss, reduction)


class Huber(KerasLoss):
    r"""Squared error up to ``delta`` and absolute error beyond it, averaged over the last dimension.

    .. math:: \ell(y, \hat y) = \tfrac1D \sum_d \begin{cases} e_d^2 / 2 & |e_d| \le \delta \\
        \delta\,(|e_d| - \delta / 2) & \text{else} \end{cases}, \quad e = y - \hat y

    Native: :class:`losskit.HuberLoss`, the same number by default. ``"sum"`` adds means, so it is D times less than
    losskit's.

    Args:
        delta: Error, in units of the target, at which the loss turns linear. A positive number.

    Example:
        >>> import torch, losskit
        >>> y_true, y_pred = torch.tensor([[0.0, 1.0], [0.0, 0.0]]), torch.tensor([[1.0, 1.0], [3.0, 0.0]])
        >>> print(losskit.keras.Huber(delta=2.0)(y_true, y_pred), losskit.HuberLoss(delta=2.0)(y_pred, y_true))
        tensor(1.1250) tensor(1.1250)
    """

    NAME = "huber_loss"

    def __init__(
        self,
        delta: float = 1.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.delta = _number("Huber: delta", delta, "(0, inf)")

    def _native(self, reduction: Literal["none", "mean"]) -> Loss:
        return instance(HuberLoss, reduction, self.delta)


class Poisson(KerasLoss):
    r"""Negative Poisson log-likelihood of a rate, averaged over the last dimension, without the term of the count alone.

    .. math:: \ell(y, \hat y) = \tfrac1D \sum_d \hat y_d - y_d \log(\hat y_d + 10^{-7})

    Native: torch's ``PoissonNLLLoss(log_input=False, eps=1e-7)``. A network that gives the rate's logarithm needs no
    positive last layer, and has no gradient to lose there.

    Example:
        >>> import torch, losskit
        >>> y_true, y_pred = torch.tensor([[0.0, 3.0]]), torch.tensor([[1.0, 2.0]])
        >>> print(losskit.keras.Poisson()(y_true, y_pred))
        tensor(0.4603)
        >>> print(torch.nn.PoissonNLLLoss(log_input=False, eps=1e-7)(y_pred, y_true))
        tensor(0.4603)
    """

    NAME = "poisson"

    def __init__(
        self, reduction: Reduction = "sum_over_batch_size", name: str | None = "poisson", dtype: Any = None
    ) -> None:
        super().__init__(reduction, name, dtype)

    def _native(self, reduction: Literal["none", "mean"]) -> Loss:
        return instance(_OfRates, reduction=reduction)


class KLDivergence(KerasLoss):
    r"""Kullback-Leibler divergence of predicted from true probabilities, both clipped to [1e-7, 1].

    .. math:: \ell(y, \hat y) = \sum_d y_d \log \frac{y_d}{\hat y_d}

    Native: :func:`losskit.information.kl_divergence`, which clips nothing and is infinite where ``y_pred`` rules out what
    happens. Here such a value is large, but has no gradient. Rows need not sum to 1, and are not normalised.

    Example:
        >>> import torch, losskit
        >>> y_true, y_pred = torch.tensor([[0.5, 0.5, 0.0]]), torch.tensor([[0.25, 0.5, 0.25]])
        >>> print(f"{losskit.keras.KLDivergence()(y_true, y_pred):.4f}")
        0.3466
        >>> print(losskit.information.kl_divergence(y_true, y_pred))
        tensor([0.3466])
    """

    NAME = "kl_divergence"

    def __init__(
        self, reduction: Reduction = "sum_over_batch_size", name: str | None = "kl_divergence", dtype: Any = None
    ) -> None:
        super().__init__(reduction, name, dtype)

    def _native(self, reduction: Literal["none", "mean"]) -> Loss:
        return instance(_Divergence, reduction=reduction)

    def _averages(self) -> bool:
        return False


class BinaryCrossentropy(KerasLoss):
    r"""Negative log-probability of the true answer, yes or no, averaged over ``axis``.

    .. math:: \ell(y, \hat y) = -\tfrac1D \sum_d q_d \log p_d + (1 - q_d) \log (1 - p_d), \quad
        q = (1 - \varepsilon)\,y + \varepsilon / 2

    Native: :class:`losskit.BCEWithLogitsLoss` with ``from_logits=True``, the same number by default. Of probabilities
    it is :class:`losskit.BCELoss` of ``y_pred`` clipped to [1e-7, 1 - 1e-7]: a value ends at about 16, and a clipped one
    has no gradient. Use logits.

    Args:
        from_logits: Whether ``y_pred`` holds logits; else probabilities, behind a sigmoid.
        label_smoothing: Share of ``y_true`` that is spread evenly over yes and no, in [0, 1].
        axis: The dimension over which the loss is averaged first.

    Example:
        >>> import torch, losskit
        >>> y_true, logits = torch.tensor([[0, 1], [1, 0]]), torch.tensor([[-1.2, 0.4], [2.1, -0.5]])
        >>> print(losskit.keras.BinaryCrossentropy(from_logits=True)(y_true, logits))
        tensor(0.3415)
        >>> print(losskit.BCEWithLogitsLoss()(logits, y_true))
        tensor(0.3415)
    """

    NAME = "binary_crossentropy"
    AXIS = "``axis``"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.from_logits = _flag("BinaryCrossentropy: from_logits", from_logits)
        self.label_smoothing = _number("BinaryCrossentropy: label_smoothing", label_smoothing, "[0, 1]")
        self.axis = _integer("BinaryCrossentropy: axis", axis)

    def _native(self, reduction: Literal["none", "mean"]) -> Loss:
        kind = BCEWithLogitsLoss if self.from_logits else _ClippedBCE
        return instance(kind, reduction=reduction, label_smoothing=self.label_smoothing)


class CategoricalCrossentropy(KerasLoss):
    r"""Negative log-probability of the true class, given one-hot or as probabilities.

    .. math:: \ell(y, \hat y) = -\sum_c q_c \log p_c, \quad q_c = (1 - \varepsilon)\,y_c + \varepsilon / C

    Native: :class:`losskit.CrossEntropyLoss` with ``dim=axis`` and ``from_logits=True``, the same number by default. Of
    probabilities, each row is first divided by its sum and clipped to [1e-7, 1 - 1e-7]: a value ends at about 16, and a
    clipped probability has no gradient. Use logits.

    Args:
        from_logits: Whether ``y_pred`` holds logits; else probabilities, behind a softmax.
        label_smoothing: Share of ``y_true`` that is spread evenly over the classes, in [0, 1].
        axis: The dimension that holds the classes.

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

    NAME = "categorical_crossentropy"
    AXIS = "``axis``"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.from_logits = _flag("CategoricalCrossentropy: from_logits", from_logits)
        self.label_smoothing = _number("CategoricalCrossentropy: label_smoothing", label_smoothing, "[0, 1]")
        self.axis = _integer("CategoricalCrossentropy: axis", axis)

    def _native(self, reduction: Literal["none", "mean"]) -> Loss:
        kind = CrossEntropyLoss if self.from_logits else _ClippedCrossEntropy
        return instance(kind, reduction=reduction, label_smoothing=self.label_smoothing, dim=self.axis)

    def _averages(self) -> bool:
        return False

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


class SparseCategoricalCrossentropy(KerasLoss):
    r"""Negative log-probability of the true class, given by its id.

    .. math:: \ell(y, \hat y) = -\log p_y

    Native: :class:`losskit.CrossEntropyLoss` with ``dim=axis``, ``ignore_index=ignore_class`` and ``from_logits=True``,
    the same number by default; where everything is ignored Keras gives 0, losskit NaN. Of probabilities, each row is
    first divided by its sum and clipped to [1e-7, 1 - 1e-7]: a value ends at about 16, and a clipped probability has no
    gradient. Use logits.

    Args:
        from_logits: Whether ``y_pred`` holds logits; else probabilities, behind a softmax.
        ignore_class: A ``y_true`` of this value has no loss, no gradient and no place in the mean. None: all count.
        axis: The dimension that holds the classes.

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

    NAME = "sparse_categorical_crossentropy"
    AXIS = "``axis``"

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: Reduction = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.from_logits = _flag("SparseCategoricalCrossentropy: from_logits", from_logits)
        who = "SparseCategoricalCrossentropy: ignore_class"
        self.ignore_class = None if ignore_class is None else _integer(who, ignore_class)
        self.axis = _integer("SparseCategoricalCrossentropy: axis", axis)

    def _native(self, reduction: Literal["none", "mean"]) -> Loss:
        kind = CrossEntropyLoss if self.from_logits else _ClippedCrossEntropy
        return instance(kind, reduction=reduction, ignore_index=NO_CLASS, dim=self.axis)

    def _averages(self) -> bool:
        return False

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


# The functions: one value for each row, unreduced.


def mean_squared_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Values of :class:`MeanSquaredError`."""
    return _values(MeanSquaredError(None), y_true, y_pred)


def mean_absolute_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Values of :class:`MeanAbsoluteError`."""
    return _values(MeanAbsoluteError(None), y_true, y_pred)


def huber(y_true: Tensor, y_pred: Tensor, delta: float = 1.0) -> Tensor:
    """Values of :class:`Huber`."""
    return _values(Huber(delta, None), y_true, y_pred)


def kl_divergence(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Values of :class:`KLDivergence`."""
    return _values(KLDivergence(None), y_true, y_pred)


def poisson(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Values of :class:`Poisson`."""
    return _values(Poisson(None), y_true, y_pred)


def binary_crossentropy(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """Values of :class:`BinaryCrossentropy`."""
    return _values(BinaryCrossentropy(from_logits, label_smoothing, axis, None), y_true, y_pred)


def categorical_crossentropy(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """Values of :class:`CategoricalCrossentropy`."""
    return _values(CategoricalCrossentropy(from_logits, label_smoothing, axis, None), y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Tensor:
    """Values of :class:`SparseCategoricalCrossentropy`."""
    return _values(SparseCategoricalCrossentropy(from_logits, ignore_class, None, axis), y_true, y_pred)


def _values(criterion: KerasLoss, y_true: Tensor, y_pred: Tensor) -> Tensor:
    loss: Tensor = criterion(y_true, y_pred)
    return loss


# The losses that clip as Keras does, which losskit's own do not; without a kernel.


CLIPPED = Probability("for logits say from_logits=True")


@dataclass(frozen=True)
class _Unnormalised(Probability):
    """Class probabilities, of any positive sum up to C, since Keras divides by it."""

    mend: str = CLIPPED.mend

    def neutral(self, place: Place, value: Tensor) -> float:
        return 1

    def diagnose(self, place: Place, value: Tensor) -> Exception | None:
        error, total = super().diagnose(place, value), value.sum(place.dim)
        if error is None and (nothing := total == 0).any():
            return ValueError(f"{place} gives no class any probability: the sum is {first(total, nothing)}")
        return error


class _OfRates(Loss):
    about = About(
        tensors={"input": Slot(NonNegative(), Same()), "target": Slot(NonNegative(), Same())},
        serves={},
        source="Keras 3",
    )
    reduction: Any = arg(default="mean", among=("none", "mean", "sum"), doc="")

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        return input - target * (input + EPSILON).log()


class _Divergence(Loss):
    about = About(
        tensors={"input": Slot(Probability(), Labels()), "target": Slot(ZeroOne(), Labels())},
        serves={},
        source="Keras 3",
    )
    reduction: Any = arg(default="mean", among=("none", "mean", "sum"), doc="")

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        q, p = input.clamp(EPSILON, 1), target.clamp(EPSILON, 1)
        return (p * (p / q).log()).sum(-1)


class _ClippedBCE(Loss):
    about = About(
        tensors={"input": Slot(CLIPPED, Same()), "target": Slot(ZeroOne(), Same())}, serves={}, source="Keras 3"
    )
    reduction: Any = arg(default="mean", among=("none", "mean", "sum"), doc="")
    label_smoothing: float = arg(default=0.0, within="[0, 1]", doc="")

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        q = target * (1 - self.label_smoothing) + self.label_smoothing / 2
        p = input.clamp(EPSILON, 1 - EPSILON)
        return -(q * p.log() + (1 - q) * torch.log1p(-p))


class _ClippedCrossEntropy(CrossEntropyLoss):
    about = replace(
        CrossEntropyLoss.about,
        tensors={"input": Slot(_Unnormalised(), Classes()), "target": CrossEntropyLoss.about.target},
        kernel=None,
        torch=None,
    )

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        dim = self.class_dim(input) or 0
        log_p = (input / input.sum(dim, keepdim=True)).clamp(EPSILON, 1 - EPSILON).log()
        if not target.is_floating_point():
            return -log_p.gather(dim, target.unsqueeze(dim)).squeeze(dim)
        q = target * (1 - self.label_smoothing) + self.label_smoothing / input.shape[dim]
        return -(q * log_p).sum(dim)


# Shapes, arguments and words.


def _same_rank(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Keras's rule where one has a dimension more, of size 1 and last: a vector gains it too, else it is dropped."""
    if other.dim() == one.dim() + 1:
        other, one = _same_rank(other, one)
    elif one.dim() == other.dim() + 1 and one.shape[-1] == 1:
        return (one, other.unsqueeze(-1)) if other.dim() == 1 else (one.squeeze(-1), other)
    return one, other


def _without(shape: torch.Size, axis: int) -> torch.Size:
    axis %= max(len(shape), 1)
    return shape[:axis] + shape[axis + 1 :]


_WORDS = {
    "where several classes may hold at once, use BCEWithLogitsLoss": "for class ids, use SparseCategoricalCrossentropy",
    "use BCEWithLogitsLoss": "use BinaryCrossentropy",
    "input.sigmoid() or BCEWithLogitsLoss": "y_pred.softmax(-1)",  # of a divergence
    "input": "y_pred",
    "target": "y_true",
    "dim": "axis",
}


def _in_keras_words(who: str, message: str) -> str:
    """What a native loss says of its arguments, said of Keras's."""
    words = "|".join(map(re.escape, _WORDS))
    return re.sub(rf"\b(?:{words})(?!\w)", lambda word: _WORDS[word.group()], re.sub(r"^\w+:", f"{who}:", message))


def _flag(who: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{who} must be True or False, got {value!r}")
    return value


def _integer(who: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{who} must be an integer, got {value!r}")
    return value


def _number(who: str, value: Any, within: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{who} must be a number, got {value!r}")
    if not inside(within, value):
        raise ValueError(f"{who} must lie in {within}, got {value!r}")
    return float(value)


def _dtype(who: str, dtype: Any) -> torch.dtype | None:
    """A torch dtype from what Keras takes: a name, or a policy (``"mixed_float16"``) that computes in one."""
    if dtype is None:
        return None
    known = getattr(dtype, "compute_dtype", dtype)
    known = getattr(torch, known.removeprefix("mixed_"), None) if isinstance(known, str) else known
    if not isinstance(known, torch.dtype) or not known.is_floating_point:
        raise ValueError(f"{who}: dtype must be a floating-point dtype or its name, got {dtype!r}")
    return known
