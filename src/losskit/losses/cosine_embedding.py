from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.core.about import About
from losskit.core.head import Encoding, Head, Task
from losskit.core.reduction import AtCall, Reduction
from losskit.core.slots import SIGN, VECTOR
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, served


class CosineEmbeddingLoss(Loss, nn.CosineEmbeddingLoss):
    r"""1 minus the cosine of similar vectors (1), and the excess over the margin of dissimilar ones (-1).

    .. math:: \ell(a, b, y) = \begin{cases} 1 - \cos(a, b) & y = 1 \\ \max(0,\, \cos(a, b) - \mathrm{margin}) & y = -1
        \end{cases}

    A vector of zeros has no direction: its cosine is 0, and its gradient is that of a vector of length 1. Vectors may have any
    length (torch adds 1e-12 to the squared lengths, which halves the cosine of vectors of length 1e-6, and overflows for long
    ones). The mean divides by the number of pairs.

    Example:
        >>> import torch, losskit
        >>> one, other = torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, 2.0], [3.0, 3.0]])
        >>> criterion = losskit.CosineEmbeddingLoss(0.5, reduction="none")
        >>> print(criterion(one, other, torch.tensor([1, -1])))
        tensor([1.0000, 0.5000])
    """

    about = About(
        tensors={"input1": VECTOR, "input2": VECTOR, "target": SIGN},
        serves={Task.EMBEDDING: Head(Encoding.NONE)},
        source="Singhal 2001, Modern information retrieval: a brief overview (the cosine as a similarity)",
        torch="cosine_embedding_loss",
        kernel="cosine_embedding",
    )
    margin: float = arg(default=0.0, within="[-1, 1]", doc="Cosine up to which dissimilar pairs have no loss.")
    reduction: Reduction = reduction_arg(default="mean")

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor, **at_call: Unpack[AtCall]) -> Tensor:  # type: ignore[override]
        return self.compute((input1, input2, target), at_call)

    def formula(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        one, other = scaled(input1), scaled(input2)
        square, other_square = squared(one), squared(other)
        cosine = ((one * other).sum(-1, keepdim=True) / (square * other_square).sqrt()).squeeze(-1)
        # Half the squared distance of the directions is also 1 - cos, and accurate where the cosine is nearly 1.
        near = ((one / square.sqrt() - other / other_square.sqrt()) ** 2).sum(-1) / 2
        apart = torch.where(cosine > 0.5, near, 1 - cosine)
        beyond = cosine - self.margin
        return torch.where(target > 0, apart, torch.where(beyond < 0, 0, beyond))

    def kernel_params(self) -> tuple[float, ...]:
        return (self.margin,)

    def torch_is_right(self, *tensors: Tensor) -> bool:
        return False  # not for zeros, and not for short or long vectors


def scaled(vector: Tensor) -> Tensor:
    """The vector divided by a power of 2, which rounds nothing and leaves no square that overflows or vanishes."""
    largest = vector.detach().abs().amax(-1, keepdim=True)
    power = largest / (2 * torch.frexp(largest).mantissa)  # constant for autograd: the cosine does not depend on it
    return vector / power.masked_fill(largest == 0, 1)


def squared(vector: Tensor) -> Tensor:
    """Its squared length; 1 for a vector of zeros, whose cosine to any other is then 0."""
    square = (vector**2).sum(-1, keepdim=True)
    return square.masked_fill(square == 0, 1)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    reduction: Reduction = "mean",
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`CosineEmbeddingLoss`."""
    return served(CosineEmbeddingLoss, (input1, input2, target), at_call, margin, reduction)
