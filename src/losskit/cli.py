"""The command ``losskit`` and its verbs.

A verb is a function that adds its parser and sets the function to call. Torch and pandas are imported only inside that
function, so that ``--help`` is quick.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from losskit import __version__
from losskit.names import meant
from losskit.terminal import while_read

FAILED = 2
STOPPED = 128  # and the number of the signal, as shells have it; Ctrl-C is signal 2


class Parser(argparse.ArgumentParser):
    """A parser that says which name or option may have been meant."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            told = f"must be one of {', '.join(action.choices)}, got {value!r}{meant(value, action.choices)}"
            raise argparse.ArgumentError(action, told)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse all arguments; none may be left over."""
        options, left = super().parse_known_args(args, namespace)
        if left:
            self.error(f"no argument {left[0]!r}{meant(left[0], self._option_string_actions)}")
        return options, left


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; 0 if all went well, else 2 (130 at Ctrl-C) with a message on standard error."""
    try:
        return while_read(lambda: _run(argv))
    except KeyboardInterrupt:
        return _refuse("stopped", STOPPED + 2)


def _run(argv: Sequence[str] | None) -> int:
    parser = _parser()
    if "_ARGCOMPLETE" in os.environ:
        with suppress(ModuleNotFoundError):
            import_module("argcomplete").autocomplete(parser)
    options = parser.parse_args(argv)
    if options.verb is None:
        parser.print_help(sys.stderr)
        return FAILED
    call: Callable[[argparse.Namespace], int] = options.call
    return call(options)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="losskit",
        description="The loss-function toolkit for PyTorch.",
        epilog=COMPLETION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"losskit {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    for add in VERBS:
        add(verbs)
    return parser


def _refuse(message: str, code: int = FAILED) -> int:
    print(f"losskit: {message}", file=sys.stderr)
    return code


def _add_compare(verbs: Any) -> None:
    told = "Train with every loss that serves the task, and tell whether the choice matters on this data."
    parser = verbs.add_parser("compare", help="does the choice of loss matter on my data?", description=told)
    add = parser.add_argument
    add("source", metavar="SOURCE", help="mnist, digits, iris, wine, breast_cancer, diabetes, or a CSV file")
    add("--target", metavar="COL", help="the column of the CSV file to predict")
    add("--task", metavar="TASK", help="multiclass, binary or regression (default: inferred from the target)")
    add("--metric", metavar="METRIC", help="what ranks, instead of the task's usual metric")
    add("--losses", nargs="+", default=(), metavar="LOSS", help=LOSSES)
    add("--drop", nargs="+", action="extend", default=[], metavar="COL", help="columns of the CSV file to leave out")
    add("--sep", default=",", metavar="CHAR", help="what separates columns (default: a comma)")
    add("--folds", type=int, default=5, metavar="N", help="folds a repeat (default: 5)")
    add("--repeats", type=int, default=2, metavar="N", help="how often rows are dealt into folds (default: 2)")
    add("--steps", type=int, metavar="N", help="steps of the optimizer in a training (default: 189)")
    add("--seeds", type=int, default=4, metavar="N", help="trainings a fold, whose scores are averaged (default: 4)")
    add("--optimizers", nargs="+", default=(), metavar="NAME", help="of SGD, Adam, RMSprop, AdamW (default: not AdamW)")
    add("--baselines", action="store_true", help="set a learner without a network beside the losses")
    add(
        "--budget", type=_budget, metavar="TIME", help="plan rows, repeats, seeds and rates to end in time: 90s, 2m, 1h"
    )
    add("--seed", type=int, default=0, metavar="N", help="where all random numbers come from (default: 0)")
    add("--workers", type=_workers, metavar="N", help="processes (default: one a core); no result depends on it")
    add("--out", default="runs", metavar="DIR", help="where the run's folder is made (default: runs)")
    add("--script", metavar="FILE", help="also write the recommended loss's script to FILE (-: to standard output)")
    add("--svg", metavar="FILE", help="also write the picture of the intervals to FILE (-: to standard output)")
    _add_language(parser)
    parser.set_defaults(call=_compare)


LOSSES = (
    "compare these alone, and the task's standard loss; with arguments as 'FocalLoss(gamma=1)', with balanced for weights that "
    "follow from the classes, and your own as package:Class"
)


