"""Which implementation computes a loss: the only file that knows private names of torch.

The formula serves everywhere. On CPU a kernel takes its place where nobody is watching the call. Off CPU, torch's own
fused operator does where its numbers are right, so that no loss is slower than torch's.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import forward_ad

from losskit.native.library import DTYPES

if TYPE_CHECKING:
    from losskit.loss import Loss


ORDINARY = {Tensor, torch.nn.Parameter}


def plain(*tensors: Tensor) -> bool:
    """Whether this is an ordinary eager call: no compiler, tracer, transform or mode sees it, no subclass is in it."""
    return (
        not torch.compiler.is_compiling()
        and torch._C._get_tracing_state() is None
        and torch._C._functorch.peek_interpreter_stack() is None
        and torch._C._len_torch_dispatch_stack() == 0
        and forward_ad._current_level < 0
        and not {*map(type, tensors)} - ORDINARY
    )


def readable(*tensors: Tensor) -> bool:
    """Whether values may be read: an ordinary eager call on CPU, where reading synchronises nothing."""
    for tensor in tensors:  # a loop, since this stands on the path of small losses
        if not tensor.is_cpu:
            return False
    return plain(*tensors)


def takes_kernel(loss: Loss, input: Tensor, target: Tensor) -> bool:
    """Whether a kernel may compute ``loss``; it may still decline, for the formula to serve."""
    kind: Any = type(loss)
    return (
        not torch.compiler.is_compiling()  # first: the compiler folds it, and does not see the rest
        and kernel_serves(kind)
        and input.dtype in DTYPES
        and readable(input, target)
        and not target.requires_grad
        and input.layout is torch.strided
        and target.layout is torch.strided
        and input.numel() > 0
    )


@cache
def kernel_serves(loss: Any) -> bool:
    """Whether a class of losses has a kernel, and still the formula that the kernel computes."""
    return loss.about.kernel is not None and unchanged(loss)


def takes_torch(loss: Loss, *tensors: Tensor) -> bool:
    """Whether torch's own operator computes ``loss``: off CPU, in eager mode, where its numbers are right."""
    kind: Any = type(loss)
    return (
        tensors[0].device.type != "cpu"
        and loss.about.torch is not None
        and not torch.compiler.is_compiling()
        and torch._C._functorch.peek_interpreter_stack() is None
        and unchanged(kind)
        and all(
            name in parameters(loss.about.torch) or getattr(loss, name) == argument.default
            for name, argument in loss.arguments.items()
        )
        and loss.torch_is_right(*tensors)
    )


@cache
def unchanged(loss: Any) -> bool:
    """Whether a class computes what the class that states ``about`` does; a subclass with other members may not."""
    stating = next(base for base in loss.__mro__ if "about" in vars(base))
    return all(
        getattr(loss, name) is getattr(stating, name) for name in ("formula", "kept", "share", "class_dim", "items")
    )


def call_torch(loss: Loss, tensors: tuple[Tensor, ...], reduction: str) -> Tensor:
    """Call torch's operator with the loss's own arguments."""
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
