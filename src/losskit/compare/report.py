"""A run in a table and in words."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from losskit import terminal
from losskit.compare import words
from losskit.compare.baselines import LEARNER, learner_name
from losskit.compare.contender import contender
from losskit.compare.data import HEAVY, Data
from losskit.compare.errors import Message, argument
from losskit.compare.flags import in_flags
from losskit.compare.metrics import METRICS, Metric
from losskit.compare.outcome import Found, Outcome
from losskit.compare.picture import Interval, interval_plot
from losskit.compare.plan import Plan
from losskit.compare.power import resolves
from losskit.compare.verdict import Reading, folds_that_tell, rows_that_tell
from losskit.compare.words import listed, speaker
from losskit.terminal import code, filled

#: The order of the sentences of a conclusion.
TOLD_IN = (Reading.BETTER, Reading.WORSE, Reading.DIFFERS, Reading.SAME, Reading.IDENTICAL, Reading.UNKNOWN)
QUOTED = re.compile(r"(?:--\w+ )?'[^']*'|--\w+ \w+")  # names of columns, and flags with theirs


def header(plan: Plan, data: Data, language: str = "en") -> str:
    """The losses, the data and the rules, printed before the run."""
    say = speaker(language)
    rows, columns = data.features.shape
    blanks = {"name": data.name, "rows": rows, "columns": columns, "task": words.task(data.task, language)}
    blanks["kind"] = say("pixels" if data.kind == "image" else "features")
    others = [code(name) for name in plan.losses if name != plan.reference]
    borrowed = [code(name) for name in plan.losses if contender(name, plan.task).borrowed]
    return filled(
        say("data of classes", classes=len(data.classes), **blanks) if data.classes else say("data", **blanks),
        *(say("note", note=QUOTED.sub(lambda name: code(name[0]), _told(note, language))) for note in data.notes),
        *_tail(plan, data, language),
        say("losses", others=listed(others, language), reference=plan.reference),
        *([say("borrowed", names=listed(borrowed, language), reference=plan.reference)] if borrowed else []),
        _search(plan, language),
        say("training", steps=plan.steps, batch=plan.batch, seeds=plan.seeds),
        _ranked(plan, language) + " " * (language == "en") + say("resolves", rows=rows, least=_least(plan, data)),
        say("network", hidden=plan.hidden, seed=plan.seed),
    )


def _told(note: str, language: str) -> str:
    """A note, its arguments as flags."""
    return in_flags(Message(note.chinese) if language == "zh" and isinstance(note, Message) else note)


def _tail(plan: Plan, data: Data, language: str) -> list[str]:
    """With heavy tails: the question whether the mean or the median is wanted."""
    if data.tail <= HEAVY:
        return []
    say = speaker(language)
    what, other = ("median", "mean") if plan.metric == "mae" else ("mean", "median")
    flag = code(in_flags(Message(argument("metric", "rmse" if plan.metric == "mae" else "mae"))))
    blanks = {"share": data.tail, "metric": plan.measure.title, "what": say(what), "other": say(other), "flag": flag}
    return [say("note", note=say("mean or median", **blanks))]


def _search(plan: Plan, language: str) -> str:
    say = speaker(language)
    pairs = [(name, rate) for name, rates in plan.rates.items() for rate in rates]
    if len(pairs) == 1:
        return say("no search", chosen=f"{pairs[0][0]} {pairs[0][1]:g}")
    early, late = plan.search_steps
    optimizers = ("、" if language == "zh" else ", ").join(plan.rates)
    blanks = {"early": early, "late": late, "finalists": plan.finalists, "splits": plan.splits}
    return say("search", pairs=len(pairs), optimizers=optimizers, **blanks)


def _ranked(plan: Plan, language: str) -> str:
    say, measure = speaker(language), plan.measure
    title = words.metric(measure.title, language)
    rule = say(
        "share" if measure.relative else "absolute", margin=measure.margin, metric=title, reference=plan.reference
    )
    direction = say("higher" if measure.higher else "lower")
    return say("ranked", metric=title, direction=direction, repeats=plan.repeats, folds=plan.folds, rule=rule)


def _least(plan: Plan, data: Data) -> str:
    least = resolves(plan, data.sizes)
    return f"{least:.1g}" if not plan.measure.relative else f"{math.expm1(least):.1%}"


def table(plan: Plan, outcome: Outcome, rule: str = "─", language: str = "en") -> str:
    """One line per loss, the best mean first, with footnotes."""
    say, measure = speaker(language), METRICS[plan.task][outcome.metric]
    head = [say("loss"), words.metric(measure.title, language).strip().replace(" ", "\n")]
    calibrated = outcome.metric != "brier" and any(found.calibration is not None for found in outcome.found)
    if calibrated:
        head.append("Brier")
    head += [say("difference"), say("own"), say("verdict"), say("configuration")]
    rows = [_cells(plan, outcome, found, language, calibrated) for found in outcome.found]
    right = range(1, len(head) - 2)
    notes = filled(*_footnotes(plan, outcome, language))
    return "\n".join(terminal.table(tuple(head), rows, right, " ", rule)) + "\n\n" + notes


def _decimals(measure: Metric, outcome: Outcome) -> int:
    """Decimal places: four for shares; for errors in the target's unit, enough to show four digits of the mean."""
    if not measure.relative:
        return 4
    mean = abs(outcome.reference.mean)
    return max(0, 3 - math.floor(math.log10(mean))) if mean else 4


