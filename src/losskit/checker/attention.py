"""Which steps a network's attention looks at, where its graph shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from losskit.checker.origin import saved

HIDES = -5e3  # what is added to a score to hide a step is lower: -1e4 in old code, mostly the lowest number


def is_causal(node: Any) -> bool:
    """Whether a node of the graph is attention that hides the future."""
    if getattr(node, "_saved_is_causal", False):
        return True
    seen = _seen(node)
    return seen is not None and _triangular(seen)


def hidden_token(graph: Sequence[Any], tokens: Sequence[Tensor]) -> tuple[int, int] | None:
    """The token that stands at all steps which a row's last step does not see, and at how many; None if several do, or none."""
    for node in graph:
        seen = _seen(node)
        if seen is None or not seen.dim() or not seen.numel():
            continue
        last = seen[..., -1, :] if seen.dim() > 1 else seen
        for each in tokens:
            hidden = _of_rows(last, each)
            ids = each[hidden] if hidden is not None else each.new_empty(0)
            if len(ids) and bool((ids == ids[0]).all()):
                return int(ids[0]), len(ids)
    return None


def _of_rows(seen: Tensor, tokens: Tensor) -> Tensor | None:
    """Which tokens (N, L) no head sees, where this is of (N, …, L)."""
    rows, steps = tokens.shape
    if seen.shape[-1] != steps or not seen.numel() or seen.numel() % (rows * steps):
        return None
    return ~seen.reshape(rows, -1, steps).any(1)


def _seen(node: Any) -> Tensor | None:
    """Which steps each step looks at (…, L, S); None if it is no attention."""
    name = node.name()
    if name.startswith("ScaledDotProduct"):
        mask = saved(node, "attn_mask")
        mask = saved(node, "attn_bias") if mask is None else mask  # as kernels of a GPU call it
        return mask if mask is None or mask.dtype == torch.bool else mask > HIDES
    if name.startswith("MaskedFill"):
        mask = saved(node, "mask")
        return None if mask is None else ~mask
    if "Softmax" in name and not name.startswith("Log"):
        weights = saved(node, "result")
        return None if weights is None or weights.dim() < 3 else weights != 0
    return None


def _triangular(seen: Tensor) -> bool:
    """Whether no step looks at a later one; padding, which the last step does not look at, may do as it likes."""
    if seen.dim() < 2 or seen.shape[-1] != seen.shape[-2]:
        return False
    real = seen[..., -1, :]
    later = (real.unsqueeze(-1) & real.unsqueeze(-2)).triu(1)
    return bool(later.any()) and not bool((later & seen).any())
