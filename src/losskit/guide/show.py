"""The guide's pages, as text of at most 100 columns."""

from __future__ import annotations

import difflib
import inspect
import re
import textwrap
from collections.abc import Sequence
from unicodedata import east_asian_width

from losskit import information
from losskit.catalog import CATALOG, STANDARD
from losskit.core.head import Activation, Situation, Task
from losskit.guide.choose import Pick, choose, output_of
from losskit.guide.code import script
from losskit.guide.formula import shown
from losskit.guide.slopes import slopes
from losskit.guide.words import LOSSES, say
from losskit.loss import Loss
from losskit.losses import AdaptiveLogSoftmaxWithLoss
from losskit.optimizers import TUTORIAL, in_code

WIDTH = 100
MATH = ".. math::"


class UnknownLossError(LookupError):
    """No loss of that name; the message says which come close."""


def guide(task: Task | None, output: str | None, situations: Sequence[Situation], language: str = "en") -> str:
    """Which loss to take, its inputs, and how to train with it."""
    if task is None:
        return _every_task(output, situations, language)
    picks = choose(task, output, situations)
    told = ", ".join(
        [say(task, language), *([output] if output else []), *(say(situation, language) for situation in situations)]
    )
    title = "\n".join(_wrapped(f"{say('task', language)}: {task} ({told})", WIDTH))
    if not picks:
        takes = ", ".join(sorted({output_of(pick.loss) for pick in choose(task)})) or "-"
        return f"{title}\n\n{_rows([(say('none', language), str(output)), (say('give', language), takes)])}\n"
    first = picks[0]
    rows = [
        (say("take", language), f"{first.loss.__name__}({first.arguments})  |  {summary(first.loss, language)}"),
        (say("why", language), _why(task, first, language)),
        *_halves(first, language),
        (say("also", language), ", ".join(pick.loss.__name__ for pick in picks[1:]) or "-"),
    ]
    parts = [title, _rows(rows), say("optimizers", language), _optimizers(), say("code", language)]
    after = [
        (f"losskit explain {first.loss.__name__}", say("explain", language)),
        ("losskit compare FILE.csv --target COL", say("compare", language)),
    ]
    return "\n\n".join([*parts, script(first.loss, task, first.arguments).rstrip(), _rows(after)]) + "\n"


def _every_task(output: str | None, situations: Sequence[Situation], language: str) -> str:
    rows = []
    for task in Task:
        picks = choose(task, output, situations)
        take = f"{picks[0].loss.__name__}({picks[0].arguments})" if picks else "-"
        rows.append((str(task), f"{say(task, language)}: {take}"))
    hint = f"{say('narrow', language)}: --task NAME --output logits|probabilities|log-probabilities --outliers --imbalanced"
    heard = ", ".join([*([output] if output else []), *(say(situation, language) for situation in situations)])
    title = say("all tasks", language) + (f" ({heard})" if heard else "")
    return "\n\n".join([title, _rows(rows), hint]) + "\n"


def _why(task: Task, pick: Pick, language: str) -> str:
    if pick.suits:
        return f"{say('suits', language)}: {', '.join(say(situation, language) for situation in pick.suits)}"
    return say("standard" if pick.loss.__name__ == STANDARD[task] else "serves", language)


def _halves(pick: Pick, language: str) -> list[tuple[str, str]]:
    head = pick.head
    training = say("nothing", language) if head.training is Activation.NONE else str(head.training.value)
    predicting = say("as is", language) if head.predicting is Activation.NONE else str(head.predicting.value)
    return [
        (say("output", language), output_of(pick.loss)),
        (say("training", language), training),
        (say("predicting", language), f"{predicting}; criterion.predict(output)"),
        (say("target", language), say(head.encoding, language)),
    ]


def _optimizers() -> str:
    return "\n".join(f"  {in_code(name, 'params', rate)}" for name, rate in TUTORIAL.items())


def summary(loss: type[Loss], language: str) -> str:
    """What the loss is, in a line."""
    return LOSSES[loss.__name__] if language == "zh" else _plain(str(loss.__doc__).split("\n", 1)[0])


def listing() -> str:
    """All losses, one a line."""
    lines = [f"{'loss':31}{'takes':19}{'kernel':8}serves"]
    for loss in CATALOG:
        kernel = "yes" if loss.about.kernel else "-"
        tasks = ", ".join(map(str, loss.about.serves)) or "-"
        lines.append(f"{loss.__name__:31}{output_of(loss):19}{kernel:8}{tasks}")
    beside = {
        AdaptiveLogSoftmaxWithLoss.__name__: "torch's layer for large vocabularies, its targets checked",
        "NLLLoss2d": "torch's old name of NLLLoss",
        "losskit.keras": ", ".join(KERAS),
        "losskit.information": ", ".join(information.__all__),
    }
    return "\n".join([*lines, "", _rows([*beside.items()]), "", "losskit explain NAME says more of each."]) + "\n"


