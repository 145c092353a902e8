from __future__ import annotations

from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule
from losskit.checker.training import Step, repeated

LEAST = 1.1  # the ratio of counts from which it matters
ALIKE = 1.01  # the ratio of weights up to which they are one


class UnequalAccumulation(Rule):
    """Means over unequal counts, averaged as if they were equal.

    What it does:
        Looks for several backward passes before a step, each from a mean, in which different numbers of targets count.

    Why it is wrong:
        A token of a short batch then weighs more than one of a long batch. The mean over all tokens divides once, by the count of
        all batches together.

    Bad:
        model = nn.Linear(20, 10)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for step in range(4):
            target = torch.arange(32) % 10
            target[: 20 * (step % 2)] = -100
            (F.cross_entropy(model(torch.randn(32, 20)), target) / 2).backward()
            if step % 2:
                optimizer.step()
                optimizer.zero_grad()

    Good:
        model = nn.Linear(20, 10)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for step in range(4):
            target = torch.arange(32) % 10
            target[: 20 * (step % 2)] = -100
            (F.cross_entropy(model(torch.randn(32, 20)), target, reduction="sum") / (32 + 12)).backward()
            if step % 2:
                optimizer.step()
                optimizer.zero_grad()
    """

    code = "LK311"
    name = "unequal-accumulation"
    says = Says(
        "batches in which {least} and {most} targets count are averaged as if they were equal",
        "{times} backward passes at {line} before a step, each of a mean",
        "a target of the shortest batch weighs {ratio} times as much as one of the longest",
        "use reduction='sum' and divide by the count of all batches; losskit's losses take normalizer=",
    )

    def of_step(self, step: Step) -> Finding | None:
        for group in repeated(step.backwards):
            pairs = [(each, each.losses[0]) for each in group if len(each.losses) == 1]
            weighed = [
                (loss.count, (each.value or 0.0) / loss.value)
                for each, loss in pairs
                if loss.mean and loss.count and loss.value
            ]
            counts, weights = [count for count, _ in weighed], [weight for _, weight in weighed]
            if len(counts) < 2 or max(counts) < LEAST * min(counts) or max(weights) > ALIKE * min(weights):
                continue
            values = {"least": min(counts), "most": max(counts), "ratio": max(counts) / min(counts)}
            return self.warning(step, times=len(group), line=str(group[0].where), **values)
        return None
