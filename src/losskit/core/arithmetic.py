"""What a loss is computed in, and arithmetic at its ends, where floating point gives NaN and what is meant has a limit."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def wide(*tensors: Tensor) -> torch.dtype:
    """What a loss of these is computed in: the dtype promoted over all that are not integers; half in float32."""
    dtype = torch.promote_types(tensors[0].dtype, torch.float32)
    for tensor in tensors[1:]:
        if tensor.is_floating_point():
            dtype = torch.promote_types(dtype, tensor.dtype)
    return dtype


def times(weight: Tensor | float, value: Tensor) -> Tensor:
    """Their product, in which a weight of 0 makes nothing of an infinite value, and of its gradient."""
    return weight * counting(weight, value)


def counting(weight: Tensor | float, value: Tensor) -> Tensor:
    """``value``, but 0 where it is infinite and weighs nothing. For a loss of infinite slope: before it is computed."""
    return value.masked_fill((weight == 0) & value.isinf(), 0)


def representable(number: float, dtype: torch.dtype) -> float:
    """The number of this dtype nearest to it, but neither 0 nor infinite where it is not."""
    ends = torch.finfo(dtype)
    return number and math.copysign(min(max(abs(number), ends.tiny * ends.eps), ends.max), number)
