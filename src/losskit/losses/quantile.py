from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.arithmetic import representable
from losskit.core.head import Encoding, Head, Task
from losskit.core.messages import Place, beside
from losskit.core.ranges import Real
from losskit.core.reduction import AtCall, Reduction
from losskit.core.shapes import Same, Shape
from losskit.core.slots import Slot
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served


class QuantileLoss(Loss):
    r"""Absolute error with different weights above and below, also called pinball loss: it predicts a quantile.

    .. math:: \ell(x, y) = \max(q\,(y - x),\, (q - 1)\,(y - x))

    At its minimum a share q of the targets lies below the prediction. At 0.5 it is half of :class:`L1Loss`.

    Several quantiles, ``quantile=(0.1, 0.5, 0.9)``, need one output each: the input is (..., Q), and the target has no last
    dimension. An item is then one output: ``'none'`` keeps the input's shape, and a mask or weight of the target's shape
    applies to all its quantiles. The quantiles are learnt separately, so that on little data a higher one may come out lower.

    The mean divides by the number of elements of the input.

    Example:
        >>> import torch, losskit
        >>> input, target = torch.tensor([1.0, 2.0, 6.0]), torch.tensor([2.0, 2.0, 4.0])
        >>> print(losskit.QuantileLoss(0.9, reduction="none")(input, target))
        tensor([0.9000, 0.0000, 0.2000])
        >>> three = torch.tensor([[1.0, 2.0, 4.0], [0.0, 3.0, 4.0]])  # what 3 outputs say of 2 targets
        >>> print(losskit.QuantileLoss((0.1, 0.5, 0.9), reduction="none")(three, torch.tensor([2.0, 4.0])))
        tensor([[0.1000, 0.0000, 0.2000],
                [0.4000, 0.5000, 0.0000]])
    """

    about = About(
        tensors={"input": Slot(Real(), Same()), "target": Slot(Real(), Same())},
        serves={Task.REGRESSION: Head(Encoding.VALUE)},
        source="Koenker & Bassett 1978, Regression quantiles",
        kernel="quantile",
        drawn={"quantile": 0.9},
    )
    quantile: float | Sequence[float] = arg(
        default=0.5,
        within="(0, 1)",
        several=True,
        doc="The share of the targets that should lie below the prediction; a sequence for several outputs.",
    )
    reduction: Reduction = reduction_arg(default="mean")

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        error = target - input
        if not isinstance(self.quantile, Sequence):
            return pinball(self.quantile, error)
        return torch.stack([pinball(quantile, column) for quantile, column in zip(self.quantile, error.unbind(-1))], -1)

    @property
    def kernel(self) -> str:
        return "quantiles" if isinstance(self.quantile, Sequence) else "quantile"

    def kernel_params(self) -> tuple[float, ...]:
        return () if isinstance(self.quantile, Sequence) else (self.quantile, 1 - self.quantile)

    def kernel_each(self) -> tuple[float, ...]:
        several = self.quantile if isinstance(self.quantile, Sequence) else ()
        return tuple(quantile if quantile <= 0.5 else quantile - 1 for quantile in several)

    @property
    def domains(self) -> Mapping[str, Slot]:
        if not isinstance(self.quantile, Sequence):
            return self.about.tensors
        return {"input": Slot(Real(), Outputs(len(self.quantile))), "target": OfEach(Real(), Targets())}

    def items_of(self, target: Tensor) -> torch.Size:
        several = (len(self.quantile),) if isinstance(self.quantile, Sequence) else ()
        return torch.Size((*target.shape, *several))


def pinball(quantile: float, error: Tensor) -> Tensor:
    """The loss of one quantile."""
    below, above = (representable(share, error.dtype) for share in (quantile, 1 - quantile))
    return torch.maximum(below * error, -above * error)


@dataclass(frozen=True)
class Outputs(Shape):
    """One output per quantile in the last dimension; each is an item."""

    quantiles: int

    def sizes(self, items: tuple[int, ...], classes: int) -> tuple[int, ...]:
        return (*items, self.quantiles)

    def require(self, place: Place, value: Tensor) -> None:
        if value.shape[-1:] != (self.quantiles,):
            raise ValueError(
                f"{place} must have one output for each of {self.quantiles} quantiles in its last dimension, (..., "
                f"{self.quantiles}), got shape {tuple(value.shape)}"
            )


@dataclass(frozen=True)
class Targets(Shape):
    """One target for all quantiles: the input's shape without its last dimension."""

    def require(self, place: Place, value: Tensor) -> None:
        wanted, name = place.shape[:-1], place.name
        if value.shape == wanted:
            return
        mend = ""
        if value.shape == (*wanted, 1):
            mend = f"; use {name}.squeeze(-1)"
        elif value.shape == place.shape:
            mend = f"; use {name}[..., 0] where they repeat; for targets of their own call one QuantileLoss for each quantile"
        raise ValueError(
            f"{beside(place, value)}: all quantiles are of the same target, of shape {tuple(wanted)}{mend}"
        )


@dataclass(frozen=True)
class OfEach(Slot):
    """A tensor that applies to every entry of the first tensor's last dimension."""

    def as_is(self, value: Tensor, dtype: torch.dtype) -> bool:
        return False

    def cast(self, value: Tensor, dtype: torch.dtype) -> Tensor:
        return super().cast(value, dtype).unsqueeze(-1)


def quantile_loss(
    input: Tensor,
    target: Tensor,
    quantile: float | Sequence[float] = 0.5,
    reduction: Reduction = "mean",
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`QuantileLoss`."""
    return served(QuantileLoss, (input, target), at_call, quantile, reduction)
