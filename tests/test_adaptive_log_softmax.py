"""The adaptive softmax against torch's own, and what losskit adds to it."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import losskit

D, C, CUTOFFS = 64, 50, [5, 12, 30]
TARGET = torch.tensor([0, 4, 5, 11, 12, 29, 30, 49, 3, 40])  # both ends of each cluster


def both(**given: Any) -> tuple[losskit.AdaptiveLogSoftmaxWithLoss, nn.AdaptiveLogSoftmaxWithLoss]:
    """Ours and torch's, from the same seed."""
    built: list[Any] = []
    for kind in (losskit.AdaptiveLogSoftmaxWithLoss, nn.AdaptiveLogSoftmaxWithLoss):
        torch.manual_seed(1)
        built.append(kind(D, C, CUTOFFS, dtype=torch.float64, **given))
    return built[0], built[1]


def drawn() -> Tensor:
    return torch.randn(len(TARGET), D, dtype=torch.float64, requires_grad=True)


def gradients(loss: Tensor, criterion: nn.Module, input: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, (input, *criterion.parameters()), allow_unused=True)


def test_names_places_and_weights_are_torchs() -> None:
    assert inspect.signature(losskit.AdaptiveLogSoftmaxWithLoss) == inspect.signature(nn.AdaptiveLogSoftmaxWithLoss)
    for given in ({}, {"div_value": 2.0, "head_bias": True}):
        ours, theirs = both(**given)
        assert ours.state_dict().keys() == theirs.state_dict().keys()
        assert all(torch.equal(value, theirs.state_dict()[name]) for name, value in ours.state_dict().items())
        ours.load_state_dict(theirs.state_dict())
        theirs.load_state_dict(ours.state_dict())
    torch.manual_seed(2)
    ours.reset_parameters()
    torch.manual_seed(2)
    theirs.reset_parameters()
    assert all(torch.equal(value, theirs.state_dict()[name]) for name, value in ours.state_dict().items())


@pytest.mark.parametrize("head_bias", [True, False])
@pytest.mark.parametrize("target", [TARGET, TARGET[:2].expand(2), TARGET % 5, 40 + TARGET % 10], ids=str)
def test_value_and_gradient_are_torchs(head_bias: bool, target: Tensor) -> None:
    ours, theirs = both(head_bias=head_bias)
    input = drawn()[: len(target)]
    mine, other = ours(input, target), theirs(input, target)
    assert mine._fields == other._fields == ("output", "loss")
    torch.testing.assert_close(tuple(mine), tuple(other))
    for own, torchs in zip(gradients(mine.loss, ours, input), gradients(other.loss, theirs, input), strict=True):
        torch.testing.assert_close(own, torchs)
    single = ours(input[0], target[0])
    torch.testing.assert_close(tuple(single), tuple(theirs(input[0], target[0])))
    assert single.output.shape == ()


def test_a_cluster_of_one_class() -> None:
    ours, theirs = (
        kind(D, C, [5, 6, 49]) for kind in (losskit.AdaptiveLogSoftmaxWithLoss, nn.AdaptiveLogSoftmaxWithLoss)
    )
    ours.load_state_dict(theirs.state_dict())
    input = drawn().float()
    mine, other = ours(input, TARGET), theirs(input, TARGET)
    torch.testing.assert_close(tuple(mine), tuple(other))
    for own, torchs in zip(gradients(mine.loss, ours, input), gradients(other.loss, theirs, input), strict=True):
        torch.testing.assert_close(own, torchs)


def test_equals_the_definition() -> None:
    """In NumPy float64: the first layer's softmax, times that of the cluster."""
    criterion, _ = both()
    input = drawn()

    def softmax(logits: Any) -> Any:
        e = np.exp(logits - logits.max())
        return e / e.sum()

    layers = {name: value.numpy() for name, value in criterion.state_dict().items()}
    for row, x in enumerate(input.detach().numpy()):
        p, y = softmax(layers["head.weight"] @ x), int(TARGET[row])
        cluster = sum(y >= cutoff for cutoff in CUTOFFS)
        answer = p[y] if cluster == 0 else p[CUTOFFS[0] + cluster - 1]
        if cluster:
            inner = layers[f"tail.{cluster - 1}.1.weight"] @ layers[f"tail.{cluster - 1}.0.weight"] @ x
            answer *= softmax(inner)[y - CUTOFFS[cluster - 1]]
        assert criterion(input, TARGET).output[row].item() == pytest.approx(math.log(answer), rel=1e-12)


