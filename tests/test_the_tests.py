"""A test must be able to fail: for every property, a loss sabotaged so that the property has to turn red."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from cases import Subject
from compiler import needs_compiler
from properties import PROPERTIES
from properties.derivatives import compile_to_machine_code
from properties.held import EITHER_WAY
from torch import Tensor
from torch.autograd.gradcheck import GradcheckError
from typing_extensions import Unpack

from losskit import native
from losskit.core.about import About
from losskit.core.head import Activation, Encoding, Head, Task
from losskit.core.messages import Place
from losskit.core.ranges import ClassId, Distribution, Logit, PlusMinusOne, Real, ZeroOne
from losskit.core.reduction import AtCall, Extra
from losskit.core.shapes import Classes, Items, Same
from losskit.core.slots import Either, Slot
from losskit.fields import Arg, arg
from losskit.loss import Loss
from losskit.losses import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    FocalLoss,
    HingeEmbeddingLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    MultiLabelMarginLoss,
    MultiLabelSoftMarginLoss,
    PoissonNLLLoss,
    SmoothL1Loss,
    SoftMarginLoss,
    SoftmaxFocalLoss,
    TripletMarginLoss,
    TripletMarginWithDistanceLoss,
    cross_entropy,
    mse_loss,
    smooth_l1_loss,
)
from losskit.native import library


def sabotaged(base: type[Loss], function: Callable[..., Tensor] | None = None, **members: Any) -> Subject:
    """A subclass of the same name with other members, and a function that calls it."""
    loss: type[Loss] = type(base.__name__, (base,), {"__doc__": base.__doc__, **members})

    def call(input: Tensor, target: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        own = {name: kwargs.pop(name) for name in list(kwargs) if name in loss.arguments}
        return loss(*args, **own).compute((input, target), cast(AtCall, kwargs))

    return Subject(loss, function or call)


def behind(base: type[Loss], spoil: Callable[[Any, Any, Extra], Tensor]) -> Subject:
    """A loss whose kernel is right, and whose formula, which serves wherever the kernel does not, is spoilt."""

    def by_formula(self: Loss, tensors: tuple[Tensor, ...], extra: Extra) -> Tensor:
        return spoil(self, tensors, extra)

    return sabotaged(base, about=about(base), same_numbers=True, by_formula=by_formula)


def off(base: type[Loss], when: Callable[[Any, Any, Extra], Any]) -> Subject:
    """The formula behind the kernel is off by a tenth of a percent, on some calls."""
    return behind(base, lambda s, t, extra: base.by_formula(s, t, extra) * (1.001 if when(s, t, extra) else 1))


@dataclass(frozen=True)
class Raising:
    """A sabotage that the property shows by an exception that it is about, not by an assertion."""

    error: type[Exception]
    words: str
    subject: Subject


needs_kernels = pytest.mark.skipif(library.load() is None, reason=native.status().reason)
GROWING = count(2)  # factors; without kernels value_and_grad goes through forward as well


class Halved(torch.autograd.Function):
    """The identity, with half of its gradient."""

    generate_vmap_rule = True

    @staticmethod
    def forward(value: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient / 2

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        return tangent.clone()


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


class SlopeOnce(torch.autograd.Function):
    """Softplus, whose second derivative is lost."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        ctx.save_for_backward(value)
        return F.softplus(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        value: Tensor = ctx.saved_tensors[0]
        return gradient * value.detach().sigmoid()


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


def focal_of_a_rounded_softmax(self: Loss, input: Tensor, target: Tensor) -> Tensor:
    log_p = -F.cross_entropy(input, target, reduction="none")
    return -((1 - log_p.exp()) ** 2) * log_p


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


def over_trailing_dimensions(self: Loss, input: Tensor, target: Tensor, **at_call: Any) -> Tensor:
    """A mask and weights aligned as broadcasting would."""
    return self.compute((input, target), {n: each.expand(input.shape) for n, each in at_call.items()})  # type: ignore[arg-type]


def by_memory(self: Any, input: Tensor, target: Tensor) -> Any:
    """The weight read as if it were contiguous."""
    w = self.weight
    return (input - target) ** 2 * (1 if w is None else torch.as_strided(w, w.shape, w.contiguous().stride()))


def in_the_dtype_of_the_weight(self: Any, input: Tensor, target: Tensor) -> Any:
    w = input.new_ones(()) if self.weight is None else self.weight
    return (input - target).to(w.dtype) ** 2 * w


def deaf_to_expanded(self: Any, input: Tensor, target: Tensor) -> Any:
    return (input - target) ** 2 * (1 if self.weight is None or 0 in self.weight.stride() else self.weight)


def of_detached_weight(self: Any, input: Tensor, target: Tensor) -> Any:
    return (input - target) ** 2 * (1 if self.weight is None else self.weight.detach())


def of_detached_sample_weight(self: Loss, input: Tensor, target: Tensor, **at_call: Any) -> Tensor:
    return self.compute((input, target), {n: each.detach() for n, each in at_call.items()})  # type: ignore[arg-type]


def with_the_mean_of_once(self: Any, input: Tensor, target: Tensor, **at_call: Any) -> Any:
    loss = self.compute((input, target), at_call)
    return loss if self.reduction != "sum" else GradientOnce.apply(input - target).sum()


def rounded(value: Tensor) -> Tensor:
    return value.half().float() if value.dtype == torch.float32 else value


def in_the_dtype_of_the_input(self: Loss, input: Tensor, target: Tensor, **at_call: Any) -> Tensor:
    loss = ((input - target.to(input.dtype)) ** 2).sum()
    return loss if self.reduction == "sum" else loss / input.numel()


def of_logarithms(self: Loss, input: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy as written, where 0 meets infinity."""
    return -target * F.logsigmoid(input) - (1 - target) * F.logsigmoid(-input)


def halved_at_infinity(self: Loss, input: Tensor, target: Tensor) -> Tensor:
    """The right value, with a gradient that is wrong of huge errors alone."""
    error = (input - target).abs()
    return torch.where(error > 1e30, Halved.apply(error), error)


def quotient_in_a_branch(self: Loss, input: Tensor, target: Tensor) -> Tensor:
    error, beta = input - target, max(cast(SmoothL1Loss, self).beta, 1e-300)
    return torch.where(error.abs() < beta, 0.5 * error**2 / beta, error.abs() - 0.5 * beta)


def reading(self: Loss, input: Tensor, target: Tensor) -> Tensor:
    return (input - target) ** 2 * (1 if float(input.detach().sum()) > 0 else 1.0)


def about(base: type[Loss], **changed: Any) -> About:
    return About(**{**vars(base.about), **changed})


class Gullible(Arg):
    """An argument that lets everything through."""

    def check(self, who: str, value: Any) -> Any:
        return value if isinstance(value, Tensor) else None


REAL, LOGITS = Slot(Real(), Same()), Slot(Logit(), Same())


class Lax(Same):
    """A shape that lets everything through."""

    def require(self, place: Place, value: Tensor) -> None:
        pass


class OfRows(Same):
    """A shape that lets one row stand for many."""

    def require(self, place: Place, value: Tensor) -> None:
        if len(place.shape) < 2 or value.shape[-1] != place.shape[-1]:
            super().require(place, value)


class Summing(Distribution):
    """A range that looks at the sum over all items."""

    def diagnose(self, place: Place, value: Tensor) -> Exception | None:
        if abs(float(value.sum()) / value[:, 0].numel() - 1) > 0.01:
            return super().diagnose(place, value)
        return None


class Eager(PlusMinusOne):
    """A range that always has the same advice."""

    def diagnose(self, place: Place, value: Tensor) -> Exception | None:
        error = super().diagnose(place, value)
        return None if error is None else ValueError(f"{error}; for 0 and 1 use 2 * {place.name} - 1")


class Lazy(PlusMinusOne):
    """A range that has none."""

    def diagnose(self, place: Place, value: Tensor) -> Exception | None:
        error = super().diagnose(place, value)
        return None if error is None else ValueError(str(error).partition(";")[0])


class Careless(ZeroOne):
    """A range with a border in another place."""

    def diagnose(self, place: Place, value: Tensor) -> Exception | None:
        return super().diagnose(place, value.round(decimals=2))


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


class NoCopy(MSELoss):
    def __deepcopy__(self, memo: Any) -> NoCopy:
        return NoCopy()


class Forgetful(MSELoss):
    """Loading and copying lose the weights alike, so that both copies agree with each other."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({**state, "_buffers": {"weight": None}})

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        return None


class NoPickle(SmoothL1Loss):
    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "beta": 1.0}


for each in (NoState, NoCopy, Forgetful, NoPickle):
    each.__name__ = each.__mro__[1].__name__  # by which the oracle is found


class Viewed(torch.autograd.Function):
    """The identity as a node that returns what it was given, which cannot be changed in place."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return value

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


class Hoarding(torch.autograd.Function):
    """A square that holds its input itself: no hook sees it, and nothing lets go of it."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        ctx.value = value
        return value**2

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * 2 * ctx.value  # type: ignore[no-any-return]


def allocating(self: Loss, input: Tensor, target: Tensor, **at_call: Any) -> Tensor:
    loss: Tensor = self.compute((input, target), at_call) * torch.tensor(1.0)  # type: ignore[arg-type]
    return loss


def hoarding(self: Loss, input: Tensor, target: Tensor, **at_call: Any) -> Tensor:
    return self.compute((Hoarding.apply(input), target), at_call)  # type: ignore[arg-type]


def saving_what_came(self: Loss, input: Tensor, target: Tensor, **at_call: Any) -> Tensor:
    return self.compute((input * target / target, target), at_call)  # type: ignore[arg-type]


SABOTAGE: dict[str, list[Subject | Raising]] = {
    "equals_oracle": [
        sabotaged(MSELoss, formula=squared(lambda e: -(e**2))),
        sabotaged(CrossEntropyLoss, share=lambda self, target: None),  # Σ weight forgotten
        sabotaged(CrossEntropyLoss, kept=lambda self, target: None),  # ignore_index forgotten
    ],
    "as_accurate_as_torch": [
        sabotaged(BCEWithLogitsLoss, formula=clamped_logarithm),
        sabotaged(MSELoss, formula=squared(lambda e: torch.where(e.abs() > 1e3, torch.nan, e**2))),
    ],
    "sure_answers_keep_their_digits": [
        sabotaged(CrossEntropyLoss, formula=lambda s, x, y: F.cross_entropy(x, y, reduction="none")),
        sabotaged(SoftmaxFocalLoss, formula=focal_of_a_rounded_softmax),
        sabotaged(BCEWithLogitsLoss, formula=clamped_logarithm),
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
    "mask_over_leading_dimensions": [sabotaged(MSELoss, forward=over_trailing_dimensions)],
    "sample_weight_algebra": [sabotaged(FocalLoss, forward=without("sample_weight"))],
    "normalizer_algebra": [sabotaged(SmoothL1Loss, forward=without("normalizer"))],
    "micro_batches_add_up": [sabotaged(MSELoss, items_of=lambda self, target: target.shape[:1])],
    "every_argument_changes_the_result": [
        sabotaged(SmoothL1Loss, formula=lambda self, input, target: F.smooth_l1_loss(input, target, reduction="none")),
        sabotaged(CrossEntropyLoss, kept=lambda self, target: None),
    ],
    "corners": [
        sabotaged(BCEWithLogitsLoss, formula=of_logarithms),
        sabotaged(L1Loss, formula=halved_at_infinity),
        sabotaged(MSELoss, formula=squared(lambda e: e.clamp(-1e6, 1e6) ** 2)),
        sabotaged(CrossEntropyLoss, formula=lambda s, x, y: CrossEntropyLoss.formula(s, x.clamp(min=-1e4), y)),
    ],
    "ends_of_arguments": [
        sabotaged(SmoothL1Loss, formula=quotient_in_a_branch),
        sabotaged(HuberLoss, formula=lambda s, x, y: (x - y).clamp(-s.delta, s.delta) * (x - y)),
    ],
    "names_what_was_left_behind": [
        Raising(RuntimeError, "device", sabotaged(CrossEntropyLoss, fit=lambda self, input: None)),
        sabotaged(MSELoss, checked=lambda self, at_call, items, device, elements=None: Extra(**at_call)),
    ],
    "weights_of_zero": [
        sabotaged(MSELoss, _weighed=lambda self, value, weight, neutral: value),
        sabotaged(L1Loss, forward=lambda s, x, y, sample_weight=None: (x - y).abs() * sample_weight),
    ],
    "gradcheck": [
        Raising(GradcheckError, "mismatch", sabotaged(MSELoss, formula=squared(lambda e: Halved.apply(e) ** 2))),
        Raising(
            GradcheckError,
            "mismatch",
            behind(MSELoss, lambda s, t, x: MSELoss.by_formula(s, (Halved.apply(t[0]), t[1]), x)),
        ),
    ],
    "gradgradcheck": [Raising(GradcheckError, "mismatch", sabotaged(MSELoss, formula=squared(GradientOnce.apply)))],
    "second_derivative_of_every_reduction": [
        Raising(GradcheckError, "mismatch", sabotaged(MSELoss, forward=with_the_mean_of_once)),
    ],
    "layouts_of_arguments": [sabotaged(MSELoss, formula=by_memory)],
    "expanded_arguments": [sabotaged(MSELoss, formula=deaf_to_expanded)],
    "derivatives_of_arguments": [
        Raising(GradcheckError, "mismatch", sabotaged(MSELoss, formula=of_detached_weight)),
        Raising(GradcheckError, "mismatch", sabotaged(MSELoss, forward=of_detached_sample_weight)),
    ],
    "half_inputs_with_wide_targets": [sabotaged(MSELoss, forward=lambda s, x, y: s.compute((x, y.to(x.dtype)), {}))],
    "value_and_grad": [
        sabotaged(MSELoss, forward=lambda s, x, y, **at_call: next(GROWING) * s.compute((x, y), at_call))
    ],
    "gradient_of_soft_target": [
        Raising(
            GradcheckError,
            "expected to be zero",
            sabotaged(BCEWithLogitsLoss, formula=lambda s, x, y: BCEWithLogitsLoss.formula(s, x, y.detach())),
        )
    ],
    "vmap": [Raising(RuntimeError, r"vmap over calling \.item\(\)", sabotaged(MSELoss, formula=reading))],
    "jvp": [sabotaged(MSELoss, formula=squared(lambda e: Halved.apply(e) ** 2))],
    # each torch has other words for what its compiler cannot do, and all name the line
    "compile_fullgraph": [Raising(RuntimeError, "in reading", sabotaged(MSELoss, formula=reading))],
    "export": [Raising(RuntimeError, "in reading", sabotaged(MSELoss, formula=reading))],
    "autocast": [
        sabotaged(MSELoss, forward=in_the_dtype_of_the_input),
        sabotaged(MSELoss, formula=in_the_dtype_of_the_weight),
    ],
    "ignored_ids": [
        sabotaged(CrossEntropyLoss, kept=lambda s, y: (y != s.ignore_index) | (y == 0)),
        sabotaged(CrossEntropyLoss, kept=lambda s, y: y >= 0),
    ],
    "dtypes": [sabotaged(MSELoss, forward=in_the_dtype_of_the_input)],
    "weight_dtypes": [sabotaged(MSELoss, forward=lambda s, x, y, **at_call: s.compute((x, y), at_call).double())],
    "half_mean_of_many": [sabotaged(MSELoss, forward=in_the_dtype_of_the_input)],
    "target_dtypes": [
        sabotaged(MSELoss, forward=lambda s, x, y: F.mse_loss(x, y if y.dtype == x.dtype else y.bool().to(x.dtype))),
        Raising(
            RuntimeError,
            "expected (target dtype|scalar type)",  # torch 2.8 has the latter
            sabotaged(CrossEntropyLoss, forward=lambda s, x, y: F.cross_entropy(x, y)),
        ),
    ],
    "strides": [
        sabotaged(MSELoss, formula=lambda s, x, y: (x - torch.as_strided(y, y.shape, y.contiguous().stride())) ** 2)
    ],
    "empty": [sabotaged(MSELoss, forward=lambda s, x, y, **at_call: s.compute((x, y), at_call).nan_to_num())],
    "pickled": [Subject(NoPickle, smooth_l1_loss), Subject(NoCopy, mse_loss), Subject(Forgetful, mse_loss)],
    "state_dict": [Subject(NoState, mse_loss), Subject(Forgetful, mse_loss)],
    "inputs_unmodified": [sabotaged(MSELoss, formula=overwriting)],
    "needs_no_grad": [sabotaged(MSELoss, formula=lambda s, x, y: (x.detach().requires_grad_() - y) ** 2)],
    "refuses_bad_arguments": [
        sabotaged(SmoothL1Loss, beta=arg(default=1.0, doc="No interval.")),
        sabotaged(SmoothL1Loss, beta=arg(default=1.0, within="(-1e-6, inf)", doc="A little less than nothing.")),
        Raising(
            ValueError,
            "must lie in",
            sabotaged(BCEWithLogitsLoss, label_smoothing=arg(default=0.0, within="[0, 1)", kw_only=True, doc="Less.")),
        ),
        sabotaged(MSELoss, weight=Gullible(None, "[0, inf)", None, "elements", True, "Takes anything.")),
    ],
    "proposes_signs_for_zeros_and_ones_alone": [
        sabotaged(
            HingeEmbeddingLoss,
            about=about(HingeEmbeddingLoss, tensors={"input": REAL, "target": Slot(Eager(), Items())}),
        ),
        sabotaged(
            SoftMarginLoss, about=about(SoftMarginLoss, tensors={"input": LOGITS, "target": Slot(Lazy(), Items())})
        ),
    ],
    "refuses_what_is_no_distribution": [
        sabotaged(CrossEntropyLoss, _diagnose=lambda self, plan, tensors: None),
        sabotaged(
            CrossEntropyLoss,
            about=about(
                CrossEntropyLoss,
                tensors={
                    "input": Slot(Logit(), Classes()),
                    "target": Either(ClassId(True), Items(), Slot(Summing(), Classes())),
                },
            ),
        ),
    ],
    "refuses_weights_put_in_behind_its_back": [
        sabotaged(MultiLabelSoftMarginLoss, fit=lambda self, input: None),
        sabotaged(MSELoss, fit=lambda self, input: None),
    ],
    "refuses_bad_calls": [sabotaged(MSELoss, forward=without("sampel_weight", "normalizer"))],
    "refuses_bad_shapes": [
        sabotaged(MSELoss, about=about(MSELoss, tensors={"input": REAL, "target": Slot(Real(), Lax())})),
        sabotaged(MSELoss, about=about(MSELoss, tensors={"input": REAL, "target": Slot(Real(), OfRows())})),
    ],
    "refuses_bad_values": [
        Raising(RuntimeError, "out of bounds", sabotaged(CrossEntropyLoss, _diagnose=lambda self, plan, tensors: None)),
        sabotaged(BCEWithLogitsLoss, _diagnose=lambda self, plan, tensors: None),
        sabotaged(
            BCEWithLogitsLoss,
            about=about(BCEWithLogitsLoss, tensors={"input": LOGITS, "target": Slot(Careless(), Same())}),
        ),
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
        Raising(
            RuntimeError,
            "cuda|CUDA|_local_scalar_dense",
            sabotaged(MSELoss, formula=reading, about=about(MSELoss, torch=None)),
        ),
        sabotaged(MSELoss, torch_is_right=lambda self, *tensors: False),
        sabotaged(SoftMarginLoss, torch_is_right=lambda self, *tensors: True),
    ],
    "compiled_off_cpu_by_torch": [
        sabotaged(MSELoss, torch_is_right=lambda self, *tensors: False),
        sabotaged(MSELoss, without_kernel=lambda self, plan, tensors, extra: F.mse_loss(*tensors)),
    ],
    "changed_in_place": [
        Raising(
            RuntimeError,
            "is a view",
            sabotaged(MSELoss, forward=lambda s, x, y, **at_call: Viewed.apply(s.compute((x, y), at_call))),
        ),
        Raising(
            RuntimeError,
            "detach views",
            sabotaged(CrossEntropyLoss, forward=lambda s, x, y, **at_call: s.compute((x, y), at_call).squeeze()),
        ),
    ],
    "keeps_nothing": [sabotaged(MSELoss, forward=hoarding)],
    "saved_where_hooks_say": [sabotaged(MSELoss, forward=hoarding)],
    "defaults_around": [Raising(RuntimeError, "device meta", sabotaged(MSELoss, forward=allocating))],
    "made_under_inference_mode": [
        Raising(RuntimeError, "Inference tensors", sabotaged(MSELoss, forward=saving_what_came))
    ],
    "no_history": [sabotaged(SmoothL1Loss, beta=Gullible(1.0, "[0, inf)", None, None, False, "Takes anything."))],
    "is_torchs": [sabotaged(MSELoss, about=about(MSELoss, torch=None))],
    "promoted": [sabotaged(MSELoss, forward=in_the_dtype_of_the_input)],
    "a_new_formula_disowns_the_rest": [sabotaged(MSELoss, forward=lambda s, x, y: F.mse_loss(x, y))],
    "equals_its_twin": [
        sabotaged(MSELoss, about=about(MSELoss, twin="SmoothL1Loss")),
        Raising(
            ValueError,
            "target must be 1 or -1",
            sabotaged(SoftMarginLoss, about=about(SoftMarginLoss, serves=BCEWithLogitsLoss.about.serves)),
        ),
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


RED = (AssertionError, pytest.fail.Exception)  # anything else is a crash, unless the sabotage names it


@pytest.mark.parametrize(("name", "which"), [(name, i) for name, all_ in SABOTAGE.items() for i in range(len(all_))])
def test_sabotage_turns_the_property_red(name: str, which: int) -> None:
    sabotage = SABOTAGE[name][which]
    if isinstance(sabotage, Raising):
        with pytest.raises(sabotage.error, match=sabotage.words):
            PROPERTIES[name](sabotage.subject)
        return
    with pytest.raises(RED):
        PROPERTIES[name](sabotage)


@needs_compiler
def test_machine_code_of_all_losses_is_that_of_each() -> None:
    """One that cannot be compiled, or computes something else once it is, is found among others that are right."""

    def otherwise(self: Loss, input: Tensor, target: Tensor) -> Tensor:
        return (input - target) ** 2 * (1.01 if torch.compiler.is_compiling() else 1)

    right = [sabotaged(MSELoss), sabotaged(SmoothL1Loss)]
    with pytest.raises(RuntimeError, match="in reading"):
        compile_to_machine_code([*right, sabotaged(MSELoss, formula=reading)])
    with pytest.raises(AssertionError):
        compile_to_machine_code([*right, sabotaged(MSELoss, formula=otherwise)])


#: What only the formula shows, for each property that is checked either way.
BEHIND: dict[str, Subject | Raising] = {
    "equals_oracle": off(MSELoss, lambda s, t, extra: True),
    "as_accurate_as_torch": off(MSELoss, lambda s, t, extra: t[0].dtype == torch.float32),
    "reduction_algebra": off(MSELoss, lambda s, t, extra: s.reduction == "mean"),
    "mask_algebra": off(MSELoss, lambda s, t, extra: extra.mask is not None),
    "mask_over_leading_dimensions": off(
        MSELoss,
        lambda s, t, extra: (
            extra[:2] != (None, None)
            and s.reduction == "mean"
            and any(each is not None and each.shape[-1] == 1 for each in extra[:2])
        ),
    ),
    "sample_weight_algebra": off(MSELoss, lambda s, t, extra: extra.sample_weight is not None),
    "normalizer_algebra": off(MSELoss, lambda s, t, extra: extra.normalizer == 7),
    "ignored_ids": off(CrossEntropyLoss, lambda s, t, extra: s.ignore_index == 0),
    "every_argument_changes_the_result": behind(
        SmoothL1Loss, lambda s, t, extra: SmoothL1Loss(s.reduction).by_formula(t, extra)
    ),
    "second_derivative_of_every_reduction": Raising(
        GradcheckError,
        "mismatch",
        sabotaged(
            MultiLabelSoftMarginLoss,
            about=about(MultiLabelSoftMarginLoss, kernel=None),  # torch's operator serves
            same_numbers=True,
            formula=lambda s, x, y: (y * SlopeOnce.apply(-x) + (1 - y) * SlopeOnce.apply(x)).mean(-1),
        ),
    ),
    "gradient_of_soft_target": Raising(
        GradcheckError,
        "expected to be zero",
        sabotaged(
            PoissonNLLLoss,
            about=about(PoissonNLLLoss, kernel=None),
            same_numbers=True,
            formula=lambda s, x, y: PoissonNLLLoss.formula(s, x, y.detach()),
        ),
    ),
    "changed_in_place": Raising(
        RuntimeError, "is a view", behind(MSELoss, lambda s, t, extra: Viewed.apply(MSELoss.by_formula(s, t, extra)))
    ),
    "keeps_nothing": behind(MSELoss, lambda s, t, extra: MSELoss.by_formula(s, (Hoarding.apply(t[0]), *t[1:]), extra)),
    "saved_where_hooks_say": behind(
        MSELoss, lambda s, t, extra: MSELoss.by_formula(s, (Hoarding.apply(t[0]), *t[1:]), extra)
    ),
    "defaults_around": Raising(
        RuntimeError,
        "device meta",
        behind(MSELoss, lambda s, t, extra: MSELoss.by_formula(s, t, extra) * torch.tensor(1.0)),
    ),
    "made_under_inference_mode": Raising(
        RuntimeError,
        "Inference tensors",
        behind(MSELoss, lambda s, t, extra: MSELoss.by_formula(s, (t[0] * t[1] / t[1], t[1]), extra)),
    ),
    "promoted": behind(MSELoss, lambda s, t, extra: MSELoss.by_formula(s, (t[0], t[1].to(t[0].dtype)), extra)),
    "autocast": off(MSELoss, lambda s, t, extra: torch.is_autocast_enabled("cpu")),
    "dtypes": behind(MSELoss, lambda s, t, extra: MSELoss.by_formula(s, t, extra).double()),
    "weight_dtypes": behind(MSELoss, lambda s, t, extra: MSELoss.by_formula(s, t, extra).double()),
    "half_mean_of_many": behind(MSELoss, lambda s, t, extra: MSELoss("sum").by_formula(t, extra).half() / t[0].numel()),
    "target_dtypes": behind(MSELoss, lambda s, t, extra: MSELoss.by_formula(s, t, extra).float()),
    "strides": off(MSELoss, lambda s, t, extra: not t[0].is_contiguous()),
    "inputs_unmodified": behind(MSELoss, lambda s, t, extra: MSELoss.by_formula(s, (t[0], t[1].mul_(2)), extra)),
    "needs_no_grad": off(MSELoss, lambda s, t, extra: torch.is_inference_mode_enabled()),
    "refuses_bad_values": off(
        BCEWithLogitsLoss, lambda s, t, extra: extra.mask is not None and bool((t[1] == -1e-3).any())
    ),
    "layouts_of_arguments": off(MSELoss, lambda s, t, extra: not t[1].is_contiguous()),
    "expanded_arguments": off(
        MSELoss, lambda s, t, extra: extra.sample_weight is not None and 0 in extra.sample_weight.stride()
    ),
    "half_inputs_with_wide_targets": sabotaged(
        TripletMarginLoss,
        about=about(TripletMarginLoss),
        same_numbers=True,
        formula=lambda s, a, p, n: TripletMarginLoss.formula(s, a, rounded(p), n),
    ),
}


@needs_kernels
@pytest.mark.parametrize("name", EITHER_WAY)
def test_the_formula_is_seen_behind_what_is_faster(name: str) -> None:
    sabotage = BEHIND[name]
    subject = sabotage.subject if isinstance(sabotage, Raising) else sabotage
    PROPERTIES[name].__wrapped__(subject)  # type: ignore[attr-defined]  # what computes an ordinary call is right
    with pytest.raises(sabotage.error if isinstance(sabotage, Raising) else RED):
        PROPERTIES[name](subject)


def test_every_property_is_sabotaged() -> None:
    assert set(SABOTAGE) == set(PROPERTIES)


def test_the_sabotage_kit_itself_is_sound() -> None:
    """An unspoilt subclass made the same way passes, so what turns red is the sabotage."""
    for base in (MSELoss, SmoothL1Loss, BCEWithLogitsLoss, FocalLoss, CrossEntropyLoss):
        subject = sabotaged(base)
        for name in ("equals_oracle", "reduction_algebra", "mask_algebra", "refuses_bad_values", "gradcheck", "dtypes"):
            PROPERTIES[name](subject)
