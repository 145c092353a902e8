from __future__ import annotations

from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule
from losskit.checker.training import Backward, Step, repeated

FEW = 2  # which may as well be a real and a fake batch, one after the other


class UnscaledAccumulation(Rule):
    """Gradients of several batches added up, where their mean is meant.

    What it does:
        Looks for several backward passes before a step, each from a mean, at the same line, without a division.

    Why it is wrong:
        The gradient is that of so many batches, not their mean: the learning rate is in effect larger by that factor, and
        weight decay and clipping are out of proportion.

    Bad:
        model = nn.Linear(20, 10)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for step in range(8):
            F.cross_entropy(model(torch.randn(32, 20)), torch.arange(32) % 10).backward()
            if step % 4 == 3:
                optimizer.step()
                optimizer.zero_grad()

    Good:
        model = nn.Linear(20, 10)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for step in range(8):
            (F.cross_entropy(model(torch.randn(32, 20)), torch.arange(32) % 10) / 4).backward()
            if step % 4 == 3:
                optimizer.step()
                optimizer.zero_grad()
    """

    code = "LK310"
    name = "unscaled-accumulation"
    says = Says(
        "gradients of {times} batches are added before a step, each of a mean, without dividing by their number",
        "{times} backward passes at {line}, and gradients were there already",
        "the gradient is {times} times that of the mean over these batches",
        "divide the loss by {times} before backward",
    )

    def of_step(self, step: Step) -> Finding | None:
        for group in repeated(step.backwards):
            seen = [each for each in group if each.losses]
            plain = [each for each in seen if any(term.mean for term in each.plain) and not each.retaining]
            if len(plain) == len(seen) > 1 and all(each.adding for each in group[1:]) and _whole(step, group):
                found = self.warning if len(group) > FEW else self.note
                return found(step, times=len(group), line=str(group[0].where))
        return None


def _whole(step: Step, group: list[Backward]) -> bool:
    """Whether the step takes the sum as it is: neither reset, as behind an attack on the input, nor divided."""
    last = group[-1]
    later = step.backwards[step.backwards.index(last) + 1 :]
    if any(each.key[1] == last.key[1] and not each.adding for each in later):
        return False
    return last.weight is None or bool(later) or last.weight.gradient * len(group) > 1.5 * last.weight.after
