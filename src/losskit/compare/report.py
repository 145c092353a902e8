"""A run in a table and in words."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from losskit import terminal
from losskit.compare.data import Data
from losskit.compare.flags import in_flags
from losskit.compare.metrics import METRICS
from losskit.compare.outcome import Found, Outcome
from losskit.compare.plan import Plan
from losskit.compare.verdict import Reading
from losskit.terminal import code, filled

QUOTED = re.compile(r"(?:--\w+ )?'[^']*'|--\w+ \w+")  # names of columns, and flags with theirs


def header(plan: Plan, data: Data) -> str:
    """The losses, the data and the rules, printed before the run."""
    rows, columns = data.features.shape
    measure = plan.measure
    others = [name for name in plan.losses if name != plan.reference]
    classes = f" of {len(data.classes)} classes" if data.classes else ""
    optimizers = ", ".join(plan.rates)
    return filled(
        f"{data.name}: {rows} rows, {columns} {'pixels' if data.kind == 'image' else 'features'}, "
        f"a {data.task} task{classes}",
        *(f"Note: {QUOTED.sub(lambda name: code(name[0]), in_flags(note))}." for note in data.notes),
        f"Losses: {_and(others)} against {plan.reference}, the standard loss of the task.",
        f"Each takes the best of {len(plan.configurations)} pairs of optimizer ({optimizers}) and learning rate, "
        f"chosen on an inner split of each training fold; the worse half is dropped after {plan.halving} of {plan.epochs} "
        "epochs.",
        f"Ranked by {measure.title} ({'higher' if measure.higher else 'lower'} is better) on {plan.repeats} x "
        f"{plan.folds} folds; differences below {measure.rule(plan.reference)} count as practically none.",
        f"Network: one hidden layer of {plan.hidden}, {plan.epochs} epochs, batches of {plan.batch}, seed {plan.seed}.",
    )


def table(plan: Plan, outcome: Outcome, plus_minus: str = "±") -> str:
    """One line per loss, the best mean first, with footnotes."""
    mean, beside = (METRICS[plan.task][key].title.replace(" ", "\n") for key in (plan.metric, plan.beside))
    sd, half = code(f"{plus_minus} sd"), code(f"{plus_minus} 95 %")
    head = ("loss", f"{mean} {sd}", beside, f"difference\n{half}", "p", "verdict", "chosen\nmost often")
    decimals = _decimals(plan, outcome)
    rows = [_cells(found, decimals, plus_minus) for found in outcome.found]
    rule = "─" if plus_minus == "±" else "-"
    return "\n".join(terminal.table(head, rows, range(1, 5), " ", rule)) + "\n\n" + filled(*_footnotes(plan, outcome))


def _decimals(plan: Plan, outcome: Outcome) -> int:
    """Decimal places: four for shares; for errors in the target's unit, enough to show four digits of the mean."""
    if not plan.measure.relative:
        return 4
    mean = abs(outcome.reference.verdict.mean)
    return max(0, 3 - math.floor(math.log10(mean))) if mean else 4


def _cells(found: Found, decimals: int, plus_minus: str) -> tuple[str, ...]:
    verdict = found.verdict
    half = (verdict.high - verdict.low) / 2
    against = ("", "")
    if verdict.reading is not Reading.REFERENCE:
        p = f"{verdict.p:.3f}" if verdict.p >= 0.001 else "<.001"
        against = (f"{verdict.difference:+.{decimals}f} " + code(f"{plus_minus} {half:.{decimals}f}"), p)
    marks = ("^" if found.at_edge else "") + ("!" if found.diverged else "")
    return (
        verdict.name,
        f"{verdict.mean:.{decimals}f} " + code(f"{plus_minus} {verdict.sd:.{decimals}f}"),
        f"{found.beside:.{decimals}f}",
        *against,
        str(verdict.reading).replace("the same", code("the same")),
        f"{found.chosen.optimizer} {found.chosen.rate:g} {found.count}/{found.folds}{marks}",
    )


def _footnotes(plan: Plan, outcome: Outcome) -> list[str]:
    notes = [
        f"Difference from {plan.reference}, with the interval of each loss by itself; p by the corrected t-test of Nadeau "
        f"and Bengio, adjusted by Holm. {outcome.found[0].folds} test folds."
    ]
    if any(loss.at_edge for loss in outcome.found):
        notes.append("^ Most of its rates lie at the edge of the grid: a better one may lie beyond.")
    worst = [loss for loss in outcome.found if loss.diverged]
    if worst:
        counts = ", ".join(f"{loss.verdict.name} {loss.diverged} times" for loss in worst)
        notes.append(f"! Training diverged on some folds ({counts}) and counts there as a constant prediction.")
    return notes


def words(plan: Plan, outcome: Outcome) -> str:
    """Whether the choice matters, which loss to take, and what the run cannot tell."""
    groups: dict[tuple[Reading, bool], list[Found]] = {}
    for found in outcome.found:
        if found is not outcome.reference:
            reading = found.verdict.reading
            groups.setdefault((reading, found.verdict.better and reading is Reading.DIFFERENT), []).append(found)
    sentences = [_lead({reading for reading, _ in groups})]
    sentences += [_sentence(plan, outcome, *key, found) for key, found in sorted(groups.items(), key=_first_told)]
    take = outcome.recommended
    why = "it beats the reference" if take is not outcome.reference else "no other is proven to beat it"
    sentences.append(
        f"Take {take.verdict.name}: {why}. Its inner splits chose {take.chosen.optimizer} at {take.chosen.rate:g} most "
        f"often ({take.count} of {take.folds})."
    )
    return filled(" ".join(sentences))


def _lead(readings: set[Reading]) -> str:
    if Reading.DIFFERENT in readings:
        return "The choice of loss matters here."
    if Reading.UNKNOWN in readings:
        return "This run does not show that the choice of loss matters."
    return "The choice of loss does not matter here."


def _first_told(group: tuple[tuple[Reading, bool], list[Found]]) -> tuple[int, bool]:
    order = (Reading.DIFFERENT, Reading.SAME, Reading.IDENTICAL, Reading.UNKNOWN)
    (reading, better), _ = group
    return order.index(reading), not better


def _sentence(plan: Plan, outcome: Outcome, reading: Reading, better: bool, found: Sequence[Found]) -> str:
    names, decimals = _and([loss.verdict.name for loss in found]), _decimals(plan, outcome)
    margin = f"{outcome.margin:.{decimals}f}"
    if reading is Reading.DIFFERENT:
        by = _and([f"{abs(loss.verdict.difference):.{decimals}f}" for loss in found])
        return f"{names} {_be(found)} {'better' if better else 'worse'} than {plan.reference}, by {by}."
    if reading is Reading.SAME:
        return f"{names} {_be(found)} practically the same as {plan.reference}: the difference is below {margin}."
    if reading is Reading.IDENTICAL:
        return f"{names} gave exactly the scores of {plan.reference} on every fold."
    return (
        f"Of {names} this run cannot tell: no difference and one beyond {margin} are both possible; more rows "
        "would narrow this down, more --repeats only a little."
    )


def _be(found: Sequence[Found]) -> str:
    return "is" if len(found) == 1 else "are"


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
