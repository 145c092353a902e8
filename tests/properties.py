"""What holds for every loss. Each property is a function of a :class:`cases.Subject` that fails by an assertion.

``test_every_loss.py`` runs catalog × properties; ``test_the_tests.py`` shows for each property that it can fail.
"""

from __future__ import annotations

import copy
import inspect
import io
import pickle
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from cases import CLASSES, ITEMS, Subject, array, close, draw, kinds, variants
from torch import Tensor, nn

import losskit
from losskit.about import Encoding, Head
from losskit.domain import Binary, ClassIndex, Embedding, LabelList, Mass, NonNegative, Probabilities, Real
from losskit.loss import Loss, inside
from losskit.reduction import AtCall

Property = Callable[[Subject], None]
PROPERTIES: dict[str, Property] = {}


def holds(check: Property) -> Property:
    PROPERTIES[check.__name__] = check
    return check


def loss_and_grad(criterion: Callable[..., Tensor], input: Tensor, *rest: Any, **at_call: Any) -> tuple[Tensor, Tensor]:
    """The loss, and the gradient under an upstream gradient that is not uniform."""
    leaf = input.detach().clone().requires_grad_()
    loss = criterion(leaf, *rest, **at_call)
    (loss * torch.linspace(1, 2, loss.numel(), dtype=loss.dtype).view(loss.shape)).sum().backward()
    assert leaf.grad is not None
    return loss.detach(), leaf.grad


# Numbers


@holds
def equals_oracle(subject: Subject) -> None:
    for items in ((), (5,), ITEMS, (2, 3, 4)):
        for arguments in variants(subject.loss, items):
            if "dim" in arguments and items != ITEMS:
                continue  # only there do ids fit any dimension
            for tensors in kinds(subject.loss(**arguments), items):
                loss, share = subject.oracle(tensors, **arguments)
                close(subject.loss(**arguments, reduction="none")(*tensors), loss)
                close(subject.function(*tensors, **arguments, reduction="sum"), loss.sum())
                close(subject.loss(**arguments)(*tensors), loss.sum() / share.sum())
                close(subject.function(*tensors, **arguments), loss.sum() / share.sum())


@holds
def as_accurate_as_torch(subject: Subject) -> None:
    """In float32, over ordinary and extreme inputs, value and gradient err no more than torch's do."""
    if subject.loss.about.torch is None:
        return
    theirs = getattr(F, subject.loss.about.torch)
    for scale in (1.0, 30.0, 3e3):
        tensors = draw(subject.loss, (256,), dtype=torch.float32)
        tensors = (scaled(subject.loss, tensors[0], scale), *tensors[1:])
        exact = loss_and_grad(subject.loss(reduction="none"), *map(double, tensors))  # equals_oracle vouches
        own = loss_and_grad(subject.loss(reduction="none"), *tensors)
        torchs = loss_and_grad(theirs, *tensors, reduction="none")
        dims = (None, -1 if isinstance(subject.loss.about.input, Embedding) else None)
        for ours, their, true, dim in zip(own, torchs, exact, dims, strict=True):
            assert bool((ours.isfinite() | true.float().isinf()).all())  # a rate may overflow, and nothing may be NaN
            assert error(ours, true, dim) <= error(their, true, dim) + 2e-7, f"scale {scale}"


def scaled(loss: type[Loss], input: Tensor, scale: float) -> Tensor:
    """A more extreme input; a probability is scaled in its logit, and so remains one."""
    return (input.logit() * scale).sigmoid() if isinstance(loss.about.input, Probabilities) else input * scale


def error(value: Tensor, true: Tensor, dim: int | None = None) -> float:
    """The worst error relative to the value, or absolute below 1e-30; that of NaN is infinite, and inf is none where it is true.

    With ``dim``, the mean error of the vectors along it: where terms cancel, which one is the worst is left to chance.
    """
    wrong, size = torch.where(value == true, 0, value.double() - true), true
    if dim is not None:
        wrong, size = wrong.norm(dim=dim), size.norm(dim=dim)
    relative = (wrong.abs() / size.abs().clamp(min=1e-30)).nan_to_num(torch.inf, torch.inf)
    return float(relative.max() if dim is None else relative.mean())


def double(target: Tensor) -> Tensor:
    return target.double() if target.is_floating_point() else target


@holds
def reduction_algebra(subject: Subject) -> None:
    for arguments in variants(subject.loss):
        tensors = draw(subject.loss(**arguments))
        items, total, mean = (subject.loss(**arguments, reduction=r)(*tensors) for r in ("none", "sum", "mean"))
        assert items.shape == subject.loss(**arguments).items(tensors[0])
        assert total.shape == mean.shape == ()
        _, share = subject.oracle(tensors, **arguments)
        close(total, items.sum())
        close(mean, items.sum() / share.sum())


