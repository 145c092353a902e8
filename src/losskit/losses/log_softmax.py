from __future__ import annotations

from torch import Tensor


def log_softmax(logits: Tensor, dim: int) -> Tensor:
    """Log-probabilities that are accurate near 0, where they depend on the sum over the other classes."""
    at = logits.detach().argmax(dim, keepdim=True)
    below = (logits - logits.gather(dim, at)).scatter(dim, at, 0.0)  # so that inf - inf is 0
    others = below.exp().scatter(dim, at, 0.0).sum(dim, keepdim=True)
    return below - others.log1p()
