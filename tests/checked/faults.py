"""The faults that are planted in the programs, each a replacement in its text, and the rules that may tell of it.

``python tests/checked/recall.py`` prints how many are found.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "programs"


class Fault(NamedTuple):
    """A replacement in a program, and the code of the rule that is to find it."""

    program: str
    code: str
    old: str
    new: str
    folder: Path = FOLDER

    @property
    def text(self) -> str:
        """The program with the fault in it."""
        text = (self.folder / f"{self.program}.py").read_text(encoding="utf-8")
        assert text.count(self.old) == 1, (self.program, self.old)
        return text.replace(self.old, self.new)


def _of(program: str, *faults: tuple[str, str, str]) -> list[Fault]:
    return [Fault(program, *fault) for fault in faults]


FAULTS = [
    *_of(
        "classifier",
        ("LK101", "nn.Linear(32, 10))", "nn.Linear(32, 10), nn.Softmax(dim=1))"),
        ("LK110", "nn.Linear(32, 10))", "nn.Linear(32, 10), nn.Softmax(dim=0))"),
        ("LK103", "nn.Linear(32, 10))", "nn.Linear(32, 10), nn.Sigmoid())"),
        ("LK103", "nn.Linear(32, 10))", "nn.Linear(32, 10), nn.Tanh())"),
        ("LK105", "nn.Linear(32, 10))", "nn.Linear(32, 10), nn.LogSoftmax(dim=1))"),
        ("LK109", "nn.Linear(32, 10))", "nn.Linear(32, 10), nn.ReLU())"),
        ("LK107", "nn.CrossEntropyLoss()", "nn.NLLLoss()"),
        ("LK205", "target[batch])", "torch.full_like(target[batch], -100))"),
        ("LK208", "target[batch])", "target[batch] + 1)"),
        (
            "LK302",
            "loss = criterion(",
            "loss = nn.CrossEntropyLoss(torch.arange(1.0, 11))(model(features[batch[:1]]), target[batch[:1]]) + 0 * criterion(",
        ),
        ("LK304", "nn.CrossEntropyLoss()", "nn.CrossEntropyLoss(torch.arange(1.0, 11), label_smoothing=0.1)"),
        ("LK309", "loss.backward()", "torch.tensor(loss.item(), requires_grad=True).backward()"),
        ("LK308", "model.parameters()", "nn.Linear(20, 10).parameters()"),
        ("LK407", "torch.randn(256, 20)", "1000 * torch.randn(256, 20)"),
        ("LK206", "target[batch])", "nn.functional.one_hot(target[batch], 10) * 2.0 - 1)"),
        (
            "LK403",
            "loss = criterion(model(features[batch])",
            "loss = nn.CrossEntropyLoss(reduction='sum')(40000 * model(features[batch]).half()",
        ),
    ),
    *_of(
        "log_softmax_classifier",
        ("LK106", "F.log_softmax(self.fc(x), dim=1)", "F.softmax(self.fc(x), dim=1)"),
        ("LK107", "F.log_softmax(self.fc(x), dim=1)", "self.fc(x)"),
        ("LK110", "F.log_softmax(self.fc(x), dim=1)", "F.log_softmax(self.fc(x), dim=0)"),
        ("LK106", "F.log_softmax(self.fc(x), dim=1)", "torch.sigmoid(self.fc(x))"),
        ("LK106", "F.log_softmax(self.fc(x), dim=1)", "1.0 * F.softmax(self.fc(x), dim=1)"),
        ("LK406", "F.log_softmax(self.fc(x), dim=1)", "torch.log(F.softmax(500 * self.fc(x), dim=1))"),
        ("LK105", "F.nll_loss(output, target[batch])", "F.cross_entropy(output, target[batch])"),
    ),
    *_of(
        "multilabel",
        ("LK102", "nn.Linear(32, 5))", "nn.Linear(32, 5), nn.Sigmoid())"),
        ("LK102", "nn.Linear(32, 5))", "nn.Linear(32, 5), nn.Softmax(1))"),
        ("LK104", "nn.Linear(32, 5))", "nn.Linear(32, 5), nn.LogSigmoid())"),
        ("LK104", "nn.Linear(32, 5))", "nn.Linear(32, 5), nn.LogSoftmax(1))"),
        ("LK109", "nn.Linear(32, 5))", "nn.Linear(32, 5), nn.ReLU())"),
        ("LK103", "nn.Linear(32, 5))", "nn.Linear(32, 5), nn.Tanh())"),
        ("LK203", "labels[batch])", "2 * labels[batch] - 1)"),
        ("LK203", "labels[batch])", "255 * labels[batch])"),
        ("LK204", "criterion(logits, labels[batch])", "criterion(labels[batch], logits)"),
        ("LK108", "nn.BCEWithLogitsLoss(pos_weight=pos_weight)", "nn.BCELoss()"),
        ("LK206", "nn.BCEWithLogitsLoss(pos_weight=pos_weight)", "nn.CrossEntropyLoss()"),
        ("LK315", "logits.detach().sigmoid() > 0.5", "logits.detach() > 0.5"),
        ("LK315", "logits.detach().sigmoid() > 0.5", "logits.detach().sigmoid().sigmoid() > 0.5"),
    ),
    *_of(
        "binary",
        ("LK108", ", nn.Sigmoid())", ")"),
        ("LK108", ", nn.Sigmoid())", ", nn.LogSigmoid())"),
        ("LK111", ", nn.Sigmoid())", ", nn.Softmax(1))"),
        ("LK102", "nn.BCELoss()", "nn.BCEWithLogitsLoss()"),
        ("LK204", "criterion(output, yes[batch])", "criterion(yes[batch], output)"),
        ("LK202", "signs[batch])", "yes[batch])"),
        ("LK201", "nn.SoftMarginLoss()(output[:, 0]", "nn.SoftMarginLoss()(output"),
        ("LK315", "output.round()", "output.sigmoid().round()"),
        ("LK315", "(output > 0)", "(output > 0.5)"),
        ("LK402", ", nn.Sigmoid())", ", nn.Flatten(), nn.Linear(1, 1), nn.Sigmoid())\nmodel[4].weight.data.fill_(500)"),
        ("LK207", "nn.BCELoss()", "nn.CrossEntropyLoss()"),
    ),
    *_of(
        "segmenter",
        ("LK101", "F.cross_entropy(logits,", "F.cross_entropy(logits.softmax(1),"),
        ("LK101", "nn.Conv2d(8, 3, 1))", "nn.Conv2d(8, 3, 1), nn.Softmax(dim=1))"),
        ("LK208", ", ignore_index=255", ""),
        ("LK109", "F.cross_entropy(logits,", "F.cross_entropy(logits.relu(),"),
        ("LK107", "F.cross_entropy(logits,", "F.nll_loss(logits,"),
        ("LK110", "F.cross_entropy(logits,", "F.nll_loss(logits.log_softmax(-1),"),
        ("LK112", "F.cross_entropy(logits, masks[batch]", "F.cross_entropy(logits[:, :1], 0 * masks[batch]"),
        ("LK205", "masks[batch], ignore", "torch.full_like(masks[batch], 255), ignore"),
    ),
    *_of(
        "language_model",
        (
            "LK215",
            "logits = model(batch[:, :-1])\n    labels = batch[:, 1:]",
            "logits = model(batch)\n    labels = batch",
        ),
        ("LK216", ", ignore_index=PAD", ""),
        ("LK101", "logits.reshape(-1, VOCABULARY)", "logits.softmax(-1).reshape(-1, VOCABULARY)"),
        ("LK107", "F.cross_entropy(", "F.nll_loss("),
        ("LK308", "(model.parameters()", "(Model().parameters()"),
        ("LK309", "loss.backward()", "loss = torch.tensor(float(loss), requires_grad=True)\n    loss.backward()"),
    ),
    *_of(
        "speech",
        ("LK107", "F.log_softmax(output, dim=-1)", "output"),
        ("LK106", "F.log_softmax(output, dim=-1)", "F.softmax(output, dim=-1)"),
        ("LK110", "F.log_softmax(output, dim=-1)", "F.log_softmax(output, dim=1)"),
        ("LK210", "torch.randint(1, LABELS,", "torch.randint(0, LABELS,"),
        ("LK210", "torch.randint(1, LABELS,", "torch.randint(6, 7,"),
        ("LK209", "torch.full((8,), STEPS)", "torch.full((8,), 1)"),
        ("LK209", "zero_infinity=True)", "zero_infinity=False)\nSTEPS = 3"),
    ),
    *_of(
        "gan",
        ("LK102", "nn.LeakyReLU(0.2), nn.Linear(16, 1))", "nn.LeakyReLU(0.2), nn.Linear(16, 1), nn.Sigmoid())"),
        (
            "LK203",
            "loss = F.binary_cross_entropy_with_logits(judge(fake), ones)",
            "loss = F.binary_cross_entropy_with_logits(judge(fake), -ones)",
        ),
        (
            "LK308",
            "torch.optim.Adam(make.parameters(), 2e-4), ",
            "torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], 2e-4), ",
        ),
        ("LK315", "judged >= 0", "judged >= 0.5"),
        ("LK201", "F.mse_loss(judge(real), ones)", "F.mse_loss(judge(real), ones[:, 0])"),
    ),
    *_of(
        "autoencoder",
        ("LK108", "output = torch.sigmoid(decoder(code))", "output = decoder(code)"),
        ("LK102", "F.binary_cross_entropy(output", "F.binary_cross_entropy_with_logits(output"),
        ("LK204", "F.binary_cross_entropy(output, batch,", "F.binary_cross_entropy(batch, output,"),
        ("LK212", "F.mse_loss(output, batch)", "F.mse_loss(output, 255 * batch)"),
        ("LK315", "output.ge(0.5)", "torch.sigmoid(output).ge(0.5)"),
    ),
    *_of(
        "metric_learning",
        ("LK202", "2 * torch.randint(2, (32,)) - 1", "torch.randint(2, (32,))"),
        ("LK101", "F.cross_entropy(logits,", "F.cross_entropy(logits.softmax(1),"),
        ("LK202", "F.hinge_embedding_loss(distance, same)", "F.hinge_embedding_loss(distance, (same + 1) // 2)"),
        (
            "LK312",
            "loss = triplet(anchor, positive, negative) + pair(anchor, negative, same) + contrast + hinge",
            "loss = triplet(anchor, anchor.detach(), anchor.detach())",
        ),
    ),
    *_of(
        "ranking",
        ("LK202", "1, -1)", "1, 0)"),
        ("LK201", "model(left).squeeze(1), model(right).squeeze(1)", "model(left), model(right)"),
        ("LK309", "loss.backward()", "torch.tensor(loss.item(), requires_grad=True).backward()"),
    ),
    *_of(
        "regression",
        ("LK201", "model(features[batch]).squeeze(1)", "model(features[batch])"),
        ("LK212", "nn.Linear(16, 1))", "nn.Linear(16, 1), nn.ReLU())"),
        ("LK212", "nn.Linear(16, 1))", "nn.Linear(16, 1), nn.Sigmoid())"),
        (
            "LK213",
            "log_rate = rate(features[batch]).squeeze(1)",
            "log_rate = F.softplus(rate(features[batch]).squeeze(1))",
        ),
        (
            "LK214",
            "F.poisson_nll_loss(log_rate, counts[batch])",
            "F.poisson_nll_loss(log_rate, counts[batch], log_input=False)",
        ),
        ("LK214", "F.poisson_nll_loss(log_rate, counts[batch])", "F.poisson_nll_loss(log_rate, counts[batch] - 1)"),
        ("LK214", "F.softplus(spread)", "spread"),
        ("LK201", "F.gaussian_nll_loss(mean, target[batch]", "F.gaussian_nll_loss(mean.unsqueeze(1), target[batch]"),
        ("LK201", "F.poisson_nll_loss(log_rate, ", "F.poisson_nll_loss(log_rate.unsqueeze(1), "),
    ),
    *_of(
        "distillation",
        ("LK301", ', reduction="batchmean"', ""),
        ("LK106", "(logits / T).log_softmax(1)", "(logits / T).softmax(1)"),
        ("LK107", "(logits / T).log_softmax(1)", "logits"),
        ("LK211", "(teacher(features[batch]) / T).softmax(1)", "(teacher(features[batch]) / T).log_softmax(1)"),
        ("LK211", "(teacher(features[batch]) / T).softmax(1)", "teacher(features[batch]) / T"),
        ("LK110", "(logits / T).log_softmax(1)", "(logits / T).log_softmax(0)"),
        ("LK101", "F.cross_entropy(logits,", "F.cross_entropy(logits.softmax(1),"),
        ("LK106", ', reduction="batchmean"', ', reduction="batchmean", log_target=True'),
    ),
    *_of(
        "multi_task",
        ("LK101", "self.classes(x),", "self.classes(x).softmax(-1),"),
        ("LK212", '"boxes": torch.rand(32, 4)', '"boxes": 640 * torch.rand(32, 4)'),
        ("LK308", "AdamW(model.parameters()", "AdamW(Detector().parameters()"),
        ("LK313", "    loss, _ =", "    optimizer.zero_grad()\n    loss, _ ="),
        (
            "LK310",
            "loss, _ = criterion(model(features), target)\n    loss = loss / STEPS",
            'loss = criterion.classify(model(features)["classes"], target["classes"])',
        ),
    ),
    *_of(
        "reinforcement",
        ("LK201", "F.smooth_l1_loss(value, best)", "F.smooth_l1_loss(value, best.squeeze(1))"),
        ("LK106", "log_p = F.log_softmax(", "log_p = F.softmax("),
        (
            "LK107",
            "log_p = F.log_softmax(policy(state), dim=-1)\n    action = log_p.exp()",
            "log_p = policy(state)\n    action = log_p.softmax(1)",
        ),
        ("LK201", "F.mse_loss(value, returns)", "F.mse_loss(value.unsqueeze(1), returns)"),
    ),
    *_of(
        "translation",
        ("LK106", "F.log_softmax(output, dim=-1)", "F.softmax(output, dim=-1)"),
        ("LK107", "F.log_softmax(output, dim=-1)", "output"),
        ("LK110", "F.log_softmax(output, dim=-1)", "F.log_softmax(output, dim=1)"),
        ("LK211", "smooth.detach()", "smooth.clamp(min=1e-9).log()"),
    ),
    *_of(
        "mixup",
        ("LK101", "logits = model(mixed)", "logits = model(mixed).softmax(1)"),
        ("LK301", 'two.softmax(1), reduction="batchmean")', "two.softmax(1))"),
        ("LK211", ", log_target=True", ""),
        ("LK103", "30 * torch.tanh(logits / 30)", "torch.tanh(logits)"),
        ("LK206", "(1 - share) * F.one_hot(ids[other], 5).float()", "F.one_hot(ids[other], 5).float() * 3"),
    ),
    *_of(
        "dense",
        ("LK102", "logits = classes(features)", "logits = classes(features).sigmoid()"),
        ("LK203", "> 0.95).float()", "> 0.95).float() * 255"),
        ("LK212", "F.softplus(depth(features).squeeze(1))", "torch.sigmoid(depth(features).squeeze(1))"),
        ("LK104", "logits = classes(features)", "logits = F.logsigmoid(classes(features))"),
        ("LK315", "torch.where(p <", "torch.where(logits <"),
    ),
    *_of(
        "penalty",
        ("LK308", "RMSprop(judge.parameters(), 1e-3)", "RMSprop([nn.Parameter(torch.zeros(1))], 1e-3)"),
        ("LK101", "F.cross_entropy(output,", "F.cross_entropy(output.softmax(1),"),
        (
            "LK309",
            "        loss = F.cross_entropy(output, torch.randint(3, (32,)))\n",
            "        loss = torch.tensor(F.cross_entropy(output, torch.randint(3, (32,))).item(), requires_grad=True)\n",
        ),
    ),
    *_of(
        "recurrent",
        ("LK208", ", ignore_index=-1", ""),
        ("LK101", "tagger(hidden).transpose(1, 2)", "tagger(hidden).softmax(2).transpose(1, 2)"),
        ("LK107", "F.cross_entropy(decoder(output)", "F.nll_loss(decoder(output)"),
        ("LK109", "tagger(hidden).transpose(1, 2)", "tagger(hidden).relu().transpose(1, 2)"),
    ),
]
