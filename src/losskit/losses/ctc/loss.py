from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from losskit.choice import is_torchs
from losskit.core.about import About
from losskit.core.arithmetic import wide
from losskit.core.head import Activation, Encoding, Head, Task
from losskit.core.messages import Place, first, tensor
from losskit.core.ranges import ABOVE_ZERO
from losskit.core.reduction import AtCall, Extra, Reduction, reduce, shaped
from losskit.core.watched import plain, readable, savable_with
from losskit.fields import arg, reduction_arg
from losskit.loss import Loss, instance
from losskit.losses.ctc.operator import Batch, bounds, by_torch, has_operator, opaque
from losskit.losses.ctc.slots import LABELS_OF_EACH, LOG_PROBS, STEPS_OF_EACH, TARGETS

NEVER = -1e30  # the logarithm of no chance: finite, so that a difference of two is 0 and not NaN


UNROLLED = 32  # steps that the compiler may unroll


class CTCLoss(Loss, nn.CTCLoss):
    r"""Negative log-probability of a label sequence, whatever the steps at which its labels occur.

    .. math:: \ell(x, y) = -\log \sum_{\pi \in \mathcal{B}^{-1}(y)} \exp \sum_{t=1}^{T} x_{t, \pi_t}

    The sum runs over all paths of one label or blank a step from which merging repeats and then dropping blanks leaves the
    target. Feed it log-probabilities, or logits with ``from_logits=True``. Positive values are refused where values are
    read; elsewhere logits would be taken for unnormalised scores, and can give a negative loss.

    The gradient is that of this function, minus the probability that a step shows a label; torch's adds
    ``exp(x)``, and is right only behind a log-softmax, where the two agree. There is a second derivative.

    A target that the steps cannot hold (there must be one a label, and one more between equal neighbours) has the loss
    inf and no gradient; ``zero_infinity`` makes it 0. What lies beyond a sample's lengths is not read, and has no
    gradient. The mean divides each sample's loss by its target length (1 for an empty target) and then by the number of
    samples, or by the sum of their ``sample_weight``, as torch's does: so long targets weigh no more than short ones.

    On a GPU, where torch's operator serves, nothing is read: a label that there is not makes its sample's loss NaN. Lengths
    on the CPU are checked, and save that operator a wait for the device. The compiler unrolls the loop over up to 32
    steps; beyond, it sees one operator that it cannot look into, which has no second derivative and no transforms.

    Example:
        >>> import torch, losskit
        >>> steps = [[0.1, 2.0, 0.3], [0.2, 1.5, 0.1], [1.0, 0.2, 2.5], [2.0, 0.1, 0.4]]
        >>> logits = torch.tensor(steps).unsqueeze(1)
        >>> criterion = losskit.CTCLoss(from_logits=True)
        >>> print(f"{criterion(logits, torch.tensor([[1, 2]]), [4], [2]):.4f}")
        0.2607
        >>> print(criterion.predict(logits))
        [tensor([1, 2])]
    """

    about = About(
        tensors={
            "log_probs": LOG_PROBS,
            "targets": TARGETS,
            "input_lengths": STEPS_OF_EACH,
            "target_lengths": LABELS_OF_EACH,
        },
        serves={Task.SEQUENCE: Head(Encoding.SEQUENCE, predicting=Activation.SOFTMAX, training=Activation.LOG_SOFTMAX)},
        source="Graves 2006, Connectionist temporal classification, doi:10.1145/1143844.1143891",
        torch="ctc_loss",
        kernel="ctc",
    )
    blank: int = arg(default=0, within="[0, inf)", doc="The label that stands for none.")
    reduction: Reduction = reduction_arg(default="mean")
    zero_infinity: bool = arg(
        default=False,
        doc="Whether a target that the steps cannot hold has the loss 0 instead of inf.",
    )
    from_logits: bool = arg(
        default=False,
        kw_only=True,
        doc="Whether the input is logits; the log-softmax is then taken here.",
    )

    def forward(  # type: ignore[override]
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Tensor | Sequence[int] | int,
        target_lengths: Tensor | Sequence[int] | int,
        **at_call: Unpack[AtCall],
    ) -> Tensor:
        lengths = _as_tensor(input_lengths), _as_tensor(target_lengths)
        return self.compute((log_probs, targets, *lengths), at_call)

    def kernel_params(self) -> tuple[float, ...]:
        return self.blank, self.zero_infinity, self.from_logits

    def formula(self, log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor) -> Tensor:
        """The forward recursion over the states: the target's labels with a blank before, between and after them."""
        if self.from_logits:
            log_probs = log_probs.log_softmax(-1)
        samples, labels = targets.shape
        width = 2 * labels + 1
        states = F.pad(targets.unsqueeze(2), (1, 0), value=self.blank).reshape(samples, 2 * labels)
        states = F.pad(states, (0, 1), value=self.blank)  # (N, width)
        scores = log_probs.gather(2, states.expand(len(log_probs), -1, -1)).clamp(min=NEVER)
        skips = (states != self.blank) & (states != F.pad(states, (2, 0), value=self.blank).narrow(1, 0, width))
        moves = F.pad(torch.where(skips, 0.0, NEVER).to(scores.dtype).unsqueeze(2), (0, 2))  # skip one, step on, stay
        nothing = scores.narrow(0, 0, 0).narrow(2, 0, 1).sum(0)  # 0, of the graph even where there is no step
        start = F.pad(nothing, (0, width - 1), value=NEVER)  # before the first step: at the first blank
        alphas = [start]
        for score in scores.unbind(0):
            left = F.pad(alphas[-1], (2, 0), value=NEVER)
            arriving = torch.stack((left.narrow(1, 0, width), left.narrow(1, 1, width), alphas[-1]), 2) + moves
            alphas.append(score + arriving.logsumexp(2))
        last = input_lengths.to(states.device).view(1, -1, 1).expand(1, -1, width)
        ends = F.pad(torch.stack(alphas).gather(0, last).squeeze(0), (1, 0), value=NEVER)  # an empty target has one end
        at = 2 * target_lengths.to(states.device).unsqueeze(1)
        loss = -ends.gather(1, torch.cat((at, at + 1), 1)).logsumexp(1)
        return loss.masked_fill(loss > -NEVER / 10, torch.inf)

    def by_formula(self, tensors: tuple[Tensor, ...], extra: Extra) -> Tensor:
        batch = self._batch(savable_with(self._buffers, tensors), extra.mask)
        loss = self._unreduced(batch)
        if self.zero_infinity:
            loss = loss.where(loss != torch.inf, 0)
        if self.reduction == "mean":
            loss = loss / batch.target_lengths.to(loss.device).clamp(min=1)
        loss = shaped(loss, self.items(tensors[0]))
        return reduce(loss, self.reduction, extra.mask, None, extra.sample_weight, extra.normalizer)

    def require(self, tensors: tuple[Tensor, ...]) -> None:
        who, (scores, targets, *_) = type(self).__name__, tensors
        for name, value in zip(self.domains, tensors):
            tensor(who, name, value)
        for place, slot, value in zip(self.places(scores), self.domains.values(), tensors, strict=True):
            slot.require(place, value)
        if targets.device != scores.device:
            raise ValueError(
                f"{who}: targets is on {targets.device} and log_probs on {scores.device}; use targets.to(log_probs.device)"
            )
        if self.blank >= tensors[0].shape[-1]:
            raise ValueError(
                f"{type(self).__name__}: blank must be one of the {tensors[0].shape[-1]} labels of log_probs (its last "
                f"dimension, of shape {tuple(tensors[0].shape)}), got {self.blank}"
            )

    # What the loss takes, made ready

    def _batch(self, tensors: tuple[Tensor, ...], mask: Tensor | None) -> Batch:
        """The tensors as the formula takes them; where nothing counts, harmless values stand in for theirs."""
        log_probs, targets, *lengths = tensors
        if log_probs.dim() == 2:
            log_probs = log_probs.unsqueeze(1)
            targets = targets.reshape(1, -1)
        log_probs, targets = log_probs.to(wide(log_probs)), targets.long()
        steps, samples, classes = log_probs.shape
        input_lengths, given = (each.long().reshape(samples) for each in lengths)
        target_lengths = given
        if mask is not None:
            mask = mask.reshape(-1).expand(samples)
            input_lengths, target_lengths = (each.to(mask.device).where(mask, 0) for each in (input_lengths, given))
        self._check_lengths("input_lengths", input_lengths, steps, f"the steps of log_probs, {tuple(tensors[0].shape)}")
        if targets.dim() == 1:
            self._check_sum(targets, given)
        padded = targets if targets.dim() == 2 else _padded(targets, given)
        self._check_lengths("target_lengths", target_lengths, padded.shape[1], "the labels of targets")
        counts = _up_to(target_lengths, padded.shape[1], padded.device)
        if readable(log_probs, padded, counts):
            own = counts if targets.dim() == 2 else (target_lengths == given).repeat_interleave(given)
            shape = tensors[1].shape  # errors name the place in what was given
            self._check_labels(targets.reshape(shape), own.reshape(shape), classes)
        if not self.from_logits and readable(log_probs, input_lengths):
            self._check_logarithms(tensors[0], log_probs, input_lengths)
        if not (readable(log_probs, input_lengths) and bool((input_lengths == steps).all())):
            log_probs = log_probs.where(_up_to(input_lengths, steps, log_probs.device).mT.unsqueeze(2), 0)
        return Batch(log_probs, padded.where(counts, self.blank), input_lengths, target_lengths)

    def _check_lengths(self, name: str, lengths: Tensor, most: int, what: str) -> None:
        low, high = bounds(lengths) if lengths.numel() and readable(lengths) else (0, 0)
        if low < 0 or high > most:
            who, found = type(self).__name__, first(lengths, (lengths < 0) | (lengths > most))
            raise ValueError(f"{who}: {name} must lie in [0, {most}], {what}; got {found}")

    def _check_sum(self, targets: Tensor, lengths: Tensor) -> None:
        """Whether targets one after the other are as many as their lengths say."""
        self._check_lengths("target_lengths", lengths, len(targets), "the labels of targets")
        if readable(lengths) and int(lengths.sum()) != len(targets):
            raise ValueError(
                f"{type(self).__name__}: targets, one after the other, must hold as many labels as target_lengths add up "
                f"to, {int(lengths.sum())}, got {len(targets)}; padded targets have shape (N, S)"
            )

    def _check_logarithms(self, given: Tensor, log_probs: Tensor, lengths: Tensor) -> None:
        """Whether what counts can be log-probabilities: scores in their place make for a negative loss."""
        if not log_probs.numel() or not bool(log_probs.amax() > ABOVE_ZERO):
            return
        counts = _up_to(lengths, len(log_probs), log_probs.device).mT.unsqueeze(2)
        error = LOG_PROBS.diagnose(self.places(given)[0], log_probs.where(counts, 0).reshape(given.shape))
        if error is not None:
            raise error

    def _check_labels(self, targets: Tensor, counts: Tensor, classes: int) -> None:
        who = f"{type(self).__name__}: targets"
        outside = counts & ((targets < 0) | (targets >= classes))
        blanks = counts & (targets == self.blank)
        if not bool((outside | blanks).any()):
            return
        if bool(outside.any()):
            raise IndexError(f"{who} must hold labels in [0, {classes}), got {first(targets, outside)}")
        raise ValueError(
            f"{who} must not hold the blank, which the loss itself puts between labels, got {first(targets, blanks)}; "
            "give the blank a label of its own (blank=)"
        )

    def _unreduced(self, batch: Batch) -> Tensor:
        """By torch's operator where there is no more to it than a value and a gradient, else by the formula."""
        if is_torchs(self) and has_operator(batch):
            if plain(*batch):
                return by_torch(batch, self.blank, self.from_logits, self.formula)
            if torch.compiler.is_compiling() and len(batch.log_probs) > UNROLLED:
                return opaque(*batch, self.blank, self.from_logits)[0]  # type: ignore[no-any-return]
        return self.formula(*batch)

    # What the loss's other half does with a network's output

    def head(self, task: Task | str | None = None) -> Head:
        head = super().head(task)
        return replace(head, training=Activation.NONE) if self.from_logits else head

    def predict(  # type: ignore[override]
        self,
        output: Tensor,
        lengths: Tensor | Sequence[int] | int | None = None,
        task: Task | str | None = None,
    ) -> list[Tensor]:
        """The labels of each sample on its most probable path: repeats merged, blanks dropped.

        Args:
            output: What the network gave, (T, N, C) or (T, C), as logits or log-probabilities.
            lengths: How many steps of each sample count; None for all.
            task: One of the tasks that the loss serves; None for its usual one.
        """
        self.head(task)
        place = Place(type(self).__name__, "output", "output", output.shape, None, output.shape[1:-1])
        LOG_PROBS.require(place, output)
        best = output.argmax(-1)
        best = best.unsqueeze(1) if best.dim() == 1 else best
        ends = [len(best)] * best.shape[1]
        if lengths is not None:
            lengths = _as_tensor(lengths)
            STEPS_OF_EACH.require(place._replace(name="lengths", first="log_probs"), lengths)
            self._check_lengths("lengths", lengths, len(best), f"the steps of output, {tuple(output.shape)}")
            ends = lengths.reshape(-1).tolist()
        paths = [torch.unique_consecutive(path[:end]) for path, end in zip(best.unbind(1), ends, strict=True)]
        return [path[path != self.blank] for path in paths]


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int] | int,
    target_lengths: Tensor | Sequence[int] | int,
    blank: int = 0,
    reduction: Reduction = "mean",
    zero_infinity: bool = False,
    *,
    from_logits: bool = False,
    **at_call: Unpack[AtCall],
) -> Tensor:
    """Functional form of :class:`CTCLoss`."""
    loss = instance(CTCLoss, blank, reduction, zero_infinity, from_logits=from_logits)
    return loss.forward(log_probs, targets, input_lengths, target_lengths, **at_call)


def _as_tensor(lengths: Tensor | Sequence[int] | int) -> Tensor:
    """Lengths as a tensor; what is no length stays as it is, for the loss to refuse."""
    if isinstance(lengths, Integral) or (
        isinstance(lengths, Sequence) and all(isinstance(each, Integral) for each in lengths)
    ):
        return torch.tensor(lengths, dtype=torch.int64, device="cpu")
    return lengths  # type: ignore[return-value]


def _padded(targets: Tensor, lengths: Tensor) -> Tensor:
    """Targets one after the other as rows (N, S), with anything beyond their lengths."""
    longest = int(lengths.max()) if len(lengths) and readable(lengths) else len(targets)
    lengths = lengths.to(targets.device)
    places = (lengths.cumsum(0) - lengths).unsqueeze(1) + torch.arange(longest, device=targets.device)
    return F.pad(targets, (0, 1)).expand(len(lengths), -1).gather(1, places.clamp(max=len(targets)))


def _up_to(lengths: Tensor, size: int, device: torch.device) -> Tensor:
    """Which of ``size`` places lie within each of the lengths, (N, size)."""
    return torch.arange(size, device=device) < lengths.to(device).unsqueeze(1)
