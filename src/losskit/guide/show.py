"""The guide's pages, as text that fits the terminal."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from losskit import information
from losskit.catalog import CATALOG, STANDARD
from losskit.core.head import Activation, Situation, Task
from losskit.documentation import shapes
from losskit.fields import Arg
from losskit.guide.choose import Pick, choose, output_of
from losskit.guide.code import example, script
from losskit.guide.formula import shown
from losskit.guide.slopes import slopes
from losskit.guide.words import say, translated
from losskit.loss import Loss
from losskit.losses import AdaptiveLogSoftmaxWithLoss
from losskit.names import close, plain, proposed
from losskit.optimizers import TUTORIAL, in_code
from losskit.terminal import code, columns, filled, table, width, wrapped

MATH = ".. math::"
ADAPTIVE = AdaptiveLogSoftmaxWithLoss.__name__
SIZE = r"(?:\*?[A-Z]\w*|\*\w+|-?\d[\d.]*|-?inf|\.\.\.)"
SHAPE = re.compile(rf"[(\[](?:{SIZE}, )+{SIZE}[)\]]")  # or an interval
Told = Callable[[str], str]  # gives a text of a loss's documentation in the language of the page


class UnknownLossError(LookupError):
    """No loss of that name; the message says which come close."""


def guide(task: Task | None, output: str | None, situations: Sequence[Situation], language: str = "en") -> str:
    """Which loss to take, its inputs, and how to train with it."""
    if task is None:
        return _every_task(output, situations, language)
    picks = choose(task, output, situations)
    told = [say(each, language) for each in (task, *([output] if output else []), *situations)]
    title = filled(say("task", language) + say("colon", language) + str(task) + _beside(told, language))
    if not picks:
        takes = ", ".join(sorted({output_of(pick.loss) for pick in choose(task)})) or "-"
        return f"{title}\n\n{_rows([(say('none', language), str(output)), (say('give', language), takes)])}\n"
    first = picks[0]
    rows = [
        (say("take", language), first.loss.__name__ + say("colon", language) + summary(first.loss, language)),
        *([(say("with", language), code(first.arguments))] if first.arguments else []),
        (say("why", language), _why(task, first, language)),
        *halves(first, language),
        (say("also", language), say("between names", language).join(pick.loss.__name__ for pick in picks[1:]) or "-"),
    ]
    parts = [title, _rows(rows), say("optimizers", language), _optimizers(), say("code", language)]
    after = [
        (f"losskit explain {first.loss.__name__}", say("explain", language)),
        ("losskit compare FILE.csv --target COL", say("compare", language)),
    ]
    return "\n\n".join([*parts, script(first.loss, task, first.arguments).rstrip(), _rows(after)]) + "\n"


def _every_task(output: str | None, situations: Sequence[Situation], language: str) -> str:
    colon, comma = say("colon", language), say("comma", language)
    rows = []
    for task in Task:
        picks = choose(task, output, situations)
        take = picks[0].loss.__name__ if picks else "-"
        if picks and picks[0].arguments:
            take += f"{comma}{say('with', language)} {code(picks[0].arguments)}"
        rows.append((str(task), say(task, language) + colon + take))
    options = ("--task NAME", "--output logits|probabilities|log-probabilities", "--outliers", "--imbalanced")
    hint = filled(say("narrow", language) + colon + " ".join(map(code, options)))
    heard = [say(each, language) for each in (*([output] if output else []), *situations)]
    title = filled(say("all tasks", language) + (_beside(heard, language) if heard else ""))
    return "\n\n".join([title, _rows(rows), hint]) + "\n"


def _beside(texts: Iterable[str], language: str) -> str:
    return say("beside", language, say("comma", language).join(texts))


def _why(task: Task, pick: Pick, language: str) -> str:
    if pick.suits:
        suits = say("comma", language).join(say(situation, language) for situation in pick.suits)
        return say("suits", language) + say("colon", language) + suits
    return say("standard" if pick.loss.__name__ == STANDARD[task] else "serves", language)


def halves(pick: Pick, language: str) -> list[tuple[str, str]]:
    """The last layer when training and when predicting, and the target."""
    head = pick.head
    training = say("nothing", language) if head.training is Activation.NONE else str(head.training.value)
    predicting = say("as is", language) if head.predicting is Activation.NONE else str(head.predicting.value)
    return [
        (say("output", language), say(output_of(pick.loss), language)),
        (say("training", language), training),
        (say("predicting", language), predicting + say("semicolon", language) + "criterion.predict(output)"),
        (say("target", language), say(head.encoding, language)),
    ]


def _optimizers() -> str:
    return "\n".join(f"  {in_code(name, 'params', rate)}" for name, rate in TUTORIAL.items())


def summary(loss: type[Loss], language: str) -> str:
    """What the loss is, in a line."""
    return _plain(translated(str(loss.__doc__).split("\n", 1)[0], loss, language))


def listing(language: str = "en") -> str:
    """All losses, one a row."""
    rows = []
    for loss in CATALOG:
        kernel = say("has kernel", language) if loss.about.kernel else "-"
        serves = ", ".join(map(str, loss.about.serves)) or "-"
        rows.append((loss.__name__, say(output_of(loss), language), kernel, serves))
    lines = table([say(title, language) for title in ("loss", "takes", "kernel", "for tasks")], rows)
    beside = {
        ADAPTIVE: say("adaptive", language),
        "NLLLoss2d": say("old name", language),
        "losskit.keras": ", ".join(KERAS),
        "losskit.information": ", ".join(information.__all__),
    }
    return "\n".join([*lines, "", _rows([*beside.items()]), "", say("more", language)]) + "\n"


def explain(name: str, language: str = "en") -> str:
    """Everything about a loss: formula, arguments, heads, gradient, pitfalls, code, source."""
    if _key(name) == plain(ADAPTIVE):
        return _layer(language)
    loss, note = find(name, language)
    told = partial(translated, loss=loss, language=language)
    arguments = {each: _argument(argument, told, language) for each, argument in loss.arguments.items()}
    parts = [
        filled(loss.__name__ + note),
        _reflowed(str(loss.__doc__).partition("Args:\n")[0], told),
        _listed("arguments", arguments, language),
        _listed("tensors", {each: told(words) for each, words in shapes(loss.about).items()}, language),
    ]
    for task, head in loss.about.serves.items():
        pick = Pick(loss, head, "", ())
        parts.append(str(task) + _beside([say(task, language)], language) + "\n" + _rows(halves(pick, language)))
    gradient = slopes(loss, language)
    if gradient:
        parts.append(_narrow(gradient))
    for situation, arguments_for_it in loss.about.suits.items():
        fit = say("colon", language).join(filter(None, (say(situation, language), code(arguments_for_it))))
        parts.append(_rows([(say("suits", language), fit)]))
    usual = next(iter(loss.about.serves), None)
    parts += [f"{say('code', language)}\n\n{script(loss, usual).rstrip()}"]
    parts += [_narrow(f"{say('source', language)}\n    {loss.about.source}")]
    return "\n\n".join(parts) + "\n"


def _layer(language: str) -> str:
    """The page of torch's adaptive layer, which owns weights and is not a Loss: its docstring says all of it."""
    told = partial(translated, loss=AdaptiveLogSoftmaxWithLoss, language=language)
    prose, *rest = re.split(r"\n\n(\w+):\n", inspect.cleandoc(str(AdaptiveLogSoftmaxWithLoss.__doc__)))
    sections = dict(zip(rest[::2], rest[1::2], strict=True))
    arguments, tensors = (
        {each: told(text) for each, text in re.findall(r"(?m)^    (\w+): (.*(?:\n {8}.*)*)", sections[title])}
        for title in ("Args", "Shape")
    )
    parts = [
        ADAPTIVE,
        _reflowed(prose, told),
        _listed("arguments", arguments, language),
        _listed("tensors", tensors, language),
        f"{say('returns', language)}\n{_narrow('    ' + _plain(told(sections['Returns'].strip())))}",
        f"{say('code', language)}\n\n{example(AdaptiveLogSoftmaxWithLoss).rstrip()}",
        _narrow(f"{say('source', language)}\n    {sections['Source'].strip()}"),
    ]
    return "\n\n".join(parts) + "\n"


