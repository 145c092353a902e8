"""The callbacks that watch a training, in real ones: what they find, and that they change nothing."""

from __future__ import annotations

import copy
import gc
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import pytest
import pytorch_lightning
import snippets
import torch
import torch.nn.functional as F
from test_hugging_face import arguments, causal, classes
from test_lightning import batches, network, written
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from transformers import Trainer

import losskit
from losskit.callbacks import lightning as by_lightning, pytorch_lightning as by_other_name
from losskit.callbacks.transformers import LosskitCallback
from losskit.checker import watching

LIGHTNINGS: dict[str, Any] = {
    "lightning": (lightning, by_lightning),
    "pytorch_lightning": (pytorch_lightning, by_other_name),
}
FAULTS: dict[str, Callable[[], nn.Module]] = {"none": nn.Identity, "softmax": lambda: nn.Softmax(dim=1)}


@pytest.fixture(autouse=True)
def _torch_is_as_it_was() -> Any:
    yield
    assert not watching._held


def fitted(name: str, folder: Path, fault: str = "none", callback: Any = None, **options: Any) -> Tensor:
    """The parameters after training."""
    library, _ = LIGHTNINGS[name]

    class Classifier(library.LightningModule):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.1), nn.Linear(16, 5), FAULTS[fault]())

        def training_step(self, batch: Any, index: int) -> Tensor:
            features, target = batch
            loss = F.cross_entropy(self.network(features), target)
            self.log("loss", loss)
            return loss

        def validation_step(self, batch: Any, index: int) -> None:
            features, target = batch
            self.log("validation", losskit.functional.cross_entropy(self.network(features), target))

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=0.01)

    library.seed_everything(0)
    features = torch.randn(64, 8)
    rows = DataLoader(TensorDataset(features, features[:, :5].argmax(1)), batch_size=8, shuffle=True)
    trainer = library.Trainer(
        accelerator="cpu",
        default_root_dir=folder,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        logger=False,
        max_epochs=2,
        callbacks=[] if callback is None else [callback],
        **options,
    )
    module = Classifier()
    trainer.fit(module, rows, rows)
    return nn.utils.parameters_to_vector(module.parameters()).detach()


@pytest.mark.parametrize(
    "options", [{}, {"precision": "bf16-mixed", "accumulate_grad_batches": 4}], ids=["plain", "mixed"]
)
@pytest.mark.parametrize("name", LIGHTNINGS)
def test_lightning(name: str, options: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clean: Any = LIGHTNINGS[name][1].LosskitCallback()
    faulty: Any = LIGHTNINGS[name][1].LosskitCallback()
    assert not clean.report
    without = fitted(name, tmp_path, **options)
    assert torch.equal(fitted(name, tmp_path, callback=clean, **options), without), "watching changes the training"
    assert clean.report.findings == (), clean.report
    assert "which failed" not in clean.report.coverage
    assert "call in 2 lines" in clean.report.checked.replace("calls", "call")
    assert capsys.readouterr().out.startswith("losskit check: nothing found\n\nchecked: ")
    fitted(name, tmp_path, "softmax", faulty, **options)
    assert {finding.code for finding in faulty.report.findings} == {"LK101"}
    assert Path(__file__).name + ":" in capsys.readouterr().out


def test_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = written(tmp_path)
    model, data = causal()
    given = {"options": names["options"], "module": names["Classifier"](network()), "batches": batches()}
    given |= {"model": model, "arguments": arguments(tmp_path), "data": data}
    callbacks = snippets.run("Losses checked while they train", **given)["callbacks"]
    assert [callback.report.findings for callback in callbacks] == [(), ()]
    assert capsys.readouterr().out.count("losskit check: nothing found\n") == 2


def trained(folder: Path, callback: Any = None, task: Any = causal, **how: Any) -> tuple[Any, Tensor]:
    torch.manual_seed(0)
    model, data = task()
    callbacks = [] if callback is None else [callback]
    trainer = Trainer(model, arguments(folder, **how), train_dataset=data, callbacks=callbacks)
    trainer.train()
    return trainer, nn.utils.parameters_to_vector(trainer.model.parameters()).detach()


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("task", [causal, classes])
def test_hugging_face(task: Any, bf16: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    callback = LosskitCallback()
    _, without = trained(tmp_path, None, task, bf16=bf16)
    _, watched = trained(tmp_path, callback, task, bf16=bf16)
    assert torch.equal(watched, without), "watching changes the training"
    assert callback.report is not None
    assert callback.report.findings == (), callback.report
    assert "which failed" not in callback.report.coverage
    assert "losskit check: nothing found\n\nchecked: " in capsys.readouterr().out


def doubled(outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
    return F.cross_entropy(outputs.logits.softmax(-1), labels)


def test_hugging_face_with_a_fault(tmp_path: Path) -> None:
    shown: list[Any] = []
    callback = LosskitCallback(shown.append)
    model, data = classes()
    how = arguments(tmp_path, rows=8, accumulated=1)
    Trainer(model, how, train_dataset=data, compute_loss_func=doubled, callbacks=[callback]).train()
    assert [str(report) for report in shown] == [str(callback.report)]
    (finding,) = shown[0].findings
    assert (finding.code, finding.where.file) == ("LK101", __file__)


def test_a_training_that_fails_is_reported_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def wrong(outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
        return F.cross_entropy(outputs.logits.flatten(0, 1), labels.flatten() + 100)

    model, data = causal()
    callback = LosskitCallback()
    trainer = Trainer(model, arguments(tmp_path), train_dataset=data, compute_loss_func=wrong, callbacks=[callback])
    with pytest.raises(IndexError):
        trainer.train()
    assert "LK208" in str(callback.report)
    copy.deepcopy(callback)
    del trainer, callback
    gc.collect()
    assert capsys.readouterr().out.count("error LK208 class-out-of-range") == 1


def test_what_cannot_be_shown_does_not_end_the_run(tmp_path: Path) -> None:
    callback = LosskitCallback(lambda report: 1 / 0)
    trained(tmp_path, callback)
    assert callback.report is not None
    assert callback.report.checked != "no loss was called"


def test_losskit_needs_none_of_them() -> None:
    check = "import losskit.callbacks.fit, sys; assert not {'lightning', 'pytorch_lightning', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)
