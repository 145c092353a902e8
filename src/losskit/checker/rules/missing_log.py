from __future__ import annotations

from losskit.checker.call import Call, distribution, inside
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule, evidence
from losskit.core.ranges import LogProbability


class MissingLog(Rule):
    """Probabilities where a loss takes their logarithms.

    What it does:
        Looks for the output of a softmax or a sigmoid where log-probabilities belong: NLLLoss, KLDivLoss, CTCLoss.

    Why it is wrong:
        The loss of a probability p is then -p instead of -log p: a wrong answer costs at most 1, and its gradient vanishes just
        where it is needed most.

    Bad:
        output = nn.Linear(20, 10)(torch.randn(32, 20)).softmax(1)
        loss = nn.NLLLoss()(output, torch.randint(10, (32,)))

    Good:
        output = nn.Linear(20, 10)(torch.randn(32, 20)).log_softmax(1)
        loss = nn.NLLLoss()(output, torch.randint(10, (32,)))
    """

    code = "LK106"
    name = "missing-log"
    says = Says(
        "{who} takes log-probabilities; {name} holds probabilities",
        "{evidence}",
        "the loss is {loss} on this batch, where log-probabilities give {right}; the gradient at the logits has {ratio} times "
        "the norm that it has with them",
        "use log_softmax instead of softmax",
    )

    def inspect(self, call: Call) -> Finding | None:
        for at, slot in enumerate(call.slots):
            if isinstance(slot.range, LogProbability) and not call.argument("from_logits"):
                found = self._of(call, at)
                if found is not None:
                    return found
        return None

    def _of(self, call: Call, at: int) -> Finding | None:
        value, made = call.values[at], call.origins[at].by
        dim = call.dim if call.dim is not None else value.dim() - 1
        if dim < 0 or value.dim() == 0 or not inside(value, 0, 1):
            return None
        if made not in ("softmax", "sigmoid") and not (
            made == "unknown" and distribution(value, dim, call.given[at].dtype)
        ):
            return None
        name = call.names[at]
        if at:  # the target: no gradient goes there
            with_logs = float(call.at(call.input, **{name: value.clamp(min=1e-30).log()}))
            ratio = 1.0
        else:
            logits = value.clamp(min=1e-30).log()
            with_logs = call.least(logits)
            right = call.slope(logits, lambda z: z.log_softmax(dim))
            ratio = call.slope(logits, lambda z: z.softmax(dim)) / right if right else 1.0
        return self.error(
            call, evidence=evidence(call, at), name=name, loss=call.least(call.input), right=with_logs, ratio=ratio
        )
