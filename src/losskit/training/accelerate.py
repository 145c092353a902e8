"""Torch's own losses on losskit's kernels, for code that is to stay as it is.

Beside ``core/watched.py`` this file knows private names of torch: those of its stack of modes, of the default device (a mode,
too), and of its hooks on saved tensors.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from inspect import isfunction
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from losskit.catalog import CATALOG
from losskit.choice import choose
from losskit.core.ranges import Whole
from losskit.core.reduction import NOTHING
from losskit.core.watched import in_memory, saved_by_hooks
from losskit.loss import Loss, instance
from losskit.native.autograd import by_kernel
from losskit.native.call import Unfit
from losskit.native.library import load


class accelerate(TorchFunctionMode):  # noqa: N801 - named as torch.no_grad is
    """Within this context, torch's losses run on losskit's kernels wherever those give torch's numbers.

    It sees ``torch.nn.functional``, the names that were imported from there, and torch's modules, which call them.

    Everything else runs on torch, whose answers, warnings and errors stay visible: what losskit refuses (a class id out of
    range, one logit, soft targets that do not sum to 1); what a kernel has no gain or no equal numbers for (tensors that are
    not on CPU, half precision outside autocast, tensors of unequal shapes or dtypes, class ids other than int64, targets
    and weights that require a gradient, ``size_average`` and ``reduce``, losses without a kernel, and ``ctc_loss``, whose gradient is another); and what must see
    torch's own operator (``torch.compile``, ``torch.func``, tracers, tensor subclasses, activation checkpointing and other
    hooks on saved tensors), and ``kl_div`` with the ``'mean'`` that it warns of. Without kernels (:func:`losskit.native.status`) all runs on torch.

    **What it costs.** While it is on, *every* call of torch in this thread goes through Python once more, and so does every
    look at an attribute (``x.shape``): 3 to 6 µs each. A training step of a small network (784 to 128 to 10, batches
    of 64: 36 such calls with SGD, 92 with Adam) takes a quarter to a third longer; with the context around the loss alone,
    about a tenth. Forward and backward of a loss of 64 × 10 numbers take 1.2 to 1.7 times torch's time, of 512 × 100 mostly
    1.2 to 1.4 times; at 1024 × 256 they are 1 to 7 times as fast as torch's, at 4096 × 1000 1.6 to 12 times, at 16384 × 1024
    6 to 22 times. So the price exceeds the gain where a loss has fewer than some 250,000 numbers. Where the code may
    change, call losskit's own losses, which pay none of this. (``benchmarks/accelerate.py``, one thread of a busy machine.)

    Values and gradients are torch's to rounding, but for these, of which nobody looks for the values:

    * where the input or the target holds inf or NaN: logits of -inf under label smoothing or soft targets, and ignored rows
      of whatever, have a finite loss and gradient, where torch's are NaN or inf; the slope of the absolute error is NaN
      at NaN, not 0;
    * a right answer of certainty (a probability of 0 or 1) has a gradient of 1 or -1 in ``binary_cross_entropy``, not 0;
    * a wrong answer of more than 88 is not infinite in ``soft_margin_loss``, and has a gradient, which is not NaN;
    * ``cosine_embedding_loss`` is right for vectors shorter than 1e-5, too, where torch's cosine tends to 0.

    And ``loss.grad_fn`` is losskit's: it does not complain of an input that was changed in place after the loss, since it needs it
    no more. A warning of
    torch's names a line of this file as its place. Torch 2.13's own ``l1_loss`` loses its ``weight`` under any such mode;
    here it is given back, but in compiled code it is lost.

    Example:
        >>> import torch, losskit
        >>> from torch.nn.functional import cross_entropy
        >>> logits, target = torch.tensor([[2.0, 0.0, 1.0]], requires_grad=True), torch.tensor([0])
        >>> with losskit.accelerate():
        ...     loss = cross_entropy(logits, target)
        >>> print(f"{loss:.4f}")
        0.4076
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Every call of torch passes here, so the way of those that are no loss is short."""
        if func in LOSSES and not torch.compiler.is_compiling():
            kwargs = {} if kwargs is None else kwargs
            if len(args) + len(kwargs) < func.__code__.co_argcount:
                kwargs |= _forgotten(func, args, kwargs)
            answer = by_losskit(LOSSES[func], args, kwargs)
            if answer is not None:
                return answer
        return func(*args, **kwargs) if kwargs else func(*args)

    @staticmethod
    def install() -> None:
        """Turn it on in the calling thread until :meth:`uninstall`; twice is the same as once.

        Torch keeps such modes by thread, so call it in each thread that computes losses. A process that is forked has it if
        its parent had, one that is spawned has not; so it is with workers of a ``DataLoader``. Contexts that are open close
        as they would have.

        Example:
            >>> import losskit
            >>> losskit.accelerate.install()
            >>> losskit.accelerate.uninstall()
        """
        modes = _modes()
        if load() is not None and not any(mode is _INSTALLED for mode in modes):
            default = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)  # must stay at the bottom
            at = 1 if modes and modes[0] is default else 0  # and beneath open contexts, which pop the top
            _set_modes([*modes[:at], _INSTALLED, *modes[at:]])

    @staticmethod
    def uninstall() -> None:
        """Undo :meth:`install` in the calling thread, and leave every other mode as it is."""
        modes = _modes()
        if any(mode is _INSTALLED for mode in modes):
            _set_modes([mode for mode in modes if mode is not _INSTALLED])


def by_losskit(kind: Any, tensors: tuple[Any, ...], given: Mapping[str, Any]) -> Tensor | None:
    """What losskit gives for a call of torch's function; None where torch is to answer."""
    if kind.about.kernel is None or not kind.keeps_kernel or kind.about.torch in OTHERWISE:
        return None
    arguments = {name: value for name, value in given.items() if value is not None or name not in DEPRECATED}
    weights = [value for value in arguments.values() if isinstance(value, Tensor)]
    try:
        if _same_numbers(kind, tensors, weights) and not _clash(kind, tensors, arguments):
            loss = instance(kind, **arguments)
            plain = loss.prepared.plain
            value = None if plain is None else plain(tensors)
            return _anew(loss, tensors) if value is None else value
    except (TypeError, ValueError, IndexError, Unfit):  # losskit refuses
        pass
    return None


