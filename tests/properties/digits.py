"""A sure answer's loss and gradient keep their digits, however small they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from cases import Subject
from torch import Tensor

from losskit.core.ranges import Logit, PlusMinusOne, Score
from losskit.core.reduction import NOTHING
from losskit.core.shapes import Classes, Labels
from losskit.core.slots import Either
from losskit.loss import Loss
from properties.held import holds, loss_and_grad, rows_stand_alone

#: The loss of a right answer in terms of the odds against it, which no cancellation can hurt.
OF_ODDS: dict[str, Callable[[Tensor], Tensor]] = {
    **dict.fromkeys(("CrossEntropyLoss", "BCEWithLogitsLoss", "SoftMarginLoss"), torch.log1p),
    **dict.fromkeys(("SoftmaxFocalLoss", "FocalLoss"), lambda odds: (odds / (1 + odds)) ** 2 * odds.log1p()),
    "MultiLabelSoftMarginLoss": lambda odds: odds.log1p().mean(-1),
}
MARGINS = (5.0, 17.0, 28.0, 80.0)


@holds
def sure_answers_keep_their_digits(subject: Subject) -> None:
    """In float32, of one item and of many, by kernel, formula, vmap and compiler, against float64."""
    domain = subject.loss.about.input
    if not isinstance(domain.range, Logit) or isinstance(domain.range, Score):
        return
    rows_stand_alone(subject)
    for place, (input, target, hot) in enumerate(sure(subject.loss)):
        criterion = subject.loss(reduction="none")
        leaf = input.double().requires_grad_()
        loss = OF_ODDS[subject.loss.__name__](odds(leaf, hot, isinstance(domain.shape, Classes)))
        (loss * torch.linspace(1, 2, loss.numel(), dtype=loss.dtype).view(loss.shape)).sum().backward()
        assert leaf.grad is not None
        for way in ways(criterion, input.dim() == 2, place == 0):
            value, gradient = loss_and_grad(way, input, target)
            keeps_digits(value, loss.detach())
            keeps_digits(gradient, leaf.grad)


def sure(loss: type[Loss]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Inputs, the targets that they are sure of, and where these are, one-hot; all sizes that a kernel tells apart."""
    domain, generator = loss.about.input, torch.Generator().manual_seed(0)
    for shape in ((4, 3), (70, 5), (3, 100), (3, 2100), (2, 6, 5)):
        noise = torch.randint(-8, 9, shape, generator=generator) / 8  # so that no difference is rounded
        margins = torch.tensor(MARGINS).repeat(shape[0])
        if not isinstance(domain.shape, Classes):
            yes = torch.randint(2, shape, generator=generator)
            size = margins[: shape[0]].view(-1, *[1] * (len(shape) - 1)) + noise
            target = 2 * yes - 1 if isinstance(loss.about.target.range, PlusMinusOne) else yes
            if not isinstance(domain.shape, Labels) or len(shape) == 2:
                yield torch.where(yes == 1, size, -size), target.float(), yes.bool()
            continue
        items = (shape[0], *shape[2:])
        ids = torch.randint(shape[1], items, generator=generator)
        hot = torch.nn.functional.one_hot(ids, shape[1]).movedim(-1, 1)
        margin = margins[: shape[0]].view(-1, *[1] * (len(shape) - 1))
        yield torch.where(hot == 1, margin, noise - 1), ids, hot.bool()
        if isinstance(loss.about.target, Either):
            yield torch.where(hot == 1, margin, noise - 1), hot.float(), hot.bool()


def odds(input: Tensor, hot: Tensor, classes: bool) -> Tensor:
    """Against the right answer: of the other classes together, or of the other label."""
    if not classes:
        return torch.where(hot, -input, input).exp()
    right = torch.where(hot, input, 0).sum(1, keepdim=True)
    return torch.where(hot, 0, (input - right).exp()).sum(1)


def ways(criterion: Loss, rows: bool, compiles: bool) -> Iterator[Callable[..., Tensor]]:
    yield criterion
    yield lambda *tensors: criterion.by_formula(tensors, NOTHING)
    if rows:
        yield torch.vmap(criterion)
    if compiles:
        torch._dynamo.reset()
        yield torch.compile(criterion, fullgraph=True, backend="aot_eager")


def keeps_digits(value: Tensor, exact: Tensor) -> None:
    """Or is as small as float32 can hold at all."""
    torch.testing.assert_close(value.double(), exact, rtol=1e-5, atol=1e-37)