def test_derivatives() -> None:
    criterion, _ = both(head_bias=True)
    input = drawn()
    torch.autograd.gradcheck(lambda x: tuple(criterion(x, TARGET)), input, fast_mode=True)
    torch.autograd.gradgradcheck(lambda x: criterion(x, TARGET).loss, input, fast_mode=True)

    def of_weight(weight: Tensor) -> Tensor:
        loss: Tensor = torch.func.functional_call(criterion, {"tail.1.1.weight": weight}, (input, TARGET)).loss
        return loss

    torch.autograd.gradcheck(of_weight, criterion.get_parameter("tail.1.1.weight"), fast_mode=True)
    (gradient,) = torch.autograd.grad(criterion(input, TARGET).loss, input)
    torch.testing.assert_close(torch.func.grad(lambda x: criterion(x, TARGET).loss)(input.detach()), gradient)
    slope = torch.func.jvp(lambda x: criterion(x, TARGET).loss, (input.detach(),), (input.detach(),))[1]
    torch.testing.assert_close(slope, (gradient * input).sum().detach())


def test_the_other_half() -> None:
    ours, theirs = both()
    input = 5 * drawn()
    torch.testing.assert_close(ours.log_prob(input), theirs.log_prob(input))
    assert torch.equal(ours.predict(input), theirs.predict(input))
    assert torch.equal(ours.predict(input), ours.log_prob(input).argmax(1))
    torch.testing.assert_close(ours.probabilities(input).sum(1), torch.ones(len(input), dtype=torch.float64))
    torch.testing.assert_close(ours.log_prob(input[0]), ours.log_prob(input)[0])
    assert ours.predict(input[3]) == ours.predict(input)[3]
    assert ours.predict(input[:0]).shape == (0,)
    picked = ours.log_prob(input).gather(1, TARGET[:, None]).squeeze(1)
    torch.testing.assert_close(ours(input, TARGET).output, picked)


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.int32, torch.uint8])
def test_any_integer_target(dtype: torch.dtype) -> None:
    criterion, theirs = both()
    input = drawn()
    torch.testing.assert_close(tuple(criterion(input, TARGET.to(dtype))), tuple(theirs(input, TARGET)))


def test_what_a_call_adds() -> None:
    criterion, _ = both()
    input, keep = drawn(), torch.arange(len(TARGET)) % 3 != 1
    weight = torch.rand(len(TARGET), dtype=torch.float64)
    spoilt = torch.where(keep[:, None], input, math.nan).detach().requires_grad_()
    wrong = torch.where(keep, TARGET, 99)
    found = criterion(spoilt, wrong, mask=keep)
    kept = criterion(input[keep], TARGET[keep])
    torch.testing.assert_close(found.loss, kept.loss)
    torch.testing.assert_close(found.output[keep], kept.output)
    assert (found.output[~keep] == 0).all()
    ours, theirs = gradients(found.loss, criterion, spoilt), gradients(kept.loss, criterion, input)
    torch.testing.assert_close(ours, theirs)
    items = -criterion(input, TARGET).output
    torch.testing.assert_close(
        criterion(input, TARGET, sample_weight=weight).loss, (items * weight).sum() / weight.sum()
    )
    torch.testing.assert_close(
        criterion(input, TARGET, sample_weight=weight, mask=keep).loss,
        (items * weight)[keep].sum() / weight[keep].sum(),
    )
    parts = [criterion(input[i : i + 3], TARGET[i : i + 3], normalizer=10.0).loss for i in range(0, 10, 3)]
    torch.testing.assert_close(torch.stack(parts).sum(), criterion(input, TARGET).loss)
    lone = criterion(input[0], torch.tensor(99), mask=torch.tensor(False), normalizer=2)
    assert (lone.output, lone.loss) == (0, 0)


def test_nothing_kept() -> None:
    criterion, _ = both()
    nothing = torch.zeros(len(TARGET), dtype=torch.bool)
    assert criterion(drawn(), TARGET, mask=nothing).loss.isnan()
    empty = criterion(drawn()[:0], TARGET[:0])
    assert empty.loss.isnan()
    assert empty.output.shape == (0,)
    input = drawn()
    loss = criterion(input, TARGET, mask=nothing, normalizer=3).loss
    assert loss == 0
    assert all(each is None or (each == 0).all() for each in gradients(loss, criterion, input))
    assert criterion(drawn()[:0], TARGET[:0], normalizer=3).loss == 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_in_float32(dtype: torch.dtype) -> None:
    criterion, _ = both()
    input = drawn().detach()
    exact = criterion(input, TARGET)
    half = copy.deepcopy(criterion).to(dtype)
    output, loss = half(input.to(dtype).requires_grad_(), TARGET)
    assert output.dtype == loss.dtype == half.log_prob(input.to(dtype)).dtype == torch.float32
    loss.backward()
    torch.testing.assert_close(loss.double(), exact.loss, rtol=1e-2, atol=1e-2)
    with torch.autocast("cpu", dtype):
        assert criterion.float()(input.float(), TARGET).loss.dtype == torch.float32


