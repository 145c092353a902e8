from __future__ import annotations

from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule
from losskit.checker.training import Step

ENOUGH = 2  # steps


class StepWithoutGradient(Rule):
    """An optimizer whose parameters never get a gradient.

    What it does:
        Looks for steps of an optimizer before which no parameter has a gradient, always, though losses are called in between.

    Why it is wrong:
        Nothing is trained. The graph was cut between the model and the loss, or the optimizer has the parameters of another
        model: one that was copied, moved or wrapped afterwards.

    Bad:
        import copy
        model = nn.Linear(20, 10)
        optimizer = torch.optim.SGD(copy.deepcopy(model).parameters(), 0.1)
        for _ in range(4):
            optimizer.zero_grad()
            F.cross_entropy(model(torch.randn(32, 20)), torch.arange(32) % 10).backward()
            optimizer.step()

    Good:
        model = nn.Linear(20, 10)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for _ in range(4):
            optimizer.zero_grad()
            F.cross_entropy(model(torch.randn(32, 20)), torch.arange(32) % 10).backward()
            optimizer.step()
    """

    code = "LK308"
    name = "step-without-gradient"
    taken_back = True  # the optimizer of a later stage
    says = Says(
        "{who} steps, and none of its parameters has a gradient",
        "{steps} steps, before each of which every gradient was None",
        "no parameter changes",
        "make the optimizer of the parameters of the model that is trained, and give the model's own output to the loss",
    )

    def of_step(self, step: Step) -> Finding | None:
        if step.behind_losses < ENOUGH or step.empty < step.number or not step.values:
            return None
        return self.error(step, steps=step.number)