def _argument(argument: Arg, told: Told, language: str) -> str:
    if language == "en":
        return argument.documentation
    return told(argument.doc) + argument.facts(
        *(say(each, language) for each in ("default", "within", "comma", "stop"))
    )


def _listed(title: str, entries: dict[str, str], language: str) -> str:
    colon = say("colon", language)
    lines = [line for name, text in entries.items() for line in _entry(f"    {name}{colon}{_plain(text)}")]
    return "\n".join([say(title, language), *lines])


def _entry(text: str) -> list[str]:
    """A line wrapped again, its further lines indented deeper."""
    return wrapped(text, width(), " " * 8)


def find(name: str, language: str = "en") -> tuple[type[Loss], str]:
    """The loss with that name (of the class, the function, torch or Keras, in any case), and a note on the name."""
    ours = {alias: loss for loss in CATALOG for alias in (loss.__name__, loss.about.torch) if alias}
    known = {plain(alias): loss for alias, loss in ours.items()}
    keras = {plain(theirs): theirs for theirs in KERAS}
    key = _key(name)
    if key in known:
        return known[key], ""
    if key in keras:
        theirs = keras[key]
        return ours[KERAS[theirs]], _beside([say("keras", language, theirs)], language)
    names = {each: each for each in (ADAPTIVE, *KERAS) if plain(each) not in known}
    names |= {alias: loss.__name__ for alias, loss in ours.items()}
    nearest = list(dict.fromkeys(names[alias] for alias in close(key, names, 8)))
    if key in ABBREVIATIONS:
        others = say("between names", language).join(each for each in nearest if each != ABBREVIATIONS[key])
        return ours[ABBREVIATIONS[key]], _beside([say("may mean", language, name, others)], language) if others else ""
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
    """A docstring without its markup; code, shapes and intervals in it will not be broken."""
    text = re.sub(r":\w+:`~?([^`]*)`", r"\1", text)
    text = re.sub(r"``(.*?)``", lambda quoted: code(" ".join(quoted[1].split())), text, flags=re.DOTALL)
    return re.sub(SHAPE, lambda shape: code(shape[0]), text.replace(r"\*", "*"))


def _reflowed(prose: str, told: Told = str) -> str:
    """Paragraphs wrapped again, and formulas rendered from TeX."""
    return "\n\n".join(
        _formula(paragraph.removeprefix(MATH), told) if paragraph.startswith(MATH) else filled(_plain(told(paragraph)))
        for paragraph in textwrap.dedent(prose).strip().split("\n\n")
    )


def _formula(tex: str, told: Told) -> str:
    tex = re.sub(r"(?<=\\text\{)[^{}]* [^{}]*(?=\})", lambda words: told(words[0]), tex)
    return _narrow(textwrap.indent(shown(tex, width() - 2), "  "))


def _narrow(text: str) -> str:
    """Lines wrapped again."""
    return "\n".join(part for line in text.splitlines() for part in _entry(line))


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
