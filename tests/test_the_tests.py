"""A test must be able to fail: for every property, a loss sabotaged so that the property has to turn red."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from cases import Subject
from properties import PROPERTIES
from torch import Tensor
from typing_extensions import Unpack

from losskit.about import About, Activation, Encoding, Head, Task
from losskit.domain import Real
from losskit.loss import Arg, Loss, arg
from losskit.losses import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    FocalLoss,
    HingeEmbeddingLoss,
    KLDivLoss,
    MSELoss,
    MultiLabelMarginLoss,
    SmoothL1Loss,
    SoftMarginLoss,
    TripletMarginWithDistanceLoss,
    cross_entropy,
    mse_loss,
    smooth_l1_loss,
)
from losskit.reduction import AtCall


def sabotaged(base: type[Loss], function: Callable[..., Tensor] | None = None, **members: Any) -> Subject:
    """A subclass of the same name with other members, and a function that calls it."""
    loss: type[Loss] = type(base.__name__, (base,), {"__doc__": base.__doc__, **members})

    def call(input: Tensor, target: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        own = {name: kwargs.pop(name) for name in list(kwargs) if name in loss.arguments}
        return loss(*args, **own).compute((input, target), cast(AtCall, kwargs))

    return Subject(loss, function or call)


GROWING = count(2)  # factors; without kernels value_and_grad goes through forward as well


class Halved(torch.autograd.Function):
    """The identity, with half of its gradient."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient / 2


