"""What the guide's pages say, piece by piece: formulas, slopes, columns, rows."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import losskit
from losskit import terminal
from losskit.catalog import CATALOG, STANDARD
from losskit.core.head import Encoding, Situation, Task
from losskit.guide import code, show, words
from losskit.guide.choose import choose, output_of
from losskit.guide.code import script
from losskit.guide.formula import SIGNS, shown
from losskit.guide.show import explain, guide, listing
from losskit.guide.slopes import _of_errors, _of_margins, slopes


@pytest.fixture(autouse=True)
def _alike_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)  # conftest puts the number back
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        (r"\ell(x, y) = w\,|x - y|", "ℓ(x, y) = w |x - y|"),
        (r"(x - y)^2 + x^{-1} + x^{10} + e^x", "(x - y)² + x⁻¹ + x¹⁰ + e^x"),
        (r"\tfrac{1}{2} \left( \log v + \frac{(x - y)^2}{v} \right)", "1/2 (log v + (x - y)²/v)"),
        (r"\frac{a + b}{\alpha} \frac{w_y}{C}", "(a + b)/α w_y/C"),
        (r"\frac{1}{C} \sum_{j \in y} x_j", "1/C Σ_(j ∈ y) x_j"),
        (r"e^{-y x} + x_{t}", "e^(-y x) + x_t"),
        (r"\log \mathrm{softmax}(x)_c, \quad q = \varepsilon / C", "log softmax(x)_c,  q = ε / C"),
        (r"\max(0,\, \mathrm{margin} - x)", "max(0, margin - x)"),
        (r"[\,v\,y \log p\,]", "[v y log p]"),
        (r"\lVert u \rVert_p \le 1 \ne 2", "‖ u ‖_p ≤ 1 ≠ 2"),
        (r"\mathcal{B}^{-1}(y)~z", "B⁻¹(y) z"),
        (r"\tfrac12 D(p \,\|\, m) + \tfrac1D \hat y_d - \hat{x}", "1/2 D(p ‖ m) + 1/D ŷ_d - x̂"),
        (r"\tau \neq \theta, \quad \tfrac{1}{2}", "τ ≠ θ,  1/2"),
        (r"\zeta + \operatorname{x}", "zeta + operatorname{x}"),  # signs that it does not know
        ("x\n    + y", "x + y"),
        (
            r"\ell = \begin{cases} x & y = 1 \\ \max(0,\, 1 - x) & \text{else} \end{cases}, \quad x > 0",
            "ℓ = ⎧ x              if y = 1\n    ⎩ max(0, 1 - x)  else,  x > 0",
        ),
        (
            r"f \begin{cases} 1 & a \\ 22 & b \\ 333 & c \end{cases}",
            "f ⎧ 1    if a\n  ⎨ 22   if b\n  ⎩ 333  if c",
        ),
    ],
)
def test_tex_is_shown_as_text(tex: str, expected: str) -> None:
    assert shown(tex) == expected


#: What ``shown`` takes apart itself.
STRUCTURE = {"frac", "tfrac", "hat", "text", "mathrm", "mathcal", "begin", "end"}


def formulas() -> Iterator[tuple[str, str]]:
    """Where a formula stands, and its TeX: of each module, class and function."""
    for path in sorted(Path(losskit.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                doc = ast.get_docstring(node) or ""
                for tex in re.findall(r"\.\. math:: (.+?)(?:\n\n|\Z)|:math:`([^`]+)`", doc, re.DOTALL):
                    yield f"{path.stem}:{getattr(node, 'name', '')}", "".join(tex)


@pytest.mark.parametrize(("place", "tex"), list(formulas()))
def test_every_sign_of_the_formulas_is_known(place: str, tex: str) -> None:
    assert set(re.findall(r"\\([A-Za-z]+)", tex)) <= {*SIGNS, *STRUCTURE}, place
    assert not set(shown(tex)) & set("\\{}")


def test_every_loss_has_a_formula_that_is_looked_at() -> None:
    assert {place.partition(":")[2] for place, _ in formulas()} >= {loss.__name__ for loss in CATALOG}


#: Losses with a table, its title, where it is taken, and the same gradient by torch's own means.
SLOPES: dict[str, tuple[str, str, Callable[..., torch.Tensor]]] = {
    "MSELoss": ("an error of", "0.1 1 10 100", F.mse_loss),
    "L1Loss": ("an error of", "0.1 1 10 100", F.l1_loss),
    "HuberLoss": ("an error of", "0.1 1 10 100", F.huber_loss),
    "SmoothL1Loss": ("an error of", "0.1 1 10 100", F.smooth_l1_loss),
    "BCELoss": ("the probability", "0.001 0.1 0.5 0.9 0.999", F.binary_cross_entropy),
    "BCEWithLogitsLoss": ("a score of", "-100 -10 -1 0 1 10", F.binary_cross_entropy_with_logits),
    "SoftMarginLoss": ("a score of", "-100 -10 -1 0 1 10", F.soft_margin_loss),
    "CrossEntropyLoss": ("by a logit of", "-100 -10 -1 0 1 10", F.cross_entropy),
    "MultiMarginLoss": ("by a logit of", "-100 -10 -1 0 1 10", F.multi_margin_loss),
    "NLLLoss": ("by a logit of", "-100 -10 -1 0 1 10", F.cross_entropy),  # behind its log-softmax
}


@pytest.mark.parametrize("name", SLOPES)
def test_the_slopes_are_torchs(name: str) -> None:
    title, places, function = SLOPES[name]
    head, at, found, *meaning = slopes(getattr(losskit, name)).splitlines()
    assert head.startswith("Gradient ")
    assert head.endswith(title)
    assert at.split() == places.split()
    expected = []
    for place in map(float, places.split()):
        leaf = torch.tensor([[place, 0.0]] if "logit" in title else [place]).double().requires_grad_()
        target = torch.tensor([0]) if "logit" in title else leaf.detach() * 0 + ("error" not in title)
        (slope,) = torch.autograd.grad(function(leaf, target, reduction="sum"), leaf)
        expected.append(float(slope.flatten()[0]))
    assert [float(each) for each in found.split()] == pytest.approx(expected, rel=5e-3)
    assert len(at) == len(found) == 4 + 11 * len(expected)
    outlier = {"MSELoss": "one outlier can outweigh", "BCELoss": ""}.get(
        name, "It stops growing" if "error" in title else "bounded"
    )
    assert outlier in "".join(meaning)
    assert bool(meaning) == bool(outlier)


def test_a_loss_without_a_table() -> None:
    tables = {loss.__name__ for loss in CATALOG if slopes(loss)}
    assert tables >= {*SLOPES, "FocalLoss", "SoftmaxFocalLoss", "LinearCrossEntropyLoss"}
    assert not tables & {"GaussianNLLLoss", "PoissonNLLLoss", "KLDivLoss", "TripletMarginLoss", "CTCLoss"}
    assert not tables & {"HingeEmbeddingLoss", "MarginRankingLoss", "DiceLoss"}


def test_what_the_slopes_mean() -> None:
    """Twice the pull of a usual error, or mistake, is more than bounded."""
    assert _of_errors([0.1, 1.0, 1.5, 2.0]).startswith("It stops growing")
    assert _of_errors([0.1, 1.0, 1.5, 2.01]).startswith("It grows with the error")
    for sign in (1, -1):
        assert _of_margins([2.0 * sign, sign, 0.5]).startswith("A confident mistake pulls with bounded strength")
        assert _of_margins([2.01 * sign, sign, 0.5]).startswith("It grows with the mistake")


# The pages.


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("language", words.LANGUAGES)
def test_the_page_of_a_task(task: Task, language: str) -> None:
    which = words.LANGUAGES.index(language)
    picks = choose(task)
    head = picks[0].head
    page = guide(task, None, [], language)
    sections = page.split("\n\n")
    title, colon = words.PHRASES["task"][which], words.PHRASES["colon"][which]
    assert sections[0] == title + colon + task + words.say("beside", language, words.TASKS[task][which])
    flat = " ".join(sections[1].split())
    for key, said in (
        ("take", picks[0].loss.__name__ + colon + show.summary(picks[0].loss, language)),
        *([("with", picks[0].arguments)] if picks[0].arguments else []),
        ("why", words.PHRASES["standard"][which]),
        ("output", words.OUTPUTS[output_of(picks[0].loss)][which]),
        ("training", words.PHRASES["nothing"][which] if head.training.value == "none" else head.training.value),
        ("predicting", words.PHRASES["as is"][which] if head.predicting.value == "none" else head.predicting.value),
        ("target", words.TARGETS[head.encoding][which]),
        ("also", words.PHRASES["between names"][which].join(pick.loss.__name__ for pick in picks[1:]) or "-"),
    ):
        row = f"{words.PHRASES[key][which]} {said}"
        if language == "en":
            assert " ".join(row.split()) in flat
        else:  # Chinese is wrapped within words
            assert "".join(row.split()) in "".join(flat.split())
    assert sections[2] == words.PHRASES["optimizers"][which]
    assert sections[3].splitlines() == [
        "  torch.optim.SGD(params, lr=0.01, momentum=0.9)",
        "  torch.optim.Adam(params, lr=0.001)",
        "  torch.optim.RMSprop(params, lr=0.001)",
        "  torch.optim.AdamW(params, lr=0.001)",
    ]
    assert sections[4] == words.PHRASES["code"][which]
    assert "\n\n" + script(picks[0].loss, task).rstrip() + "\n\n  losskit explain " in page
    *_, more, compare = page.splitlines()
    assert more.strip().startswith(f"losskit explain {picks[0].loss.__name__}  ")
    assert more.endswith(words.PHRASES["explain"][which])
    assert compare.strip().startswith("losskit compare FILE.csv --target COL  ")
    assert compare.endswith(words.PHRASES["compare"][which])


def test_the_page_of_a_situation() -> None:
    page = " ".join(guide(Task.REGRESSION, "values", [Situation.OUTLIERS]).split())
    assert page.startswith("Task: regression (a number, or several, values, outliers) Take ")
    assert "because made for: outliers network's output values" in page
    nothing = guide(Task.COUNTS, "probabilities", [])
    rows = ["  no loss of this task takes  probabilities", "  give instead                values"]
    assert nothing.split("\n\n")[1].splitlines() == rows
    assert "because it serves this task" in " ".join(guide(Task.MULTICLASS, "probabilities", []).split())


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_the_page_of_all_tasks(language: str) -> None:
    which = words.LANGUAGES.index(language)

    def with_(arguments: str) -> str:
        return f"{words.PHRASES['comma'][which]}{words.PHRASES['with'][which]} {arguments}" if arguments else ""

    colon = words.PHRASES["colon"][which]

    title, rows, hint = guide(None, None, [], language).rstrip("\n").split("\n\n")
    assert title == words.PHRASES["all tasks"][which]
    assert " ".join(rows.split()) == " ".join(
        f"{task} {words.TASKS[task][which]}{colon}{STANDARD[task]}{with_(choose(task)[0].arguments)}" for task in Task
    )
    assert hint.startswith(words.PHRASES["narrow"][which])
    some = guide(None, "probabilities", [], language)
    assert "  counts        " + words.TASKS[Task.COUNTS][which] + colon + "-\n" in some
    assert f"{colon}BCELoss\n" in some


def test_the_listing() -> None:
    head, *lines = listing().split("\n\n")[0].splitlines()
    assert head.split() == ["loss", "takes", "kernel", "serves"]
    starts = [head.index(each) for each in ("takes", "kernel", "serves")]
    assert len(lines) == len(CATALOG)
    for line, loss in zip(lines, CATALOG, strict=True):
        cells = [line[a:b].strip() for a, b in zip([0, *starts], [*starts, None], strict=True)]
        serves = ", ".join(map(str, loss.about.serves)) or "-"
        assert cells == [loss.__name__, output_of(loss), "yes" if loss.about.kernel else "-", serves]


OUTPUT = {
    **dict.fromkeys(("MSELoss", "GaussianNLLLoss", "PoissonNLLLoss", "TripletMarginLoss"), "values"),
    **dict.fromkeys(("BCEWithLogitsLoss", "CrossEntropyLoss", "MultiMarginLoss", "FocalLoss"), "logits"),
    **dict.fromkeys(("NLLLoss", "KLDivLoss", "CTCLoss"), "log-probabilities"),
    "BCELoss": "probabilities",
}


@pytest.mark.parametrize("name", OUTPUT)
def test_what_a_loss_takes(name: str) -> None:
    assert output_of(getattr(losskit, name)) == OUTPUT[name]


def test_what_explain_says() -> None:
    parts = explain("huber").split("\n\n")
    assert parts[0] == "HuberLoss"
    assert parts[1] == "Squared error up to delta, absolute error beyond it."
    assert parts[2].splitlines()[0].startswith("  ℓ(x, y) = w ⎧")
    page = explain("huber")
    order = ["\nArguments\n    reduction: ", "\nTensors\n    input: ", "\nregression (", "\nbinary (", "\nmulticlass ("]
    order += [
        "\nmultilabel (",
        "\nGradient at an error of\n",
        "\n  made for  outliers\n",
        "\nCode\n\nimport torch",
        "\nSource\n    Huber",
    ]
    places = [page.index(each) for each in order]
    assert places == sorted(places)
    assert page.endswith("\n")
    assert not page.endswith("\n\n")
    assert explain("huber", "zh").startswith(f"HuberLoss\n\n{show.summary(losskit.HuberLoss, 'zh')}\n\n")
    assert explain("MeanSquaredError").startswith(
        "MSELoss (MeanSquaredError in Keras: losskit.keras.MeanSquaredError takes"
    )
    layer = explain("adaptive_log_softmax_with_loss")
    assert layer.startswith("AdaptiveLogSoftmaxWithLoss\n\n")
    assert "\n\nArguments\n" in layer


def test_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = show._rows([("name", "a " * 60), ("名字", "value"), ("", "")]).splitlines()
    assert lines[0].startswith("  name  a a")
    assert lines[1].startswith(" " * 8 + "a a")
    assert lines[-2] == "  名字  value"  # two columns a character
    assert lines[-1] == "        "
    assert max(map(len, lines)) <= 100
    monkeypatch.setenv("COLUMNS", "30")
    rows = show._rows([("name", f"take {terminal.code('f(x, y) + g(x, y) - h')} for it"), ("others", "b")])
    assert rows.splitlines() == ["  name", "    take f(x, y) + g(x, y) - h", "    for it", "  others  b"]


def test_prose_is_filled_anew() -> None:
    assert show._plain(r"see :func:`~a.b` and ``c`` \*d :class:`e`") == "see a.b and c *d e"
    assert show._plain("see ``f(a,\n    b)`` here") == f"see {terminal.code('f(a, b)')} here"
    text = "    one: " + "word " * 12 + "more " * 12 + "\n    two: x y"
    found = show._narrow(text).splitlines()
    assert found[-1] == "    two: x y"
    assert (
        show._plain("(N, C) or [0, inf) of (a, b)")
        == terminal.code("(N, C)") + " or " + terminal.code("[0, inf)") + " of (a, b)"
    )
    assert all(len(line) <= 100 for line in found)
    assert found[1].startswith(" " * 8)
    assert show._reflowed("a\nb\n\n.. math:: x\\,y\n\nc") == "a b\n\n  x y\n\nc"


# The code.


def test_code_that_is_too_wide_is_broken() -> None:
    for letters, broken in ((47, False), (48, False), (70, True)):
        argument = f"delta={'1' * (letters - 6)}"
        lines = script(losskit.HuberLoss, Task.REGRESSION, argument).splitlines()
        whole = f"criterion = losskit.HuberLoss({argument})"
        assert (whole in lines) != broken
        if broken:
            place = lines.index("criterion = losskit.HuberLoss(")
            assert lines[place + 1 : place + 3] == [f"    {argument}", ")"]


def test_code_of_each_kind() -> None:
    assert 'print(criterion.predict(output, "binary")[:5])' in script(losskit.BCEWithLogitsLoss, Task.BINARY)
    assert "criterion(head.training(network(features[batch]), 1), target[batch])" in script(
        losskit.BCELoss, Task.BINARY
    )
    assert "criterion(network(features[batch]), target[batch])" in script(losskit.MSELoss, Task.BINARY)
    assert "output.argsort(1, descending=True)" in script(losskit.MultiLabelMarginLoss, Task.MULTILABEL)
    for loss, task in (
        (losskit.CTCLoss, Task.SEQUENCE),
        (losskit.MSELoss, None),
        (losskit.GaussianNLLLoss, Task.REGRESSION),
    ):
        assert script(loss, task) == code.example(loss)
    assert losskit.LinearCrossEntropyLoss.about.serves[Task.MULTICLASS].encoding is Encoding.IDS
    assert script(losskit.LinearCrossEntropyLoss, Task.MULTICLASS) == code.example(losskit.LinearCrossEntropyLoss)


def test_an_example_prints_its_answers() -> None:
    class Told(losskit.MSELoss):
        """A loss.

        >>> x = 1
        >>> x + 1
        2
        >>> print(x)
        1
        >>> if x:
        ...     x
        1
        """

    assert code.example(Told) == "x = 1\nprint(x + 1)\nprint(x)\nif x:\n    x\n"
