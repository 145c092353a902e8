"""The guide's pages, as text that fits the terminal."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Sequence

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
from losskit.names import close, plain, proposed
from losskit.optimizers import TUTORIAL, in_code
from losskit.terminal import code, columns, filled, table, width, wrapped

MATH = ".. math::"
ADAPTIVE = AdaptiveLogSoftmaxWithLoss.__name__


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
    title = filled(f"{say('task', language)}: {task} ({told})")
    if not picks:
        takes = ", ".join(sorted({output_of(pick.loss) for pick in choose(task)})) or "-"
        return f"{title}\n\n{_rows([(say('none', language), str(output)), (say('give', language), takes)])}\n"
    first = picks[0]
    rows = [
        (say("take", language), f"{first.loss.__name__}: {summary(first.loss, language)}"),
        *([(say("with", language), code(first.arguments))] if first.arguments else []),
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
        take = picks[0].loss.__name__ if picks else "-"
        if picks and picks[0].arguments:
            take += f", {say('with', language)} {code(picks[0].arguments)}"
        rows.append((str(task), f"{say(task, language)}: {take}"))
    options = ("--task NAME", "--output logits|probabilities|log-probabilities", "--outliers", "--imbalanced")
    hint = filled(f"{say('narrow', language)}: {' '.join(map(code, options))}")
    heard = ", ".join([*([output] if output else []), *(say(situation, language) for situation in situations)])
    title = filled(say("all tasks", language) + (f" ({heard})" if heard else ""))
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
    """All losses, one a row."""
    rows = []
    for loss in CATALOG:
        kernel = "yes" if loss.about.kernel else "-"
        rows.append((loss.__name__, output_of(loss), kernel, ", ".join(map(str, loss.about.serves)) or "-"))
    lines = table(("loss", "takes", "kernel", "serves"), rows)
    beside = {
        ADAPTIVE: say("adaptive", "en"),
        "NLLLoss2d": "torch's old name of NLLLoss",
        "losskit.keras": ", ".join(KERAS),
        "losskit.information": ", ".join(information.__all__),
    }
    return "\n".join([*lines, "", _rows([*beside.items()]), "", "losskit explain NAME says more of each."]) + "\n"


def explain(name: str, language: str = "en") -> str:
    """Everything about a loss: formula, arguments, heads, gradient, pitfalls, code, source."""
    if _key(name) == plain(ADAPTIVE):  # not a Loss: torch's layer, which owns weights
        prose, _, rest = _plain(inspect.cleandoc(str(AdaptiveLogSoftmaxWithLoss.__doc__))).partition("Args:")
        title = ADAPTIVE + (f": {say('adaptive', language)}" if language == "zh" else "")
        return f"{filled(title)}\n\n{_reflowed(prose)}\n\n{_narrow('Arguments' + rest)}\n"
    loss, note = find(name)
    text = _plain(str(loss.__doc__))
    prose, _, rest = text.partition("Args:\n")
    arguments, shapes, *_ = re.split(r"\n(?=Shape:|\n    A call takes)", rest)
    title = f"{loss.__name__}{note}" + (f": {summary(loss, language)}" if language == "zh" else "")
    parts = [filled(title), _reflowed(prose), f"Arguments\n{_narrow(arguments)}"]
    parts.append(_narrow(shapes.replace("Shape:", "Tensors")))
    for task, head in loss.about.serves.items():
        pick = Pick(loss, head, "", ())
        parts.append(f"{task} ({say(task, language)})\n{_rows(_halves(pick, language))}")
    gradient = slopes(loss)
    if gradient:
        parts.append(_narrow(gradient))
    for situation, arguments_for_it in loss.about.suits.items():
        fit = ": ".join(filter(None, (say(situation, language), code(arguments_for_it))))
        parts.append(_rows([(say("suits", language), fit)]))
    usual = next(iter(loss.about.serves), None)
    parts += [f"{say('code', language)}\n\n{script(loss, usual).rstrip()}", _narrow(f"Source\n    {loss.about.source}")]
    return "\n\n".join(parts) + "\n"


def find(name: str) -> tuple[type[Loss], str]:
    """The loss with that name (of the class, the function, torch or Keras, in any case), and a note on the name."""
    ours = {alias: loss for loss in CATALOG for alias in (loss.__name__, loss.about.torch) if alias}
    known = {plain(alias): loss for alias, loss in ours.items()}
    keras = {plain(theirs): theirs for theirs in KERAS}
    key = _key(name)
    if key in known:
        return known[key], ""
    if key in keras:
        theirs = keras[key]
        return ours[KERAS[theirs]], f" ({theirs} in Keras: losskit.keras.{theirs} takes Keras's arguments)"
    names = {each: each for each in (ADAPTIVE, *KERAS) if plain(each) not in known}
    names |= {alias: loss.__name__ for alias, loss in ours.items()}
    nearest = list(dict.fromkeys(names[alias] for alias in close(key, names, 8)))
    if key in ABBREVIATIONS:
        others = ", ".join(each for each in nearest if each != ABBREVIATIONS[key])
        return ours[ABBREVIATIONS[key]], f" ({name!r} may also mean {others})" if others else ""
    raise UnknownLossError(f"no loss {name!r}{proposed(nearest[:3]) or '; losskit list shows all'}")


def _key(name: str) -> str:
    """What is compared of a name, which may have a module before it."""
    return plain(name.rpartition(".")[2])


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
    "pinball": "QuantileLoss",
    "simclr": "NTXentLoss",
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
    """A docstring without its markup; code in it will not be broken."""
    text = re.sub(r":\w+:`~?([^`]*)`", r"\1", text)
    return re.sub(r"``(.*?)``", lambda quoted: code(" ".join(quoted[1].split())), text, flags=re.DOTALL).replace(
        r"\*", "*"
    )


def _reflowed(prose: str) -> str:
    """Paragraphs wrapped again, and formulas rendered from TeX."""
    return "\n\n".join(
        _narrow(textwrap.indent(shown(paragraph.removeprefix(MATH), width() - 2), "  "))
        if paragraph.startswith(MATH)
        else filled(paragraph)
        for paragraph in textwrap.dedent(prose).strip().split("\n\n")
    )


def _narrow(text: str) -> str:
    """Lines wrapped again, each together with its continuation lines, which are indented deeper."""
    text = re.sub(
        r"(?m)^(    \w[^\n]*)((?:\n {8}\S[^\n]*)+)", lambda entry: re.sub(r"\n +", " ", entry[0]), text.rstrip()
    )
    return "\n".join(part for line in text.splitlines() for part in wrapped(line, width(), " " * 8))


def _rows(rows: Sequence[tuple[str, str]]) -> str:
    """Two columns, the second wrapped; below the first where code would not fit beside it."""
    indent = max(columns(name) for name, _ in rows) + 4
    lines = []
    for name, value in rows:
        lead = "  " + name + " " * (indent - 2 - columns(name))
        beside = wrapped(value, width() - indent)
        if max(map(columns, beside)) > width() - indent:
            lines += ["  " + name, *("    " + line for line in wrapped(value, width() - 4))]
        else:
            lines += [lead + beside[0], *(" " * indent + line for line in beside[1:])]
    return "\n".join(lines)
