from __future__ import annotations

import torch
from torch import Tensor

from losskit.checker.call import Call, share
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule
from losskit.core.ranges import PlusMinusOne


class ZeroOneForSigns(Rule):
    """Targets 0 and 1 where a loss takes -1 and 1.

    What it does:
        Looks for targets other than 1 and -1 in losses of margins: SoftMarginLoss, HingeEmbeddingLoss, MarginRankingLoss,
        CosineEmbeddingLoss.

    Why it is wrong:
        A target of 0 is neither yes nor no: the loss multiplies by it, so these items have no gradient, or torch takes them
        for both.

    Bad:
        output = nn.Linear(20, 1)(torch.randn(32, 20)).squeeze(1)
        loss = F.soft_margin_loss(output, (torch.arange(32) % 2).float())

    Good:
        output = nn.Linear(20, 1)(torch.randn(32, 20)).squeeze(1)
        loss = F.soft_margin_loss(output, 2 * (torch.arange(32) % 2).float() - 1)
    """

    code = "LK202"
    name = "zero-one-for-signs"
    says = Says(
        "{who} takes targets 1 and -1; {name} holds others",
        "{share} targets are {first}, not 1 or -1",
        "the items of these targets have a meaningless loss: {loss} in all, and {right} with -1 in the place of 0",
        "for 0 and 1 use 2 * {name} - 1",
    )

    def inspect(self, call: Call) -> Finding | None:
        for name, slot, value in zip(call.names, call.slots, call.values):
            if isinstance(slot.range, PlusMinusOne) and value.numel():
                wrong = value.abs() != 1
                if bool(wrong.any()) and not _apart(call, name, value, wrong):
                    signs = value.where(~wrong, -1)
                    return self.error(
                        call,
                        name=name,
                        share=share(wrong),
                        first=f"{float(value[wrong].flatten()[0]):g}",
                        loss=call.least(call.input),
                        right=float(call.at(call.input, **{name: signs})),
                    )
        return None


def _apart(call: Call, name: str, value: Tensor, wrong: Tensor) -> bool:
    """Whether zeros stand beside 1 and -1: as marks, or as torch.sign gives them where the loss of such an item is a constant."""
    if not bool(((value == 0) == wrong).all()) or len(value.unique()) < 3:
        return False
    if call.marks(value, wrong):
        return True
    zeros = {name: torch.zeros_like(value)}
    return bool(call.at(call.input, **zeros) == call.at(-2 * call.input, **zeros))
