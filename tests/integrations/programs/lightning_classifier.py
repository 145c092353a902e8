"""A classifier of ten classes, trained by Lightning."""

import logging
from tempfile import TemporaryDirectory

import torch
from lightning import LightningModule, Trainer, seed_everything
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Classifier(LightningModule):
    def __init__(self):
        super().__init__()
        self.network = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 10))
        self.criterion = nn.CrossEntropyLoss()

    def training_step(self, batch, index):
        features, target = batch
        loss = self.criterion(self.network(features), target)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.01)


logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
seed_everything(0, verbose=False)
features = torch.randn(256, 20)
target = (features @ torch.randn(20, 10)).argmax(1)
quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
with TemporaryDirectory() as folder:
    trainer = Trainer(max_epochs=3, accelerator="cpu", default_root_dir=folder, accumulate_grad_batches=2, **quiet)
    trainer.fit(Classifier(), DataLoader(TensorDataset(features, target), batch_size=32, shuffle=True))
