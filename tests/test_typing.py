"""Type checkers must see the constructors as they are: mypy --strict and pyright reject what the runtime rejects."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GOOD = """
import torch, losskit
from losskit import functional

x = torch.randn(3)
losskit.MSELoss("sum")
losskit.SmoothL1Loss("mean", 0.5)
losskit.CrossEntropyLoss(torch.ones(3), -100, "none", 0.1, dim=-1)
losskit.KLDivLoss("batchmean", log_target=True)
losskit.PoissonNLLLoss(False, True, 1e-6, "sum")
losskit.GaussianNLLLoss(full=True, reduction="none")(x, x, 1.0)
functional.gaussian_nll_loss(x, x, x, True, 1e-6, "sum", mask=x > 0)
losskit.CosineEmbeddingLoss(0.5)(x, x, x, mask=x > 0)
losskit.TripletMarginWithDistanceLoss(distance_function=torch.nn.PairwiseDistance(), swap=True)
functional.triplet_margin_with_distance_loss(x, x, x, distance_function=lambda a, b: (a - b).abs().sum(-1))
losskit.LinearCrossEntropyLoss(8, 10, bias=True, reduction="sum")
functional.mse_loss(x, x, "sum", mask=x > 0, sample_weight=x, normalizer=3.0)
losskit.CrossEntropyLoss()(x, target=x, mask=None, sample_weight=x, normalizer=x.sum()).item()
losskit.CTCLoss()(x, x, [3], target_lengths=2, mask=x > 0).item()
losskit.NTXentLoss()(x, second=x).item()
losskit.QuantileLoss((0.1, 0.9))(x, x).item()
losskit.AdaptiveLogSoftmaxWithLoss(3, 5, cutoffs=[2])(x, x, mask=x > 0).loss.sum()
losskit.keras.MeanSquaredError()(x, x, 0.5, mask=x > 0).item()
class Own(losskit.Loss):
    def formula(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return (input - target).abs()
Own()(x, x, normalizer=2.0).item()
criteria: list[losskit.Loss] = [losskit.MSELoss(), losskit.L1Loss()]
modules: list[torch.nn.Module] = [losskit.MSELoss(), losskit.CTCLoss()]
total = sum(criterion(x, x) for criterion in criteria) + modules[0](x, x)
"""
BAD = [
    "losskit.SmoothL1Loss(bta=1.0)",
    "losskit.SmoothL1Loss(beta='wide')",
    "losskit.MSELoss('avg')",
    "losskit.MSELoss('batchmean')",
    "losskit.PoissonNLLLoss(log_input='yes')",
    "losskit.GaussianNLLLoss(True)",  # torch has it by name alone
    "losskit.CrossEntropyLoss(None, -100, 'mean', 0.0, 1)",  # dim comes by name alone
    "losskit.CrossEntropyLos()",
    "losskit.MultiMarginLoss(3)",
    "losskit.TripletMarginLoss(swap=1)",
    "losskit.TripletMarginWithDistanceLoss(torch.dist)",  # by name alone
    "losskit.TripletMarginWithDistanceLoss(distance_function='cosine')",
    "losskit.LinearCrossEntropyLoss(8)",  # how many classes?
    "functional.mse_loss(x, x, reduction='avg')",
    "functional.mse_loss(x, x, sampel_weight=x)",
    "functional.focal_loss(x, x, gama=1.0)",
    "losskit.MSELoss()(x)",
    "losskit.MSELoss()(x, x, masks=x > 0)",
    "losskit.MSELoss()(x, x, mask=True)",
    "losskit.CrossEntropyLoss()(x, [1, 2])",
    "losskit.MSELoss()(x, x).bakward()",
    "number: float = losskit.HuberLoss()(x, x)",
    "losskit.CTCLoss()(x, x)",
    "losskit.CTCLoss()(x, x, [3])",
    "losskit.GaussianNLLLoss()(x, x)",
    "losskit.TripletMarginLoss()(x, x)",
    "losskit.TripletMarginLoss()(x, x, negativ=x)",
    "losskit.NTXentLoss()(x)",
    "losskit.LinearCrossEntropyLoss(8, 10)(x)",
    "losskit.AdaptiveLogSoftmaxWithLoss(3, 5, cutoffs=[2])(x, x).backward()",
    "losskit.keras.MeanSquaredError()(x)",
    "Own()(x)",
]


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("typing") / "user.py"
    path.write_text(GOOD + "\n".join(BAD) + "\n")
    return path


def wrong_lines(command: list[str], script: Path) -> set[int]:
    where = ROOT if command[0] == "mypy" else script.parent  # where `make test` has left what it knows of torch
    run = subprocess.run([sys.executable, "-m", *command, str(script)], capture_output=True, text=True, cwd=where)
    if command[0] == "mypy":
        return {int(line.split(":")[1]) for line in run.stdout.splitlines() if ": error:" in line}
    diagnostics = json.loads(run.stdout)["generalDiagnostics"]
    return {d["range"]["start"]["line"] + 1 for d in diagnostics if d["severity"] == "error"}


@pytest.mark.parametrize(
    "command",
    [["mypy", "--strict"], ["basedpyright", "--outputjson", "--pythonpath", sys.executable]],
    ids=["mypy", "pyright"],
)
def test_checkers_reject_each_wrong_line_and_no_other(command: list[str], script: Path) -> None:
    first = len(GOOD.splitlines()) + 1
    assert wrong_lines(command, script) == set(range(first, first + len(BAD)))
