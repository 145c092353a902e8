"""Every loss on generated calls: any shape, layout, dtype, reduction, argument, mask, weight and upstream gradient.

What a call gives must be what the formula gives in float64 on plain copies of the same numbers; ``test_every_loss.py`` holds the
formula to its oracle. And what torch publishes as samples of its own operators must come out as torch has it, or be refused.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from cases import Subject, draw, subjects, variants
from hypothesis import HealthCheck, given, settings, strategies as st
from torch import Tensor

from losskit.core.arithmetic import wide
from losskit.loss import Loss

#: How far a computation in float32, and a gradient in the input's dtype, may be from float64.
TOLERANCE = {torch.float64: 1e-9, torch.float32: 2e-5, torch.bfloat16: 2e-2, torch.float16: 4e-3}

Layout = Callable[[Tensor], Tensor]


def plain(value: Tensor) -> Tensor:
    return value


def transposed(value: Tensor) -> Tensor:
    return value.transpose(0, -1).contiguous().transpose(0, -1) if value.dim() > 1 else value


def every_other(value: Tensor) -> Tensor:
    return value.repeat_interleave(2, -1)[..., ::2] if value.dim() else value


def offset(value: Tensor) -> Tensor:
    return torch.cat([value.new_zeros(1), value.flatten()])[1:].view(value.shape)


def channels_last(value: Tensor) -> Tensor:
    return value.contiguous(memory_format=torch.channels_last) if value.dim() == 4 else value


LAYOUTS: tuple[Layout, ...] = (plain, transposed, every_other, offset, channels_last)


@st.composite
def calls(drawn: st.DrawFn, subject: Subject) -> dict[str, Any]:
    """A loss, what it is called with, and the upstream gradient."""
    items = tuple(drawn(st.lists(st.sampled_from([0, 1, 2, 3, 5, 17]), max_size=4)))
    if drawn(st.integers(0, 9)) == 0:
        items = (*items[:1], 130)  # more than the kernels' tiles
    dtype, classes = drawn(st.sampled_from(list(TOLERANCE))), drawn(st.integers(2, 70))
    arguments = drawn(st.sampled_from(list(variants(subject.loss, items, classes))))
    if "dim" in arguments:
        arguments = {name: value for name, value in arguments.items() if name != "dim"}
    reduction = drawn(st.sampled_from(["none", "sum", "mean"]))
    criterion = subject.loss(**arguments, reduction=reduction)
    tensors = draw(criterion, items, classes, dtype, seed=drawn(st.integers(0, 2**20)))
    layouts = [drawn(st.sampled_from(LAYOUTS)) for _ in tensors]
    generator = torch.Generator().manual_seed(drawn(st.integers(0, 2**20)))
    at_call: dict[str, Any] = {}
    leading = drawn(st.integers(0, len(items)))
    if drawn(st.booleans()):
        at_call["mask"] = torch.rand(criterion.elements(tensors[0])[:leading], generator=generator) < 0.7
    if drawn(st.booleans()):
        weighed = criterion.items(tensors[0])[:leading]
        at_call["sample_weight"] = torch.rand(weighed, generator=generator, dtype=wide(tensors[0]))
    if reduction == "mean" and drawn(st.booleans()):
        at_call["normalizer"] = drawn(st.sampled_from([3, 0.5, torch.tensor(7.0)]))
    expanded = bool(items) and items[0] > 0 and drawn(st.integers(0, 4)) == 0
    return {
        "criterion": criterion,
        "tensors": [spread(value, expanded) for value in tensors],
        "layouts": layouts,
        "at_call": at_call,
        "seed": drawn(st.integers(0, 2**20)),
    }


def spread(value: Tensor, expanded: bool) -> Tensor:
    """The first item as often as there were items, in the memory of one."""
    return value[:1].expand(value.shape) if expanded and value.dim() else value


def outcome(
    function: Callable[..., Tensor], tensors: list[Tensor], at_call: dict[str, Any], seed: int
) -> tuple[Tensor, Tensor]:
    leaf = tensors[0].detach().requires_grad_()
    loss = function(leaf, *tensors[1:], **at_call)
    upstream = torch.rand(loss.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.5
    (gradient,) = torch.autograd.grad(loss, leaf, upstream.to(loss.dtype))
    return loss.detach().double(), gradient.double()


def by_formula(criterion: Loss) -> Callable[..., Tensor]:
    def call(*tensors: Tensor, **at_call: Any) -> Tensor:
        return criterion.by_formula(tensors, criterion.extra(tensors[0], at_call))  # type: ignore[arg-type]

    return call


def doubled(value: Any) -> Any:
    return value.double().contiguous() if isinstance(value, Tensor) and value.is_floating_point() else value


@pytest.mark.parametrize("subject", subjects(), ids=str)
def test_any_call_gives_what_the_formula_gives(subject: Subject) -> None:
    @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
    @given(calls(subject))
    def check(call: dict[str, Any]) -> None:
        criterion, tensors, dtype = call["criterion"], call["tensors"], call["tensors"][0].dtype
        exact = outcome(
            by_formula(criterion),
            [doubled(value) for value in tensors],
            {name: doubled(value) for name, value in call["at_call"].items()},
            call["seed"],
        )
        laid_out = [layout(value) for layout, value in zip(call["layouts"], tensors, strict=True)]
        own = outcome(criterion, laid_out, call["at_call"], call["seed"])
        for ours, true in zip(own, exact, strict=True):
            assert ours.shape == true.shape
            scale = float(true.abs().nan_to_num(posinf=0).max()) if true.numel() else 0.0
            tolerance = TOLERANCE[dtype]
            torch.testing.assert_close(ours, true, rtol=tolerance, atol=tolerance * max(scale, 1e-3), equal_nan=True)

    check()


def published(name: str) -> list[Any]:
    """torch's samples of its own operator."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db

        found = [op for op in op_db if op.name == f"nn.functional.{name}"]
        return [sample for op in found[:1] for sample in op.sample_inputs("cpu", torch.float64, requires_grad=True)]  # type: ignore[no-untyped-call]