def _cells(plan: Plan, outcome: Outcome, found: Found, language: str, calibrated: bool) -> tuple[str, ...]:
    say, measure = speaker(language), METRICS[plan.task][outcome.metric]
    decimals, verdict = _decimals(measure, outcome), found.verdict
    cells = [found.loss.replace("(", "\n(", 1)]  # so that arguments do not make the table too wide
    cells.append("-" if verdict is None else f"{found.mean:.{decimals}f}")
    if calibrated:
        cells.append(say("uncalibrated") if found.calibration is None else f"{found.calibration:.4f}")
    if verdict is None or verdict.reading is Reading.REFERENCE:
        cells += ["", ""]
    else:
        low, high = (_difference(measure, end, decimals) for end in (verdict.low, verdict.high))
        cells += [_difference(measure, verdict.difference, decimals), say("to", low=low, high=high)]
    marks = ("^" if _outside(outcome, found) else "") + ("!" if found.diverged else "")
    told = "-" if verdict is None else words.reading(verdict.reading, language).replace("the same", code("the same"))
    return (*cells, told, f"{found.chosen.optimizer} {found.chosen.rate:g}{marks}")


def _outside(outcome: Outcome, found: Found) -> bool:
    """Whether a better rate may lie beyond those that were tried."""
    return found.beyond > outcome.folds / 2 and not found.stalls


def _difference(measure: Metric, difference: float, decimals: int) -> str:
    return f"{math.expm1(difference):+.1%}" if measure.relative else f"{difference:+.{decimals}f}"


def _footnotes(plan: Plan, outcome: Outcome, language: str) -> list[str]:
    say, measure = speaker(language), METRICS[plan.task][outcome.metric]
    title = words.metric(measure.title, language)
    notes = [say("tests", reference=plan.reference, folds=outcome.folds)]
    if measure.relative:
        notes.append(say("ratios"))
    if outcome.saturated:
        perfect = [words.metric(METRICS[plan.task][name].title, language) for name in outcome.saturated]
        notes.append(say("saturated", metrics=listed(perfect, language), metric=title))
    unranked = [code(found.loss) for found in outcome.found if found.verdict is None]
    if unranked:
        notes.append(say("no rank", names=listed(unranked, language), metric=title))
    if not measure.relative and any(found.calibration is None for found in outcome.found):
        notes.append(say("uncalibrated note"))
    beyond = [code(found.loss) for found in outcome.found if _outside(outcome, found)]
    if beyond:
        notes.append(say("beyond", names=listed(beyond, language)))
    worst = [say("times", loss=code(found.loss), count=found.diverged) for found in outcome.found if found.diverged]
    if worst:
        notes.append(say("diverged", counts=("、" if language == "zh" else ", ").join(worst)))
    return [*notes, *_beside(plan, outcome, language)]


def _beside(plan: Plan, outcome: Outcome, language: str) -> list[str]:
    """What the baselines reach."""
    say, measure = speaker(language), METRICS[plan.task][outcome.metric]
    title, decimals = words.metric(measure.title, language), _decimals(measure, outcome)
    notes = []
    for name, score in outcome.baselines.items():
        learner = say(learner_name(plan)) if name == LEARNER else ""
        notes.append(say(name, metric=title, score=f"{score:.{decimals}f}", learner=learner))
        best = outcome.found[0].mean
        ahead = (score - best) * (1 if measure.higher else -1)
        if name == LEARNER and ahead > measure.margin * (best if measure.relative else 1):
            notes[-1] += " " * (language == "en") + say("not competitive", learner=learner)
    return notes


def picture(plan: Plan, outcome: Outcome, language: str = "en") -> str:
    """The intervals as SVG; ratios of errors in per cent."""
    say, measure = speaker(language), METRICS[plan.task][outcome.metric]

    def drawn(difference: float) -> float:
        return 100 * math.expm1(difference) if measure.relative else difference

    intervals = []
    for found in outcome.found:
        if found.verdict is not None:
            middle, low, high = map(drawn, (found.verdict.difference, found.verdict.low, found.verdict.high))
            intervals.append(Interval(found.loss, middle, low, high, words.reading(found.reading, language)))
    title = words.metric(measure.title, language)
    above = say("picture", metric=title, reference=plan.reference, data=plan.data)
    unit = "%" if measure.relative else ""
    return interval_plot(intervals, drawn(outcome.margin), above, say("caption", unit=unit))


