from __future__ import annotations

from losskit.checker.call import Call
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule


class MeanOfElements(Rule):
    """The mean of KLDivLoss over elements, which is no divergence.

    What it does:
        Looks for reduction="mean" where the loss has "batchmean" as well.

    Why it is wrong:
        A divergence is a sum over the classes. "mean" divides by their number, too: the loss, and its weight beside other losses, is
        too small by that factor.

    Bad:
        student, teacher = nn.Linear(8, 5)(torch.randn(16, 8)), torch.randn(16, 5)
        loss = F.kl_div(student.log_softmax(1), teacher.softmax(1))

    Good:
        student, teacher = nn.Linear(8, 5)(torch.randn(16, 8)), torch.randn(16, 5)
        loss = F.kl_div(student.log_softmax(1), teacher.softmax(1), reduction="batchmean")
    """

    code = "LK301"
    name = "mean-of-elements"
    says = Says(
        "{who} with reduction='mean' divides by the number of elements, not of rows",
        "{elements} elements in {rows} rows",
        "the loss is {loss}, and the divergence of a row is {right}: {factor} times as much",
        "use reduction='batchmean'",
    )

    def inspect(self, call: Call) -> Finding | None:
        among = call.loss.arguments["reduction"].among or ()
        if call.reduction != "mean" or "batchmean" not in among or call.input.dim() < 2 or not call.input.numel():
            return None
        elements, rows, loss = call.input.numel(), len(call.input), call.least(call.input)
        if elements == rows:
            return None
        factor = elements // rows
        return self.warning(call, elements=elements, rows=rows, loss=loss, right=loss * factor, factor=factor)
