"""What inputs and targets may be.

A domain says what it requires of shape and dtype (always checked; reads no data), what is wrong with values
(:meth:`Domain.diagnose`), how to draw a sample from it, which value is neutral where an item is masked, and how to
describe it in words. Losses, tests, benchmarks and documentation all ask the domain.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from losskit.core.watched import readable

if TYPE_CHECKING:
    from losskit.loss import Loss

STEPS, LABELS = 8, 3  # of the sequences that are drawn as samples
ABOVE_ZERO = 1e-3  # a log-softmax in half precision may round to just above 0


@dataclass(frozen=True)
class Domain:
    """One tensor of a loss. ``name`` below is its argument's name; ``input`` the network's output it stands beside.

    Args:
        broadcasts: Whether it may have 1 in the place of any of the input's dimensions, as torch documents it for a few.
    """

    broadcasts: bool = field(default=False, kw_only=True)

    def require(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> None:
        """Raise TypeError or ValueError where dtype or shape is wrong."""
        raise NotImplementedError

    def cast(self, value: Tensor, dtype: torch.dtype) -> Tensor:
        """``value`` in the dtype it is computed in."""
        return value.to(dtype)

    def neutral(self, loss: Loss, value: Tensor) -> float:
        """What stands in for a masked item: within the domain, and harmless to the formula."""
        return 0  # not 0.0, which would turn class ids into floats

    def diagnose(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> Exception | None:
        """The error that its values deserve, if any."""
        return None

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        """Values of this domain in float64 (or int64), for a loss of shape ``items``."""
        raise NotImplementedError

    def describe(self) -> str:
        """Shape, dtype and range in a sentence."""
        raise NotImplementedError


@dataclass(frozen=True)
class Real(Domain):
    """Any real number."""

    def require(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> None:
        if value is input:
            floating(_who(loss, name), value)
            return
        real(_who(loss, name), value)
        if not self.broadcasts or not _broadcasts(value, input):
            _same_shape(loss, name, value, input)

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        return 2 * torch.randn(items, generator=generator, device=generator.device, dtype=torch.float64)

    def describe(self) -> str:
        return f"Real numbers, of {_any_shape(self)}."


@dataclass(frozen=True)
class NonNegative(Real):
    """A number that is not negative.

    Args:
        what: What it is, in words.
        mend: What to do where it is negative.
    """

    what: str = "a number"
    mend: str = ""

    def neutral(self, loss: Loss, value: Tensor) -> float:
        return 1

    def diagnose(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> Exception | None:
        wrong = ~(value >= 0)  # NaN too
        if not wrong.any():
            return None
        nan = value.isnan()
        if nan.any():
            return ValueError(f"{_who(loss, name)} holds NaN: {_first(value, nan)}")
        mend = f"; {self.mend}" if self.mend else ""
        return ValueError(f"{_who(loss, name)} is {self.what}, which is not negative, got {_first(value, wrong)}{mend}")

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        return 3 * torch.rand(items, generator=generator, device=generator.device, dtype=torch.float64) ** 2 + 0.05

    def describe(self) -> str:
        return f"{self.what.capitalize()}, not negative, of {_any_shape(self)}."


@dataclass(frozen=True)
class Count(NonNegative):
    """How often something was seen."""

    what: str = "a count"

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        return torch.poisson(torch.full(items, 3.0, dtype=torch.float64, device=generator.device), generator=generator)


@dataclass(frozen=True)
class PlusMinusOne(Domain):
    """1 for yes, -1 for no."""

    def require(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> None:
        who, items = _who(loss, name), tuple(loss.items(input))
        real(_who(loss, name), value)
        if value.dtype in (torch.bool, torch.uint8):
            raise TypeError(f"{who} must hold 1 and -1, got {value.dtype}; use 2 * {name}.int() - 1")
        if value.shape != items:
            if loss.class_dim(input) is None:
                _same_shape(loss, name, value, input)
            raise ValueError(
                f"{who} of shape {tuple(value.shape)} does not fit {_first_name(loss)} of shape {tuple(input.shape)}: it must have "
                f"shape {items}, one entry for each item"
                + (f"; use {name}.squeeze(1)" if value.dim() == 2 and value.shape[1:] == (1,) else "")
            )

    def neutral(self, loss: Loss, value: Tensor) -> float:
        return 1

    def diagnose(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> Exception | None:
        wrong = value.abs() != 1
        if not wrong.any():
            return None
        if value.isnan().any():
            return ValueError(f"{_who(loss, name)} holds NaN: {_first(value, value.isnan())}")
        zeros = bool(((value == 0) | (value == 1)).all())
        mend = f"; for 0 and 1 use 2 * {name} - 1" if zeros else ""
        return ValueError(f"{_who(loss, name)} must be 1 or -1, got {_first(value, wrong)}{mend}")

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        return 2 * torch.randint(2, items, generator=generator, device=generator.device).double() - 1

    def describe(self) -> str:
        return "1 or -1 for each item, in any signed dtype."


@dataclass(frozen=True)
class Embedding(Real):
    """A vector for each item, in the last dimension."""

    def require(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> None:
        floating(_who(loss, name), value)
        if value.dim() == 0:
            raise ValueError(f"{_who(loss, name)} must have a dimension of features, the last, got a single number")
        if value.shape[-1] == 0:
            raise ValueError(f"{_who(loss, name)} of shape {tuple(value.shape)} has no features in its last dimension")
        if value is not input:
            _same_shape(loss, name, value, input)

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        return super().sample((*items, classes), classes, generator)

    def describe(self) -> str:
        return "A vector for each item, (D), (N, D) or (..., D); all of the same shape."


@dataclass(frozen=True)
class Features(Embedding):
    """What goes into a last layer that the loss owns."""

    def describe(self) -> str:
        return "What goes into the last layer, (D) or (N, D)."


@dataclass(frozen=True)
class Logits(Domain):
    """Unnormalised scores: what a last linear layer gives, before any sigmoid or softmax."""

    def require(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> None:
        floating(_who(loss, name), value)

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        return 3 * torch.randn(items, generator=generator, device=generator.device, dtype=torch.float64)

    def describe(self) -> str:
        return "Logits (no sigmoid before it), of any shape."


@dataclass(frozen=True)
class ClassLogits(Logits):
    """Logits with a dimension of at least two classes."""

    def require(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> None:
        floating(_who(loss, name), value)
        dim = loss.class_dim(value)
        if dim is None:
            raise ValueError(
                f"{_who(loss, name)} must have a class dimension: (C), (N, C) or (N, C, ...), got shape {tuple(value.shape)}"
            )
        if value.shape[dim] == 0:
            raise ValueError(f"{_who(loss, name)} has no class: shape {tuple(value.shape)}, dimension {dim}")
        if value.shape[dim] == 1:
            raise ValueError(
                f"{_who(loss, name)} has one class (shape {tuple(value.shape)}, dimension {dim}): there is none to tell it "
                "from, so the loss is always 0; for yes or no use BCEWithLogitsLoss, or give 2 classes"
            )

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        return super().sample((*items[:1], classes, *items[1:]), classes, generator)

    def describe(self) -> str:
        return "Logits (no softmax before it), (C), (N, C) or (N, C, ...) with at least two classes."


@dataclass(frozen=True)
class ClassScores(ClassLogits):
    """A score for each of at least two classes: what a last linear layer gives."""

    def describe(self) -> str:
        return "Scores (no softmax before them), (C), (N, C) or (N, C, ...) with at least two classes."


@dataclass(frozen=True)
class LabelLogits(Logits):
    """A logit for each label, in the last dimension.

    Args:
        least: How many labels there must be.
    """

    least: int = 1

    def require(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> None:
        floating(_who(loss, name), value)
        if value.dim() == 0 or value.shape[-1] < self.least:
            raise ValueError(
                f"{_who(loss, name)} must have {self.least} or more labels in its last dimension, (C), (N, C) or (..., C), "
                f"got shape {tuple(value.shape)}"
            )

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        return super().sample((*items, classes), classes, generator)

    def describe(self) -> str:
        return f"Scores (no sigmoid before them), (C), (N, C) or (..., C) with C >= {self.least}."


@dataclass(frozen=True)
class LogProbabilities(ClassLogits):
    """Logarithms of class probabilities: what a log-softmax gives."""

    def diagnose(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> Exception | None:
        dim = loss.class_dim(value)
        mend = f"for logits use {name}.log_softmax({dim}) or CrossEntropyLoss, for probabilities {name}.log()"
        return positive_logarithm(loss, name, value, mend)

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        return super().sample(items, classes, generator).log_softmax(1 if items else 0)

    def describe(self) -> str:
        return "Log-probabilities (a log-softmax before it), (C), (N, C) or (N, C, ...) with at least two classes."


@dataclass(frozen=True)
class Probabilities(Domain):
    """A probability of yes for each element: what a sigmoid gives."""

    def require(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> None:
        floating(_who(loss, name), value)

    def neutral(self, loss: Loss, value: Tensor) -> float:
        return 0.5

    def diagnose(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> Exception | None:
        error = _outside_unit(loss, name, value)
        if error is None or value.isnan().any():
            return error
        return ValueError(f"{error}; for logits use {name}.sigmoid() or BCEWithLogitsLoss")

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        return (1.5 * torch.randn(items, generator=generator, device=generator.device, dtype=torch.float64)).sigmoid()

    def describe(self) -> str:
        return "Probabilities in [0, 1] (a sigmoid before it), of any shape."


@dataclass(frozen=True)
class Mass(Domain):
    """What a distribution gives to each element; over which dimension it sums to 1 is not known.

    Args:
        log: Whether it is the logarithm of that.
        mend: What to do with values that cannot be.
    """

    log: bool = False
    mend: str = ""

    def require(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> None:
        (floating if self.log else real)(_who(loss, name), value)
        _same_shape(loss, name, value, input)

    def neutral(self, loss: Loss, value: Tensor) -> float:
        return 0 if self.log else 1

    def diagnose(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> Exception | None:
        if self.log:
            return positive_logarithm(loss, name, value, self.mend)
        error = _outside_unit(loss, name, value)
        return error if error is None or value.isnan().any() else ValueError(f"{error}; {self.mend}")

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        logits = 2 * torch.randn(items, generator=generator, device=generator.device, dtype=torch.float64)
        return logits.log_softmax(-1) if self.log else logits.softmax(-1)

    def describe(self) -> str:
        return f"{'Logarithms of probabilities' if self.log else 'Probabilities'}, of any shape."


@dataclass(frozen=True)
class Binary(Domain):
    """0 or 1; with ``soft`` also a probability between them.

    Args:
        soft: Whether probabilities are taken as well.
    """

    soft: bool = True

    def require(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> None:
        real(_who(loss, name), value)
        _same_shape(loss, name, value, input)

    def diagnose(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> Exception | None:
        return _outside_unit(loss, name, value)

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        return torch.randint(2, items, generator=generator, device=generator.device).double()

    def describe(self) -> str:
        return "0 or 1, or a probability between them, in any dtype (bool and integers too), of the input's shape."


@dataclass(frozen=True)
class BinaryLabels(Binary):
    """0 or 1 for each label, in the last dimension."""

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        return super().sample((*items, classes), classes, generator)


@dataclass(frozen=True)
class ClassIndex(Domain):
    """A class id in [0, C); with ``soft`` also a probability for each class.

    Args:
        soft: Whether class probabilities of the input's shape are taken as well.
    """

    soft: bool = False

    def require(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> None:
        items = loss.items(input)
        who, shape = _who(loss, name), tuple(value.shape)
        if value.is_floating_point():
            if self.soft and value.shape == input.shape:
                return
            if value.shape == items:
                raise TypeError(f"{who} holds class ids as {value.dtype}; {self._whole_or_not(value)}")
            if not self.soft:
                raise TypeError(f"{who} must hold integer class ids of shape {tuple(items)}, got {value.dtype} {shape}")
            raise ValueError(
                f"{who} must be class ids of shape {tuple(items)} or class probabilities of shape {tuple(input.shape)}, "
                f"got {value.dtype} of shape {shape}"
            )
        if value.dtype == torch.bool or value.is_complex():
            raise TypeError(f"{who} must hold integer class ids, got {value.dtype}; use target.long()")
        if value.shape != items:
            raise ValueError(
                f"{who} of shape {shape} does not fit input of shape {tuple(input.shape)}: class ids must have shape "
                f"{tuple(items)}; {self._mend(loss, value, input)}"
            )

    def _whole_or_not(self, value: Tensor) -> str:
        if not readable(value) or bool((value == value.round()).all()):
            return "use target.long()"
        fraction = _first(value, value != value.round())
        return f"they must be whole numbers, got {fraction}" + (
            "; class probabilities have the input's shape" if self.soft else ""
        )

    def _mend(self, loss: Loss, value: Tensor, input: Tensor) -> str:
        items, shape = tuple(loss.items(input)), tuple(value.shape)
        if shape == tuple(input.shape):
            dim = loss.class_dim(input)
            return f"for one-hot rows use target.argmax({dim})" + (" or target.float()" if self.soft else "")
        if shape == (*items[:1], 1, *items[1:]):
            return f"use target.squeeze({min(1, len(items))})"
        if shape == tuple(input.shape[:-1]):
            use = "use dim=-1, or" if "dim" in loss.arguments else "use"
            return f"the classes seem to come last: {use} input.movedim(-1, 1)"
        return "one id for each item"

    def cast(self, value: Tensor, dtype: torch.dtype) -> Tensor:
        return value.to(dtype) if value.is_floating_point() else value.long()

    def neutral(self, loss: Loss, value: Tensor) -> float:
        dim = loss.class_dim(value) if value.is_floating_point() else None
        return 0 if dim is None else 1 / value.shape[dim]

    def diagnose(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> Exception | None:
        dim = loss.class_dim(input)
        assert dim is not None  # require has seen to it
        if value.is_floating_point():
            return _outside_unit(loss, name, value) or _not_summing_to_one(loss, name, value, dim)
        ignores = "ignore_index" in loss.arguments
        return out_of_range(_who(loss, name), value, input.shape[dim], "ignore_index={}" if ignores else MASK)

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        return torch.randint(classes, items, generator=generator, device=generator.device)

    def describe(self) -> str:
        ids = "Class ids in [0, C), of any integer dtype and the input's shape less its class dimension"
        return f"{ids}; or class probabilities of the input's shape." if self.soft else f"{ids}."


@dataclass(frozen=True)
class LabelList(Domain):
    """The ids of the labels that hold, in any order; -1 ends the list, and what follows it is not read."""

    def require(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> None:
        who = _who(loss, name)
        if value.is_floating_point() or value.is_complex() or value.dtype == torch.bool:
            raise TypeError(
                f"{who} must list the ids of the labels that hold, as integers, got {value.dtype}; for ids use "
                f"target.long(), for 0 and 1 a label {_LISTED}"
            )
        if value.shape != input.shape:
            raise ValueError(
                f"{who} of shape {tuple(value.shape)} does not fit {_first_name(loss)} of shape {tuple(input.shape)}: it "
                "must have the same shape, with -1 after the labels that hold"
                + (f"; use {name}.squeeze(1)" if value.shape[1:2] == (1,) else "")
            )

    def cast(self, value: Tensor, dtype: torch.dtype) -> Tensor:
        return value.long()

    def neutral(self, loss: Loss, value: Tensor) -> float:
        return -1  # no label holds

    def diagnose(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> Exception | None:
        labels = input.shape[-1]
        wrong = (value < -1) | (value >= labels)
        if wrong.any():
            return IndexError(
                f"{_who(loss, name)} must hold label ids in [0, {labels}), and -1 to end a list, got {_first(value, wrong)}"
            )
        listed = torch.where(self.holding(value), value, -1).sort(-1).values
        twice = (listed[..., 1:] == listed[..., :-1]) & (listed[..., 1:] >= 0)
        if not twice.any():
            return None
        return ValueError(
            f"{_who(loss, name)} names a label twice in {int(twice.any(-1).sum())} of {input[..., 0].numel()} lists; end a "
            f"list with -1; for 0 and 1 a label use {_LISTED}"
        )

    @staticmethod
    def holding(value: Tensor) -> Tensor:
        """Where an id stands before the end of its list."""
        return (value < 0).cumsum(-1) == 0

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        order = torch.rand((*items, classes), generator=generator, device=generator.device).argsort(-1)
        end = torch.randint(classes + 1, (*items, 1), generator=generator, device=generator.device)
        return torch.where(torch.arange(classes, device=end.device) == end, -1, order)

    def describe(self) -> str:
        return "Ids of the labels that hold, then -1, of any signed integer dtype and the input's shape."


_LISTED = "criterion.head().encode(target, C)"


@dataclass(frozen=True)
class Emissions(Domain):
    """Log-probabilities of every label at every step of a sequence."""

    def require(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> None:
        floating(_who(loss, name), value)
        if value.dim() not in (2, 3):
            raise ValueError(
                f"{_who(loss, name)} must have shape (T, N, C) or (T, C): steps, samples, labels with the blank; "
                f"got {tuple(value.shape)}"
            )

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        shape = (STEPS, *items, classes)
        return torch.randn(shape, generator=generator, device=generator.device, dtype=torch.float64).log_softmax(-1)

    def describe(self) -> str:
        return (
            "Log-probabilities (a log-softmax before it), (T, N, C) or (T, C): steps, samples, labels with the blank."
        )


@dataclass(frozen=True)
class LabelSequence(Domain):
    """The labels of each sample in their order, with no word on where in the input they are."""

    def require(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> None:
        who, shape, items = _who(loss, name), tuple(value.shape), tuple(loss.items(input))
        _whole(loss, name, value)
        if value.device != input.device:
            raise ValueError(
                f"{who} is on {value.device} and log_probs on {input.device}; use {name}.to(log_probs.device)"
            )
        if value.dim() == 1 or (value.dim() == 2 and shape[0] == (items[0] if items else 1)):
            return
        swapped = bool(items) and value.dim() == 2 and shape[0] == input.shape[0]
        raise ValueError(
            f"{who} of shape {shape} does not fit log_probs of shape {tuple(input.shape)}: it must be "
            + (f"({items[0]}, S), or all targets one after the other" if items else "(S)")
            + ("; if the samples come first, use log_probs.transpose(0, 1)" if swapped else "")
        )

    def cast(self, value: Tensor, dtype: torch.dtype) -> Tensor:
        return value.long()

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        return torch.randint(1, classes, (*items, LABELS), generator=generator, device=generator.device)

    def describe(self) -> str:
        return (
            "Labels in [0, C) but the blank, of any integer dtype, (N, S) or one after the other, for (T, C) also (S)."
        )


@dataclass(frozen=True)
class Lengths(Domain):
    """How much of each sample counts.

    Args:
        of: What it counts, ``"steps"`` or ``"labels"``.
    """

    of: str

    def require(self, loss: Loss, name: str, value: Tensor, input: Tensor) -> None:
        items = tuple(loss.items(input))
        _whole(loss, name, value)
        if tuple(value.shape) != items and (items or tuple(value.shape) != (1,)):
            mend = f"; for equal lengths use torch.full(({items[0]},), length)" if items else ""
            raise ValueError(
                f"{_who(loss, name)} of shape {tuple(value.shape)} does not fit log_probs of shape {tuple(input.shape)}: "
                f"it must hold one length for each sample, shape {items}{mend}"
            )

    def cast(self, value: Tensor, dtype: torch.dtype) -> Tensor:
        return value.long()

    def sample(self, items: tuple[int, ...], classes: int, generator: torch.Generator) -> Tensor:
        low, high = (2 * LABELS, STEPS) if self.of == "steps" else (1, LABELS)  # steps enough for any repeats
        return torch.randint(low, high + 1, items, generator=generator, device=generator.device)

    def describe(self) -> str:
        most = "T" if self.of == "steps" else "S"
        return f"How many {self.of} of each sample count, in [0, {most}]: a tensor (N) of any integer dtype, or a list."


def _any_shape(domain: Domain) -> str:
    if domain.broadcasts:
        return "the input's shape, or with 1 in the place of any of its dimensions"
    return "any shape"


def _broadcasts(value: Tensor, input: Tensor) -> bool:
    """Dimension by dimension: (N) beside (N, N) would leave open which of them is meant."""
    pairs = zip(value.shape, input.shape)
    return value.dim() == input.dim() and all(own in (1, other) for own, other in pairs)


def _expands(shape: torch.Size, to: torch.Size) -> bool:
    pairs = zip(reversed(shape), reversed(to), strict=False)
    return len(shape) <= len(to) and all(own in (1, other) for own, other in pairs)


def _who(loss: Loss, name: str) -> str:
    return f"{type(loss).__name__}: {name}"


def _first_name(loss: Loss) -> str:
    return next(iter(loss.domains))


def floating(who: str, value: Tensor) -> None:
    """Raise unless it is real and floating-point; ``who`` ends in the argument's name."""
    real(who, value)
    if not value.is_floating_point():
        raise TypeError(f"{who} must be floating-point, got {value.dtype}; use {who.split()[-1]}.float()")


