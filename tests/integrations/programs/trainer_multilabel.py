"""Five labels an item, trained by the Hugging Face Trainer on a network that is no model of its own."""

from tempfile import TemporaryDirectory

import torch
from torch import nn
from transformers import Trainer, TrainingArguments


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))
        self.criterion = nn.BCEWithLogitsLoss()

    def forward(self, features, labels):
        logits = self.layers(features)
        return {"loss": self.criterion(logits, labels), "logits": logits}


torch.manual_seed(0)
features = torch.randn(256, 20)
labels = (features @ torch.randn(20, 5) > 0).float()
rows = [{"features": x, "labels": y} for x, y in zip(features, labels)]
with TemporaryDirectory() as folder:
    arguments = TrainingArguments(
        folder, max_steps=12, use_cpu=True, report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True
    )
    Trainer(Network(), arguments, train_dataset=rows).train()
