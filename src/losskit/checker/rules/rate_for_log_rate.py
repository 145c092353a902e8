from __future__ import annotations

from losskit.checker.call import Call
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule, evidence
from losskit.core.ranges import Count


class RateForLogRate(Rule):
    """A rate where PoissonNLLLoss takes its logarithm.

    What it does:
        Looks for an input that cannot be negative, such as the output of a softplus, while log_input is True, its default.

    Why it is wrong:
        The loss takes the exponential of the rate for the rate: no rate below 1 can be learnt, and what the network gives is
        the logarithm of what it is taken for.

    Bad:
        rate = F.softplus(nn.Linear(8, 1)(torch.randn(32, 8)))
        loss = F.poisson_nll_loss(rate, torch.poisson(torch.full((32, 1), 0.3)))

    Good:
        rate = F.softplus(nn.Linear(8, 1)(torch.randn(32, 8)))
        loss = F.poisson_nll_loss(rate, torch.poisson(torch.full((32, 1), 0.3)), log_input=False)
    """

    code = "LK213"
    name = "rate-for-log-rate"
    says = Says(
        "{who} takes the logarithm of the rate; its input can never be negative, as a rate",
        "{evidence}, and log_input is True",
        "no rate below 1 can be learnt: the loss cannot fall below {floor}, where {least} is possible",
        "use log_input=False, or give the output of the linear layer",
    )

    def inspect(self, call: Call) -> Finding | None:
        if not call.argument("log_input") or call.origin.range[0] < 0 or not isinstance(call.slots[-1].range, Count):
            return None
        if call.target.shape != call.input.shape or not call.target.numel():
            return None
        target = call.target.to(call.input.dtype)
        floor, least = (call.least(target.clamp(min=low).log()) for low in (1.0, 1e-6))
        if floor - least < 0.02:
            return None
        return self.error(call, evidence=evidence(call), floor=floor, least=least)