#: Torch's samples that are not served, by a word of the refusal, and how many of them torch 2.13 has under the suite's seed.
#: All draw numbers, or shapes, that torch's own documentation does not allow, or that torch broadcasts.
REFUSED: dict[str, dict[str, int]] = {
    "GaussianNLLLoss": {"nothing is broadcast in silence": 108},
    "BCELoss": {"weight must lie in [0, inf)": 3},
    "BCEWithLogitsLoss": {"weight must lie in [0, inf)": 15},
    "MultiLabelMarginLoss": {"2 or more labels": 1, "names a label twice": 5},
    "MultiLabelSoftMarginLoss": {
        "target must lie in [0, 1]": 2,
        "weight must lie in [0, inf)": 1,
        "weight must have one": 1,
    },
    "SoftMarginLoss": {"target must be 1 or -1": 6},
    "CrossEntropyLoss": {"must sum to 1": 7, "weight must lie in [0, inf)": 6},
    "MultiMarginLoss": {
        "must have a class dimension": 1,
        "class ids must have shape": 1,
        "weight must lie in [0, inf)": 1,
    },
    "NLLLoss": {"weight must lie in [0, inf)": 24, "log-probabilities, which are not positive": 12},
    "HingeEmbeddingLoss": {"target must be 1 or -1": 1},
    "MarginRankingLoss": {"target must be 1 or -1": 24},
}
#: Those that agree.
AGREED = {
    "BCELoss": 8, "BCEWithLogitsLoss": 11, "CosineEmbeddingLoss": 6, "CrossEntropyLoss": 8, "GaussianNLLLoss": 216,
    "HingeEmbeddingLoss": 9, "HuberLoss": 9, "KLDivLoss": 16, "L1Loss": 6, "MSELoss": 6, "MarginRankingLoss": 0,
    "MultiLabelMarginLoss": 0, "MultiLabelSoftMarginLoss": 0, "MultiMarginLoss": 7, "NLLLoss": 25, "PoissonNLLLoss": 72,
    "SmoothL1Loss": 8, "SoftMarginLoss": 0, "TripletMarginLoss": 7, "TripletMarginWithDistanceLoss": 7,
}  # fmt: skip


@pytest.mark.parametrize("subject", [each for each in subjects() if each.loss.about.torch], ids=str)
def test_torchs_own_samples(subject: Subject) -> None:
    """Value and gradient are torch's; what is refused is what torch broadcasts, or a value out of its domain."""
    theirs, name = getattr(F, str(subject.loss.about.torch)), subject.loss.__name__
    counted, reasons = Counter[str](), REFUSED.get(name, {})
    for sample in published(str(subject.loss.about.torch)):
        if {"size_average", "reduce"} & set(sample.kwargs):
            continue
        given_tensors = (sample.input, *sample.args)
        try:
            ours = subject.function(*given_tensors, **sample.kwargs)
        except (ValueError, TypeError, IndexError) as refusal:
            found = [each for each in reasons if str(refusal).startswith(name) and each in str(refusal)]
            if len(found) != 1:
                raise
            counted[found[0]] += 1
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = theirs(*given_tensors, **sample.kwargs)
        torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12, equal_nan=True)
        if expected.requires_grad and bool(expected.isfinite().all()):
            gradients = [torch.autograd.grad(each.sum(), sample.input)[0] for each in (ours, expected)]
            torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-12)
        counted["agreed"] += 1
    if torch.__version__.startswith("2.13."):  # others draw more samples, or fewer
        assert counted == Counter({**reasons, "agreed": AGREED[name]})
    assert counted["agreed"] or not AGREED[name]
