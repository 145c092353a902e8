"""The dtype of a computation, and arithmetic where floating point would give NaN instead of the limit."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def wide(*tensors: Tensor) -> torch.dtype:
    """The dtype to compute in: promoted over all floating-point tensors, and at least float32."""
    dtype = torch.promote_types(tensors[0].dtype, torch.float32)
    for tensor in tensors[1:]:
        if tensor.is_floating_point():
            dtype = torch.promote_types(dtype, tensor.dtype)
    return dtype


def times(weight: Tensor | float, value: Tensor) -> Tensor:
    """Their product, which is 0, with no gradient, where the weight is 0 and the value infinite."""
    return weight * counting(weight, value)


def counting(weight: Tensor | float, value: Tensor) -> Tensor:
    """``value``, but 0 where it is infinite and has weight 0. Apply it before a loss of infinite slope is computed."""
    return value.masked_fill((weight == 0) & value.isinf(), 0)


def representable(number: float, dtype: torch.dtype) -> float:
    """The nearest number of this dtype; it does not round to 0 or to infinity."""
    ends = torch.finfo(dtype)
    return number and math.copysign(min(max(abs(number), ends.tiny * ends.eps), ends.max), number)
