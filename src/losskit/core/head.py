"""Tasks, and the head of a loss for each: how targets are encoded, and how the network's output is decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import torch
import torch.nn.functional as F
from torch import Tensor


class Name(str, Enum):
    """A name that is written, and shown, as what it stands for."""

    def __str__(self) -> str:
        return str(self.value)

    def __repr__(self) -> str:
        return repr(self.value)


class Task(Name):
    """What a network is trained for."""

    REGRESSION = "regression"
    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    COUNTS = "counts"
    DISTILLATION = "distillation"  # a teacher's probabilities are the target
    RANKING = "ranking"
    EMBEDDING = "embedding"
    SEQUENCE = "sequence"  # labels whose places in the input are not known


class Situation(Name):
    """A property of the data for which some losses are made."""

    OUTLIERS = "outliers"
    IMBALANCED = "imbalanced"


class Encoding(Name):
    """How a target is handed to a loss."""

    VALUE = "value"  # a real number, as it is
    IDS = "class ids"  # one integer in [0, C) a sample
    ONE_HOT = "one-hot"  # one column a class, a single 1 a row
    ZERO_ONE = "0 or 1"  # one column
    MULTI_HOT = "0 or 1 a label"  # one column a label, each on its own
    PLUS_MINUS_ONE = "1 or -1"  # one column
    PLUS_MINUS_ONE_EACH = "1 or -1 a label"  # one column a label, each on its own
    LABEL_LIST = "class ids of the labels that hold, then -1"  # as many columns as labels
    PROBABILITIES = "a probability for each class"
    LOG_PROBABILITIES = "the logarithm of a probability for each class"
    SEQUENCE = "class ids, and how many"  # CTC
    NONE = "none"  # the loss compares outputs with each other


class Activation(Name):
    """The activation behind the last layer."""

    NONE = "none"
    SIGMOID = "sigmoid"
    SOFTMAX = "softmax"
    LOG_SOFTMAX = "log_softmax"
    EXP = "exp"

    def __call__(self, output: Tensor, dim: int) -> Tensor:
        """Apply it to ``output``, a softmax over ``dim``."""
        if self is Activation.SIGMOID:
            return output.sigmoid()
        if self is Activation.SOFTMAX:
            return output.softmax(dim)
        if self is Activation.LOG_SOFTMAX:
            return output.log_softmax(dim)
        if self is Activation.EXP:
            return output.exp()
        return output


@dataclass(frozen=True)
class Head:
    """How targets are encoded for a loss, and how the network's output is decoded, for one task.

    Args:
        encoding: How the target is given to the loss.
        predicting: The activation of the last layer when predicting.
        training: The activation of the last layer when training; none for losses that take logits.
    """

    encoding: Encoding
    predicting: Activation = Activation.NONE
    training: Activation = Activation.NONE

    def width(self, classes: int) -> int:
        """Width of the last layer, for a number of classes (2 in a binary task), labels, or columns of a real target."""
        return 1 if self.encoding in (Encoding.ZERO_ONE, Encoding.PLUS_MINUS_ONE) else classes

    def encode(self, target: Tensor, classes: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """``target`` (class ids (N,), or columns (N, K), probabilities too) as this loss takes it."""
        if self.encoding in (Encoding.IDS, Encoding.SEQUENCE):
            return target.long()
        if self.encoding is Encoding.ONE_HOT:
            return F.one_hot(target.long(), classes).to(dtype)
        if self.encoding in (Encoding.PLUS_MINUS_ONE, Encoding.PLUS_MINUS_ONE_EACH):
            return 2 * target.to(dtype).reshape(len(target), -1) - 1
        if self.encoding is Encoding.LABEL_LIST:
            ids = torch.where(target > 0, torch.arange(classes, device=target.device), classes).sort(1).values
            return torch.where(ids < classes, ids, -1)
        columns = target.to(dtype).reshape(len(target), -1)
        return columns.log() if self.encoding is Encoding.LOG_PROBABILITIES else columns

    def probabilities(self, output: Tensor, dim: int) -> Tensor:
        """Class probabilities from the network's output, of the output's shape."""
        if self.encoding in (Encoding.VALUE, Encoding.NONE):
            raise ValueError("this output holds values, not probabilities; call predict(output)")
        self._require_threshold()
        if self.encoding is not Encoding.ONE_HOT:
            return self.predicting(output, dim) if self.predicting is not Activation.NONE else output.clamp(0, 1)
        if self.predicting is Activation.SIGMOID:
            return F.logsigmoid(output).softmax(dim)  # sigmoids, normalised; avoids 0/0 if all of them underflow
        scores = output.clamp(0, 1)
        total = scores.sum(dim, keepdim=True)
        return torch.where(total > 0, scores / total, 1 / output.shape[dim])

    def predict(self, output: Tensor, dim: int) -> Tensor:
        """Class ids, 0 or 1 a label, or (in regression) the values themselves."""
        if self.encoding in (Encoding.VALUE, Encoding.NONE):
            return self.predicting(output, dim)
        self._require_threshold()
        if self.encoding not in (Encoding.IDS, Encoding.ONE_HOT, Encoding.PROBABILITIES, Encoding.LOG_PROBABILITIES):
            return (output >= (0.0 if self.predicting is Activation.SIGMOID else 0.5)).long()
        return output.argmax(dim)

    def _require_threshold(self) -> None:
        if self.encoding is Encoding.LABEL_LIST:  # the loss does not change where all scores of a row move together
            raise ValueError(
                "this output ranks the labels, output.argsort(-1, descending=True), but does not tell how many of them hold: "
                "find a threshold on validation data, or train with MultiLabelSoftMarginLoss"
            )


#: A loss of the difference of two numbers: values as they are, classes as columns of 0 and 1.
ON_NUMBERS: Mapping[Task, Head] = {
    Task.REGRESSION: Head(Encoding.VALUE),
    Task.BINARY: Head(Encoding.ZERO_ONE),
    Task.MULTICLASS: Head(Encoding.ONE_HOT),
    Task.MULTILABEL: Head(Encoding.MULTI_HOT),
}

#: A loss of one logit a label, each on its own.
ON_LABELS: Mapping[Task, Head] = {
    Task.BINARY: Head(Encoding.ZERO_ONE, predicting=Activation.SIGMOID),
    Task.MULTILABEL: Head(Encoding.MULTI_HOT, predicting=Activation.SIGMOID),
    Task.MULTICLASS: Head(Encoding.ONE_HOT, predicting=Activation.SIGMOID),
}

#: A loss of one logit a class, of which one is right.
ON_CLASSES: Mapping[Task, Head] = {
    Task.MULTICLASS: Head(Encoding.IDS, predicting=Activation.SOFTMAX),
    Task.BINARY: Head(Encoding.IDS, predicting=Activation.SOFTMAX),
}
