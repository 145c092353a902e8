from __future__ import annotations

from losskit.checker.finding import Finding, Says
from losskit.checker.rule import Rule
from losskit.checker.training import Backward, Step, repeated


class GradientsDropped(Rule):
    """Gradients that are set to 0 before a step has used them.

    What it does:
        Looks for several backward passes at the same line before a step, between which the gradients were reset.

    Why it is wrong:
        Gradients of several batches are to be added up, but zero_grad stands at the wrong place: only the last batch counts.

    Bad:
        model = nn.Linear(20, 10)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for step in range(8):
            optimizer.zero_grad()
            (F.cross_entropy(model(torch.randn(32, 20)), torch.arange(32) % 10) / 4).backward()
            if step % 4 == 3:
                optimizer.step()

    Good:
        model = nn.Linear(20, 10)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for step in range(8):
            (F.cross_entropy(model(torch.randn(32, 20)), torch.arange(32) % 10) / 4).backward()
            if step % 4 == 3:
                optimizer.step()
                optimizer.zero_grad()
    """

    code = "LK313"
    name = "gradients-dropped"
    says = Says(
        "gradients of {times} batches are computed before a step, and reset in between",
        "{times} backward passes at {line}, none of which found a gradient to add to",
        "{lost} of {times} batches have no effect",
        "call zero_grad after the step, not before every backward",
    )

    def of_step(self, step: Step) -> Finding | None:
        dropped = _dropped(step.backwards)
        if not dropped or not _dropped(
            step.previous
        ):  # once, a step may have been left out: its gradient was not finite
            return None
        weight = dropped[-1].weight
        if weight is not None and weight.replaced:  # they were put aside, and put together by hand
            return None
        return self.error(step, times=len(dropped), line=str(dropped[0].where), lost=len(dropped) - 1)


def _dropped(backwards: tuple[Backward, ...]) -> list[Backward]:
    """The last passes, if each found no gradient."""
    for group in repeated(backwards):
        last = group[-1] is backwards[-1]
        if last and group[0].losses and not any(each.adding or each.leaf for each in group):
            return group
    return []
