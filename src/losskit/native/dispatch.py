"""Which implementation computes a loss: it and ``accelerate.py`` alone know private names of torch.

The formula serves everywhere. On CPU a kernel takes its place where nobody is watching the call. Off CPU, and where a loss
has no kernel, torch's own fused operator does where its numbers are right, so that no loss is slower than torch's.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import forward_ad
from torch.torch_version import TorchVersion

if TYPE_CHECKING:
    from losskit.loss import Loss


ORDINARY = frozenset({Tensor, torch.nn.Parameter})
tracing = torch._C._get_tracing_state
transforms = torch._C._functorch.peek_interpreter_stack
modes = torch._C._len_torch_dispatch_stack
batched = torch._C._functorch.is_legacy_batchedtensor  # of an upstream gradient, under is_grads_batched
ONCE = frozenset({"multi_margin_loss", "multilabel_margin_loss"})  # torch's operators without a second derivative
CLAMP_HAS_SLOPE = TorchVersion(torch.__version__) < "2.14"  # at its bounds
ctc_forward, ctc_backward = torch.ops.aten._ctc_loss.Tensor, torch.ops.aten._ctc_loss_backward.Tensor


def eager(*tensors: Tensor) -> bool:
    """Whether autograd alone follows this call: no compiler, tracer, transform or subclass (a mode may look on)."""
    return (
        not torch.compiler.is_compiling()
        and tracing() is None
        and transforms() is None
        and forward_ad._current_level < 0
        and ORDINARY.issuperset(map(type, tensors))
    )


def plain(*tensors: Tensor) -> bool:
    """Whether this is an ordinary eager call: no compiler, tracer, transform or mode sees it, no subclass is in it."""
    return eager(*tensors) and modes() == 0


def readable(*tensors: Tensor) -> bool:
    """Whether values may be read: an ordinary eager call on CPU, where reading synchronises nothing."""
    for tensor in tensors:  # a loop, since this stands on the path of small losses
        if not tensor.is_cpu:
            return False
    return plain(*tensors)


def takes_hooks() -> bool:
    """Whether saved tensors may be computed anew: transforms, forward mode, export and tracers know no hooks."""
    if torch.compiler.is_compiling():
        return torch.compiler.is_dynamo_compiling() and transforms() is None
    return tracing() is None and transforms() is None and forward_ad._current_level < 0


def saved_by_hooks() -> bool:
    """Whether hooks keep what autograd saves: on the CPU, on disk, or not at all, as activation checkpointing does."""
    return torch._C._autograd._top_saved_tensors_default_hooks(True) is not None


def savable(tensor: Tensor) -> Tensor:
    """The tensor as autograd can save it; one made under ``inference_mode`` is copied."""
    return tensor.clone() if tensor.is_inference() else tensor


def wide(*tensors: Tensor) -> torch.dtype:
    """What a loss of these is computed in: the dtype promoted over all that are not integers; half in float32."""
    dtype = torch.promote_types(tensors[0].dtype, torch.float32)
    for tensor in tensors[1:]:
        if tensor.is_floating_point():
            dtype = torch.promote_types(dtype, tensor.dtype)
    return dtype


def takes_kernel(loss: Loss, tensors: tuple[Tensor, ...]) -> bool:
    """Whether a kernel may compute ``loss``; it may still decline, for the formula to serve.

    It stands on the path of small losses, where 0.1 µs counts: hence :func:`plain` is written out once more.
    """
    kind: Any = type(loss)
    if torch.compiler.is_compiling() or not kernel_serves(kind):  # first: the compiler sees no more than this
        return False
    input, target = tensors
    return (
        type(input) in ORDINARY
        and type(target) in ORDINARY
        and input.is_cpu
        and target.is_cpu
        and input.layout is torch.strided
        and target.layout is torch.strided
        and not target.requires_grad
        and not input.is_neg()  # a view of a complex tensor, whose memory holds the other sign
        and not target.is_neg()
        and tracing() is None
        and transforms() is None
        and modes() == 0
        and forward_ad._current_level < 0
    )


def attaching(function: Any) -> Callable[..., Any]:
    """``function.apply`` less what Python adds to it: a look for transforms, which :func:`takes_kernel` has had."""
    return super(torch.autograd.Function, function).apply  # type: ignore[no-any-return]


@cache
def kernel_serves(kind: Any) -> bool:
    """Whether a class of losses has a kernel, and still the numbers that the kernel computes."""
    return kind.about.kernel is not None and unchanged(kind, "kernel")


def takes_torch(loss: Loss, *tensors: Tensor) -> bool:
    """Whether torch's own operator computes ``loss``: in eager mode, where no kernel does, and its numbers are right."""
    return (
        not torch.compiler.is_compiling()  # first: the compiler sees no more than this
        and loss.about.torch is not None
        and (
            tensors[0].device.type != "cpu" or loss.about.kernel is None or not ORDINARY.issuperset(map(type, tensors))
        )
        and tracing() is None
        and transforms() is None
        and forward_ad._current_level < 0
        and is_torchs(loss)
        and all(
            name in parameters(loss.about.torch) or getattr(loss, name) == argument.default
            for name, argument in loss.arguments.items()
        )
        and loss.torch_is_right(*tensors)
    )


