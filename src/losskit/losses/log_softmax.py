from __future__ import annotations

from torch import Tensor


def log_softmax(logits: Tensor, dim: int) -> Tensor:
    """Log-probabilities with all their digits near 0, too: there they are what the other classes sum up to."""
    at = logits.detach().argmax(dim, keepdim=True)
    below = (logits - logits.gather(dim, at)).scatter(dim, at, 0.0)  # so that inf - inf is 0
    others = below.exp().scatter(dim, at, 0.0).sum(dim, keepdim=True)
    return below - others.log1p()