def explain(name: str, language: str = "en") -> str:
    """Everything about a loss: formula, arguments, heads, gradient, pitfalls, code, source."""
    if _key(name) == _key(AdaptiveLogSoftmaxWithLoss.__name__):  # not a Loss: torch's layer, which owns weights
        prose, _, rest = _plain(inspect.cleandoc(str(AdaptiveLogSoftmaxWithLoss.__doc__))).partition("Args:")
        return f"{AdaptiveLogSoftmaxWithLoss.__name__}\n\n{_reflowed(prose)}\n\n{_narrow('Arguments' + rest)}\n"
    loss, note = find(name)
    text = _plain(str(loss.__doc__))
    prose, _, rest = text.partition("Args:\n")
    arguments, shapes, *_ = re.split(r"\n(?=Shape:|\n    A call takes)", rest)
    title = f"{loss.__name__}{note}" + (f": {summary(loss, language)}" if language == "zh" else "")
    parts = [title, _reflowed(prose), f"Arguments\n{_narrow(arguments)}"]
    parts.append(_narrow(shapes.replace("Shape:", "Tensors")))
    for task, head in loss.about.serves.items():
        pick = Pick(loss, head, "", ())
        parts.append(f"{task} ({say(task, language)})\n{_rows(_halves(pick, language))}")
    table = slopes(loss)
    if table:
        parts.append(table)
    for situation, code in loss.about.suits.items():
        parts.append(_rows([(say("suits", language), ": ".join(filter(None, (say(situation, language), code))))]))
    usual = next(iter(loss.about.serves), None)
    parts += [f"{say('code', language)}\n\n{script(loss, usual).rstrip()}", _narrow(f"Source\n    {loss.about.source}")]
    return "\n\n".join(parts) + "\n"


def find(name: str) -> tuple[type[Loss], str]:
    """The loss with that name (of the class, the function, torch or Keras, in any case), and a note on the name."""
    known = {_key(loss.__name__): loss for loss in CATALOG} | {
        _key(str(loss.about.torch)): loss for loss in CATALOG if loss.about.torch
    }
    keras = {_key(theirs): ours for theirs, ours in KERAS.items()}
    key = _key(ABBREVIATIONS.get(name.lower(), name))
    if key in keras and key not in known:
        theirs = next(candidate for candidate in KERAS if _key(candidate) == key)
        return known[_key(keras[key])], f" ({theirs} in Keras: losskit.keras.{theirs} takes Keras's arguments)"
    if key in known:
        return known[key], ""
    names = {_key(candidate): candidate for candidate in (*KERAS, *(loss.__name__ for loss in CATALOG))}
    close = [names[candidate] for candidate in difflib.get_close_matches(key, names, 3)]
    hint = f"did you mean {', '.join(close)}?" if close else "losskit list shows all"
    raise UnknownLossError(f"no loss {name!r}; {hint}")


#: Common abbreviations.
ABBREVIATIONS = {
    "ce": "CrossEntropyLoss",
    "xent": "CrossEntropyLoss",
    "cross": "CrossEntropyLoss",
    "crossentropy": "CrossEntropyLoss",
    "softmax": "CrossEntropyLoss",
    "bcelogits": "BCEWithLogitsLoss",
    "sigmoid": "BCEWithLogitsLoss",
    "mae": "L1Loss",
    "rmse": "MSELoss",
    "l2": "MSELoss",
    "kl": "KLDivLoss",
    "kld": "KLDivLoss",
    "gaussian": "GaussianNLLLoss",
    "cosine": "CosineEmbeddingLoss",
    "triplet": "TripletMarginLoss",
    "hinge": "MultiMarginLoss",
    "ranking": "MarginRankingLoss",
}

#: Keras's names, and the corresponding losses.
KERAS = {
    "SparseCategoricalCrossentropy": "CrossEntropyLoss",
    "CategoricalCrossentropy": "CrossEntropyLoss",
    "BinaryCrossentropy": "BCELoss",
    "MeanSquaredError": "MSELoss",
    "MeanAbsoluteError": "L1Loss",
    "Huber": "HuberLoss",
    "KLDivergence": "KLDivLoss",
    "Poisson": "PoissonNLLLoss",
}


def _plain(text: str) -> str:
    """A docstring without its markup."""
    return re.sub(r":\w+:`~?([^`]*)`", r"\1", text).replace("``", "").replace(r"\*", "*")


def _reflowed(prose: str) -> str:
    """Paragraphs wrapped again, and formulas rendered from TeX."""
    paragraphs = textwrap.dedent(prose).strip().split("\n\n")
    return "\n\n".join(
        _narrow(textwrap.indent(shown(paragraph.removeprefix(MATH)), "  "))
        if paragraph.startswith(MATH)
        else textwrap.fill(paragraph, WIDTH, break_on_hyphens=False)
        for paragraph in paragraphs
    )


def _narrow(text: str) -> str:
    """Lines wrapped again, each together with its continuation lines, which are indented deeper."""
    text = re.sub(
        r"(?m)^(    \w[^\n]*)((?:\n {8}\S[^\n]*)+)", lambda entry: "    " + " ".join(entry[0].split()), text.rstrip()
    )
    return "\n".join(
        textwrap.fill(line, WIDTH, subsequent_indent=" " * 8, break_on_hyphens=False) for line in text.splitlines()
    )


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]|loss", "", name.lower())


def _rows(rows: Sequence[tuple[str, str]]) -> str:
    """Two columns, the second wrapped."""
    indent = max(_columns(name) for name, _ in rows) + 4
    lines = []
    for name, value in rows:
        first, *more = _wrapped(value, WIDTH - indent) or [""]
        lines.append("  " + name + " " * (indent - 2 - _columns(name)) + first)
        lines += [" " * indent + line for line in more]
    return "\n".join(lines)


def _wrapped(text: str, width: int) -> list[str]:
    wide = _columns(text) > len(text)  # Chinese: two columns a character
    return textwrap.wrap(text, width // 2 if wide else width, break_long_words=wide, break_on_hyphens=False)


def _columns(text: str) -> int:
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
