"""Faults planted in programs of Lightning and the Trainer, and found by ``losskit check --run``; clean ones pass."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from checked.faults import Fault
from checked.recall import report_of

from losskit.checker.finding import Severity

FOLDER = Path(__file__).parent / "programs"
FAULTS = {
    "lightning_classifier": (
        ("LK101", "nn.Linear(32, 10))", "nn.Linear(32, 10), nn.Softmax(dim=1))"),
        ("LK105", "nn.Linear(32, 10))", "nn.Linear(32, 10), nn.LogSoftmax(dim=1))"),
        ("LK109", "nn.Linear(32, 10))", "nn.Linear(32, 10), nn.ReLU())"),
        ("LK107", "nn.CrossEntropyLoss()", "nn.NLLLoss()"),
        ("LK205", "(features), target)", "(features), torch.full_like(target, -100))"),
        ("LK208", "(features), target)", "(features), target + 1)"),
        ("LK304", "nn.CrossEntropyLoss()", "nn.CrossEntropyLoss(torch.arange(1.0, 11), label_smoothing=0.1)"),
        ("LK308", "Adam(self.parameters()", "Adam(nn.Linear(20, 10).parameters()"),
        ("LK407", "torch.randn(256, 20)", "1000 * torch.randn(256, 20)"),
    ),
    "trainer_language_model": (
        ("LK215", "outputs.logits[:, :-1], labels[:, 1:]", "outputs.logits, labels"),
        ("LK107", "F.cross_entropy(", "F.nll_loss("),
        ("LK105", "logits.flatten(0, 1)", "logits.log_softmax(-1).flatten(0, 1)"),
        ("LK101", "logits.flatten(0, 1)", "logits.softmax(-1).flatten(0, 1)"),
    ),
    "trainer_multilabel": (
        ("LK102", "nn.Linear(32, 5))", "nn.Linear(32, 5), nn.Sigmoid())"),
        ("LK104", "nn.Linear(32, 5))", "nn.Linear(32, 5), nn.LogSigmoid())"),
        ("LK109", "nn.Linear(32, 5))", "nn.Linear(32, 5), nn.ReLU())"),
        ("LK203", "self.criterion(logits, labels)", "self.criterion(logits, 2 * labels - 1)"),
    ),
}
PLANTED = [Fault(program, *fault, FOLDER) for program, faults in FAULTS.items() for fault in faults]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: f"{fault.program}-{fault.code}")
def test_a_planted_fault_is_found(fault: Fault) -> None:
    report = report_of(fault.text)
    assert fault.code in {finding.code for finding in report.findings}, report


@pytest.mark.parametrize("program", FAULTS)
def test_nothing_is_found_without_one(program: str) -> None:
    report = report_of((FOLDER / f"{program}.py").read_text(encoding="utf-8"))
    assert report.exit_code == 0
    assert not [finding for finding in report.findings if finding.severity is not Severity.NOTE], report
