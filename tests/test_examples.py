"""Every example runs as it stands, reaches the metric that it states, and is listed. Training is what gets it there."""

from __future__ import annotations

import re
import runpy
import textwrap
from pathlib import Path

import pytest
import torch

import losskit
from losskit.script import LOOP

EXAMPLES = Path(__file__).parent.parent / "examples"
FILES = {file.stem: file for file in sorted(EXAMPLES.glob("*.py"))}
FAMILIES = {
    "autoencoder": "BCELoss",
    "binary": "BCEWithLogitsLoss",
    "boxes": "SmoothL1Loss",
    "counts": "PoissonNLLLoss",
    "distillation": "KLDivLoss",
    "handwriting": "CTCLoss",
    "language_model": "LinearCrossEntropyLoss",
    "multiclass": "CrossEntropyLoss",
    "multilabel": "BCEWithLogitsLoss",
    "pixels": "NLLLoss",
    "ranking": "MarginRankingLoss",
    "regression": "MSELoss",
    "triplets": "TripletMarginLoss",
    "verification": "CosineEmbeddingLoss",
}
LINE = re.compile(r"(?P<metric>.+) (?P<reached>-?\d\.\d{3}), stated (?P<stated>\d\.\d+)\n")
ROW = re.compile(r"\| \[`(\w+)\.py`\]\(\1\.py\) \| `(\w+)`.* \| .+ \| (.+) ≥ (\d\.\d+) \|")


def run(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, object], re.Match[str]]:
    """What the example has defined at its end, and the line that it printed. A warning is an error."""
    defined = runpy.run_path(str(path), run_name="__main__")
    printed = LINE.fullmatch(capsys.readouterr().out)
    assert printed, "an example prints one line: its metric, and what it states to reach"
    return defined, printed


@pytest.mark.parametrize("name", FILES)
def test_it_reaches_what_it_states(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    defined, printed = run(FILES[name], capsys)
    assert float(printed["stated"]) == defined["REACHES"]
    assert float(printed["reached"]) >= float(printed["stated"])
    assert type(defined["criterion"]) is getattr(losskit, FAMILIES[name])


@pytest.mark.parametrize("name", FILES)
def test_without_training_it_does_not(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else the bound would say nothing about the loss."""

    def nothing(*_: object, **__: object) -> None:
        pass

    for optimizer in (torch.optim.Adam, torch.optim.AdamW):
        monkeypatch.setattr(optimizer, "step", nothing)
    if name != "language_model":  # which compares gradients
        monkeypatch.setattr(torch.Tensor, "backward", nothing)
    once = tmp_path / f"{name}.py"  # all passes over the data are alike where nothing is learnt
    once.write_text(
        re.sub(r"\nfor _ in range\(\d+\):", "\nfor _ in range(1):", FILES[name].read_text(encoding="utf-8")),
        encoding="utf-8",
    )
    _, printed = run(once, capsys)
    assert float(printed["reached"]) < float(printed["stated"])


def test_every_family_is_there_and_listed() -> None:
    assert set(FILES) == set(FAMILIES)
    rows = {name: (loss, metric, bound) for name, loss, metric, bound in ROW.findall(readme())}
    assert set(rows) == set(FILES)
    for name, (loss, metric, bound) in rows.items():
        code = FILES[name].read_text(encoding="utf-8")
        assert loss == FAMILIES[name]
        assert f"REACHES = {bound} " in code
        assert re.search(rf'print\(f"{re.escape(metric)} {{.*, stated {{REACHES}}"\)\n\Z', code)
        assert len(code.splitlines()) <= 85


@pytest.mark.parametrize("name", sorted(set(FILES) - {"language_model"}))  # whose step goes over micro-batches
def test_a_step_is_that_of_the_template(name: str) -> None:
    """Pages differ in what a batch is; what is done with it is what the printed scripts do."""
    lines = FILES[name].read_text(encoding="utf-8").splitlines()
    steps = [place for place, line in enumerate(lines) if line.strip() == "optimizer.step()"]
    template = textwrap.dedent("".join(LOOP.splitlines(keepends=True)[2:])).strip()
    expected = re.escape(template).replace(re.escape("{backward}"), r".+\.backward\(\)")
    assert steps
    for place in steps:
        assert re.fullmatch(expected, textwrap.dedent("\n".join(lines[place - 2 : place + 1])))


def test_the_page_shows_what_the_examples_print() -> None:
    """The figures of the page are of some run; here only that it shows a line for each of the examples, above its bound."""
    shown = re.findall(rf"(?m)^(\w+): {LINE.pattern[:-2]}$", readme())
    assert [name for name, *_ in shown] == sorted(FILES)
    assert all(float(reached) >= float(stated) for *_, reached, stated in shown)


def readme() -> str:
    return (EXAMPLES / "README.md").read_text(encoding="utf-8")