def test_layouts_copies_and_no_grad() -> None:
    criterion, theirs = both()
    input = drawn()
    expected = tuple(theirs(input, TARGET))
    turned = input.detach().t().contiguous().t()
    torch.testing.assert_close(tuple(criterion(turned, TARGET.flip(0).flip(0))), expected)
    before = input.detach().clone()
    criterion(input, TARGET).loss.backward()
    assert torch.equal(input, before)
    with torch.no_grad():
        assert not criterion(input, TARGET).loss.requires_grad
    for twin in (pickle.loads(pickle.dumps(criterion)), copy.deepcopy(criterion)):
        torch.testing.assert_close(tuple(twin(input, TARGET)), expected)


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # the compiler's own, at each break
def test_the_compiler_breaks_the_graph_and_is_right() -> None:
    criterion, _ = both()
    input = drawn()
    torch._dynamo.reset()
    compiled = torch.compile(criterion, backend="aot_eager")
    torch.testing.assert_close(tuple(compiled(input, TARGET)), tuple(criterion(input, TARGET)))
    ours = gradients(compiled(input, TARGET).loss, criterion, input)
    torch.testing.assert_close(ours, gradients(criterion(input, TARGET).loss, criterion, input))


def test_exempt_from_fullgraph_and_vmap() -> None:
    """Which rows pass through which layer depends on data. Where this no longer fails, the exemption falls."""
    criterion, theirs = both()
    for each in (criterion, theirs):
        torch._dynamo.reset()
        compiled = torch.compile(each, fullgraph=True, backend="aot_eager")
        with pytest.raises(Exception, match=r"[Dd]ata.dependent|shape depends on .* data"):
            compiled(drawn(), TARGET)
        with pytest.raises(RuntimeError, match=r"[Dd]ata-dependent|dynamic shape"):
            torch.vmap(each)(drawn()[None], TARGET[None])


@pytest.mark.parametrize(
    ("input", "target", "kind", "words"),
    [
        (torch.randn(3, D), torch.tensor([0, 50, -1]), IndexError, r"\[0, 50\), got 50 at \(1,\) \(2 of 3"),
        (torch.randn(3, D), torch.tensor([1, 50, 2]), IndexError, "ids that start at 1 need target - 1"),
        (torch.randn(3, D), torch.zeros(3), TypeError, r"target.long\(\)"),
        (torch.randn(3, D), torch.zeros(3, 1).long(), ValueError, r"\(3, 1\).*\(3, 64\).*target.squeeze\(1\)"),
        (torch.randn(3, D), torch.zeros(2).long(), ValueError, r"must have shape \(3,\)"),
        (torch.randn(3, 9), torch.zeros(3).long(), ValueError, r"\(N, 64\) or \(64\), got \(3, 9\)"),
        (torch.randn(2, 3, D), torch.zeros(2, 3).long(), ValueError, r"input.flatten\(0, -2\)"),
        (torch.ones(3, D).long(), torch.zeros(3).long(), TypeError, r"input.float\(\)"),
        (np.ones((3, D)), torch.zeros(3).long(), TypeError, "input must be a tensor, got ndarray"),
    ],
)
def test_refusals(input: Any, target: Tensor, kind: type[Exception], words: str) -> None:
    criterion = losskit.AdaptiveLogSoftmaxWithLoss(D, C, CUTOFFS)
    with pytest.raises(kind, match=f"AdaptiveLogSoftmaxWithLoss: .*{words}"):
        criterion(input, target)


def test_refusals_of_what_a_call_adds() -> None:
    criterion, _ = both()
    calls: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"sampel_weight": 1}, TypeError, "did you mean 'sample_weight'"),
        ({"mask": torch.ones(10)}, TypeError, r"mask.bool\(\)"),
        ({"sample_weight": -torch.ones(10)}, ValueError, "must not be negative"),
        ({"normalizer": 0}, ValueError, "must be positive"),
    ]
    for given, kind, words in calls:
        with pytest.raises(kind, match=f"AdaptiveLogSoftmaxWithLoss: .*{words}"):
            criterion(drawn(), TARGET, **given)
    with pytest.raises(ValueError, match="cutoffs should be a sequence of unique, positive"):
        losskit.AdaptiveLogSoftmaxWithLoss(D, C, [12, 5])


def test_it_learns_as_torchs_does() -> None:
    ours, theirs = both()
    input, target = torch.randn(64, D, dtype=torch.float64), torch.randint(C, (64,))
    for each in (ours, theirs):
        optimizer = torch.optim.SGD(each.parameters(), 0.5)
        for _ in range(20):
            optimizer.zero_grad()
            each(input, target).loss.backward()
            optimizer.step()
    torch.testing.assert_close(ours(input, target).loss, theirs(input, target).loss)
    assert ours(input, target).loss < F.cross_entropy(torch.zeros(64, C), target)
