from __future__ import annotations

import torch

from losskit.checker.call import Call, share
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule
from losskit.core.ranges import ClassId, Logit


class TargetMasked(Rule):
    """A target class whose logit is -inf.

    What it does:
        Looks for masked classes, of logit -inf, that are the target all the same.

    Why it is wrong:
        Its probability is 0, so the loss is inf, and the gradient of the whole batch is useless.

    Bad:
        logits = nn.Linear(20, 4)(torch.randn(8, 20)).masked_fill(torch.tensor([False, False, False, True]), -torch.inf)
        loss = F.cross_entropy(logits, torch.arange(8) % 4)

    Good:
        logits = nn.Linear(20, 4)(torch.randn(8, 20)).masked_fill(torch.tensor([False, False, False, True]), -torch.inf)
        loss = F.cross_entropy(logits, torch.arange(8) % 3)
    """

    code = "LK405"
    name = "target-masked"
    says = Says(
        "{who} has targets whose logit is -inf",
        "{share} targets are masked classes",
        "the loss is {loss}",
        "do not mask the class of the target, or leave such items out with ignore_index",
    )

    def inspect(self, call: Call) -> Finding | None:
        input, target, dim = call.input, call.target, call.dim
        logits = type(call.slot.range) is Logit and isinstance(call.slots[-1].range, ClassId)
        if not logits or dim is None or target.is_floating_point() or input.numel() == 0:
            return None
        if target.shape != input.shape[:dim] + input.shape[dim + 1 :] or not bool((input == -torch.inf).any()):
            return None
        ids = target.long().clamp(0, input.shape[dim] - 1).unsqueeze(dim)
        kept = torch.ones_like(target, dtype=torch.bool) if call.kept is None else call.kept
        wrong = (input.gather(dim, ids).squeeze(dim) == -torch.inf) & kept
        if not bool(wrong.any()):
            return None
        found = self.note if call.reduction == "none" else self.error  # a mask may follow
        return found(call, share=share(wrong), loss=call.least(input))
