"""The impossible, means, and students."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from cases import gradient

import losskit
from losskit import functional


@pytest.mark.parametrize("log_target", [False, True])
def test_what_the_input_calls_impossible_costs_inf(log_target: bool) -> None:
    input, q = torch.tensor([-torch.inf, 0.0]), torch.tensor([0.5, 0.5])
    loss = partial(functional.kl_div, target=q.log() if log_target else q, reduction="sum", log_target=log_target)
    assert loss(input) == torch.inf
    torch.testing.assert_close(gradient(loss, input), -q)


def test_the_mean_of_terms_is_no_divergence() -> None:
    """It is 1 / C of one; batchmean is one, and both are torch's."""
    input, target = torch.randn(4, 5).log_softmax(1), torch.randn(4, 5).softmax(1)
    divergence = torch.distributions.kl_divergence(
        torch.distributions.Categorical(probs=target), torch.distributions.Categorical(logits=input)
    ).mean()
    torch.testing.assert_close(functional.kl_div(input, target, "batchmean"), divergence)
    torch.testing.assert_close(functional.kl_div(input, target, "mean"), divergence / 5)
    for log_target in (False, True):
        y = target.log() if log_target else target
        for shape in ((4, 5), (20,), (2, 2, 5)):
            for reduction in ("none", "sum", "batchmean"):
                ours = functional.kl_div(input.view(shape), y.view(shape), reduction, log_target)
                theirs = F.kl_div(input.view(shape), y.view(shape), reduction=reduction, log_target=log_target)
                torch.testing.assert_close(ours, theirs)
    one = torch.tensor(-0.5)
    torch.testing.assert_close(
        functional.kl_div(one, one.exp() / 2, "batchmean"), F.kl_div(one, one.exp() / 2, reduction="batchmean")
    )


def test_a_student_is_trained_on_logarithms_as_well() -> None:
    teacher = torch.tensor([[0.2, 0.7, 0.1], [1.0, 0.0, 0.0]])
    for log_target in (False, True):
        criterion = losskit.KLDivLoss("batchmean", log_target)
        head = criterion.head("distillation")
        target, output = head.encode(teacher, 3), torch.zeros(2, 3, requires_grad=True)
        optimizer = torch.optim.Adam([output], 0.2)
        for _ in range(150):
            optimizer.zero_grad()
            criterion(head.training(output, 1), target).backward()
            optimizer.step()
        torch.testing.assert_close(criterion.probabilities(output.detach()), teacher, atol=0.01, rtol=0.01)
        assert criterion.predict(output.detach()).tolist() == [1, 0]


def test_batchmean_is_what_kl_alone_has() -> None:
    with pytest.raises(ValueError, match="MSELoss: reduction must be one of 'none', 'mean', 'sum', got 'batchmean'"):
        losskit.MSELoss("batchmean")  # type: ignore[arg-type]
    assert losskit.KLDivLoss("batchmean").reduction == "batchmean"