def _budget(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if found is None or float(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"must be a time such as 90s, 2m or 1h, got {text!r}")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


def _workers(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def _compare(options: argparse.Namespace) -> int:
    try:
        from losskit.compare.command import InterruptedRunError, command
        from losskit.compare.errors import CompareError
        from losskit.compare.flags import in_flags
    except ModuleNotFoundError as error:
        return _refuse(f"compare needs {error.name}, which is not installed: pip install 'losskit[compare]'")
    try:
        command(options)
    except CompareError as error:
        return _refuse(in_flags(error.args[0]))
    except InterruptedRunError as error:
        return _refuse(str(error), STOPPED + error.number)
    return 0


def _add_guide(verbs: Any) -> None:
    told = "Which loss, last layer, target and optimizer to start with, before any data is seen."
    parser = verbs.add_parser("guide", help="which loss for my task?", description=told)
    add = parser.add_argument
    add("--task", choices=TASKS, metavar="TASK", help=f"one of {', '.join(TASKS)}")
    add("--output", choices=OUTPUTS, metavar="KIND", help=f"what the last layer gives: {', '.join(OUTPUTS)}")
    add("--outliers", action="store_true", help="some targets are far off")
    add("--imbalanced", action="store_true", help="some classes are much rarer than others")
    _add_language(parser)
    parser.set_defaults(call=_guide)


def _add_list(verbs: Any) -> None:
    parser = verbs.add_parser("list", help="which losses are there?", description="All losses of the catalog.")
    _add_language(parser)
    parser.set_defaults(call=_list)


def _add_explain(verbs: Any) -> None:
    told = "Formula, arguments, last layer, gradient, pitfalls, code and source of a loss."
    parser = verbs.add_parser("explain", help="what is this loss, and how is it used?", description=told)
    parser.add_argument(
        "name",
        metavar="NAME",
        help="of the class or the function; Keras's names too; or the code of a rule of check, such as LK101",
    )
    told = "draw its curve and its gradient beside its relatives: in the terminal, or into an SVG file"
    parser.add_argument("--plot", nargs="?", type=_svg, const=True, metavar="FILE.svg", help=told)
    _add_language(parser)
    parser.set_defaults(call=_explain)


def _add_check(verbs: Any) -> None:
    told = "Run a script as it is, and look at the losses that it calls. Exit code: the script's; else 1 if there is an error."
    parser = verbs.add_parser("check", help="do I misuse a loss?", description=told)
    add = parser.add_argument
    program = parser.add_mutually_exclusive_group(required=True)
    program.add_argument("--run", metavar="FILE", help="the script")
    program.add_argument("-m", dest="module", metavar="MODULE", help="a module, as of python -m")
    add("arguments", nargs="*", metavar="ARG", help="its arguments, behind --")
    add("--format", choices=FORMATS, default="full", metavar="FORMAT", help=f"{', '.join(FORMATS)} (default: full)")
    add("--out", metavar="FILE", help="write the report there, not to standard output")
    _add_language(parser)
    parser.set_defaults(call=_check)


def _check(options: argparse.Namespace) -> int:
    from losskit.checker.script import UnreadableScriptError, run

    try:
        report = run(options.run or options.module, options.arguments, options.lang, options.run is None)
    except UnreadableScriptError as error:
        return _refuse(str(error))
    text = {"full": report.__str__, "concise": report.concise, "json": report.as_json}[options.format]() + "\n"
    if options.out is None:
        _show(text)
    else:
        try:
            Path(options.out).write_text(text, encoding="utf-8")
        except OSError as error:
            return _refuse(f"cannot write --out {options.out}: {error.strerror}")
    return report.exit_code or int(report.failed)


def _add_language(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lang", choices=("en", "zh"), default="en", help="English or Chinese (default: en)")


def _guide(options: argparse.Namespace) -> int:
    from losskit.core.head import Situation, Task
    from losskit.guide.choose import CONCERNS, matters
    from losskit.guide.show import guide

    situations = [situation for situation in Situation if getattr(options, situation.value)]
    task = None if options.task is None else Task(options.task)
    for situation in situations:
        if task is not None and task not in CONCERNS[situation]:
            concerned = ", ".join(sorted(map(str, CONCERNS[situation])))
            return _refuse(f"--{situation} makes no difference to a {task} task, but to: {concerned}; leave it out")
        if not matters(situation, task, options.output):
            return _refuse(f"--{situation} makes no difference with --output {options.output}; leave one of them out")
    return _show(guide(task, options.output, situations, options.lang))


def _list(options: argparse.Namespace) -> int:
    from losskit.guide.show import listing

    return _show(listing(options.lang))


def _explain(options: argparse.Namespace) -> int:
    from losskit.checker.catalog import find, page
    from losskit.guide.show import UnknownLossError, explain

    rule = find(options.name)
    if rule is not None and options.plot is not None:
        return _refuse(f"--plot draws losses, and {options.name} is a rule; leave --plot out")
    if rule is not None:
        return _show(page(rule, options.lang))
    try:
        return _show(explain(options.name, options.lang)) if options.plot is None else _plot(options)
    except UnknownLossError as error:
        return _refuse(str(error))


def _plot(options: argparse.Namespace) -> int:
    from losskit.guide.axes import NoAxisError
    from losskit.guide.plot import plot

    try:
        return _show(plot(options.name, None if options.plot is True else options.plot, options.lang))
    except NoAxisError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(
            f"cannot write --plot {options.plot} ({error.strerror}); name a file in a folder that can be written"
        )


def _svg(text: str) -> str:
    if not text.endswith(".svg"):
        raise argparse.ArgumentTypeError(f"must be a file whose name ends in .svg, got {text!r}; NAME goes before it")
    return text


def _show(page: str) -> int:
    """Print ``page`` in what standard output can show."""
    encoding = sys.stdout.encoding or "ascii"
    print(page.encode(encoding, "replace").decode(encoding), end="")
    return 0


COMPLETION = """\
for completion in bash and zsh, pip install 'losskit[completion]' and run:
  eval "$(register-python-argcomplete losskit)"
"""

# Copies, since ``--help`` must not import torch; a test compares them with the originals.
TASKS = (
    "regression",
    "binary",
    "multiclass",
    "multilabel",
    "counts",
    "distillation",
    "ranking",
    "embedding",
    "sequence",
)
FORMATS = ("full", "concise", "json")
OUTPUTS = ("log-probabilities", "probabilities", "logits")

#: Each adds a verb to the parser.
VERBS: tuple[Callable[[Any], None], ...] = (_add_check, _add_guide, _add_list, _add_explain, _add_compare)
