"""Lightning: bfloat16, accumulation and compilation, against the same module with torch's loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import snippets
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

ROWS, CLASSES = 64, 5


def batches() -> Any:
    torch.manual_seed(1)
    return DataLoader(TensorDataset(torch.randn(ROWS, 8), torch.randint(CLASSES, (ROWS,))), batch_size=4)


def written(folder: Path) -> dict[str, Any]:
    options = {
        "accelerator": "cpu",
        "default_root_dir": folder,
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "enable_progress_bar": False,
        "logger": False,
    }
    return snippets.run("Lightning", options=options)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, CLASSES))


def trained(folder: Path, criterion: nn.Module | None = None, compiled: bool = False) -> tuple[Tensor, Tensor]:
    """The last loss, and all parameters."""
    names = written(folder)
    module = names["Classifier"](network())
    if criterion is not None:
        module.criterion = criterion
    if compiled:
        module.compile()
    names["trainer"].fit(module, batches())
    return names["trainer"].callback_metrics["loss"], nn.utils.parameters_to_vector(module.network.parameters())


@pytest.mark.parametrize("compiled", [False, True])
def test_training_is_that_with_torch(compiled: bool, tmp_path: Path) -> None:
    torch.compiler.reset()
    ours = trained(tmp_path, compiled=compiled)
    theirs = trained(tmp_path, nn.CrossEntropyLoss(label_smoothing=0.1), compiled)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    assert not torch.equal(ours[1], trained(tmp_path, nn.CrossEntropyLoss())[1]), "the loss has no part in it"


def test_predictions_are_probabilities(tmp_path: Path) -> None:
    names = written(tmp_path)
    predicted = torch.cat(names["trainer"].predict(names["Classifier"](network()), batches()))
    with torch.autocast("cpu", torch.bfloat16):
        expected = network()(batches().dataset.tensors[0]).softmax(1)
    torch.testing.assert_close(predicted, expected)
