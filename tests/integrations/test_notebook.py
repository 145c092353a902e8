"""What a newcomer sees in a notebook: help, names, reprs and reports, as IPython's kernel shows them."""

from __future__ import annotations

import re
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

#: Prints help below its cell, where a notebook has a pager.
PAGER = """\
def page(shell, text, start, screen_lines):
    print(text["text/plain"] if isinstance(text, dict) else text)

get_ipython().set_hook("show_in_pager", page, 0)
"""

CELLS = (
    PAGER,
    "import torch, losskit\nfrom losskit import functional as F",
    "losskit?",
    "F.cross_entropy?",
    "losskit.CrossEntropyLoss?",
    "losskit.CrossEntropyLoss(weight=torch.rand(1000))",
    "losskit.CrossEntropyLoss().head('binary')",
    "dir(losskit)",
    "output = torch.randn(8, 3, requires_grad=True).softmax(1)\n"
    "losskit.check(losskit.CrossEntropyLoss(), output, torch.tensor([0, 1, 2, 0, 1, 2, 0, 1]))",
    "losskit.CrossEntropyLoss(weigth=torch.rand(3))",
)


@pytest.fixture(scope="module")
def notebook() -> Any:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in CELLS])
    NotebookClient(made, timeout=120, allow_errors=True).execute()
    return made


def shown(notebook: Any, start: str, kind: str = "text/plain") -> str:
    """What the cell that starts so shows."""
    (cell,) = (each for each in notebook.cells if each.source.startswith(start))
    texts = [each.data.get(kind, "") if "data" in each else each.get("text", "") for each in cell.outputs]
    return re.sub("\x1b\\[[0-9;]*m", "", "\n".join(texts))


def test_help_of_the_package_and_its_functions(notebook: Any) -> None:
    names = shown(notebook, "dir(losskit)")
    assert "'CrossEntropyLoss'" in names
    assert "'Any'" not in names
    assert "loss" in shown(notebook, "losskit?").lower()
    for start in ("F.cross_entropy?", "losskit.CrossEntropyLoss?"):
        told = shown(notebook, start)
        assert all(part in told for part in (".. math::", "Args:", "Example:", "label_smoothing"))


def test_values_are_one_line(notebook: Any) -> None:
    weighted = shown(notebook, "losskit.CrossEntropyLoss(weight=torch")
    assert weighted.startswith("CrossEntropyLoss(weight=")
    assert len(weighted.splitlines()) == 1
    assert shown(notebook, "losskit.CrossEntropyLoss().head").startswith("Head(")


def test_a_report_is_html_and_names_the_rule(notebook: Any) -> None:
    html = shown(notebook, "output = ", "text/html")
    assert "LK101" in html
    assert "softmax" in html


def test_a_mistake_is_said_in_the_last_line(notebook: Any) -> None:
    (error,) = notebook.cells[-1].outputs
    assert error.evalue == "CrossEntropyLoss: no argument 'weigth'; did you mean 'weight'?"


def test_the_page_holds_all_of_it(notebook: Any) -> None:
    page, _ = HTMLExporter().from_notebook_node(notebook)
    for told in ("LK101", "did you mean", "CrossEntropyLoss(weight="):
        assert told in page