def _anew(loss: Loss, tensors: tuple[Tensor, ...]) -> Tensor | None:
    """The loss of a call that is not plain, or not as the last one was; None if there is no kernel."""
    kernel = choose(loss, tensors).ready
    if kernel is None:
        return None
    loss.prepared.plain = kernel.plain
    return by_kernel(kernel, loss._buffers, tensors, NOTHING)


def _same_numbers(kind: Any, tensors: tuple[Any, ...], weights: list[Tensor]) -> bool:
    """Whether torch's numbers are losskit's for tensors like these; plan and kernel know the rest."""
    every = (*tensors, *weights)
    if not in_memory(every) or saved_by_hooks():
        return False
    dtype = tensors[0].dtype
    ids = torch.int64 if isinstance(kind.about.target.range, Whole) else dtype
    for each in every:
        if each.dtype is not dtype and each.dtype is not ids:
            return False
        if each.is_inference() and torch.is_grad_enabled():
            return False  # torch refuses to save it for backward
    # Below float32 torch's loss is in half precision, unless autocast casts; with weights it does so too late.
    cast = kind.about.torch not in UNCAST and not weights and torch.is_autocast_enabled("cpu")
    return bool(dtype.itemsize >= 4 or cast)


def _clash(kind: type[Loss], tensors: tuple[Any, ...], arguments: Mapping[str, Any]) -> bool:
    """Whether torch refuses what losskit takes (more dimensions, a class id to ignore beside class probabilities), or warns."""
    if kind.about.torch in OF_ROWS and tensors[0].dim() > 2:
        return True
    warns = kind.about.torch == "kl_div" and arguments.get("reduction", "mean") == "mean"
    return bool(warns or (arguments.get("ignore_index", -1) >= 0 and tensors[1].is_floating_point()))


def _forgotten(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """What torch's function was given but does not tell a mode: torch 2.13's ``l1_loss`` loses its weight under any."""
    frame = sys._getframe(3)  # beneath __torch_function__ and torch's handle_torch_function
    if frame.f_code.co_name != func.__name__:  # the code may be another: `losskit.watch` exchanges it
        return {}
    names = frame.f_code.co_varnames[len(args) : frame.f_code.co_argcount]
    return {name: frame.f_locals[name] for name in names if name not in kwargs}


def _modes() -> list[TorchFunctionMode]:
    """The modes of this thread; the last is asked first."""
    return [torch._C._get_function_stack_at(level) for level in range(torch._C._len_torch_function_stack())]


def _set_modes(modes: list[TorchFunctionMode]) -> None:
    while torch._C._len_torch_function_stack():
        torch._C._pop_torch_function_stack()
    for mode in modes:
        torch._C._push_on_torch_function_stack(mode)


#: Torch's functions, and what stands in for each; a torch that is older may not have them all.
LOSSES: dict[Any, type[Loss]] = {
    function: loss for loss in CATALOG if isfunction(function := getattr(F, str(loss.about.torch), None))
}
OTHERWISE = frozenset({"ctc_loss"})  # whose gradient is torch's behind a log-softmax alone
OF_ROWS = ("cosine_embedding_loss", "multi_margin_loss", "multilabel_margin_loss")  # torch takes one row, or a matrix
#: Written in Python: autocast does not know them.
UNCAST = ("gaussian_nll_loss", "multilabel_soft_margin_loss", "triplet_margin_with_distance_loss")
DEPRECATED = ("size_average", "reduce")  # losskit does not know them; None is how torch says that they were not given
_INSTALLED = accelerate()
