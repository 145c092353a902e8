"""Keras's rules for shapes, without silent broadcasting."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def same_rank(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """If one has an extra last dimension of size 1: add it to the other if that is a vector, else drop it."""
    if other.dim() == one.dim() + 1:
        other, one = same_rank(other, one)
    elif one.dim() == other.dim() + 1 and one.shape[-1] == 1:
        return (one, other.unsqueeze(-1)) if other.dim() == 1 else (one.squeeze(-1), other)
    return one, other


def without(shape: torch.Size, axis: int) -> torch.Size:
    """The shape without one of its dimensions, if it has any."""
    axis %= max(len(shape), 1)
    return shape[:axis] + shape[axis + 1 :]


def over_values(who: str, value: Tensor, shape: torch.Size, whole: bool) -> Tensor:
    """Weights or a mask in the shape of the loss's values; raises where Keras would broadcast the values.

    Args:
        who: The class and the argument.
        value: The weights or the mask.
        shape: Of the values.
        whole: Whether it must have that shape already, since Keras sums it before broadcasting.
    """
    fits = value
    if value.dim() == len(shape) + 1 and value.shape[-1] == 1:
        fits = value.squeeze(-1)
    elif 0 < value.dim() == len(shape) - 1 and shape[-1] == 1:
        fits = value.unsqueeze(-1)
    name, told = who.split()[-1], f"{who} of shape {tuple(value.shape)}"
    same = fits.dim() == len(shape) and all(own in (1, n) for own, n in zip(fits.shape, shape))
    if fits.dim() and not same:
        mend = ""
        if fits.shape == shape[: fits.dim()]:
            ones = ", ".join("1" * (len(shape) - fits.dim()))
            mend = f"; to weigh whole samples use {name}.reshape(*{name}.shape, {ones})"
        raise ValueError(
            f"{told} does not fit the loss's values, of shape {tuple(shape)} (one dimension of y_pred less){mend}"
        )
    if whole and fits.numel() != math.prod(shape):
        raise ValueError(
            f"{told} is to be broadcast to {tuple(shape)}, and Keras would divide by its sum before that; use "
            f"{name}.expand{tuple(shape)}"
        )
    return fits.expand(shape)
