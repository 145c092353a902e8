"""Loss and gradient without autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from losskit.choice import choose, given
from losskit.core.reduction import NOTHING, AtCall
from losskit.loss import Loss
from losskit.native.call import Unfit


def value_and_grad(criterion: Loss) -> Callable[..., tuple[Tensor, Tensor]]:
    r"""Loss and gradient in one call, without autograd.

    .. math:: (x, y) \mapsto (\ell(x, y), \partial \ell / \partial x)

    For a small loss autograd costs more than the loss itself. The gradient is the one that ``backward`` would give: continue
    with ``output.backward(gradient)``.

    Args:
        criterion: A loss whose reduction is ``"mean"`` or ``"sum"``.

    Returns:
        A function that takes what the criterion takes and returns its loss and its gradient in the first tensor, both
        detached.

    Raises:
        ValueError: The reduction is ``"none"``: there is no single number to differentiate.

    Example:
        >>> import torch, losskit
        >>> step = losskit.value_and_grad(losskit.MSELoss())
        >>> loss, gradient = step(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 4.0]))
        >>> print(loss, gradient)
        tensor(2.5000) tensor([ 1., -2.])
    """
    if criterion.reduction == "none":
        raise ValueError(f"{type(criterion).__name__}: value_and_grad needs reduction 'mean' or 'sum', got 'none'")
    names = tuple(criterion.about.tensors)

    def call(*tensors: Tensor, **at_call: Any) -> tuple[Tensor, Tensor]:
        if len(tensors) < len(names):
            tensors += tuple(at_call.pop(name) for name in names[len(tensors) :] if name in at_call)
        if criterion.keeps_kernel:
            kernel = choose(criterion, tensors).ready
            extra = criterion.extra(tensors[0], cast(AtCall, at_call)) if at_call else NOTHING
            try:
                if kernel is not None:
                    value, gradients, scale = kernel.run(criterion._buffers, given(criterion, tensors), extra, 1)
                    gradient = cast(Tensor, gradients[0])
                    gradient = gradient if scale == 1 else gradient.mul_(scale)
                    return value, gradient if kernel.input_dtype is None else gradient.to(tensors[0].dtype)
            except Unfit:
                pass
        with torch.enable_grad():
            leaf = tensors[0].detach().requires_grad_()
            loss = criterion(leaf, *tensors[1:], **at_call)
        return loss.detach(), torch.autograd.grad(loss, leaf)[0]

    return call