@holds
def mask_algebra(subject: Subject) -> None:
    """A mask gives the loss of the items kept; the others have no gradient even where they hold NaN or inf."""
    mask = torch.tensor([True, False, True, True, False, True])
    for tensors in kinds(subject.loss, (6,)):
        for reduction in reductions(subject.loss):
            criterion = subject.loss(reduction=reduction)
            loss, grad = loss_and_grad(criterion, *tensors, mask=mask)
            kept = loss_and_grad(criterion, *(each[mask] for each in tensors))
            spoilt = tensors[0].clone()
            spoilt[1], spoilt[4] = torch.nan, torch.inf
            loss_spoilt, grad_spoilt = loss_and_grad(criterion, spoilt, *tensors[1:], mask=mask)
            close(loss_spoilt, loss)
            close(grad_spoilt, grad)
            assert (grad[~mask] == 0).all()
            if reduction == "none":
                assert (loss[~mask] == 0).all()
                close(loss[mask], kept[0])
            else:
                close(loss, kept[0])
                close(grad[mask], kept[1])
    nothing = torch.zeros(6, dtype=torch.bool)
    assert subject.loss()(*tensors, mask=nothing).isnan()
    _, grad = loss_and_grad(subject.loss(), *tensors, mask=nothing, normalizer=3)
    assert (grad == 0).all()


@holds
def batchmean_algebra(subject: Subject) -> None:
    """Over rows: those of which nothing is kept do not count, and a row of weight k is the row k times over."""
    if "batchmean" not in reductions(subject.loss):
        return
    criterion = subject.loss(reduction="batchmean")
    for items in (ITEMS, (4,), (4, 2, 3)):
        tensors = draw(criterion, items)
        total = subject.loss(reduction="sum")
        close(criterion(*tensors), total(*tensors) / 4)
        close(criterion(*tensors, normalizer=7.0), total(*tensors) / 7)
        rows = torch.tensor([True, False, True, True])
        close(criterion(*tensors, mask=rows), criterion(*(each[rows] for each in tensors)))
        some = torch.rand(items) > 0.5
        some[0], some[1, ...] = True, False  # what is kept of the others counts as a row
        some.view(4, -1)[2:, 0] = True
        close(criterion(*tensors, mask=some), total(*tensors, mask=some) / 3)
        count = torch.tensor([2, 0, 1, 3])
        repeated = criterion(*(each.repeat_interleave(count, 0) for each in tensors))
        close(criterion(*tensors, sample_weight=count.double()), repeated)
        each_item = count.double().view(4, *[1] * (len(items) - 1)).expand(items)
        close(criterion(*tensors, sample_weight=each_item), repeated)
        own = criterion(*tensors, sample_weight=each_item, mask=some)
        close(own, total(*tensors, sample_weight=each_item, mask=some) / 6)
        assert criterion(*tensors, mask=torch.zeros(4, dtype=torch.bool)).isnan()
    single = draw(criterion, ())
    close(criterion(*single), total(*single))


def reductions(loss: type[Loss]) -> tuple[Any, ...]:
    among = loss.arguments["reduction"].among
    assert among is not None
    return among


@holds
def mask_over_leading_dimensions(subject: Subject) -> None:
    tensors = draw(subject.loss)
    rows = torch.tensor([True, False, True, False])
    whole = rows.unsqueeze(1).expand(ITEMS)
    close(subject.function(*tensors, mask=rows), subject.function(*tensors, mask=whole))
    weight = torch.tensor([0.5, 2, 0, 1])
    whole_weight = weight.unsqueeze(1).expand(ITEMS)
    close(
        subject.function(*tensors, sample_weight=weight),
        subject.function(*tensors, sample_weight=whole_weight),
    )


@holds
def sample_weight_algebra(subject: Subject) -> None:
    """A weight of k is the item k times over, in the sum and in the mean; a masked weight does not matter."""
    count = torch.tensor([2, 0, 1, 3])
    for arguments in variants(subject.loss, (4,)):
        if of_the_batch(subject.loss, arguments):
            continue  # such a weight would have to be repeated as well
        for tensors in kinds(subject.loss(**arguments), (4,)):
            for reduction in ("sum", "mean"):
                criterion = subject.loss(**arguments, reduction=reduction)
                weighted = criterion(*tensors, sample_weight=count.double())
                close(weighted, criterion(*(each.repeat_interleave(count, 0) for each in tensors)))
    weight = torch.tensor([1.0, torch.nan, 2.0, -1.0])
    mask = torch.tensor([True, False, True, False])
    for tensors in kinds(subject.loss, (4,)):
        weighted = subject.loss()(*tensors, sample_weight=weight, mask=mask)
        close(weighted, subject.loss()(*(each[mask] for each in tensors), sample_weight=weight[mask]))


def of_the_batch(loss: type[Loss], arguments: dict[str, Any]) -> bool:
    """Whether an argument is a tensor of the batch's shape."""
    return any(isinstance(value, Tensor) and loss.arguments[n].shape != "classes" for n, value in arguments.items())


@holds
def normalizer_algebra(subject: Subject) -> None:
    """Micro-batches that share the normalizer add up to the mean of the whole, value and gradient."""
    for arguments in variants(subject.loss):
        if of_the_batch(subject.loss, arguments):
            continue
        criterion = subject.loss(**arguments)
        tensors = draw(criterion)
        _, share = subject.oracle(tensors, **arguments)
        close(criterion(*tensors, normalizer=7), subject.loss(**arguments, reduction="sum")(*tensors) / 7)
        for normalizer in (float(share.sum()), share.sum()):
            parts = [criterion(*(each[i : i + 1] for each in tensors), normalizer=normalizer) for i in range(4)]
            close(torch.stack(parts).sum(), criterion(*tensors))


