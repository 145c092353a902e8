from __future__ import annotations

from losskit.checker.call import Call, log_distribution, share
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule, evidence
from losskit.core.ranges import LogProbability


class LogitsAsLogs(Rule):
    """Logits where a loss takes log-probabilities.

    What it does:
        Looks for the output of a linear layer where log-probabilities belong: NLLLoss, KLDivLoss, CTCLoss.

    Why it is wrong:
        The loss then has no minimum: it falls for ever while the logits grow, and nothing is learnt of the other classes.

    Bad:
        output = nn.Linear(20, 10)(torch.randn(32, 20))
        loss = F.nll_loss(output, torch.randint(10, (32,)))

    Good:
        output = nn.Linear(20, 10)(torch.randn(32, 20))
        loss = F.nll_loss(F.log_softmax(output, dim=1), torch.randint(10, (32,)))
    """

    code = "LK107"
    name = "logits-as-log-probabilities"
    says = Says(
        "{who} takes log-probabilities; its input is the output of a layer, without a log-softmax",
        "{evidence}; {share} values are positive",
        "the loss has no minimum: with logits twice as large it changes from {loss} to {twice}",
        "give {who} the log_softmax of the logits",
    )

    def inspect(self, call: Call) -> Finding | None:
        if not isinstance(call.slot.range, LogProbability) or call.argument("from_logits"):
            return None
        input, made = call.input, call.origin.by
        dim = call.dim if call.dim is not None else input.dim() - 1
        if made not in ("linear", "relu", "tanh", "softplus") or input.dim() == 0:
            return None
        if log_distribution(input, dim, call.given[0].dtype):
            return None
        return self.error(
            call,
            evidence=evidence(call),
            share=share(input > 0),
            loss=call.least(input),
            twice=call.least(2 * input),
        )
