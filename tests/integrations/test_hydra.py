"""Hydra builds losses from a configuration."""

from __future__ import annotations

import inspect

import hydra.utils
import pytest
import snippets
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf

import losskit


def test_a_configuration_is_the_loss_that_it_describes() -> None:
    criterion = snippets.run("Hydra")["criterion"]
    assert type(criterion) is losskit.CrossEntropyLoss
    logits, target = torch.randn(6, 3), torch.randint(3, (6,))
    weight = torch.tensor([1.0, 2.0, 0.5])
    torch.testing.assert_close(criterion(logits, target), F.cross_entropy(logits, target, weight, label_smoothing=0.1))


@pytest.mark.parametrize("name", [loss.__name__ for loss in losskit.CATALOG])
def test_the_defaults_of_every_loss_can_be_written_down(name: str) -> None:
    """As numbers, booleans, words and null, which is all that YAML has."""
    loss = getattr(losskit, name)
    defaults = {each: known.default for each, known in loss.arguments.items() if known.required is None}
    written = OmegaConf.create(OmegaConf.to_yaml({"_target_": f"losskit.{name}", **defaults}))
    owner = "in_features" in inspect.signature(loss).parameters
    required = {"in_features": 4, "num_classes": 3} if owner else {}
    assert str(hydra.utils.instantiate(written, **required)) == str(loss(**required))
