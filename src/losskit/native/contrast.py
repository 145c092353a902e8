"""NT-Xent on the kernel of cross-entropy: the logits are the cosines of all views, and give way to their gradient.

The matrix of the cosines is symmetric, so one product gives the gradient of both its factors.
"""

from __future__ import annotations

import torch
from torch import Tensor

from losskit.core.arithmetic import wide
from losskit.core.reduction import NOTHING, Extra
from losskit.core.watched import no_autocast
from losskit.native.call import Call, Outcome, Ready, Unfit, Weights
from losskit.native.library import DTYPES, load

NT_XENT = "nt_xent"
LENGTHS = (1e-15, 1e15)  # of vectors whose squares float32 can hold; the others, zeros too, are the formula's


class Contrast(Ready):
    """The call for two views of fixed shapes and dtypes; its one parameter is the temperature."""

    slopes = 2

    def __init__(self, call: Call, tensors: tuple[Tensor, ...]) -> None:
        self.call, self.shape = call, tensors[0].shape
        self.dtype, self.dtypes = wide(*tensors), tuple(tensor.dtype for tensor in tensors)
        self.input_dtype = None if set(self.dtypes) == {self.dtype} else self.dtypes[0]
        self.temperature = max(call.params[0], 8 * torch.finfo(self.dtype).tiny)  # so that no quotient overflows
        items = call.items.numel()
        self.right = torch.arange(2 * items, device=tensors[0].device).roll(items)  # the place of the other view
        logits = tensors[0].new_empty((), dtype=self.dtype).expand(2 * items, 2 * items)
        rows = call._replace(kernel="cross_entropy", params=(), dim=1, items=self.right.shape)
        library = load()
        if library is None:
            raise Unfit
        self.rows = Ready(library, rows, {}, (logits, self.right))

    def run(
        self, weights: Weights, tensors: tuple[Tensor, ...], extra: Extra, wanted: int, room: Tensor | None = None
    ) -> Outcome:
        """Value and both gradients; raises :class:`Unfit` where only the formula has digits, or knows the limit."""
        with torch.no_grad(), no_autocast("cpu"):
            views = torch.cat([tensor.to(self.dtype).reshape(-1, self.shape[-1]) for tensor in tensors])
            length = torch.linalg.vector_norm(views, dim=1, keepdim=True)
            least, most = length.aminmax()
            if not (LENGTHS[0] < least.item() and most.item() < LENGTHS[1]):
                raise Unfit
            unit = views.div_(length)
            logits = torch.mm(unit / self.temperature, unit.t())
            logits.fill_diagonal_(-torch.inf)
            value, gradients, _ = self.rows.run(
                {}, (logits, self.right), self._of_both(extra, logits), wanted and 1, logits if wanted else None
            )
            once = 0.5 if self.call.reduction == "sum" else 1.0  # each item is there twice
            if not gradients or gradients[0] is None:
                return value.mul_(once), (), 1.0
            pull = gradients[0]
            pull.add_(pull.t().contiguous())  # torch copies a transpose by tiles, but adds it across the rows
            slope = torch.mm(pull, unit)
            slope.sub_(unit.mul_((unit * slope).sum(1, keepdim=True))).mul_(once / (self.temperature * length))
            first, second = slope.chunk(2)
            return value.mul_(once), (first.view(self.shape), second.view(self.shape)), 1.0

    def _of_both(self, extra: Extra, logits: Tensor) -> Extra:
        """Mask and weights of both views; the columns of masked items are taken out of the logits."""
        if extra is NOTHING:
            return extra
        if any(isinstance(each, Tensor) and each.requires_grad for each in extra):
            raise Unfit  # only the formula gives it a gradient
        weight, mask = (
            None if each is None else each.expand(self.call.items).reshape(-1).repeat(2)
            for each in (extra.sample_weight, extra.mask)
        )
        if mask is not None:
            logits.masked_fill_(~mask, -torch.inf)
        return Extra(weight, mask, None if extra.normalizer is None else 2 * extra.normalizer)


def contrast(call: Call, tensors: tuple[Tensor, ...]) -> Ready | None:
    """The call filled in; None where the formula must serve."""
    if tensors[0].dtype not in DTYPES or not tensors[0].numel():
        return None
    try:
        return Contrast(call, tensors)
    except Unfit:
        return None
