from __future__ import annotations

from dataclasses import replace

from losskit.checker.finding import Finding, Says
from losskit.checker.phrase import Phrase
from losskit.checker.rule import Rule
from losskit.checker.thresholds import ROUND, Threshold


class WrongThreshold(Rule):
    """Predictions from a threshold that does not fit the loss.

    What it does:
        Looks for comparisons with 0.5, and for rounding, of the logits that a loss takes, or of their sigmoid's sigmoid. They are
        known by their values, or by the layer that gave them, whether they come before the loss or after it.

    Why it is wrong:
        The logit of the probability 0.5 is 0; at a logit of 0.5 the probability is 0.62 already. And the sigmoid of a
        probability lies between 0.5 and 0.73, so that every prediction is yes. The loss is right, the accuracy is not.

    Bad:
        output, target = nn.Linear(20, 5)(torch.randn(32, 20)), torch.randint(2, (32, 5)).float()
        loss = nn.BCEWithLogitsLoss()(output, target)
        accuracy = ((output > 0.5) == target).float().mean()

    Good:
        output, target = nn.Linear(20, 5)(torch.randn(32, 20)), torch.randint(2, (32, 5)).float()
        loss = nn.BCEWithLogitsLoss()(output, target)
        accuracy = ((output > 0) == target).float().mean()
    """

    code = "LK315"
    name = "wrong-threshold"
    says = Says(
        "{what}",
        "{evidence}",
        "{flipped} of {all} predictions are not those of a probability of 0.5",
        "{mend}",
    )

    def of_threshold(self, threshold: Threshold) -> Finding | None:
        rounded = threshold.way == ROUND
        if threshold.doubled:
            what = "a sigmoid is taken twice before probabilities are compared with 0.5"
            if rounded:
                what = "a sigmoid is taken twice before probabilities are rounded"
            evidence = "the values are the sigmoid of what {who} takes for probabilities, at {line}"
            mend = "take the sigmoid once"
        else:
            what = "logits are compared with 0.5, as if they were probabilities"
            if rounded:
                what = "logits are rounded, as if they were probabilities"
            evidence = "the values are those of the logits that {who} takes, at {line}"
            if threshold.by_layer:
                evidence = "the values come from the layer whose logits {who} takes, at {line}"
            mend = "compare logits with 0, or take their sigmoid first"
        found = self.error if threshold.flipped else self.note
        finding = found(
            threshold,
            what=Phrase(what),
            evidence=Phrase(evidence, who=threshold.who, line=str(threshold.loss or "the call")),
            flipped=threshold.flipped,
            all=threshold.all,
            mend=Phrase(mend),
        )
        return replace(finding, seen=threshold.linked, of=threshold.looked)
