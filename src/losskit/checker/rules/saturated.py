from __future__ import annotations

from losskit.checker.call import Call, share
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule, evidence
from losskit.core.ranges import Mass, Probability


class Saturated(Rule):
    """Wrong answers behind a saturated sigmoid, which get no gradient.

    What it does:
        Looks for probabilities of exactly 0 or 1 that are wrong, behind a sigmoid or a softmax, in BCELoss.

    Why it is wrong:
        In float32 a sigmoid is exactly 1 from a logit of 17 on, in half precision much earlier. Its own gradient is then 0: the
        answers that are most wrong are never mended.

    Bad:
        output = torch.sigmoid(200 * nn.Linear(20, 1)(torch.randn(64, 20)))
        loss = F.binary_cross_entropy(output, (torch.arange(64) % 2).float().unsqueeze(1))

    Good:
        output = 200 * nn.Linear(20, 1)(torch.randn(64, 20))
        loss = F.binary_cross_entropy_with_logits(output, (torch.arange(64) % 2).float().unsqueeze(1))
    """

    code = "LK402"
    name = "saturated-sigmoid"
    says = Says(
        "{who} gets probabilities of exactly 0 or 1 that are wrong",
        "{evidence}; {share} elements are certain and wrong",
        "these elements have the largest loss, and no gradient",
        "use BCEWithLogitsLoss on the output of the linear layer",
    )

    def inspect(self, call: Call) -> Finding | None:
        range, input, target = call.slot.range, call.input, call.target
        if not isinstance(range, Probability) or isinstance(range, Mass) or target.shape != input.shape:
            return None
        if call.origin.by not in ("sigmoid", "softmax"):
            return None
        wrong = ((input == 1) & (target < 1)) | ((input == 0) & (target > 0))
        if not bool(wrong.any()) or (call.origin.by == "softmax" and bool((input == 1).all())):
            return None
        return self.error(call, evidence=evidence(call), share=share(wrong))