@holds
def every_argument_changes_the_result(subject: Subject) -> None:
    """By itself, or beside the others where it means nothing without them."""
    heard = set()
    for arguments in variants(subject.loss):
        tensors = draw(subject.loss(**arguments))
        changed = subject.loss(**arguments, reduction="none")(*tensors)
        close(subject.function(*tensors, **arguments, reduction="none"), changed)
        for name in arguments:
            rest = {other: value for other, value in arguments.items() if other != name}
            if not torch.allclose(changed, lenient(subject.loss(**rest, reduction="none"), tensors)):
                heard.add(name)
    assert heard == set(subject.loss.arguments) - {"reduction"}


def lenient(criterion: Loss, tensors: tuple[Tensor, ...]) -> Tensor:
    """The loss of values that these arguments may refuse, since they were drawn for others."""
    try:
        loss: Tensor = criterion(*tensors)
        return loss
    except ValueError:
        return torch.full(criterion.items(tensors[0]), torch.nan, dtype=torch.float64)


# Derivatives


def outputs(criterion: Loss, tensors: tuple[Tensor, ...]) -> list[int]:
    """The places of what a network gives: all but the target."""
    return [i for i, name in enumerate(criterion.domains) if name != "target"]


#: Arguments beside which a gradient is not the derivative, and why. Tests of them stand in test_where_torch_is_wrong.py.
STRAIGHT_THROUGH = {("GaussianNLLLoss", "eps"): "the gradient ignores that var is clamped, as torch documents"}


def differentiable(loss: type[Loss]) -> Iterator[dict[str, Any]]:
    """The variants, less the arguments of which the gradient is not the derivative."""
    for arguments in variants(loss):
        yield {name: v for name, v in arguments.items() if (loss.__name__, name) not in STRAIGHT_THROUGH}


def of_one(criterion: Callable[..., Tensor], tensors: tuple[Tensor, ...], place: int, value: Tensor) -> Tensor:
    return criterion(*tensors[:place], value, *tensors[place + 1 :])


def on_simplex(function: Callable[..., Tensor], input: Tensor, scores: Tensor) -> Tensor:
    return function(input, scores.softmax(1))


@holds
def gradcheck(subject: Subject) -> None:
    for arguments in differentiable(subject.loss):
        for reduction in reductions(subject.loss):
            criterion = subject.loss(**arguments, reduction=reduction)
            tensors = draw(criterion)
            for place in outputs(criterion, tensors):
                leaf = tensors[place].clone().requires_grad_()
                torch.autograd.gradcheck(partial(of_one, criterion, tensors, place), leaf)


@holds
def gradgradcheck(subject: Subject) -> None:
    for arguments in differentiable(subject.loss):
        criterion = subject.loss(**arguments)
        small = "dim" not in arguments and not any(isinstance(value, Tensor) for value in arguments.values())
        tensors = draw(criterion, (3,) if small else ITEMS)
        for place in outputs(criterion, tensors):
            leaf = tensors[place].clone().requires_grad_()
            torch.autograd.gradgradcheck(partial(of_one, criterion, tensors, place), leaf)


@holds
def value_and_grad(subject: Subject) -> None:
    for arguments in variants(subject.loss):
        for dtype in (torch.float64, torch.float16):
            for at_call in ({}, {"mask": torch.tensor([True, False, True, True]), "sample_weight": torch.rand(4)}):
                criterion = subject.loss(**arguments, reduction="sum")
                input, *rest = draw(criterion, dtype=dtype)
                leaf = input.clone().requires_grad_()
                loss = criterion(leaf, *rest, **at_call)
                loss.backward()
                assert leaf.grad is not None
                own = losskit.value_and_grad(criterion)(input, *rest, **at_call)
                assert not own[0].requires_grad
                close(own[0], loss.detach())
                close(own[1], leaf.grad)
    refused(ValueError, [subject.loss.__name__, "'none'"], losskit.value_and_grad, subject.loss(reduction="none"))


@holds
def gradient_of_soft_target(subject: Subject) -> None:
    """A real target that asks for a gradient gets the right one."""
    domain = subject.loss.about.tensors.get("target")
    if not isinstance(domain, Real | Mass) and not getattr(domain, "soft", False):
        return
    for input, target, *rest in kinds(subject.loss, (3,)):
        if target.is_floating_point() and (isinstance(domain, Real) or bool(((target > 0.01) & (target < 0.99)).all())):
            function = partial(of_one, subject.function, (input, target, *rest), 1)
            if isinstance(domain, NonNegative):  # clear of the border
                target = target + 0.5
            if isinstance(domain, ClassIndex):  # stay on the simplex
                function = partial(on_simplex, subject.function, input)
            torch.autograd.gradcheck(function, target.clone().requires_grad_())


@holds
def vmap(subject: Subject) -> None:
    singles = [draw(subject.loss, (3,), seed=i) for i in range(5)]
    batch = [torch.stack(list(each)) for each in zip(*singles, strict=True)]
    one_by_one = torch.stack([subject.loss()(*each) for each in singles])
    close(torch.vmap(subject.loss())(*batch), one_by_one)
    close(torch.vmap(subject.function)(*batch), one_by_one)
    grads = torch.vmap(torch.func.grad(subject.loss()))(*batch)
    close(grads, torch.stack([torch.func.grad(subject.loss())(*each) for each in singles]))


