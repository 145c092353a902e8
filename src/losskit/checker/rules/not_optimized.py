from __future__ import annotations

from losskit.checker.call import Call
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule
from losskit.checker.training import parameters_of


class NotOptimized(Rule):
    """Parameters that the optimizer does not have.

    What it does:
        Given model and optimizer, looks for parameters of the model that require a gradient, and that no step changes.

    Why it is wrong:
        They keep their random values: a layer that was added or replaced after the optimizer was made is never trained.

    Bad:
        model = nn.Sequential(nn.Linear(20, 10))
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        model[0] = nn.Linear(20, 10)
        output = model(torch.randn(32, 20))
        report = losskit.check(F.cross_entropy, output, torch.arange(32) % 10, model=model, optimizer=optimizer)

    Good:
        model = nn.Sequential(nn.Linear(20, 10))
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        output = model(torch.randn(32, 20))
        report = losskit.check(F.cross_entropy, output, torch.arange(32) % 10, model=model, optimizer=optimizer)
    """

    code = "LK307"
    name = "not-optimized"
    until = "shared"
    says = Says(
        "the optimizer does not have all parameters of the model",
        "{count} of {all} that require a gradient, such as {first}",
        "they keep the values that they were made with",
        "make the optimizer after the model is complete, of model.parameters()",
    )

    def inspect(self, call: Call) -> Finding | None:
        if call.model is None or call.optimizer is None:
            return None
        known = parameters_of(call.optimizer)
        trained = {name: each for name, each in call.model.named_parameters() if each.requires_grad}
        has = [id(each) in known for each in trained.values()]
        missing = [name for name, there in zip(trained, has) if not there]
        if not missing:
            return None
        found = self.warning if any(has) else self.error
        if any(has) and all(has[len(missing) :]):
            found = self.note  # the last layers alone are trained, as of a network that was trained before
        return found(call, count=len(missing), all=len(trained), first=missing[0])
