"""Shannon's quantities against SciPy, against sums written out, and against each other."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

import losskit
from losskit.information import cross_entropy, entropy, js_divergence, kl_divergence, mutual_information, surprisal

BASES = (2, math.e, 10, 0.5, 3.7)
OF_ONE = (surprisal, entropy, mutual_information)
OF_TWO = (cross_entropy, kl_divergence, js_divergence)


def scores(*shape: int, seed: int = 0, scale: float = 2.0, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(shape, generator=generator, dtype=torch.float64)).to(dtype)


def distributions(*shape: int, seed: int = 0, scale: float = 2.0) -> Tensor:
    return scores(*shape, seed=seed, scale=scale).softmax(-1)


def with_zeros(*shape: int, seed: int = 0) -> Tensor:
    """Distributions of which some outcomes are impossible."""
    return scores(*shape, seed=seed).masked_fill(scores(*shape, seed=seed + 100) > 1, -torch.inf).softmax(-1)


def close(ours: Tensor, theirs: Any, rtol: float = 1e-13, atol: float = 1e-15) -> None:
    torch.testing.assert_close(ours, torch.as_tensor(theirs, dtype=ours.dtype), rtol=rtol, atol=atol)


def joint(*shape: int, seed: int = 0) -> Tensor:
    return scores(*shape, seed=seed).flatten(-2).softmax(-1).reshape(shape)


# Against other people's sums


@pytest.mark.parametrize("base", BASES)
def test_equals_scipy(base: float) -> None:
    for p, q in (
        (distributions(5, 7), distributions(5, 7, seed=1)),
        (with_zeros(5, 7), distributions(5, 7, seed=1)),
        (distributions(5, 7), with_zeros(5, 7, seed=1)),  # inf
        (with_zeros(5, 7), with_zeros(5, 7)),
    ):
        kl = scipy.stats.entropy(p.numpy(), q.numpy(), base=base, axis=-1)
        h = scipy.stats.entropy(p.numpy(), base=base, axis=-1)
        mixture = (p + q).numpy() / 2
        js = sum(scipy.special.rel_entr(each.numpy(), mixture).sum(-1) / (2 * math.log(base)) for each in (p, q))
        close(kl_divergence(p, q, base=base), kl, atol=1e-14)
        close(entropy(p, base=base), h, atol=1e-14)
        close(cross_entropy(p, q, base=base), h + kl, atol=1e-14)
        close(js_divergence(p, q, base=base), js, atol=1e-14)
        with np.errstate(divide="ignore"):
            close(surprisal(p, base=base), -np.log(p.numpy()) / math.log(base))


@pytest.mark.parametrize("base", BASES)
def test_equals_enumeration(base: float) -> None:
    p, q, table = with_zeros(6).tolist(), distributions(6, seed=1).tolist(), joint(3, 4)

    def log(x: float) -> float:
        return math.log(x) / math.log(base)

    close(entropy(torch.tensor(p, dtype=torch.float64), base=base), -math.fsum(a * log(a) for a in p if a))
    close(
        kl_divergence(torch.tensor(p, dtype=torch.float64), torch.tensor(q, dtype=torch.float64), base=base),
        math.fsum(a * log(a / b) for a, b in zip(p, q, strict=True) if a),
    )
    terms = [
        float(table[x, y]) * log(float(table[x, y] / (table[x].sum() * table[:, y].sum())))
        for x in range(3)
        for y in range(4)
    ]
    close(mutual_information(table, base=base), math.fsum(terms))


def test_known_values() -> None:
    half = torch.tensor([0.5, 0.5], dtype=torch.float64)
    assert entropy(half, base=2) == 1
    close(entropy(torch.full((8,), 0.125), base=2), 3.0, rtol=1e-6)
    close(entropy(torch.full((10,), 0.1, dtype=torch.float64), base=10), 1.0)
    close(surprisal(torch.tensor([0.01], dtype=torch.float64), base=10), [2.0])
    assert surprisal(torch.tensor(0.0)) == math.inf
    sure = torch.tensor([0.0, 1.0])
    for value in (entropy(sure), surprisal(sure)[1], kl_divergence(sure, sure), js_divergence(sure, sure)):
        assert value == 0
        assert not value.signbit()
    close(js_divergence(sure, sure.flip(0)), math.log(2), rtol=1e-6)
    assert kl_divergence(half.float(), sure) == math.inf
    assert cross_entropy(half.float(), sure) == math.inf
    assert cross_entropy(sure, half.float(), base=2) == 1


# Against each other


@pytest.mark.parametrize("base", BASES)
def test_cross_entropy_is_entropy_and_divergence(base: float) -> None:
    """To float64 rounding: of probabilities or logits, with impossible outcomes, for near-equal and for far ones."""
    for seed in range(20):
        for scale in (1e-8, 1.0, 30.0):
            for p, q, logits in (
                (distributions(9, seed=seed, scale=scale), distributions(9, seed=seed + 50, scale=scale), False),
                (with_zeros(9, seed=seed), distributions(9, seed=seed + 50), False),
                (scores(9, seed=seed, scale=scale), scores(9, seed=seed + 50, scale=scale), True),
            ):
                whole = cross_entropy(p, q, base=base, logits=logits)
                parts = entropy(p, base=base, logits=logits) + kl_divergence(p, q, base=base, logits=logits)
                assert (whole - parts).abs() <= 8 * 2.0**-53 * whole.abs().clamp(min=1 / abs(math.log(base)))


def test_the_identity_holds_for_gradients() -> None:
    p, q = with_zeros(4, 6).requires_grad_(), distributions(4, 6, seed=1).requires_grad_()
    whole = torch.autograd.grad(cross_entropy(p, q).sum(), (p, q))
    divergence = torch.autograd.grad(kl_divergence(p, q).sum(), (p, q))
    (own,) = torch.autograd.grad(entropy(p).sum(), p)
    close(whole[0], own + divergence[0], atol=1e-14)
    close(whole[1], divergence[1])


def test_mutual_information_is_what_entropies_share() -> None:
    table = joint(5, 3, 4)
    x, y = table.sum(-1), table.sum(-2)
    close(mutual_information(table), entropy(x) + entropy(y) - entropy(table, dim=(-2, -1)), atol=1e-14)
    independent = distributions(3)[:, None] * distributions(4, seed=1)
    close(mutual_information(independent), 0.0, atol=1e-15)
    outer = x[..., :, None] * y[..., None, :]
    close(mutual_information(table), kl_divergence(table, outer, dim=(1, 2)), atol=1e-14)
    sparse = torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.25, 0.25], [0.0, 0.0, 0.0]])
    assert mutual_information(sparse, base=2) == 1


def test_bounds() -> None:
    p, q = distributions(1000, 4, scale=5.0), distributions(1000, 4, seed=1, scale=5.0)
    js = js_divergence(p, q, base=2)
    assert ((js >= 0) & (js <= 1)).all()
    close(js, js_divergence(q, p, base=2))
    assert (kl_divergence(p, q) >= 0).all()
    assert (entropy(p, base=4) <= 1 + 1e-15).all()


@pytest.mark.parametrize("function", [*OF_ONE, *OF_TWO])
def test_logits_are_what_a_softmax_makes_of_them(function: Callable[..., Tensor]) -> None:
    dim = (-2, -1) if function is mutual_information else 1
    x, y = scores(4, 5, 3), scores(4, 5, 3, seed=1)
    x[0, 0] = -torch.inf
    y[0, 0, 1] = -torch.inf

    def soft(value: Tensor) -> Tensor:
        return value.flatten(1).softmax(1).view(4, 5, 3) if isinstance(dim, tuple) else value.softmax(1)

    given, expected = ([x, y], [soft(x), soft(y)]) if function in OF_TWO else ([x], [soft(x)])
    close(function(*given, dim=dim, logits=True), function(*expected, dim=dim), rtol=1e-12)
    if function in OF_TWO:
        close(function(soft(x), y, dim=dim, logits=(False, True)), function(*expected, dim=dim), rtol=1e-12)
        close(function(x, soft(y), dim=dim, logits=(True, False)), function(*expected, dim=dim), rtol=1e-12)


def test_logits_outlive_the_underflow_of_their_probabilities() -> None:
    x, y = torch.tensor([0.0, 0.0]), torch.tensor([0.0, -1000.0])
    close(cross_entropy(x, y, logits=True), 500.0)
    close(kl_divergence(x, y, logits=True), 500 - math.log(2), rtol=1e-6)
    assert entropy(y, logits=True) == 0
    close(surprisal(y, logits=True), [0.0, 1000.0])
    close(entropy(x + 1e4, dim=(0,), logits=True), math.log(2), rtol=1e-6)


# Derivatives


def test_gradcheck() -> None:
    torch.set_num_threads(1)
    for logits in (False, True):
        x, y = (scores(2, 3, seed=s).requires_grad_() for s in (0, 1))
        p, q = (distributions(2, 3, seed=s, scale=0.5).requires_grad_() for s in (0, 1))
        table = joint(2, 3).requires_grad_()
        for one in (surprisal, entropy):
            function = partial(one, logits=logits, base=2)
            given = x if logits else p
            assert torch.autograd.gradcheck(function, given, check_forward_ad=True)
            assert torch.autograd.gradgradcheck(function, given)
        for two in OF_TWO:
            function = partial(two, logits=logits, base=10)
            pair = (x, y) if logits else (p, q)
            assert torch.autograd.gradcheck(function, pair, check_forward_ad=True)
            assert torch.autograd.gradgradcheck(function, pair)
        function = partial(mutual_information, logits=logits)
        assert torch.autograd.gradcheck(function, x if logits else table, check_forward_ad=True)
        assert torch.autograd.gradgradcheck(function, x if logits else table)


@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("function", [entropy, *OF_TWO, mutual_information])
def test_gradients_exist_where_outcomes_are_impossible(function: Callable[..., Tensor], logits: bool) -> None:
    """First and second derivatives, by a softmax of logits of -inf: finite, and 0 for the outcome ruled out."""
    x = torch.tensor([[0.3, -torch.inf, 1.0], [0.0, -torch.inf, -torch.inf]], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([[1.3, -torch.inf, 1.0], [0.0, 0.5, -torch.inf]], dtype=torch.float64, requires_grad=True)
    pair = function in OF_TWO

    def soft(value: Tensor) -> Tensor:
        if logits:
            return value
        return value.flatten().softmax(0).view(2, 3) if function is mutual_information else value.softmax(1)

    leaves = (x, y) if pair else (x,)
    loss = function(*map(soft, leaves), logits=logits).sum()
    gradients = torch.autograd.grad(loss, leaves, create_graph=True)
    for leaf, gradient in zip(leaves, gradients, strict=True):
        assert gradient.isfinite().all()
        assert (gradient[leaf == -torch.inf] == 0).all()
    second = torch.autograd.grad(torch.cat(gradients).square().sum(), leaves)
    assert all(each.isfinite().all() for each in second)


def test_gradient_at_zero_by_itself() -> None:
    p = torch.tensor([0.0, 0.5, 0.5], requires_grad=True)
    q = torch.tensor([0.25, 0.75, 0.0], requires_grad=True)
    (own,) = torch.autograd.grad(entropy(p), p)
    assert own[0] == 0
    close(own[1], math.log(2) - 1, rtol=1e-6)
    (of_p,) = torch.autograd.grad(cross_entropy(q.flip(0), p.flip(0)), p, allow_unused=True)
    assert of_p.isinf()[0]  # p rules out what q gives 0.25: the loss is infinite, and so is its slope
    (slope,) = torch.autograd.grad(cross_entropy(p, torch.tensor([0.5, 0.25, 0.25])), p)
    close(slope, [math.log(2), math.log(4), math.log(4)], rtol=1e-6)  # -log q, at p = 0 too


# Transforms


def calls() -> list[tuple[Callable[..., Tensor], tuple[Tensor, ...]]]:
    p, q = with_zeros(5, 3, 4).float(), distributions(5, 3, 4, seed=1).float()
    one = [(partial(f, base=2), (p,)) for f in (surprisal, entropy)]
    return [*one, *((f, (p, q)) for f in OF_TWO), (mutual_information, (joint(5, 3, 4).float(),))]


def test_vmap_and_grad() -> None:
    for function, given in calls():
        close(torch.vmap(function)(*given), function(*given), rtol=1e-6, atol=1e-7)
        if getattr(function, "func", None) is not surprisal:
            inner = torch.vmap(torch.func.grad(lambda *a, f=function: f(*a).sum()))(*given)
            leaf = given[0].clone().requires_grad_()
            (outer,) = torch.autograd.grad(function(leaf, *given[1:]).sum(), leaf)
            close(inner, outer, rtol=1e-5, atol=1e-6)
            direction = torch.ones_like(given[0])
            forward = torch.func.jvp(lambda x, f=function, g=given: f(x, *g[1:]).sum(), given[:1], (direction,))[1]
            close(forward, outer.sum(), rtol=1e-5, atol=1e-5)


def test_compile() -> None:
    """All in one graph, since most of a compilation is its start."""
    functions = [function for function, _ in calls()]

    def every(given: list[tuple[Tensor, ...]]) -> list[Tensor]:
        pairs = list(zip(functions, given, strict=True))
        return [function(*each, logits=logits) for function, each in pairs for logits in (False, True)]

    drawn = [given for _, given in calls()]
    torch._dynamo.reset()
    for own, eager in zip(torch.compile(every, fullgraph=True, backend="aot_eager")(drawn), every(drawn), strict=True):
        close(own, eager, rtol=1e-6, atol=1e-7)


def test_no_value_is_read_off_cpu() -> None:
    with FakeTensorMode():
        p = torch.empty(5, 3, 4, device="cuda")
        for function in (*OF_ONE, *OF_TWO):
            for logits in (False, True):
                given = (p, p) if function in OF_TWO else (p,)
                assert function(*given, logits=logits).device.type == "cuda"


# Shapes and dtypes


def test_dim_and_keepdim() -> None:
    p, q = with_zeros(2, 3, 4), distributions(2, 3, 4, seed=1)
    for function in (entropy, *OF_TWO):
        given = (p, q) if function in OF_TWO else (p,)
        expected = function(*given)
        assert expected.shape == (2, 3)
        moved = [each.movedim(-1, 0) for each in given]
        close(function(*moved, dim=0), expected)
        close(function(*given, keepdim=True), expected.unsqueeze(-1))
        whole = [each / 3 for each in given]  # a distribution over 12 outcomes
        flat = function(*(each.flatten(1) for each in whole))
        close(function(*whole, dim=(1, 2)), flat)
        close(function(*whole, dim=(-1, 1), keepdim=True), flat.view(2, 1, 1))
    table = joint(2, 3, 4)
    close(mutual_information(table.movedim(0, 1), dim=(2, 0)), mutual_information(table))
    close(mutual_information(table, keepdim=True), mutual_information(table).view(2, 1, 1))


def test_half_precision_is_computed_in_float32() -> None:
    for dtype in (torch.float16, torch.bfloat16):
        p, q = distributions(3, 8).to(dtype), distributions(3, 8, seed=1).to(dtype)
        for function in OF_TWO:
            value = function(p, q)
            assert value.dtype == torch.float32
            close(value, function(p.double(), q.double()), rtol=1e-5, atol=1e-6)
        leaf = p.clone().requires_grad_()
        entropy(leaf).sum().backward()
        assert leaf.grad is not None
        assert leaf.grad.dtype == dtype
    assert kl_divergence(distributions(3), distributions(3).float()).dtype == torch.float64


def test_empty() -> None:
    p = torch.empty(0, 3)
    for function in (entropy, *OF_TWO):
        for logits in (False, True):
            assert function(*(p,) * (1 + (function in OF_TWO)), logits=logits).shape == (0,)
    assert surprisal(p).shape == (0, 3)
    assert mutual_information(torch.empty(0, 2, 3)).shape == (0,)


def test_inputs_are_left_as_they_are() -> None:
    p, q = with_zeros(3, 4), with_zeros(3, 4, seed=1)
    before = p.clone(), q.clone()
    for function in OF_TWO:
        function(p, q)
    assert torch.equal(p, before[0])
    assert torch.equal(q, before[1])
    assert p._version == q._version == 0


# Refusals

P, Q = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.25, 0.75]])


@pytest.mark.parametrize(
    ("kind", "words", "call"),
    [
        (ValueError, ["kl_divergence", "q of shape (2,)", "p of shape (1, 2)"], lambda: kl_divergence(P, Q[0])),
        (ValueError, ["js_divergence", "(3, 2)", "expand_as"], lambda: js_divergence(P.expand(3, 2), Q)),
        (TypeError, ["entropy: p", "list", "torch.as_tensor(p)"], lambda: entropy([0.5, 0.5])),  # type: ignore[arg-type]
        (TypeError, ["entropy: p", "torch.int64", "p.float()"], lambda: entropy(torch.tensor([0, 1]))),
        (TypeError, ["surprisal: p", "torch.bool"], lambda: surprisal(torch.tensor([True]))),
        (TypeError, ["cross_entropy: q", "floating"], lambda: cross_entropy(P, torch.tensor([[0, 1]]))),
        (ValueError, ["entropy: base", "not 1", "got 1"], lambda: entropy(P, base=1)),
        (ValueError, ["entropy: base", "got -2"], lambda: entropy(P, base=-2)),
        (ValueError, ["entropy: base", "got 0"], lambda: entropy(P, base=0)),
        (ValueError, ["entropy: base", "inf"], lambda: entropy(P, base=math.inf)),
        (ValueError, ["entropy: base", "nan"], lambda: entropy(P, base=math.nan)),
        (TypeError, ["entropy: base", "'bits'"], lambda: entropy(P, base="bits")),  # type: ignore[arg-type]
        (TypeError, ["entropy: base", "True"], lambda: entropy(P, base=True)),
        (ValueError, ["entropy: dim 2", "(1, 2)"], lambda: entropy(P, dim=2)),
        (ValueError, ["entropy: dim -1", "()"], lambda: entropy(torch.tensor(1.0))),
        (ValueError, ["entropy: dim", "different"], lambda: entropy(P, dim=(0, -2))),
        (TypeError, ["entropy: dim", "[0]"], lambda: entropy(P, dim=[0])),  # type: ignore[arg-type]
        (ValueError, ["mutual_information: dim", "pair"], lambda: mutual_information(P, dim=-1)),  # type: ignore[arg-type]
        (ValueError, ["entropy: p", "[0, 1]", "-0.5 at (1,)", "logits=True"], lambda: entropy(torch.tensor([0.5, -0.5, 1.0]))),
        (ValueError, ["entropy: p", "NaN", "(1,)"], lambda: entropy(torch.tensor([1.0, math.nan]))),
        (ValueError, ["kl_divergence: q", "sum to 1", "1.3 at (1,)"], lambda: kl_divergence(P.expand(2, 2), torch.tensor([[0.5, 0.5], [0.5, 0.8]]))),
        (ValueError, ["mutual_information: joint", "sum to 1"], lambda: mutual_information(torch.ones(2, 2))),
        (ValueError, ["entropy: p", "logits", "nan at (0, 1)"], lambda: entropy(torch.tensor([[0, math.nan]]), logits=True)),
        (ValueError, ["entropy: p", "rules out", "(1,)"], lambda: entropy(torch.tensor([[0, 0], [-math.inf, -math.inf]]), logits=True)),
        (ValueError, ["surprisal: p", "[0, 1]", "2 at (0,)"], lambda: surprisal(torch.tensor([2.0]))),
    ],
)  # fmt: skip
def test_refuses(kind: type[Exception], words: list[str], call: Callable[[], Tensor]) -> None:
    with pytest.raises(kind) as caught:
        call()
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in {caught.value!s}"


def test_how_far_probabilities_may_be_off() -> None:
    """By 0.01 in their sum, as half precision may be, and not at all from [0, 1]."""
    for off, taken in ((0.009, True), (-0.009, True), (0.011, False), (-0.011, False)):
        p = torch.tensor([[0.5, 0.5], [0.25, 0.75 + off]])
        calls: list[Callable[[], Tensor]] = [lambda p=p: entropy(p)]  # type: ignore[misc]
        calls += [lambda p=p, f=f: f(p, p) for f in OF_TWO]  # type: ignore[misc]
        calls += [lambda p=p: mutual_information(p[:, None])]  # type: ignore[misc]
        for call in calls:
            if taken:
                assert call().isfinite().all()
                continue
            with pytest.raises(ValueError, match="sum to 1"):
                call()
    for value in (-1e-3, 1.001):
        for function in (surprisal, entropy):
            with pytest.raises(ValueError, match=r"\[0, 1\]"):
                function(torch.tensor([value, 1 - value]))


def test_is_found_without_being_imported() -> None:
    assert losskit.information.entropy is entropy
    assert "information" in dir(losskit)


def test_two_devices_are_named() -> None:
    p = torch.tensor([0.5, 0.5])
    with pytest.raises(ValueError, match=r"kl_divergence: p is on cpu and q on meta; use q\.to\(p\.device\)"):
        kl_divergence(p, p.to("meta"))


@pytest.mark.parametrize(
    "function", [surprisal, entropy, cross_entropy, kl_divergence, js_divergence, mutual_information]
)
def test_each_names_itself(function: Callable[..., Tensor]) -> None:
    given = (P, Q) if function in (cross_entropy, kl_divergence, js_divergence) else (P,)
    with pytest.raises(ValueError, match=f"^{function.__name__}: base must be positive"):
        function(*given, base=0)


def test_surprisal_of_half_precision_is_computed_in_float32() -> None:
    p = torch.tensor([0.3, 0.01], dtype=torch.float16)
    assert surprisal(p).dtype == torch.float32
    torch.testing.assert_close(surprisal(p), surprisal(p.float()), rtol=0, atol=0)