class GradientOnce(torch.autograd.Function):
    """A square whose gradient is right and whose second gradient is lost."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        ctx.save_for_backward(value)
        return value**2

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        value: Tensor = ctx.saved_tensors[0]
        return gradient * 2 * value.detach()


def squared(change: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """The formula of MSELoss, with something done to the error."""
    return lambda self, input, target: change(input - target) * (1 if self.weight is None else self.weight)


def flipped(self: Loss, input: Tensor, target: Tensor) -> Tensor:
    return -(input - target).abs()


def overwriting(self: Loss, input: Tensor, target: Tensor) -> Tensor:
    return input.data.sub_(target) ** 2 + 0 * input


def clamped_logarithm(self: Loss, input: Tensor, target: Tensor) -> Tensor:
    p = input.sigmoid()
    return -(target * p.log().clamp(min=-100) + (1 - target) * (1 - p).log().clamp(min=-100))


def masking_the_result(self: Loss, input: Tensor, target: Tensor, **at_call: Any) -> Tensor:
    """What people write by hand: it leaves NaN gradients."""
    mask = at_call.pop("mask", None)
    if mask is None:
        return self.compute((input, target), at_call)  # type: ignore[arg-type]
    loss = torch.where(mask, (input - target) ** 2, 0)
    return loss if self.reduction == "none" else loss.sum() if self.reduction == "sum" else loss.sum() / mask.sum()


def without(*names: str) -> Callable[..., Tensor]:
    """A forward that loses an argument of the call."""

    def forward(self: Loss, input: Tensor, target: Tensor, **at_call: Any) -> Tensor:
        return self.compute((input, target), {k: v for k, v in at_call.items() if k not in names})  # type: ignore[arg-type]

    return forward


def in_the_dtype_of_the_input(self: Loss, input: Tensor, target: Tensor, **at_call: Any) -> Tensor:
    loss = ((input - target.to(input.dtype)) ** 2).sum()
    return loss if self.reduction == "sum" else loss / input.numel()


def reading(self: Loss, input: Tensor, target: Tensor) -> Tensor:
    return (input - target) ** 2 * (1 if float(input.detach().sum()) > 0 else 1.0)


def about(base: type[Loss], **changed: Any) -> About:
    return About(**{**vars(base.about), **changed})


class Gullible(Arg):
    """An argument that lets everything through."""

    def check(self, who: str, value: Any) -> Any:
        return value if isinstance(value, Tensor) else None


class Lax(Real):
    """A domain that lets everything through."""

    def require(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> None:
        pass


def smooth_l1_of_other_order(input: Tensor, target: Tensor, beta: float = 1.0, reduction: Any = "mean") -> Tensor:
    return smooth_l1_loss(input, target, reduction, beta)


def smooth_l1_deaf(
    input: Tensor, target: Tensor, reduction: Any = "mean", beta: float = 1.0, **at_call: Unpack[AtCall]
) -> Tensor:
    """Functional form of :class:`SmoothL1Loss`."""
    return smooth_l1_loss(input, target, reduction, **at_call)


class NoState(MSELoss):
    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        return {}


class NoPickle(SmoothL1Loss):
    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "beta": 1.0}


def one_column(loss: Loss, input: Tensor) -> torch.Size:
    return input.shape[:1]


SABOTAGE: dict[str, list[Subject]] = {
    "equals_oracle": [
        sabotaged(MSELoss, formula=squared(lambda e: -(e**2))),
        sabotaged(CrossEntropyLoss, share=lambda self, target: None),  # Σ weight forgotten
        sabotaged(CrossEntropyLoss, kept=lambda self, target: None),  # ignore_index forgotten
    ],
    "as_accurate_as_torch": [
        sabotaged(BCEWithLogitsLoss, formula=clamped_logarithm),
        sabotaged(MSELoss, formula=squared(lambda e: torch.where(e.abs() > 1e3, torch.nan, e**2))),
    ],
    "reduction_algebra": [sabotaged(MSELoss, share=lambda self, target: torch.full_like(target, 2.0))],
    "mask_algebra": [
        sabotaged(MSELoss, forward=masking_the_result),
        sabotaged(CrossEntropyLoss, forward=without("mask")),
    ],
    "batchmean_algebra": [
        sabotaged(KLDivLoss, forward=without("mask")),
        sabotaged(KLDivLoss, forward=without("sample_weight")),
        sabotaged(KLDivLoss, formula=lambda s, x, q: KLDivLoss.formula(s, x, q) / len(x)),
    ],
    "mask_over_leading_dimensions": [sabotaged(MSELoss, items=one_column)],
    "sample_weight_algebra": [sabotaged(FocalLoss, forward=without("sample_weight"))],
    "normalizer_algebra": [sabotaged(SmoothL1Loss, forward=without("normalizer"))],
    "every_argument_changes_the_result": [
        sabotaged(SmoothL1Loss, formula=lambda self, input, target: F.smooth_l1_loss(input, target, reduction="none")),
        sabotaged(CrossEntropyLoss, kept=lambda self, target: None),
    ],
    "gradcheck": [sabotaged(MSELoss, formula=squared(lambda e: Halved.apply(e) ** 2))],
    "gradgradcheck": [sabotaged(MSELoss, formula=squared(GradientOnce.apply))],
    "value_and_grad": [
        sabotaged(MSELoss, forward=lambda s, x, y, **at_call: next(GROWING) * s.compute((x, y), at_call))
    ],
    "gradient_of_soft_target": [
        sabotaged(BCEWithLogitsLoss, formula=lambda s, x, y: BCEWithLogitsLoss.formula(s, x, y.detach()))
    ],
    "vmap": [sabotaged(MSELoss, formula=reading)],
    "jvp": [sabotaged(MSELoss, formula=squared(lambda e: Halved.apply(e) ** 2))],
    "compile_fullgraph": [sabotaged(MSELoss, formula=reading)],
    "compile_to_machine_code": [sabotaged(MSELoss, formula=reading)],
    "export": [sabotaged(MSELoss, formula=reading)],
    "autocast": [sabotaged(MSELoss, forward=in_the_dtype_of_the_input)],
    "dtypes": [sabotaged(MSELoss, forward=in_the_dtype_of_the_input)],
    "weight_dtypes": [sabotaged(MSELoss, forward=lambda s, x, y, **at_call: s.compute((x, y), at_call).double())],
    "half_mean_of_many": [sabotaged(MSELoss, forward=in_the_dtype_of_the_input)],
    "target_dtypes": [
        sabotaged(MSELoss, forward=lambda s, x, y: F.mse_loss(x, y)),
        sabotaged(CrossEntropyLoss, forward=lambda s, x, y: F.cross_entropy(x, y)),
    ],
    "strides": [
        sabotaged(MSELoss, formula=lambda s, x, y: (x - torch.as_strided(y, y.shape, y.contiguous().stride())) ** 2)
    ],
    "empty": [sabotaged(MSELoss, forward=lambda s, x, y, **at_call: s.compute((x, y), at_call).nan_to_num())],
    "pickled": [Subject(NoPickle, smooth_l1_loss)],
    "state_dict": [Subject(NoState, mse_loss)],
    "inputs_unmodified": [sabotaged(MSELoss, formula=overwriting)],
    "needs_no_grad": [sabotaged(MSELoss, formula=lambda s, x, y: (x.detach().requires_grad_() - y) ** 2)],
    "refuses_bad_arguments": [
        sabotaged(SmoothL1Loss, beta=arg(default=1.0, doc="No interval.")),
        sabotaged(MSELoss, weight=Gullible(None, "[0, inf)", None, "elements", True, "Takes anything.")),
    ],
    "refuses_bad_calls": [sabotaged(MSELoss, forward=without("sampel_weight", "normalizer"))],
    "refuses_bad_shapes": [sabotaged(MSELoss, about=about(MSELoss, tensors={"input": Real(), "target": Lax()}))],
    "refuses_bad_values": [
        sabotaged(CrossEntropyLoss, _diagnose=lambda self, tensors: None),
        sabotaged(BCEWithLogitsLoss, _diagnose=lambda self, tensors: None),
    ],
    "positions_of_torch": [
        Subject(SmoothL1Loss, smooth_l1_of_other_order),
        sabotaged(MSELoss, mse_loss, gain=arg(default=1.0, doc="torch does not have it.")),
    ],
    "function_has_the_arguments_of_its_class": [
        Subject(SmoothL1Loss, smooth_l1_deaf),
        Subject(SmoothL1Loss, cross_entropy),
    ],
    "documented": [Subject(type("Bare", (MSELoss,), {"__doc__": "Squared error."}), mse_loss)],
    "reads_nothing_off_cpu": [
        sabotaged(MSELoss, formula=reading, about=about(MSELoss, torch=None)),
        sabotaged(MSELoss, torch_is_right=lambda self, *tensors: False),
        sabotaged(SoftMarginLoss, torch_is_right=lambda self, *tensors: True),
    ],
    "a_new_formula_disowns_the_rest": [sabotaged(MSELoss, forward=lambda s, x, y: F.mse_loss(x, y))],
    "equals_its_twin": [
        sabotaged(MSELoss, about=about(MSELoss, twin="SmoothL1Loss")),
        sabotaged(SoftMarginLoss, about=about(SoftMarginLoss, serves=BCEWithLogitsLoss.about.serves)),  # not of 0 and 1
        sabotaged(TripletMarginWithDistanceLoss, formula=lambda s, a, p, n: (a - p).norm(dim=-1)),
    ],
    "predicts_what_it_is_trained_for": [
        sabotaged(FocalLoss, formula=lambda s, x, y: -FocalLoss.formula(s, x, y)),
        sabotaged(MultiLabelMarginLoss, formula=lambda s, x, y: -MultiLabelMarginLoss.formula(s, x, y)),
        sabotaged(
            HingeEmbeddingLoss,
            about=about(HingeEmbeddingLoss, serves={Task.EMBEDDING: Head(Encoding.NONE, Activation.SIGMOID)}),
        ),
        sabotaged(
            BCEWithLogitsLoss,
            about=about(BCEWithLogitsLoss, serves={Task.MULTILABEL: Head(Encoding.MULTI_HOT, Activation.SOFTMAX)}),
        ),
    ],
}


# RuntimeError and ValueError are torch's and losskit's own; a TypeError or NameError would be a slip in the sabotage.
RED = (AssertionError, pytest.fail.Exception, RuntimeError, ValueError)


@pytest.mark.parametrize(("name", "which"), [(name, i) for name, all_ in SABOTAGE.items() for i in range(len(all_))])
def test_sabotage_turns_the_property_red(name: str, which: int) -> None:
    subject = SABOTAGE[name][which]
    with pytest.raises(RED):
        PROPERTIES[name](subject)


def test_every_property_is_sabotaged() -> None:
    assert set(SABOTAGE) == set(PROPERTIES)


def test_the_sabotage_kit_itself_is_sound() -> None:
    """An unspoilt subclass made the same way passes, so what turns red is the sabotage."""
    for base in (MSELoss, SmoothL1Loss, BCEWithLogitsLoss, FocalLoss, CrossEntropyLoss):
        subject = sabotaged(base)
        for name in ("equals_oracle", "reduction_algebra", "mask_algebra", "refuses_bad_values", "gradcheck", "dtypes"):
            PROPERTIES[name](subject)
