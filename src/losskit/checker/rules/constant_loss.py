from __future__ import annotations

from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule
from losskit.checker.training import Step

ENOUGH = 5  # values, and steps


class ConstantLoss(Rule):
    """A loss that does not change while the optimizer steps.

    What it does:
        Looks for a loss that had the very same value in all calls that were looked at, at least five, over as many steps.

    Why it is wrong:
        Different batches and changed weights give different numbers. A loss that stays the same does not depend on the
        network: all its outputs are equal, or saturated, or the margin is never met.

    Bad:
        model = nn.Linear(20, 8)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for _ in range(8):
            optimizer.zero_grad()
            anchor = model(torch.randn(16, 20))
            F.triplet_margin_loss(anchor, 0 * anchor, 0 * anchor).backward()
            optimizer.step()

    Good:
        model = nn.Linear(20, 8)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for _ in range(8):
            optimizer.zero_grad()
            anchor, positive, negative = (model(torch.randn(16, 20)) for _ in range(3))
            F.triplet_margin_loss(anchor, positive, negative).backward()
            optimizer.step()
    """

    code = "LK312"
    name = "constant-loss"
    taken_back = True
    says = Says(
        "{loss} has the same value in every call",
        "it was {value} in {calls} calls at {line}, over {steps} steps",
        "nothing is learnt by it",
        "look at what goes into it: outputs that are all equal, saturated, or detached",
    )

    def of_step(self, step: Step) -> Finding | None:
        for (where, who), values in step.values.items():
            first = values[0]
            if len(values) >= ENOUGH and first and len(set(values)) == 1:  # at 0 there is nothing left to be learnt
                return self.warning(step, loss=who, value=first, calls=len(values), line=str(where), steps=len(values))
        return None