def real(who: str, value: Tensor) -> None:
    """Raise where it is complex; no conversion would keep what it means."""
    if value.is_complex():
        raise TypeError(
            f"{who} must be real, got {value.dtype}: complex numbers are not supported; "
            f"torch.view_as_real({who.split()[-1]}) gives their two parts as real numbers"
        )


def _whole(loss: Loss, name: str, value: Tensor) -> None:
    if value.is_floating_point() or value.is_complex() or value.dtype == torch.bool:
        raise TypeError(f"{_who(loss, name)} must hold integers, got {value.dtype}; use {name}.long()")


def _same_shape(loss: Loss, name: str, value: Tensor, input: Tensor) -> None:
    if value.shape != input.shape:
        raise ValueError(
            f"{_who(loss, name)} of shape {tuple(value.shape)} does not fit {_first_name(loss)} of shape "
            f"{tuple(input.shape)}, and nothing is broadcast in silence; "
            f"{_shape_mend(name, value, _first_name(loss), input)}"
        )


def _shape_mend(name: str, value: Tensor, first: str, input: Tensor) -> str:
    """The call that makes the shapes equal, where there is an evident one."""
    for dim in range(max(value.dim(), input.dim())):
        if dim < input.dim() and input.shape[dim] == 1 and input.shape[:dim] + input.shape[dim + 1 :] == value.shape:
            return f"use {name}.unsqueeze({dim}) or {first}.squeeze({dim})"
        if dim < value.dim() and value.shape[dim] == 1 and value.shape[:dim] + value.shape[dim + 1 :] == input.shape:
            return f"use {name}.squeeze({dim}) or {first}.unsqueeze({dim})"
    if value.numel() == input.numel():
        return f"if their elements correspond, use {name}.reshape({first}.shape)"
    for own, other, tensor, longer in ((name, first, value, input), (first, name, input, value)):
        if _expands(tensor.shape, longer.shape):
            return f"if {own} is meant for each of them, use {own}.expand_as({other})"
    return "both must have the same shape"


