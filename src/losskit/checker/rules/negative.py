from __future__ import annotations

from losskit.checker.call import Call, share
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule
from losskit.core.ranges import NonNegative


class Negative(Rule):
    """A rate, a count or a variance below 0.

    What it does:
        Looks for negative counts, negative variances, and negative rates while log_input is False.

    Why it is wrong:
        The logarithm of a negative rate is NaN, which reaches every weight in one step. There is no negative count, and no
        negative variance.

    Bad:
        rate = nn.Linear(8, 1)(torch.randn(32, 8))
        loss = F.poisson_nll_loss(rate, torch.ones(32, 1), log_input=False)

    Good:
        rate = F.softplus(nn.Linear(8, 1)(torch.randn(32, 8)))
        loss = F.poisson_nll_loss(rate, torch.ones(32, 1), log_input=False)
    """

    code = "LK214"
    name = "negative-rate-or-count"
    says = Says(
        "{who} takes no negative {name}",
        "{share} values of {name} are negative, the least is {least}",
        "the loss is {loss} on this batch",
        "use softplus or exp behind the last layer, and counts as they are, not standardised",
    )

    def inspect(self, call: Call) -> Finding | None:
        for at, (name, slot, value) in enumerate(zip(call.names, call.slots, call.values)):
            rate = at == 0 and call.argument("log_input") is False
            if not (rate or isinstance(slot.range, NonNegative)):
                continue
            wrong = value < 0
            if bool(wrong.any()) and not call.marks(value, wrong):
                loss = "not computed" if call.result is None else f"{float(call.result.detach().float().mean()):.3g}"
                return self.error(call, name=name, share=share(wrong), least=float(value.min()), loss=loss)
        return None
