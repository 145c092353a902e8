"""The losses behind Keras's: losskit's own with Keras's argument names, and formulas that clip as Keras does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from losskit.core.about import About
from losskit.core.messages import Place, first
from losskit.core.ranges import ClassId, Distribution, Logit, NonNegative, Probability, ZeroOne
from losskit.core.reduction import Reduction
from losskit.core.shapes import Classes, Items, Labels, Same
from losskit.core.slots import Either, Slot
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss
from losskit.losses import CrossEntropyLoss

EPSILON = 1e-7  # keras.config.epsilon(): Keras keeps probabilities so far from 0, and some from 1


def called(who: str, kind: type[Loss]) -> type[Loss]:
    """The loss under a Keras name, with its tensors named ``y_pred`` and ``y_true``."""
    tensors = dict(zip(("y_pred", "y_true"), kind.about.tensors.values()))
    return type(who, (kind,), {"about": replace(kind.about, tensors=tensors)})


def _about(y_pred: Slot, y_true: Slot, kernel: str | None = None) -> About:
    return About(tensors={"y_pred": y_pred, "y_true": y_true}, serves={}, source="Keras 3", kernel=kernel)


CLIPPED = Probability("for logits say from_logits=True")
CLASSES = Classes(mend="for yes or no use BinaryCrossentropy, or give 2 classes")
ANSWER = Either(ClassId(), Items(), Slot(Distribution("for class ids, use SparseCategoricalCrossentropy"), CLASSES))


class OfRates(Loss):
    """Poisson's negative log-likelihood of a rate, to which Keras adds EPSILON."""

    about = _about(Slot(NonNegative(), Same()), Slot(NonNegative(), Same()), "poisson_nll_of_rate")
    reduction: Reduction = reduction_arg(default="mean")

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        rate = (input + EPSILON).clamp(max=torch.finfo(input.dtype).max)
        return input - target * rate.log()

    def kernel_params(self) -> tuple[float, ...]:
        return (EPSILON,)


class Divergence(Loss):
    """The Kullback-Leibler divergence of clipped probabilities."""

    about = _about(
        Slot(Probability("for logits use {name}.softmax(-1)"), Labels()), Slot(ZeroOne(), Labels()), "clipped_kl_div"
    )
    reduction: Reduction = reduction_arg(default="mean")

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        q, p = input.clamp(EPSILON, 1), target.clamp(EPSILON, 1)
        return (p * (p / q).log()).sum(-1)


class ClippedBCE(Loss):
    """Binary cross-entropy of clipped probabilities."""

    about = _about(Slot(CLIPPED, Same()), Slot(ZeroOne(), Same()), "clipped_bce")
    reduction: Reduction = reduction_arg(default="mean")
    label_smoothing: float = arg(default=0.0, within="[0, 1]", doc="As of BCEWithLogitsLoss.")

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        q = target * (1 - self.label_smoothing) + self.label_smoothing / 2
        p = input.clamp(EPSILON, 1 - EPSILON)
        return -(q * p.log() + (1 - q) * torch.log1p(-p))

    def kernel_params(self) -> tuple[float, ...]:
        return (self.label_smoothing,)


class CrossEntropy(CrossEntropyLoss):
    """Cross-entropy of logits, whose messages name the arguments of Keras's two losses."""

    about = replace(CrossEntropyLoss.about, tensors={"y_pred": Slot(Logit(), CLASSES), "y_true": ANSWER})
    same_numbers = True

    @property
    def domains(self) -> Mapping[str, Slot]:
        return {**self.about.tensors, "y_pred": Slot(self.about.input.range, replace(CLASSES, at=self.dim))}

    def places(self, input: Tensor) -> list[Place]:
        arguments = {"dim": "axis", "ignore_index": "ignore_class"}
        return [place._replace(arguments=arguments) for place in super().places(input)]


@dataclass(frozen=True)
class _Unnormalised(Probability):
    """Class probabilities with any positive sum, since Keras divides by it."""

    def neutral(self, place: Place, value: Tensor) -> float:
        return 1

    def diagnose(self, place: Place, value: Tensor) -> Exception | None:
        error, total = super().diagnose(place, value), value.sum(place.dim)
        if error is None and (nothing := total == 0).any():
            return ValueError(f"{place} gives no class any probability: the sum is {first(total, nothing)}")
        return error


class ClippedCrossEntropy(CrossEntropy):
    """Cross-entropy of probabilities, which are divided by their sum and clipped."""

    about = _about(Slot(_Unnormalised(CLIPPED.mend), CLASSES), ANSWER)

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        dim = self.class_dim(input) or 0
        log_p = (input / input.sum(dim, keepdim=True)).clamp(EPSILON, 1 - EPSILON).log()
        if not target.is_floating_point():
            return -log_p.gather(dim, target.unsqueeze(dim)).squeeze(dim)
        q = target * (1 - self.label_smoothing) + self.label_smoothing / input.shape[dim]
        return -(q * log_p).sum(dim)
