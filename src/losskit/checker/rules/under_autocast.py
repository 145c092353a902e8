from __future__ import annotations

import torch

from losskit.checker.call import Call
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule
from losskit.core.ranges import Mass, Probability
from losskit.core.watched import autocasting


class UnderAutocast(Rule):
    """BCELoss under autocast.

    What it does:
        Looks for a loss of probabilities within torch.autocast, whose input is in half precision.

    Why it is wrong:
        Torch refuses it on a GPU: a probability in half precision is 1 or 0 long before the logit is large. On the CPU it
        computes with what is left.

    Bad:
        with torch.autocast("cpu", torch.bfloat16):
            output = nn.Linear(20, 5)(torch.randn(32, 20)).sigmoid()
            loss = F.binary_cross_entropy(output, torch.randint(2, (32, 5)).float())

    Good:
        with torch.autocast("cpu", torch.bfloat16):
            output = nn.Linear(20, 5)(torch.randn(32, 20))
            loss = F.binary_cross_entropy_with_logits(output, torch.randint(2, (32, 5)).float())
    """

    code = "LK404"
    name = "probabilities-under-autocast"
    says = Says(
        "{who} takes probabilities, and autocast has made them {dtype}",
        "torch.autocast is on for {device}",
        "the largest probability below 1 is {most}: no loss of a wrong answer is larger than {worst}, and torch refuses the call on a GPU",
        "use BCEWithLogitsLoss on the output of the linear layer",
    )

    def inspect(self, call: Call) -> Finding | None:
        range, given = call.slot.range, call.given[0]
        if not isinstance(range, Probability) or isinstance(range, Mass) or not given.dtype.itemsize < 4:
            return None
        if not given.is_floating_point() or not autocasting(given.device.type):
            return None
        eps = torch.finfo(given.dtype).eps / 2
        values = {"dtype": str(given.dtype).removeprefix("torch."), "device": given.device.type}
        worst = -float(torch.tensor(eps, device="cpu").log())
        found = self.error if call.result is None else self.warning
        return found(call, most=f"{1 - eps:.6g}", worst=worst, **values)
