"""Which implementation computes a loss: the only file that knows private names of torch.

The formula serves everywhere. Off CPU, torch's own fused operator takes its place where its numbers are right, so that
no loss is slower than torch's. (On CPU, kernels will take it where :func:`plain` says that nobody is watching the call.)
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from losskit.loss import Loss


def plain(*tensors: Tensor) -> bool:
    """Whether this is an ordinary eager call: no compiler, tracer, transform or mode sees it, no subclass is in it."""
    return (
        not torch.compiler.is_compiling()
        and torch._C._get_tracing_state() is None
        and torch._C._functorch.peek_interpreter_stack() is None
        and torch._C._len_torch_dispatch_stack() == 0
        and all(type(tensor) is Tensor or type(tensor) is torch.nn.Parameter for tensor in tensors)
    )


def readable(*tensors: Tensor) -> bool:
    """Whether values may be read: an ordinary eager call on CPU, where reading synchronises nothing."""
    return all(tensor.device.type == "cpu" for tensor in tensors) and plain(*tensors)


def takes_torch(loss: Loss, *tensors: Tensor) -> bool:
    """Whether torch's own operator computes ``loss``: off CPU, in eager mode, where its numbers are right."""
    return (
        tensors[0].device.type != "cpu"
        and loss.about.torch is not None
        and not torch.compiler.is_compiling()
        and torch._C._functorch.peek_interpreter_stack() is None
        and type(loss).formula is defining_class(type(loss)).formula
        and all(
            name in parameters(loss.about.torch) or getattr(loss, name) == argument.default
            for name, argument in loss.arguments.items()
        )
        and loss.torch_is_right(*tensors)
    )


def defining_class(loss: type[Loss]) -> type[Loss]:
    """The class that states ``about``: a subclass with a formula of its own no longer is what torch computes."""
    return next(base for base in loss.__mro__ if "about" in vars(base))


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
