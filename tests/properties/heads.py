"""The loss's other half: encoding, activation and decoding."""

from __future__ import annotations

import torch
from cases import Subject, close, draw
from torch import Tensor

import losskit
from losskit.core.head import Encoding, Head
from properties.held import holds, loss_and_grad, refused


@holds
def predicts_what_it_is_trained_for(subject: Subject) -> None:
    """Trained by gradient descent on its own encoding, a free output comes to predict its target, for every task.

    A loss that compares outputs with each other predicts nothing but these outputs.
    """
    criterion, output = subject.loss(), torch.randn(4, 3)
    for task in subject.loss.about.serves:
        head, truth, classes = criterion.head(task), TRUTHS.get(task.value), WIDTHS.get(task.value, 3)
        if head.encoding is Encoding.NONE:
            refused(ValueError, ["predict(output)"], criterion.probabilities, output, task)
            assert torch.equal(criterion.predict(output, task), output)
            continue
        assert truth is not None
        target = head.encode(truth, classes)
        output = torch.zeros(len(truth), head.width(classes), requires_grad=True)
        optimizer = torch.optim.Adam([output], 0.2)
        for _ in range(150):
            optimizer.zero_grad()
            rest = list(zip(criterion.places(output), criterion.domains.values(), strict=True))[2:]
            beside = [torch.full_like(output, slot.neutral(place, output)) for place, slot in rest]
            criterion(head.training(output, 1), target, *beside).backward()
            optimizer.step()
        if head.encoding is Encoding.LABEL_LIST:  # it ranks, and no more
            refused(ValueError, ["argsort"], criterion.predict, output, task)
            refused(ValueError, ["argsort"], criterion.probabilities, output, task)
            assert bool(
                (output.masked_fill(truth == 0, 9).amin(1) > output.masked_fill(truth == 1, -9).amax(1) + 0.9).all()
            )
            continue
        if head.encoding is Encoding.PROBABILITIES:
            close(criterion.probabilities(output.detach(), task), truth, rtol=0.05, atol=0.05)
            truth = truth.argmax(1)
        predicted = criterion.predict(output.detach(), task)
        torch.testing.assert_close(
            predicted.reshape(truth.shape).float(),
            truth.float(),
            atol=0.05,
            rtol=0.05,
            msg=str(task),
        )
        if head.encoding is Encoding.VALUE:
            refused(ValueError, ["predict(output)"], criterion.probabilities, output, task)
            continue
        p = criterion.probabilities(output.detach(), task)
        assert p.shape == output.shape
        assert bool(((p >= 0) & (p <= 1)).all())
        anything = torch.randn(50, output.shape[1])
        p_of_anything, ids = criterion.probabilities(anything, task), criterion.predict(anything, task)
        if ids.dim() == 1:
            assert torch.equal(p_of_anything.gather(1, ids.unsqueeze(1)).squeeze(1), p_of_anything.amax(1))
        else:
            assert torch.equal(ids, (p_of_anything >= 0.5).long())
        if output.shape[1] > 1 and task.value != "multilabel":
            close(p.sum(1), torch.ones(len(truth)), rtol=1e-6)
            assert torch.equal(p.argmax(1), truth)
            hopeless = torch.full((2, output.shape[1]), -1e4)
            close(criterion.probabilities(hopeless, task).sum(1), torch.ones(2), rtol=1e-6)
    refused(ValueError, ["task", "'regresion'"], subject.loss().predict, output, "regresion")


@holds
def equals_its_twin(subject: Subject) -> None:
    """At its defaults, behind the activation that training applies, a loss is the twin that it names, gradient and all.

    Each is given the target as it wants it.
    """
    if subject.loss.about.twin is None:
        return
    twin = getattr(losskit, subject.loss.about.twin)
    for task, head in subject.loss.about.serves.items():
        classes = WIDTHS.get(task.value, 3)
        if head.encoding is Encoding.NONE:
            output, *own_rest = draw(subject.loss)
            twin_rest = own_rest
        else:
            truth, other = TRUTHS[task.value], twin.about.serves[task]
            assert other.width(classes) == head.width(classes)
            own_rest, twin_rest = [head.encode(truth, classes)], [other.encode(truth, classes)]
            output = torch.randn(len(truth), head.width(classes), dtype=torch.float64)

        def own(x: Tensor, *rest: Tensor, head: Head = head) -> Tensor:
            loss: Tensor = subject.loss()(head.training(x, 1), *rest)
            return loss

        theirs = loss_and_grad(twin(), output, *twin_rest)
        for ours, their in zip(loss_and_grad(own, output, *own_rest), theirs, strict=True):
            close(ours, their)


TRUTHS = {
    "regression": torch.tensor([[-2.0], [0.5], [3.0]]),
    "counts": torch.tensor([[0.0], [2.0], [7.0]]),
    "distillation": torch.tensor([[0.2, 0.7, 0.1], [0.5, 0.2, 0.3]]),
    "binary": torch.tensor([0, 1, 1, 0]),
    "multiclass": torch.tensor([2, 0, 1, 1]),
    "multilabel": torch.tensor([[0, 1, 1], [1, 0, 0]]),
}
WIDTHS = {"regression": 1, "counts": 1, "binary": 2}  # classes, or columns of a real target; elsewhere 3
