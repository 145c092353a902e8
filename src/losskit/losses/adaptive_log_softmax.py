from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.modules.adaptive import _ASMoutput
from typing_extensions import Unpack

from losskit.core.arithmetic import wide
from losskit.core.messages import floating, out_of_range, together, whole
from losskit.core.reduction import AtCall, checked, reduce, shaped
from losskit.core.watched import readable
from losskit.losses.cross_entropy import cross_entropy
from losskit.losses.log_softmax import log_softmax

if TYPE_CHECKING:
    from losskit.fields import Called

    class _Torchs(Called, nn.AdaptiveLogSoftmaxWithLoss):
        """Torch's, with a call that is typed."""
else:
    _Torchs = nn.AdaptiveLogSoftmaxWithLoss


class AdaptiveLogSoftmaxWithLoss(_Torchs):
    r"""Cross-entropy over many classes, of which the rare ones share smaller layers that few rows pass through.

    .. math:: -\log p(y \mid x) = \begin{cases}
        -\log \mathrm{softmax}(H x)_y & y < c_1 \\
        -\log \mathrm{softmax}(H x)_{c_1 + k - 1} - \log \mathrm{softmax}(T_k x)_{y - c_k} & y \ge c_k
        \end{cases}

    for the last k of which that holds. It is torch's own layer: weights, their names and their initialisation, ``log_prob``, ``reset_parameters`` and the pair that a
    call returns (``output``, the log-probability of each target, and ``loss``, minus its mean). Class 0 must be
    the most frequent one, and so on down. What losskit adds: targets of any integer dtype, errors that say what is
    wrong, ``sample_weight``, ``mask`` and ``normalizer`` at the call, and log-softmaxes and their mean in float32 under half
    precision. An item that is masked has ``output`` 0.

    Which rows pass through which layer depends on the targets: ``torch.vmap`` and ``torch.compile(fullgraph=True)`` cannot
    follow it; ``torch.compile`` breaks the graph here.

    Args:
        in_features: Width of the input, D.
        n_classes: Number of classes, C.
        cutoffs: Where the clusters begin: classes in [0, cutoffs[0]) have a logit of their own in the first layer.
        div_value: The layer of the k-th cluster (from 1) is D // div_value ** k wide; a cluster of width 0 learns
            nothing within itself. Default: 4.0.
        head_bias: Whether the first layer has a bias. Default: False.
        device: Where the layers live.
        dtype: The layers' dtype.

    Shape:
        input: (D) or (N, D).
        target: Class ids in [0, C), () or (N), of any integer dtype.

        A call takes ``sample_weight``, ``mask`` and ``normalizer`` as well: see :class:`losskit.core.reduction.AtCall`.

    Returns:
        A pair: ``output``, of the target's shape, and ``loss``, one number.

    Raises:
        TypeError: A dtype of the wrong kind.
        ValueError: A shape that does not fit.
        IndexError: A class id out of range (read in eager mode on CPU alone).

    Example:
        >>> import torch, losskit
        >>> _ = torch.manual_seed(0)
        >>> criterion = losskit.AdaptiveLogSoftmaxWithLoss(16, 1000, cutoffs=[10, 100])
        >>> hidden, target = torch.randn(4, 16), torch.tensor([3, 50, 999, 0])
        >>> output, loss = criterion(hidden, target)
        >>> torch.allclose(loss, -output.mean())
        True
        >>> criterion.predict(hidden).shape
        torch.Size([4])

    Source:
        Grave 2017, Efficient softmax approximation for GPUs, arXiv:1609.04309
    """

    def forward(self, input_: Tensor, target_: Tensor, **at_call: Unpack[AtCall]) -> _ASMoutput:
        """Log-probability of each target, and the loss; :class:`~losskit.core.reduction.AtCall` says what a call may add."""
        self._require(input_, target_)
        extra = checked(type(self).__name__, "mean", at_call, target_.shape, input_.device)
        keep, target = extra.mask, target_.long()
        if keep is not None:  # class 0 of an input of zeros: in range, and through no cluster
            input_, target = torch.where(keep.unsqueeze(-1), input_, 0), torch.where(keep, target, 0)
        if readable(target):
            error = out_of_range(f"{type(self).__name__}: target", target, self.n_classes)
            if error is not None:
                raise error
        batch = input_.dim() == 2
        log_p = self._log_p(input_, target) if batch else shaped(self._log_p(input_[None], target[None]), torch.Size())
        output = log_p if keep is None else torch.where(keep, log_p, 0)
        return _ASMoutput(output, reduce(-output, "mean", keep, None, extra.sample_weight, extra.normalizer))

    def _log_p(self, input: Tensor, target: Tensor) -> Tensor:
        """Log-probability of each target, (N)."""
        starts = torch.tensor(self.cutoffs[:-1], device=target.device)
        cluster = torch.bucketize(target, starts, right=True)  # 0: no cluster
        column = torch.where(cluster == 0, target, self.shortlist_size + cluster - 1)
        loss = _loss(self.head(input), column)
        for i, tail in enumerate(self.tail):
            rows = (cluster == i + 1).nonzero().squeeze(1)
            if len(rows):
                within = _loss(tail(input[rows]), target[rows] - self.cutoffs[i])
                loss = loss.index_add(0, rows, within)
        return -loss

    def probabilities(self, output: Tensor) -> Tensor:
        """Class probabilities, (N, C).

        Args:
            output: What the network gave, (N, D) or (D).
        """
        return self.log_prob(output).exp()

    def log_prob(self, input: Tensor) -> Tensor:
        """Log-probabilities of all classes, (N, C).

        Args:
            input: What the network gave, (N, D) or (D).
        """
        if input.dim() == 1:
            return self.log_prob(input.unsqueeze(0)).squeeze(0)
        head = _log_softmax(self.head(input))
        shortlist, *clusters = torch.split(head, [self.shortlist_size] + [1] * self.n_clusters, 1)
        rest = [each + _log_softmax(tail(input)) for each, tail in zip(clusters, self.tail, strict=True)]
        return torch.cat([shortlist, *rest], 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row, (N).

        Args:
            input: What the network gave, (N, D) or (D).
        """
        return super().predict(input.unsqueeze(0)).squeeze(0) if input.dim() == 1 else super().predict(input)

    def _require(self, input: Tensor, target: Tensor) -> None:
        """Raise where a dtype or a shape is wrong; reads no values."""
        who = type(self).__name__
        together(who, ("input", "target"), (input, target))
        floating(f"{who}: input", input)
        if not whole(target):
            raise TypeError(f"{who}: target must hold integer class ids, got {target.dtype}; use target.long()")
        if input.dim() not in (1, 2) or input.shape[-1] != self.in_features:
            mend = "; use input.flatten(0, -2) and target.flatten()" if input.dim() > 2 else ""
            raise ValueError(
                f"{who}: input must have shape (N, {self.in_features}) or ({self.in_features}), got {tuple(input.shape)}{mend}"
            )
        if target.shape != input.shape[:-1]:
            mend = "; use target.squeeze(1)" if target.shape == (*input.shape[:-1], 1) else ""
            raise ValueError(
                f"{who}: target of shape {tuple(target.shape)} does not fit input of shape {tuple(input.shape)}: class ids "
                f"must have shape {tuple(input.shape[:-1])}{mend}"
            )


def _loss(logits: Tensor, target: Tensor) -> Tensor:
    if logits.shape[1] == 1:  # a cluster of one class, which cross_entropy refuses
        return -_log_softmax(logits).squeeze(1)
    return cross_entropy(logits, target, reduction="none")


def _log_softmax(logits: Tensor) -> Tensor:
    return log_softmax(logits.to(wide(logits)), 1)
