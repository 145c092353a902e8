from __future__ import annotations

from losskit.checker.call import Call, share
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule
from losskit.checker.sequences import sequences


class CtcInfeasible(Rule):
    """Label sequences that the steps cannot hold.

    What it does:
        Looks for samples of CTCLoss with fewer steps than labels; between equal neighbours one more step is needed.

    Why it is wrong:
        No path gives such a sequence: its loss is inf, and makes the loss of the batch inf. With zero_infinity it is 0: the
        sample is left out, and nothing tells.

    Bad:
        log_probs = nn.Linear(8, 6)(torch.randn(4, 2, 8)).log_softmax(-1)
        loss = F.ctc_loss(log_probs, torch.tensor([[1, 1, 2], [1, 2, 3]]), [4, 2], [3, 3])

    Good:
        log_probs = nn.Linear(8, 6)(torch.randn(4, 2, 8)).log_softmax(-1)
        loss = F.ctc_loss(log_probs, torch.tensor([[1, 1, 2], [1, 2, 3]]), [4, 4], [3, 3])
    """

    code = "LK209"
    name = "ctc-too-few-steps"
    says = Says(
        "{who} has fewer steps than some label sequences need",
        "{share} samples; the first needs {needed} steps and has {steps}",
        "{harm}",
        "use input_lengths that say how many steps there are, shorter targets, or a network that strides less",
    )

    def inspect(self, call: Call) -> Finding | None:
        found = sequences(call)
        if found is None:
            return None
        wrong = found.needed > found.steps
        if not bool(wrong.any()):
            return None
        at = int(wrong.nonzero()[0])
        values = {"share": share(wrong), "needed": int(found.needed[at]), "steps": int(found.steps[at])}
        if call.argument("zero_infinity"):
            return self.note(call, harm="these samples have a loss of 0: nothing is learnt from them", **values)
        return self.error(call, harm="the loss of these samples is inf, and so is that of the batch", **values)
