"""The label sequences of a CTC call, whichever way they were given."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from losskit.checker.call import Call


class Sequences(NamedTuple):
    """One row a sample: its labels, which of them are there, and how many steps there are for them."""

    labels: Tensor  # (N, S)
    there: Tensor  # (N, S), bool
    steps: Tensor  # (N)
    classes: int

    @property
    def needed(self) -> Tensor:
        """The steps that each sequence needs: one a label, and one more between equal neighbours."""
        twice = (self.labels[:, 1:] == self.labels[:, :-1]) & self.there[:, 1:]
        return self.there.sum(1) + twice.sum(1)


def sequences(call: Call) -> Sequences | None:
    """The sequences of a CTC call; None of any other, and where lengths do not fit."""
    if "target_lengths" not in call.names:
        return None
    scores, targets, steps, lengths = (value.cpu() for value in call.values)
    steps, lengths = steps.reshape(-1).long(), lengths.reshape(-1).long()
    longest = int(lengths.max()) if len(lengths) else 0
    if targets.dim() == 1:
        if int(lengths.sum()) > len(targets) or len(steps) != len(lengths):
            return None
        rows = torch.nn.utils.rnn.pad_sequence(list(targets[: int(lengths.sum())].split(lengths.tolist())), True)
    else:
        rows = targets[:, :longest]
    if len(rows) != len(lengths) or len(rows) != len(steps) or rows.shape[1] < longest:
        return None
    there = torch.arange(rows.shape[1], device=lengths.device) < lengths.unsqueeze(1)
    return Sequences(rows.long(), there, steps, scores.shape[-1])