@holds
def jvp(subject: Subject) -> None:
    input, *rest = draw(subject.loss)
    tangent = torch.linspace(-1, 1, input.numel(), dtype=torch.float64).view(input.shape)
    forward = torch.func.jvp(lambda x: subject.loss()(x, *rest), (input,), (tangent,))[1]
    _, grad = loss_and_grad(subject.loss(), input, *rest)
    close(forward, (grad * tangent).sum())
    hessian = torch.func.hessian(lambda x: subject.loss()(x, *rest))(input)
    assert hessian.shape == input.shape * 2


@holds
def compile_fullgraph(subject: Subject) -> None:
    mask = torch.tensor([True, False, True, True])
    every: list[dict[str, Any]] = [{}, *variants(subject.loss)]
    for arguments in (every[0], every[-1]):  # a compilation takes a second
        arguments = {n: v.float() if isinstance(v, Tensor) else v for n, v in arguments.items()}
        tensors = draw(subject.loss(**arguments), dtype=torch.float32)
        calls: list[dict[str, Any]] = [{}, {"mask": mask, "sample_weight": torch.rand(4), "normalizer": 3.0}]
        for at_call in calls:
            criterion = subject.loss(**arguments)
            torch._dynamo.reset()
            compiled = torch.compile(criterion, fullgraph=True, backend="aot_eager")
            expected = loss_and_grad(criterion, *tensors, **at_call)
            for own, eager in zip(loss_and_grad(compiled, *tensors, **at_call), expected, strict=True):
                close(own, eager, rtol=1e-5, atol=1e-6)
            torch._dynamo.reset()
            function = torch.compile(subject.function, fullgraph=True, backend="aot_eager")
            close(function(*tensors, **arguments, **at_call), expected[0], rtol=1e-5, atol=1e-6)


