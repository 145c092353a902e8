from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.choice import choose, run
from losskit.core.about import About
from losskit.core.arithmetic import times
from losskit.core.head import ON_CLASSES, Situation
from losskit.core.reduction import NOTHING, AtCall, Reduction
from losskit.core.shapes import Classes
from losskit.core.slots import CLASS_LOGITS, IDS_OR_PROBABILITIES, Slot
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, instance, served
from losskit.losses.log_softmax import log_softmax
from losskit.native.call import Unfit
from losskit.native.in_place import in_place


class CrossEntropyLoss(Loss, nn.CrossEntropyLoss):
    r"""Negative log-probability that the softmax of the logits gives the target class.

    .. math:: \ell(x, y) = -\sum_c w_c\, q_c \log \mathrm{softmax}(x)_c, \quad
        q_c = (1 - \varepsilon)\,[c = y] + \varepsilon / C

    Give it logits: after a softmax the loss cannot fall below log(e + C - 1) - 1. With class ids the mean divides by the sum
    of the weights of the targets, with class probabilities by the number of items, as in torch. So at batch size 1 class
    weights cancel, and with weights, ids and one-hot rows give different means. A class whose logit is -inf is masked: label
    smoothing leaves it out.

    On other devices than CPU torch's own operator computes the plain case. There a row of -inf logits has a NaN gradient even
    if ``ignore_index`` excludes it. Give such rows a ``mask``.

    Example:
        >>> import torch, losskit
        >>> logits = torch.tensor([[1.2, 0.4, -0.5, 2.1, 0.3], [0.8, 1.9, -1.2, 0.4, 1.1], [-0.1, 2.4, 0.7, 1.5, -0.5]])
        >>> target = torch.tensor([3, 1, 4])
        >>> criterion = losskit.CrossEntropyLoss()
        >>> print(f"{criterion(logits, target):.4f}")
        1.5892
        >>> print(criterion.predict(logits))
        tensor([3, 1, 1])
        >>> weighted = losskit.CrossEntropyLoss(torch.tensor([0.1, 0.2, 0.3, 0.2, 0.2]))
        >>> print(f"{weighted(logits, target):.4f}")  # each target weighs 0.2, and the mean divides by their sum
        1.5892
        >>> for classes in (10, 1000):  # perfect probabilities, given as logits
        ...     print(f"{criterion(torch.eye(classes), torch.arange(classes)):.2f}")
        1.46
        5.91
    """

    about = About(
        tensors={"input": CLASS_LOGITS, "target": IDS_OR_PROBABILITIES},
        serves=ON_CLASSES,
        source="Good 1952, Rational Decisions; label smoothing: Szegedy 2016, arXiv:1512.00567",
        torch="cross_entropy",
        kernel="cross_entropy",
        suits={Situation.IMBALANCED: "weight=len(labels) / (C * torch.bincount(labels, minlength=C).clamp(min=1))"},
    )
    weight: Tensor | None = arg(
        default=None, shape="classes", within="[0, inf)", doc="Weight of each class, of shape (C)."
    )
    ignore_index: int = arg(
        default=-100, doc="A target of this value has no loss, no gradient and no place in the mean."
    )
    reduction: Reduction = reduction_arg(default="mean")
    label_smoothing: float = arg(
        default=0.0, within="[0, 1]", doc="Share of the target that is spread evenly over the classes."
    )
    dim: int = arg(
        default=1, kw_only=True, doc="The dimension of the input that holds the classes (an input (C) has only one)."
    )

    def formula(self, input: Tensor, target: Tensor) -> Tensor:
        dim = self.class_dim(input) or 0
        log_p = log_softmax(input, dim)
        soft = target.is_floating_point()
        if not soft and self.label_smoothing == 0:
            loss = -log_p.gather(dim, target.unsqueeze(dim)).squeeze(dim)
            return loss if self.weight is None else times(self.weight[target], loss)
        over_classes = [-1 if at == dim else 1 for at in range(input.dim())]
        classes = torch.arange(input.shape[dim], device=input.device).view(over_classes)
        possible = input != -torch.inf
        q = (1 - self.label_smoothing) * (target if soft else (target.unsqueeze(dim) == classes).to(input.dtype))
        q = q + self.label_smoothing * (possible / possible.sum(dim, keepdim=True).to(input.dtype))
        terms = q * log_p.where(possible | (q != 0), 0)  # 0 log 0 = 0
        return -(terms if self.weight is None else times(self.weight.view(over_classes), terms)).sum(dim)

    @property
    def domains(self) -> Mapping[str, Slot]:
        usual = self.about.tensors
        return usual if self.dim == 1 else {**usual, "input": Slot(usual["input"].range, Classes(self.dim))}

    def kept(self, target: Tensor) -> Tensor | None:
        return None if target.is_floating_point() else target != self.ignore_index

    def share(self, target: Tensor) -> Tensor | None:
        return None if self.weight is None or target.is_floating_point() else self.weight[target]

    def torch_is_right(self, *tensors: Tensor) -> bool:
        return self.label_smoothing == 0 and not tensors[1].is_floating_point()  # both are wrong at logits of -inf


def cross_entropy(  # noqa: D417 - the class describes the others
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    *,
    dim: int = 1,
    inplace_backward: bool = False,
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`CrossEntropyLoss`.

    Args:
        inplace_backward: Whether the gradient may take the place of the logits, which saves memory of their size.
            The logits are overwritten at once. Who needs their values in backward gets torch's error for a tensor
            that was changed in place. They are kept, and nothing is saved, where there is no kernel: off the CPU, under
            a compiler, for class probabilities, for logits that are not contiguous or are inf.
    """
    if inplace_backward and torch.is_grad_enabled() and input.requires_grad:
        loss = instance(CrossEntropyLoss, weight, ignore_index, reduction, label_smoothing, dim=dim)
        return _in_place(loss, input, target, at_call)
    return served(CrossEntropyLoss, (input, target), at_call, weight, ignore_index, reduction, label_smoothing, dim=dim)


def _in_place(loss: CrossEntropyLoss, input: Tensor, target: Tensor, at_call: AtCall) -> Tensor:
    if input.is_leaf:
        raise ValueError(
            "cross_entropy: inplace_backward=True would overwrite input, which is a leaf that requires a gradient; "
            "leave it out, or give the output of a layer"
        )
    tensors = (input, target)
    route, extra = choose(loss, tensors), loss.extra(input, at_call) if at_call else NOTHING
    if route.ready is None:
        return run(loss, route, tensors, extra)
    try:
        return in_place(route.ready, loss._buffers, tensors, extra)
    except Unfit:
        return run(loss, route, tensors, extra)