def conclusion(plan: Plan, outcome: Outcome, language: str = "en") -> str:
    """Whether the choice matters, which loss to take, and what the run cannot tell."""
    say = speaker(language)
    groups: dict[Reading, list[Found]] = {}
    for found in outcome.found:
        if found.verdict is not None and found is not outcome.reference:
            groups.setdefault(found.reading, []).append(found)
    sentences = [_lead(set(groups), language)]
    sentences += [_sentence(plan, outcome, each, groups[each], language) for each in TOLD_IN if each in groups]
    stalled = [code(found.loss) for found in outcome.found if found.stalls]
    if stalled:
        sentences.append(say("stalls", names=listed(stalled, language), steps=plan.steps))
    take = outcome.recommended
    better = take is not outcome.reference
    sentences.append(say("take better" if better else "take reference", loss=code(take.loss)))
    sentences.append(say("its configuration", optimizer=take.chosen.optimizer, rate=take.chosen.rate))
    return filled((" " if language == "en" else "").join(sentences))


def _lead(readings: set[Reading], language: str) -> str:
    say = speaker(language)
    if any(reading.matters for reading in readings):
        return say("matters")
    return say("matters unknown" if Reading.UNKNOWN in readings or not readings else "matters not")


def _sentence(plan: Plan, outcome: Outcome, reading: Reading, found: Sequence[Found], language: str) -> str:
    say, measure = speaker(language), METRICS[plan.task][outcome.metric]
    decimals = _decimals(measure, outcome)
    names = listed([code(each.loss) for each in found], language)
    margin = f"{measure.margin:.0%}" if measure.relative else f"{outcome.margin:g}"
    if reading is Reading.UNKNOWN:
        return _unknown(plan, outcome, found, margin, language)
    by = listed([_size(measure, each, decimals) for each in found], language)
    one = len(found) == 1
    blanks = {"names": names, "reference": plan.reference, "by": by, "margin": margin}
    phrases = {Reading.SAME: "same", Reading.DIFFERS: "differs", Reading.IDENTICAL: "identical"}
    return say(phrases.get(reading, str(reading)), **blanks, **{"is": "is" if one else "are", "s": "s" if one else ""})


def _unknown(plan: Plan, outcome: Outcome, found: Sequence[Found], margin: str, language: str) -> str:
    """Open verdicts; a loss that surely differs is told as better or worse, though not by how much."""
    say, measure = speaker(language), METRICS[plan.task][outcome.metric]
    groups: dict[str, list[str]] = {}
    for each in found:
        assert each.verdict is not None
        sure = each.verdict.p < plan.alpha and (each.verdict.low > 0 or each.verdict.high < 0)
        side = "better" if (each.verdict.difference > 0) == measure.higher else "worse"
        groups.setdefault(f"unknown {side}" if sure else "unknown", []).append(code(each.loss))
    blanks = {"reference": plan.reference, "margin": margin}
    told = [
        say(phrase, names=listed(names, language), **blanks, **{"is": "is" if len(names) == 1 else "are"})
        for phrase, names in sorted(groups.items(), reverse=True)
    ]
    return (" " if language == "en" else "").join([*told, *_would(plan, outcome, found, margin, language)])


def _size(measure: Metric, found: Found, decimals: int) -> str:
    assert found.verdict is not None
    return _difference(measure, found.verdict.difference, decimals).lstrip("+-")


def _would(plan: Plan, outcome: Outcome, found: Sequence[Found], margin: str, language: str) -> list[str]:
    """What would settle open verdicts, if differences stayed as they are."""
    say = speaker(language)
    repeats: list[str] = []
    rows: list[str] = []
    none: list[str] = []
    for each in found:
        assert each.verdict is not None
        more = folds_that_tell(each.verdict, outcome.margin, outcome.folds, plan.test_over_train)
        needed = rows_that_tell(each.verdict, outcome.margin, plan.rows)
        if more <= 5 * outcome.folds:
            flag = in_flags(Message(argument("repeats", math.ceil(more / plan.folds))))
            repeats.append(f"{code(each.loss)} {code(flag)}")
        elif needed <= 1000 * plan.rows:
            unit = 10 ** max(0, math.floor(math.log10(needed)) - 1)
            rows.append(say("so many rows", loss=code(each.loss), rows=f"{math.ceil(needed / unit) * unit:,}"))
        else:
            none.append(code(each.loss))
    told = [say("would", what=listed(repeats + rows, language))] if repeats or rows else []
    return told + ([say("nothing would", margin=margin, names=listed(none, language))] if none else [])