@holds
def compile_to_machine_code(subject: Subject) -> None:
    torch._dynamo.reset()
    tensors = draw(subject.loss, dtype=torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's own
        compiled = torch.compile(subject.loss(), fullgraph=True)
        own = loss_and_grad(compiled, *tensors)
    for ours, eager in zip(own, loss_and_grad(subject.loss(), *tensors), strict=True):
        close(ours, eager, rtol=1e-5, atol=1e-6)


@holds
def export(subject: Subject) -> None:
    tensors = draw(subject.loss)
    program = torch.export.export(subject.loss(), tensors)
    close(program.module()(*tensors), subject.loss()(*tensors))


# Dtypes, layouts, sizes


@holds
def autocast(subject: Subject) -> None:
    tensors = draw(subject.loss, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        loss, grad = loss_and_grad(subject.loss(), *tensors)
    floats = (each.float() if each.is_floating_point() else each for each in tensors)
    plain, plain_grad = loss_and_grad(subject.loss(), *floats)
    assert loss.dtype == torch.float32
    close(loss, plain, rtol=1e-6, atol=1e-7)
    close(grad, plain_grad, rtol=1e-2, atol=1e-3)


@holds
def dtypes(subject: Subject) -> None:
    """Half is computed and summed in float32; the gradient has the input's dtype."""
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        tensors = draw(subject.loss, dtype=dtype)
        for reduction in reductions(subject.loss):
            loss, grad = loss_and_grad(subject.loss(reduction=reduction), *tensors)
            assert loss.dtype == torch.promote_types(dtype, torch.float32)
            assert grad.dtype == dtype
            exact = subject.loss(reduction=reduction)(*map(double, tensors))
            close(loss, exact, rtol=1e-5, atol=1e-6)


@holds
def weight_dtypes(subject: Subject) -> None:
    """Weights in NumPy's float64, or in half, do not change the dtype of a float32 loss."""
    for arguments in variants(subject.loss):
        tensors = draw(subject.loss(**arguments), dtype=torch.float32)
        for dtype in (torch.float64, torch.float32, torch.float16):
            given = {n: v.half().to(dtype) if isinstance(v, Tensor) else v for n, v in arguments.items()}
            weight = torch.ones(4, dtype=dtype)
            loss, grad = loss_and_grad(subject.loss(**given), *tensors, sample_weight=weight)
            assert loss.dtype == grad.dtype == torch.float32
            wide = {n: v.double() if isinstance(v, Tensor) else v for n, v in given.items()}
            close(loss, subject.loss(**wide)(*map(double, tensors)), rtol=1e-5, atol=1e-6)


@holds
def half_mean_of_many(subject: Subject) -> None:
    """The mean over 70,000 rows exists in float16, whose largest number is 65,504."""
    tensors = draw(subject.loss, (70_000,), dtype=torch.float16)
    assert subject.loss()(*tensors).isfinite()


@holds
def target_dtypes(subject: Subject) -> None:
    domain = subject.loss.about.tensors.get("target")
    if domain is None:
        return
    tensors = draw(subject.loss)
    place = list(subject.loss.about.tensors).index("target")
    call = partial(of_one, subject.loss(), tensors, place)
    dtypes = [torch.int8, torch.int16, torch.int32, torch.int64]
    whole = tensors[place].round().abs() if isinstance(domain, Real) else tensors[place]
    dtypes += [] if bool((whole < 0).any()) else [torch.uint8]
    dtypes += [torch.float32, torch.float16] if whole.is_floating_point() else []
    if not bool((whole == whole.round()).all()):
        dtypes = [torch.float32]  # probabilities
    expected = call(whole)
    for dtype in dtypes:
        input = tensors[0].clone().requires_grad_()
        loss = subject.loss()(input, *tensors[1:place], whole.to(dtype), *tensors[place + 1 :])
        loss.backward()
        assert input.grad is not None
        assert loss.dtype == input.grad.dtype == input.dtype
        close(loss.detach(), expected, rtol=1e-9 if whole.to(dtype).double().equal(whole.double()) else 1e-5)
    if isinstance(domain, Binary):
        close(call(whole.bool()), expected)
    if whole.is_floating_point():  # NumPy's float64 beside a float32 network
        rest = [each.float() for each in tensors[1:place]]
        loss, grad = loss_and_grad(subject.loss(), tensors[0].float(), *rest, whole, *tensors[place + 1 :])
        assert loss.dtype == grad.dtype == torch.float32


@holds
def strides(subject: Subject) -> None:
    tensors = draw(subject.loss, (2, 4, 4), 4)
    expected = loss_and_grad(subject.loss(), *tensors)
    changes: list[Callable[[Tensor], Tensor]] = [torch.clone, transposed, every_other, channels_last]
    for change in changes:
        for other in changes:
            views = (change(tensors[0]), *map(other, tensors[1:]))
            for own, plain in zip(loss_and_grad_of_view(subject.loss(), *views), expected, strict=True):
                close(own, plain)
    rows = [each[:1].expand(3, *each.shape[1:]) for each in tensors]
    close(subject.function(*rows), subject.function(*(each.contiguous() for each in rows)))


def channels_last(value: Tensor) -> Tensor:
    return value.contiguous(memory_format=torch.channels_last) if value.dim() == 4 else value


def transposed(value: Tensor) -> Tensor:
    return value.transpose(0, -1).contiguous().transpose(0, -1)


def every_other(value: Tensor) -> Tensor:
    return value.repeat_interleave(2, -1)[..., ::2]


def loss_and_grad_of_view(criterion: Loss, input: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
    leaf = input.detach().requires_grad_()  # keeps the strides
    loss = criterion(leaf, *rest)
    loss.backward()
    assert leaf.grad is not None
    return loss.detach(), leaf.grad


@holds
def empty(subject: Subject) -> None:
    tensors = draw(subject.loss, (0,))
    assert subject.loss()(*tensors).isnan()
    assert subject.loss(reduction="sum")(*tensors) == 0
    assert subject.loss(reduction="none")(*tensors).shape == (0,)
    loss, grad = loss_and_grad(subject.loss(), *tensors, normalizer=5)
    assert loss == 0
    assert grad.shape == tensors[0].shape


# The module


@holds
def pickled(subject: Subject) -> None:
    for arguments in variants(subject.loss):
        criterion = subject.loss(**arguments, reduction="sum")
        tensors = draw(criterion)
        before = criterion(*tensors)
        for twin in (pickle.loads(pickle.dumps(criterion)), copy.deepcopy(criterion), copy.copy(criterion)):
            close(twin(*tensors), before)
            assert repr(twin) == repr(criterion)
        twin.reduction = "mean"  # a copy has its own arguments, and what was made ready for the other is not its
        close(twin(*tensors), subject.loss(**arguments)(*tensors))
        close(criterion(*tensors), before)


@holds
def state_dict(subject: Subject) -> None:
    """Tensor arguments are buffers: they are saved, loaded and moved with the model."""
    for arguments in variants(subject.loss):
        criterion = subject.loss(**arguments)
        tensors = draw(criterion)
        state = criterion.state_dict()
        assert set(state) == {name for name, value in arguments.items() if isinstance(value, Tensor)}
        file = io.BytesIO()
        torch.save(state, file)
        file.seek(0)
        ones = {name: torch.ones_like(v) if isinstance(v, Tensor) else v for name, v in arguments.items()}
        other = subject.loss(**ones)
        other.load_state_dict(torch.load(file))
        close(other(*tensors), criterion(*tensors))
        assert all(v.dtype == torch.float16 for v in copy.deepcopy(criterion).half().state_dict().values())


@holds
def inputs_unmodified(subject: Subject) -> None:
    for arguments in variants(subject.loss):
        tensors = draw(subject.loss(**arguments))
        given = [*tensors, *(v for v in arguments.values() if isinstance(v, Tensor))]
        before = [value.clone() for value in given]
        mask, weight = torch.tensor([True, False, True, True]), torch.rand(4)
        tensors[0].requires_grad_()
        subject.loss(**arguments)(*tensors).backward()
        subject.loss(**arguments)(*tensors, mask=mask, sample_weight=weight).backward()
        for value, kept in zip(given, before, strict=True):
            assert torch.equal(value.detach(), kept)
            assert value._version == 0


@holds
def needs_no_grad(subject: Subject) -> None:
    tensors = draw(subject.loss)
    tensors[0].requires_grad_()
    with torch.no_grad():
        assert not subject.loss()(*tensors).requires_grad
    with torch.inference_mode():
        close(subject.loss()(*tensors), subject.loss()(*tensors))
    loss = subject.loss()(*tensors)
    loss.backward(retain_graph=True)
    assert tensors[0].grad is not None
    first = tensors[0].grad.clone()
    loss.backward()
    close(tensors[0].grad, 2 * first)


# Refusals


def refused(kind: type[Exception], words: list[str], call: Callable[..., object], *args: Any, **kwargs: Any) -> None:
    with pytest.raises(kind) as caught:
        call(*args, **kwargs)
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in {caught.value!s}"
    assert len(str(caught.value)) < 400


@holds
def refuses_bad_arguments(subject: Subject) -> None:
    """Class, argument, what came: each in the message."""
    loss, name = subject.loss, subject.loss.__name__
    refused(ValueError, [name, "reduction", "'avg'", "'mean'"], loss, reduction="avg")
    refused(TypeError, [name, "reducton", "did you mean 'reduction'"], loss, reducton="sum")
    refused(TypeError, [name, "by position"], loss, *range(20))
    for argument, spec in loss.arguments.items():
        if argument == "reduction":
            continue
        assert spec.within or spec.among or spec.function or isinstance(spec.default, int), f"{argument}: any number?"
        refused(ValueError if spec.among else TypeError, [name, argument], loss, **{argument: "x"})
        if spec.within is not None:
            bad: list[Any] = [v for v in (-1.0, 2.0, float("nan"), float("inf")) if not inside(spec.within, v)]
            for value in bad:
                wrong = value if spec.shape is None else torch.full((CLASSES,), value)
                refused(ValueError, [name, argument, spec.within], loss, **{argument: wrong})
                if spec.shape is None:
                    refused(ValueError, [name, argument], setattr, loss(), argument, wrong)
        if spec.shape is not None:
            refused(TypeError, [name, argument, "tensor"], loss, **{argument: [1.0, 2.0]})
            refused(TypeError, [name, argument, "float()"], loss, **{argument: torch.ones(4).long()})
            tensors = draw(loss)
            wrong = torch.ones(CLASSES + 1)
            refused(ValueError, [name, argument, "5"], loss(**{argument: wrong}), *tensors)


@holds
def refuses_bad_calls(subject: Subject) -> None:
    loss, name = subject.loss, subject.loss.__name__
    tensors = draw(loss)
    first, *_, last = loss.about.tensors
    refused(TypeError, [name, first, "ndarray"], loss(), array(tensors[0]), *tensors[1:])
    refused(TypeError, [name, last, "list"], loss(), *tensors[:-1], tensors[-1].tolist())
    refused(TypeError, [name, first, "float()"], loss(), tensors[0].long(), *tensors[1:])
    refused(TypeError, [name, "sampel_weight", "did you mean 'sample_weight'"], loss(), *tensors, sampel_weight=1)
    refused(TypeError, [name, "mask", "mask.bool()"], loss(), *tensors, mask=torch.ones(ITEMS))
    refused(ValueError, [name, "mask", "(3,)"], loss(), *tensors, mask=torch.ones(3).bool())
    refused(ValueError, [name, "sample_weight", "(3,)"], loss(), *tensors, sample_weight=torch.ones(3))
    for weight in (-1.0, torch.nan):
        refused(ValueError, [name, "sample_weight"], loss(), *tensors, sample_weight=torch.full((4,), weight))
    for normalizer in (0, -2.0, torch.tensor(0.0)):
        refused(ValueError, [name, "normalizer", "positive"], loss(), *tensors, normalizer=normalizer)
    refused(ValueError, [name, "normalizer", "'sum'"], loss(reduction="sum"), *tensors, normalizer=2)
    refused(ValueError, [name, "normalizer", "(2,)"], loss(), *tensors, normalizer=torch.ones(2))
    refused(TypeError, [name, "normalizer", "'2'"], loss(), *tensors, normalizer="2")


@holds
def refuses_bad_shapes(subject: Subject) -> None:
    """Nothing is broadcast in silence; the message names both shapes and the mend."""
    loss, name = subject.loss, subject.loss.__name__
    tensors = draw(loss, (6,))
    for place, (which, domain) in enumerate(loss.about.tensors.items()):
        value = tensors[place]
        if place == 0 or domain.broadcasts:
            continue
        squeeze = "squeeze(1)" if value.dim() == 1 else ""
        for wrong, mend in ((value.unsqueeze(1), squeeze), (value[:3], ""), (value[:1], "")):
            words = [name, which, str(tuple(wrong.shape)), str(tuple(tensors[0].shape)), mend]
            refused(ValueError, words, of_one, loss(), tensors, place, wrong)
            refused(ValueError, words, of_one, subject.function, tensors, place, wrong)
        if value.shape == tensors[0].shape == (6,):
            refused(ValueError, ["unsqueeze(1)", "squeeze(1)"], loss(), tensors[0].unsqueeze(1), *tensors[1:])


@holds
def refuses_bad_values(subject: Subject) -> None:
    """In eager mode on CPU: where it stands, its value, how many; never where it is masked."""
    loss, name = subject.loss, subject.loss.__name__
    tensors = draw(loss)
    keep = torch.ones(ITEMS, dtype=torch.bool)
    keep[1, 2] = keep[3, 0] = False
    for place, (which, domain) in enumerate(loss.about.tensors.items()):
        for value in domain.outside(CLASSES):
            wrong = tensors[place].clone()
            items = wrong if wrong.shape == ITEMS else wrong.movedim(loss().class_dim(wrong) or 0, -1)
            items[1, 2] = items[3, 0] = value
            kind = IndexError if isinstance(domain, (ClassIndex, LabelList)) else ValueError
            words = [name, which, "(1, ", "NaN" if value != value else f"{value:g}"]
            words += ["2 of 16"] if wrong.shape == ITEMS else []
            refused(kind, words, of_one, loss(), tensors, place, wrong)
            close(
                loss()(*tensors[:place], wrong, *tensors[place + 1 :], mask=keep),
                loss()(*tensors, mask=keep),
            )
    torch.vmap(loss())(*tensors)  # reads nothing
    if isinstance(loss.about.target, (ClassIndex, LabelList)):
        refused(TypeError, [name, "target", "target.long()"], loss(), tensors[0], tensors[1].double())
        refused(TypeError, [name, "target", "target.long()"], loss(), tensors[0], tensors[1].bool())


# torch's names and places


@holds
def positions_of_torch(subject: Subject) -> None:
    """Names, order and defaults are torch's, less its deprecated ones; what torch does not have comes by name."""
    if subject.loss.about.torch is None:
        return
    pairs: list[tuple[Any, Any]] = [
        (subject.function, getattr(F, subject.loss.about.torch)),
        (subject.loss, getattr(nn, subject.loss.__name__)),
    ]
    for ours, theirs in pairs:
        own = [p for p in inspect.signature(ours).parameters.values() if p.kind is not p.VAR_KEYWORD]
        known = [p for p in inspect.signature(theirs).parameters.values() if p.name not in ("size_average", "reduce")]
        names = {p.name for p in known}
        assert [(p.name, p.kind, p.default) for p in own if p.name in names] == [
            (p.name, p.kind, p.default) for p in known
        ]
        assert all(p.kind is p.KEYWORD_ONLY for p in own if p.name not in names)


@holds
def function_has_the_arguments_of_its_class(subject: Subject) -> None:
    function = inspect.signature(subject.function, eval_str=True).parameters
    first = list(function)[: len(subject.loss.about.tensors)]
    assert first == list(subject.loss.about.tensors)
    own = {n: p.default for n, p in function.items() if n not in first and p.kind is not p.VAR_KEYWORD}
    assert own == {name: argument.default for name, argument in subject.loss.arguments.items()}
    assert function["at_call"].annotation.__args__ == (AtCall,)
    assert f":class:`{subject.loss.__name__}`" in str(subject.function.__doc__)
    for arguments in variants(subject.loss):
        tensors = draw(subject.loss(**arguments))
        close(subject.function(*tensors, **arguments), subject.loss(**arguments)(*tensors))


@holds
def documented(subject: Subject) -> None:
    words = str(subject.loss.__doc__)
    for section in (".. math::", "Args:", "Shape:", "Returns:", "Raises:", "Example:", "Source:", ">>> "):
        assert section in words, section
    for name, argument in subject.loss.arguments.items():
        assert f"{name}: {argument.doc}" in words
    assert subject.loss.about.source in words


# Where it runs


#: Losses that torch's operator never computes, though torch has it, and why.
NOT_BY_TORCH = {
    "SoftMarginLoss": "a score of -200 for 1 overflows",
    "CosineEmbeddingLoss": "a vector of zeros has a gradient of a million, and short or long vectors another cosine",
    "GaussianNLLLoss": "torch's waits for the device to look for negative variances, and refuses shapes",
    "KLDivLoss": "torch's is NaN at 0 log 0, and only the values could tell",
}


@holds
def reads_nothing_off_cpu(subject: Subject) -> None:
    """On a device nothing is read, and where torch has the operator, and it is right, that very operator is called.

    It is so on CPU where the loss has no kernel, there seen to the end of backward.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.utils._python_dispatch import TorchDispatchMode

    aten = torch.ops.aten

    class Calls(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.names: list[str] = []

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            views = (aten.promote_types.default, aten.detach.default, aten.alias.default)  # which compute nothing
            if isinstance(func, torch._ops.OpOverload) and func.namespace == "aten" and func not in views:
                self.names.append(func.__name__.split(".")[0])
            return func(*args, **(kwargs or {}))

    tensors = draw(subject.loss, (6,), dtype=torch.float32)

    def calls(loss: Callable[..., Tensor], device: str) -> list[str]:
        watched = Calls()
        with FakeTensorMode() if device == "cuda" else nullcontext(), watched:
            if device == "cuda":
                each = [torch.empty(value.shape, dtype=value.dtype, device=device) for value in tensors]
            else:
                each = [tensors[0].clone().requires_grad_(), *tensors[1:]]
            watched.names.clear()
            value = loss(*each)
            if device == "cpu":  # on a GPU that is not there torch cannot go backward
                value.sum().backward()
        return watched.names

    ours = calls(subject.loss(), "cuda")
    assert not {"_local_scalar_dense", "item", "nonzero"} & set(ours), ours
    if subject.loss.__name__ in NOT_BY_TORCH:
        assert not subject.loss().torch_is_right(*tensors)
    elif subject.loss.about.torch is not None:
        theirs = getattr(F, subject.loss.about.torch)
        assert ours == calls(theirs, "cuda")
        if subject.loss.about.kernel is None:
            assert calls(subject.loss(), "cpu") == calls(theirs, "cpu")


@holds
def a_new_formula_disowns_the_rest(subject: Subject) -> None:
    class Twice(subject.loss):  # type: ignore[name-defined,misc]
        def formula(self, *tensors: Tensor) -> Tensor:
            return 2 * super().formula(*tensors)  # type: ignore[no-any-return]

    tensors = draw(subject.loss)
    close(Twice()(*tensors), 2 * subject.loss()(*tensors))
    other = Twice()(*(each.to("meta") for each in tensors))
    assert other.device.type == "meta"


# The other half


@holds
def predicts_what_it_is_trained_for(subject: Subject) -> None:
    """Trained by gradient descent on its own encoding, a free output comes to predict its target, for every task.

    A loss that compares outputs with each other predicts nothing but these outputs.
    """
    criterion, output = subject.loss(), torch.randn(4, 3)
    for task in subject.loss.about.serves:
        head, truth, classes = criterion.head(task), TRUTHS.get(task.value), WIDTHS.get(task.value, 3)
        if head.encoding is Encoding.NONE:
            refused(ValueError, ["predict(output)"], criterion.probabilities, output, task)
            assert torch.equal(criterion.predict(output, task), output)
            continue
        assert truth is not None
        target = head.encode(truth, classes)
        output = torch.zeros(len(truth), head.width(classes), requires_grad=True)
        optimizer = torch.optim.Adam([output], 0.2)
        for _ in range(150):
            optimizer.zero_grad()
            rest = list(criterion.domains.values())[2:]
            beside = [torch.full_like(output, domain.neutral(criterion, output)) for domain in rest]
            criterion(head.training(output, 1), target, *beside).backward()
            optimizer.step()
        if head.encoding is Encoding.LABEL_LIST:  # it ranks, and no more
            refused(ValueError, ["argsort"], criterion.predict, output, task)
            refused(ValueError, ["argsort"], criterion.probabilities, output, task)
            assert bool(
                (output.masked_fill(truth == 0, 9).amin(1) > output.masked_fill(truth == 1, -9).amax(1) + 0.9).all()
            )
            continue
        if head.encoding is Encoding.PROBABILITIES:
            close(criterion.probabilities(output.detach(), task), truth, rtol=0.05, atol=0.05)
            truth = truth.argmax(1)
        predicted = criterion.predict(output.detach(), task)
        torch.testing.assert_close(
            predicted.reshape(truth.shape).float(),
            truth.float(),
            atol=0.05,
            rtol=0.05,
            msg=str(task),
        )
        if head.encoding is Encoding.VALUE:
            refused(ValueError, ["predict(output)"], criterion.probabilities, output, task)
            continue
        p = criterion.probabilities(output.detach(), task)
        assert p.shape == output.shape
        assert bool(((p >= 0) & (p <= 1)).all())
        anything = torch.randn(50, output.shape[1])
        p_of_anything, ids = criterion.probabilities(anything, task), criterion.predict(anything, task)
        if ids.dim() == 1:
            assert torch.equal(p_of_anything.gather(1, ids.unsqueeze(1)).squeeze(1), p_of_anything.amax(1))
        else:
            assert torch.equal(ids, (p_of_anything >= 0.5).long())
        if output.shape[1] > 1 and task.value != "multilabel":
            close(p.sum(1), torch.ones(len(truth)), rtol=1e-6)
            assert torch.equal(p.argmax(1), truth)
            hopeless = torch.full((2, output.shape[1]), -1e4)
            close(criterion.probabilities(hopeless, task).sum(1), torch.ones(2), rtol=1e-6)
    refused(ValueError, ["task", "'regresion'"], subject.loss().predict, output, "regresion")


@holds
def equals_its_twin(subject: Subject) -> None:
    """At its defaults, behind the activation that training applies, a loss is the twin that it names, gradient and all.

    Each is given the target as it wants it.
    """
    if subject.loss.about.twin is None:
        return
    twin = getattr(losskit, subject.loss.about.twin)
    for task, head in subject.loss.about.serves.items():
        classes = WIDTHS.get(task.value, 3)
        if head.encoding is Encoding.NONE:
            output, *own_rest = draw(subject.loss)
            twin_rest = own_rest
        else:
            truth, other = TRUTHS[task.value], twin.about.serves[task]
            assert other.width(classes) == head.width(classes)
            own_rest, twin_rest = [head.encode(truth, classes)], [other.encode(truth, classes)]
            output = torch.randn(len(truth), head.width(classes), dtype=torch.float64)

        def own(x: Tensor, *rest: Tensor, head: Head = head) -> Tensor:
            loss: Tensor = subject.loss()(head.training(x, 1), *rest)
            return loss

        theirs = loss_and_grad(twin(), output, *twin_rest)
        for ours, their in zip(loss_and_grad(own, output, *own_rest), theirs, strict=True):
            close(ours, their)


TRUTHS = {
    "regression": torch.tensor([[-2.0], [0.5], [3.0]]),
    "counts": torch.tensor([[0.0], [2.0], [7.0]]),
    "distillation": torch.tensor([[0.2, 0.7, 0.1], [0.5, 0.2, 0.3]]),
    "binary": torch.tensor([0, 1, 1, 0]),
    "multiclass": torch.tensor([2, 0, 1, 1]),
    "multilabel": torch.tensor([[0, 1, 1], [1, 0, 0]]),
}
WIDTHS = {"regression": 1, "counts": 1, "binary": 2}  # classes, or columns of a real target; elsewhere 3
