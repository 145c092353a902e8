"""Who observes a call. Only this module and ``training/accelerate.py`` use private names of torch.

A kernel writes memory that no compiler, tracer, transform or mode can see. Values may be read only where reading does not
synchronise a device and no observer must see it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import _disable_current_modes

strided = torch.strided
ORDINARY = frozenset({Tensor, torch.nn.Parameter})
tracing = torch._C._get_tracing_state
transforms = torch._C._functorch.peek_interpreter_stack
modes = torch._C._len_torch_dispatch_stack
batched = torch._C._functorch.is_legacy_batchedtensor  # of an upstream gradient, under is_grads_batched


def eager(*tensors: Tensor) -> bool:
    """Whether autograd alone follows this call: no compiler, tracer, transform or subclass (modes are allowed)."""
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
    for tensor in tensors:  # a loop: it is faster, and small losses run through it
        if not tensor.is_cpu:
            return False
    return plain(*tensors)


def in_memory(tensors: tuple[Any, ...]) -> bool:
    """Whether these are plain CPU tensors whose memory holds their values, in an ordinary eager call.

    Small losses run through it, and 0.1 µs counts there, so :func:`plain` is inlined.
    """
    for tensor in tensors:
        if type(tensor) not in ORDINARY or not tensor.is_cpu or tensor.layout is not strided or tensor.is_neg():
            return False  # is_neg: a view of a complex tensor; its memory holds the opposite sign
    return tracing() is None and transforms() is None and modes() == 0 and forward_ad._current_level < 0


def both_in_memory(one: Any, two: Any) -> bool:
    """:func:`in_memory` of two tensors, as most losses take, without a loop."""
    return (
        type(one) in ORDINARY
        and type(two) in ORDINARY
        and one.is_cpu
        and two.is_cpu
        and one.layout is strided
        and two.layout is strided
        and not one.is_neg()
        and not two.is_neg()
        and tracing() is None
        and transforms() is None
        and modes() == 0
        and forward_ad._current_level < 0
    )


def unwatched() -> bool:
    """Whether no tracer and no transform sees this call."""
    return tracing() is None and transforms() is None and forward_ad._current_level < 0


def takes_hooks() -> bool:
    """Whether saved tensors may be recomputed: transforms, forward mode, export and tracers do not support hooks."""
    if torch.compiler.is_compiling():
        return torch.compiler.is_dynamo_compiling() and transforms() is None
    return unwatched()


def saved_by_hooks() -> bool:
    """Whether hooks keep what autograd saves: on the CPU, on disk, or not at all, as activation checkpointing does."""
    return torch._C._autograd._top_saved_tensors_default_hooks(True) is not None


def unobserved() -> ExitStack:
    """No mode, and no hook of saved tensors, of whoever calls sees what is computed within: a checkpoint counts what is saved."""
    stack = ExitStack()
    if modes():
        stack.enter_context(_disable_current_modes())
    if torch._C._len_torch_function_stack():
        stack.enter_context(torch._C.DisableTorchFunction())
    if saved_by_hooks():
        stack.enter_context(saved_tensors_hooks(_same, _same))
    return stack


def _same(tensor: Tensor) -> Tensor:
    return tensor


def savable(tensor: Tensor) -> Tensor:
    """The tensor as autograd can save it; one made under ``inference_mode`` is copied."""
    return tensor.clone() if tensor.is_inference() else tensor


def savable_with(buffers: dict[str, Tensor | None], tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The tensors as autograd can save them, and the buffers too: some may be made under ``inference_mode``."""
    if torch.compiler.is_compiling() or not torch.is_grad_enabled():
        return tensors
    for name, buffer in buffers.items():
        if buffer is not None:
            buffers[name] = savable(buffer)
    for tensor in tensors:  # a loop, since this stands on the path of small losses
        if tensor.is_inference():
            return tuple(map(savable, tensors))
    return tensors


def attaching(function: Any) -> Callable[..., Any]:
    """``function.apply`` without its check for transforms, which :func:`in_memory` has done."""
    return super(torch.autograd.Function, function).apply  # type: ignore[no-any-return]


def knows_autocast(kind: str) -> bool:
    """Whether torch can say anything of autocast on this kind of device: not so of the meta device."""
    if torch.compiler.is_compiling():  # torch 2.8 cannot compile what stands below
        return kind != "meta"
    return torch.amp.is_autocast_available(kind)


def autocasting(kind: str) -> bool:
    """Whether autocast is on for this kind of device."""
    return knows_autocast(kind) and torch.is_autocast_enabled(kind)


def no_autocast(kind: str) -> AbstractContextManager[object]:
    """Autocast turned off for this kind of device."""
    if torch.compiler.is_compiling():
        return torch.autocast(kind, enabled=False) if knows_autocast(kind) else nullcontext()
    return torch.autocast(kind, enabled=False) if autocasting(kind) else nullcontext()  # it is slow where it is off


def scripted_as(function: Any, name: str) -> None:
    """Let TorchScript take this for torch's function of that name."""
    with suppress(AttributeError):
        torch.jit._builtins._register_builtin(function, f"aten::{name}")