MASK = "mask=target != {}"


def out_of_range(who: str, value: Tensor, classes: int, ignore: str = MASK) -> IndexError | None:
    """The error that class ids deserve, if any.

    Args:
        who: Class and argument.
        value: The ids.
        classes: How many there are.
        ignore: How the loss is told of an id that marks what does not count.
    """
    if not value.numel() or (value.min() >= 0 and value.max() < classes):
        return None
    wrong = (value < 0) | (value >= classes)
    found, mend = value[wrong], ""
    if value.min() >= 1 and value.max() == classes:
        mend = "; ids that start at 1 need target - 1"
    elif bool((found == found[0]).all()):
        mend = f"; if {found[0].item()} marks what does not count, use {ignore.format(found[0].item())}"
    return IndexError(f"{who} must hold class ids in [0, {classes}), got {_first(value, wrong)}{mend}")


def _first(value: Tensor, wrong: Tensor) -> str:
    """The first wrong value, where it stands, and how many there are."""
    index = tuple(wrong.nonzero()[0].tolist())
    return f"{value[index].item():g} at {index or 'its only place'} ({int(wrong.sum())} of {value.numel()} values)"


def positive_logarithm(loss: Loss, name: str, value: Tensor, mend: str) -> Exception | None:
    """The error that log-probabilities deserve, if any."""
    wrong = value > ABOVE_ZERO
    if not wrong.any():
        return None
    return ValueError(
        f"{_who(loss, name)} must hold log-probabilities, which are not positive, got {_first(value, wrong)}; {mend}"
    )


def _outside_unit(loss: Loss, name: str, value: Tensor) -> Exception | None:
    if not value.numel() or (value.min() >= 0 and value.max() <= 1):  # NaN fails both
        return None
    nan = value.isnan()
    if nan.any():
        return ValueError(f"{_who(loss, name)} holds NaN: {_first(value, nan)}")
    return ValueError(f"{_who(loss, name)} must lie in [0, 1], got {_first(value, (value < 0) | (value > 1))}")


def _not_summing_to_one(loss: Loss, name: str, value: Tensor, dim: int) -> Exception | None:
    total = value.sum(dim)
    wrong = (total - 1).abs() > 1e-2  # probabilities may come from half precision
    if not wrong.any():
        return None
    return ValueError(
        f"{_who(loss, name)} holds class probabilities that must sum to 1 over dimension {dim}; the sum is "
        f"{_first(total, wrong)}; divide by target.sum({dim}, keepdim=True), or, where several classes may hold at once, use "
        "BCEWithLogitsLoss"
    )
