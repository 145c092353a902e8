"""Cross-entropy of scaled cosines, the right one after a margin: two products of matrices, and kernels for what lies between.

The pairwise kernel gives the right class's logit and its slopes, which need more digits than a cosine in float32 has; the
row-wise one the softmax, in the place of the logits.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from losskit.core.arithmetic import wide
from losskit.core.reduction import NOTHING, Extra
from losskit.core.watched import ORDINARY, no_autocast
from losskit.native.call import Call, Outcome, Ready, Unfit, Weights
from losskit.native.contrast import LENGTHS
from losskit.native.library import DTYPES, load

ARCFACE = "arcface"


class Angular(Ready):
    """The call for embeddings of a fixed shape and dtype, their classes, and the classes' weight."""

    slopes = 3

    def __init__(self, call: Call, tensors: tuple[Tensor, ...]) -> None:
        library, (input, _, weight) = load(), tensors
        if library is None:
            raise Unfit
        self.call, self.shape, self.classes = call, input.shape, len(weight)
        self.dtype, self.dtypes = wide(input), tuple(tensor.dtype for tensor in tensors)
        self.input_dtype = None if input.dtype is self.dtype else input.dtype
        count = call.items.numel()
        items, places = torch.Size([count]), torch.empty(count, dtype=torch.int64, device="cpu")
        self.scale = call.params[1]
        if not LENGTHS[0] < self.scale < LENGTHS[1]:
            raise Unfit
        rows, logits = input.new_empty((), dtype=self.dtype), (*items, self.classes)
        of_right = call._replace(kernel="arc", items=items, reduction="none")
        of_all = call._replace(kernel="cross_entropy", params=(), dim=1, items=items)
        self.right = Ready(library, of_right, {}, (rows.expand(*items, self.shape[-1]),) * 2)
        self.all = Ready(library, of_all, {}, (rows.expand(logits), places))

    def run(
        self, weights: Weights, tensors: tuple[Tensor, ...], extra: Extra, wanted: int, room: Tensor | None = None
    ) -> Outcome:
        """Value and the gradients of embeddings and weight; raises :class:`Unfit` where only the formula has digits."""
        input, target, weight = tensors
        if type(weight) not in ORDINARY or not weight.is_cpu or weight.shape != (self.classes, self.shape[-1]):
            raise Unfit
        with torch.no_grad(), no_autocast("cpu"):
            input, weight = input.to(self.dtype).reshape(-1, self.shape[-1]), weight.to(self.dtype)
            target = target.long().reshape(-1)
            length, of_class = (torch.linalg.vector_norm(each, dim=1, keepdim=True) for each in (input, weight))
            least, most = torch.cat([length, of_class]).aminmax()
            if not (LENGTHS[0] < least.item() and most.item() < LENGTHS[1]):
                raise Unfit
            shrunk = of_class / self.scale
            unit, scaled = input / length, weight / shrunk
            at = target.clamp(0, self.classes - 1)  # what is ignored, or wrong, is for the kernel to find
            right, slopes, _ = self.right.run(
                {}, (input, weight.index_select(0, at)), NOTHING, wanted and 1 | wanted >> 1
            )
            logits, at = torch.mm(unit, scaled.t()), at.unsqueeze(1)
            logits.scatter_(1, at, right.unsqueeze(1))
            value, gradients, _ = self.all.run(
                {}, (logits, target), self._by_row(extra), wanted and 1, logits if wanted else None
            )
            if not wanted:
                return value, (), 1.0
            pull = cast(Tensor, gradients[0])
            own = pull.gather(1, at)
            pull.scatter_(1, at, 0)
            of_input = of_weight = None
            if wanted & 1:
                of_input = _tangent(torch.mm(pull, scaled), unit, length)
                of_input = of_input.addcmul_(cast(Tensor, slopes[0]), own).view(self.shape)
            if wanted & 4:
                of_weight = _tangent(torch.mm(pull.t(), unit), weight / of_class, shrunk)
                of_weight.index_add_(0, at.squeeze(1), cast(Tensor, slopes[1]).mul_(own))
            return value, (of_input, None, of_weight), 1.0

    def _by_row(self, extra: Extra) -> Extra:
        """Mask and weights of the items in a row."""
        if extra is NOTHING:
            return extra
        weight, mask = (
            None if each is None else each.expand(self.call.items).reshape(-1)
            for each in (extra.sample_weight, extra.mask)
        )
        return Extra(weight, mask, extra.normalizer)


def _tangent(slope: Tensor, unit: Tensor, length: Tensor) -> Tensor:
    """The slope in vectors of this length, from the slope in their directions: what would stretch them is taken out."""
    return slope.addcmul_(unit, (unit * slope).sum(1, keepdim=True), value=-1).div_(length)


def angular(call: Call, tensors: tuple[Tensor, ...]) -> Ready | None:
    """The call filled in; None where the formula must serve."""
    if tensors[0].dtype not in DTYPES or not tensors[0].numel():
        return None
    try:
        return Angular(call, tensors)
    except Unfit:
        return None