#: What a loss's numbers follow from. Whoever overrides one of these has other numbers than kernel and operator give.
NUMBERS = frozenset({"formula", "by_formula", "kept", "share", "class_dim", "items", "domains", "_masked"})
#: What a loss may define and a subclass override without that.
BESIDE = frozenset(
    {"about", "arguments", "compute", "forward", "extra_repr", "head", "kernel", "kernel_params", "predict"}
    | {"probabilities", "ready", "require", "same_numbers", "torch_is_right"}
)


@cache
def unchanged(kind: Any, fact: str) -> bool:
    """Whether a class has the numbers of the class that introduced its kernel or its torch operator.

    A class in between that overrides what they follow from has others, unless its own body says ``same_numbers = True``.

    Args:
        kind: The class.
        fact: ``"kernel"`` or ``"torch"``, of ``about``.
    """
    mine, line = getattr(kind.about, fact), kind.__mro__
    introducing = [each for each in line if getattr(getattr(each, "about", None), fact, None) == mine][-1]
    own, below = numbers_of(introducing), line[: line.index(introducing)]
    return all(own.isdisjoint(vars(each)) or vars(each).get("same_numbers") is True for each in below)


@cache
def numbers_of(kind: Any) -> frozenset[str]:
    """:data:`NUMBERS`, and the methods by which the class and those it inherits from compute them."""
    stating = [each for each in kind.__mro__ if "about" in vars(each)]
    own = {name for each in stating for name, value in vars(each).items() if callable(value) and name[:2] != "__"}
    return NUMBERS | (own - BESIDE)


def computes_as_stated(loss: Loss) -> bool:
    """Whether nobody gave this very instance another formula."""
    kind: Any = type(loss)
    return numbers_of(kind).isdisjoint(loss.__dict__)


def is_torchs(loss: Loss) -> bool:
    """Whether a loss has the numbers of the class that introduced its torch operator."""
    return loss.keeps_operator and (torch.compiler.is_compiling() or computes_as_stated(loss))


def call_torch(loss: Loss, tensors: tuple[Tensor, ...], reduction: str) -> Tensor:
    """Call torch's operator with the loss's own arguments."""
    if loss.about.torch in ONCE and torch.is_grad_enabled() and tensors[0].requires_grad:
        return _Again.apply(loss, reduction, *tensors)  # type: ignore[no-any-return, no-untyped-call]
    return _call(loss, tensors, reduction)


def settled(value: Tensor) -> bool:
    """Whether torch's operator has the last word: at its corners, where 0 meets infinity, the formula has it.

    Off CPU it always has, since nothing is read there.
    """
    return not readable(value) or math.isfinite(value.detach().sum().item() if value.dim() else value.item())


class _Again(torch.autograd.Function):
    """Torch's operator that can be differentiated once; the formula gives the second derivative."""

    @staticmethod
    def forward(ctx: Any, loss: Loss, reduction: str, input: Tensor, *rest: Tensor) -> Tensor:
        ctx.loss, ctx.reduction = loss, reduction
        ctx.save_for_backward(input, *rest)
        if saved_by_hooks():
            ctx.inner = None
            return _call(loss, (input.detach(), *rest), reduction)
        ctx.inner = _Again.graph(ctx, input, *rest)
        return ctx.inner[1].detach()  # type: ignore[no-any-return]

    @staticmethod
    def graph(ctx: Any, input: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
        """A leaf, and the operator's value of it."""
        with torch.enable_grad():
            leaf = input.detach().requires_grad_()
            return leaf, _call(ctx.loss, (leaf, *rest), ctx.reduction)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        (inner, ctx.inner), again = (ctx.inner, None), torch.is_grad_enabled()
        if again or batched(upstream):
            input, *rest = ctx.saved_tensors
            with torch.enable_grad():
                leaf = input if again else input.detach().requires_grad_()
                value = ctx.loss.formula(leaf, *rest)
                value = value if ctx.reduction == "none" else getattr(value, ctx.reduction)()
        else:
            leaf, value = inner if inner is not None else _Again.graph(ctx, *ctx.saved_tensors)
        (gradient,) = torch.autograd.grad(value, leaf, upstream, create_graph=again)
        return None, None, gradient, *(None for _ in ctx.needs_input_grad[3:])


def _call(loss: Loss, tensors: tuple[Tensor, ...], reduction: str) -> Tensor:
    arguments = {name: getattr(loss, name) for name in torch_arguments(type(loss))}
    for name, value in arguments.items():
        if isinstance(value, Tensor):
            arguments[name] = value.to(tensors[0].dtype)
    return getattr(F, str(loss.about.torch))(*tensors, **arguments, reduction=reduction)  # type: ignore[no-any-return]


def torch_arguments(loss: type[Loss]) -> tuple[str, ...]:
    """The names of the loss's arguments that torch's function takes as well, less the reduction."""
    known = parameters(str(loss.about.torch))
    return tuple(name for name in loss.arguments if name in known and name != "reduction")


@cache
def parameters(function: str) -> frozenset[str]:
    """What torch's function takes."""
    return frozenset(inspect.signature(getattr(F, function)).parameters)
