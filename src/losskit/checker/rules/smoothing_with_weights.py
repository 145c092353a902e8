from __future__ import annotations

from losskit.checker.call import Call
from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule


class SmoothingWithWeights(Rule):
    """Label smoothing beside class weights.

    What it does:
        Looks for both in one loss.

    Why it is wrong:
        The weights multiply the smoothed share of every class: a class of weight 20 draws probability to itself on samples of
        all other classes, too.

    Bad:
        criterion = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 20.0]), label_smoothing=0.1)
        loss = criterion(nn.Linear(20, 3)(torch.randn(4, 20)), torch.tensor([2, 0, 1, 0]))

    Good:
        criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
        loss = criterion(nn.Linear(20, 3)(torch.randn(4, 20)), torch.tensor([2, 0, 1, 0]))
    """

    code = "LK304"
    name = "smoothing-with-weights"
    says = Says(
        "{who} multiplies the smoothed part of the target by the class weights",
        "label_smoothing is {smoothing}, and weights lie between {low} and {high}",
        "at the optimum a sample of the lightest class gives the heaviest {share} of its probability, not {meant}",
        "use one of the two",
    )

    def inspect(self, call: Call) -> Finding | None:
        smoothing, weights = call.argument("label_smoothing"), call.argument("weight")
        if not smoothing or weights is None or bool((weights == weights[0]).all()):
            return None
        classes, weights = len(weights), weights.detach().double()
        q = smoothing / classes * weights
        q[weights.argmin()] += (1 - smoothing) * weights.min()
        values = {"low": float(weights.min()), "high": float(weights.max()), "meant": smoothing / classes}
        return self.note(call, smoothing=smoothing, share=float((q / q.sum())[weights.argmax()]), **values)
