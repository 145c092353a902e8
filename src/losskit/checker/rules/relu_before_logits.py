from __future__ import annotations

from losskit.checker.call import Call, share
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule, evidence
from losskit.core.ranges import Logit
from losskit.core.shapes import Classes

CERTAIN = 30.0  # a logit whose softmax or sigmoid is 1


class ReluBeforeLogits(Rule):
    """A ReLU behind the last layer.

    What it does:
        Looks for logits that cannot be negative.

    Why it is wrong:
        A ReLU gives no gradient where it is 0: a class whose logit is 0 on every sample is never learnt. Before a sigmoid it
        makes every probability at least 0.5.

    Bad:
        model = nn.Sequential(nn.Linear(20, 10), nn.ReLU())
        loss = F.cross_entropy(model(torch.randn(32, 20)), torch.randint(10, (32,)))

    Good:
        model = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 10))
        loss = F.cross_entropy(model(torch.randn(32, 20)), torch.randint(10, (32,)))
    """

    code = "LK109"
    name = "relu-before-logits"
    says = Says(
        "{who} takes logits, which may be negative; its input has been through an activation that is never negative",
        "{evidence}; {share} logits are 0",
        "the loss cannot fall below {floor}; {dead} elements whose target holds have the logit 0 and, behind a ReLU, no gradient",
        "drop the activation behind the last layer",
    )

    def inspect(self, call: Call) -> Finding | None:
        cut = call.origin.by in ("relu", "softplus", "linear", "hardtanh") and call.origin.range[0] == 0
        if type(call.slot.range) is not Logit or not cut:
            return None
        best, certain = call.best(0, min(CERTAIN, call.origin.range[1])), call.best(0, 1)
        if best is None or certain is None:
            return None
        input, floor = call.input, call.least(best)
        held = certain == 1
        dead = input[held] == 0
        values = {"evidence": evidence(call), "share": share(input == 0), "dead": share(dead), "floor": floor}
        harmful = floor > 0.02 if not isinstance(call.slot.shape, Classes) else bool(dead.any())
        return self.error(call, **values) if harmful else self.warning(call, **values)
