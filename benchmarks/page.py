"""The page of a run, docs/benchmarks.md: prose of at most 100 columns, tables of 110."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

import targets
from results import Memory, Results, Table, TrainingStep
from targets import listed, place
from variants import ELSEWHERE

WIDTH = 100
COMMAND = ".venv/bin/python benchmarks/bench.py"
IDLE, BUSY = 0.2, 0.5  # cores: a machine that is left alone, and one that is not
MEMORY_BOUND = 1 << 20  # elements; below it calls and caches count, not memory
#: What a column of ratios is called in a table, where there is little room.
HEADS = {
    "function": "function",
    "module": "module",
    "value_and_grad": "v&g",
    "compiled": "compiled",
    "compiled grad_and_value": "comp g&v",
    "optax": "optax",
}
INTRODUCTION = (
    "Forward and backward in float32: **the rival's time over losskit's**, so above 1 losskit is faster, and below 1, in "
    "**bold**, it loses. Nothing here is typed by hand: `benchmarks/bench.py --json FILE` measures, and `--table FILE` "
    "renders this page from what it wrote."
)
METHOD = (
    "Each table is measured in one fresh process, in which all variants of a loss take turns, in another order each round. A "
    "cell is the median over the rounds of the ratio within a round.",
    "Gradients are freed within the time that is taken, as training frees them. Before anything is timed, each variant has "
    "run and given the same loss; compilation is not counted.",
    "Inputs are drawn from the domains that a loss declares. The rival of a loss marked ‡ is what people write by hand, torch "
    "having none (`BY_HAND` in `benchmarks/variants.py`); a loss marked † has no kernel yet: its formula is measured, in the small "
    "tables alone. Other programs measure "
    + listed(f"{loss} (`{program}`)" for loss, program in ELSEWHERE.items())
    + ".",
    '"Huge pages" is `THP_MEM_ALLOC_ENABLE=1`, by which torch asks the system for huge pages from 2 MiB on. Under the '
    "default heap it often pays more for fresh memory than for the loss. losskit asks for huge pages in any case.",
)
LEGEND = (
    "**function**: `torch.nn.functional` against `losskit.functional`; **module**: `torch.nn` against `losskit`",
    "**v&g**: torch's function with its backward against `losskit.value_and_grad`, which goes without autograd",
    "**compiled**: `torch.compile` of torch's function, with its backward, against losskit's function",
    "**comp g&v**: `torch.compile` of `torch.func.grad_and_value` of it against `losskit.value_and_grad`",
    "**optax**: `jax.jit` of `jax.value_and_grad` of Optax's loss, where it has one of the same value, against "
    "`losskit.value_and_grad`",
    "**time** is that of losskit's function; **× memory** is that time over what reading all tensors and writing all "
    "gradients once would take at the bandwidth of a copy of the same size, which took turns with the rest",
)
STEP_LEGEND = (
    "**step** is its time with torch's loss; **torch** and **losskit** are the shares of the loss in the step",
    "**faster** and **v&g**: the step with torch's loss over that with losskit's function, and with "
    "`losskit.value_and_grad`; **at most**: over that with no loss",
)


def render(results: Results) -> str:
    """The page."""
    blocks = [
        "# Benchmarks",
        prose(INTRODUCTION),
        bullets(whereabouts(results)),
        "## How it was measured",
        bullets(METHOD),
        "The columns:",
        bullets(LEGEND),
        *(block for table in results["tables"] for block in section(table, results["flags"])),
        *memory(results),
        *steps(results),
        *slopes(results),
        "## Where losskit loses",
        bullets(losses(results)),
        *missing(results),
        "## Targets",
        bullets(verdicts(results)),
    ]
    return "\n\n".join(blocks)


def whereabouts(results: Results) -> Iterator[str]:
    machine = results["machine"]
    yield f"{machine['processor']}, {machine['cores']} cores; kernels {machine['kernels']}, node of autograd {machine['node']}"
    yield f"torch {machine['torch']}, Python {machine['python']}, losskit {machine['losskit']}"
    rounds = [row["rounds"] for table in results["tables"] for row in table["rows"]]
    took = f"measured in {results['seconds'] / 60:.0f} minutes, {min(rounds, default=0)} to {max(rounds, default=0)} rounds a cell"
    yield f"{took}: a quick run, which is a rough one" if "--quick" in results["flags"] else took
    if results["others"] is not None:
        others = f"other processes took {results['others']:.2f} cores meanwhile"
        doubt = ": do not trust these figures" if results["others"] > BUSY else ": rough figures"
        yield f"**{others}{doubt}**" if results["others"] > IDLE else others


def section(table: Table, flags: list[str]) -> Iterator[str]:
    where = place(table["size"], table["heap"], table["threads"])
    yield f"## {times(table['shape'])}: {where}"
    yield command("tables", flags, table["size"], heap=table["heap"], threads=table["threads"])
    if table["shape"][0] * table["shape"][1] >= MEMORY_BOUND:
        yield prose(f"A copy of as many float32 moves {table['bandwidth'] / 1e9:.1f} GB/s, read and written.")
    yield grid(*cells(table))


def cells(table: Table) -> tuple[list[str], list[list[str]]]:
    columns = [name for name in HEADS if any(name in row["ratios"] for row in table["rows"])]
    traffic = table["shape"][0] * table["shape"][1] >= MEMORY_BOUND
    heads = ["loss", *(HEADS[name] for name in columns), "time", *(["× memory"] if traffic else [])]
    return heads, [
        [
            row["loss"] + "†" * (not row["kernel"]) + "‡" * (row["rival"] is None),
            *(figure(row["ratios"].get(name)) for name in columns),
            duration(row["seconds"]["losskit function"]),
            *([f"{row['traffic']:.2f}"] if traffic else []),
        ]
        for row in table["rows"]
    ]


#: Columns of the table in docs/speed.md: the size, and the column of its table of one thread and the default heap.
SUMMARY = {
    "64 × 10": ("small", "function"),
    "with `value_and_grad`": ("small", "value_and_grad"),
    "4096 × 1000": ("medium", "function"),
    "16384 × 1024": ("large", "function"),
    "against `torch.compile`": ("large", "compiled grad_and_value"),
}


def summary(results: Results) -> str:
    """The table of docs/speed.md."""
    found: dict[str, dict[tuple[str, str], float]] = {}
    for table in results["tables"]:
        if (table["heap"], table["threads"]) == ("default", 1):
            for row in table["rows"]:
                ratios = {(table["size"], column): ratio for column, ratio in row["ratios"].items()}
                found.setdefault(row["loss"], {}).update(ratios)
    lines = ["| | " + " | ".join(SUMMARY) + " |", "|---" * (len(SUMMARY) + 1) + "|"]
    for loss, ratios in found.items():
        lines.append(f"| `{loss}` | " + " | ".join(_short(ratios.get(place)) for place in SUMMARY.values()) + " |")
    return "\n".join(lines)


def _short(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def memory(results: Results) -> Iterator[str]:
    if not results["memory"]:
        return
    yield "## Memory"
    yield command("memory", results["flags"], *{growth["size"]: None for growth in results["memory"]})
    yield prose("MiB by which forward and backward let the peak of a fresh process grow.")
    heads = ["loss", "input", "heap", "gradient", "torch", "losskit"]
    yield grid(heads, [grown(growth) for growth in results["memory"]])


def grown(growth: Memory) -> list[str]:
    figures = ["n/a" if value is None else f"{value:,.0f}" for value in (growth["torch"], growth["losskit"])]
    return [growth["loss"], times(growth["shape"]), heap(growth["heap"]), f"{growth['gradient']:,.0f}", *figures]


def steps(results: Results) -> Iterator[str]:
    if not results["steps"]:
        return
    yield "## The share of the loss in a training step"
    yield prose(
        "Whole steps (forward, cross-entropy, backward, SGD). The share is what a step saves when a gradient is handed to "
        "its backward instead of a loss; of it follows the most that any loss could speed up the step."
    )
    for heap, threads in {(step["heap"], step["threads"]): None for step in results["steps"]}:
        rows = [step for step in results["steps"] if (step["heap"], step["threads"]) == (heap, threads)]
        yield f"{place('Steps', heap, threads)}:"
        yield command("steps", results["flags"], heap=heap, threads=threads)
        yield grid(
            ["network", "step", "torch", "losskit", "faster", "v&g", "at most"],
            [stepped(step) for step in rows],
        )
    yield bullets(STEP_LEGEND)


def stepped(step: TrainingStep) -> list[str]:
    share = [f"{step['share'][name]:.1%}" for name in ("torch", "losskit")]
    speedup = [figure(step["speedup"][name]) for name in ("losskit", "value_and_grad")]
    return [
        step["network"],
        duration(step["seconds"]["torch"]),
        *share,
        *speedup,
        f"{step['speedup']['no loss']:.2f}",
    ]


def slopes(results: Results) -> Iterator[str]:
    if not results["slopes"]:
        return
    yield "## How the time grows"
    yield command("slopes", results["flags"])
    yield prose(
        "`value_and_grad` on one thread, for 10⁵, 10⁶, 10⁷ and 10⁸ elements in rows of 100. The slope is that of the "
        "logarithms: 1 is linear."
    )
    yield grid(
        ["loss", "10⁵", "10⁶", "10⁷", "10⁸", "slope"],
        [[each["loss"], *map(duration, each["seconds"]), f"{each['slope']:.2f}"] for each in results["slopes"]],
    )


def losses(results: Results) -> Iterator[str]:
    """Every cell below 1, in words."""
    cells = [
        round(value, 2) for table in results["tables"] for row in table["rows"] for value in row["ratios"].values()
    ]
    yield f"{sum(value < 1 for value in cells)} of {len(cells)} cells of the tables are below 1"
    for table in results["tables"]:
        for column in HEADS:
            lost = {row["loss"]: row["ratios"].get(column, 1.0) for row in table["rows"]}
            lost = {name: value for name, value in lost.items() if round(value, 2) < 1}
            if lost:
                where = place(table["size"], table["heap"], table["threads"])
                yield f"{where}, {column}: {figures(lost)}"
    for step in results["steps"]:
        for variant in ("losskit", "value_and_grad"):
            if round(step["speedup"][variant], 2) < 1:
                where = place("training step", step["heap"], step["threads"])
                yield f"{where}, {step['network']}, {variant}: {step['speedup'][variant]:.2f}"


def missing(results: Results) -> Iterator[str]:
    lines = [
        f"{place(table['size'], table['heap'], table['threads'])}, {row['loss']}, {variant}: {reason}"
        for table in results["tables"]
        for row in table["rows"]
        for variant, reason in row["missing"].items()
    ]
    if lines:
        yield "## What could not be measured"
        yield bullets(lines)


def verdicts(results: Results) -> Iterator[str]:
    """First what falls short, then what is met, then what this run did not measure."""
    judged = targets.judge(results)
    for target in judged:
        if target.short:
            yield f"**short**: {target.says}: {figures(target.short)}"
    for target in judged:
        if target.values and not target.short:
            yield f"met: {target.says}: {figures(target.values) if len(target.values) == 1 else spread(target.values)}"
    for target in judged:
        if target.absent:
            yield f"not measured: {target.says}: {listed(target.absent)}"
        elif not target.values:
            yield f"not measured: {target.says}"


def spread(values: dict[str, float]) -> str:
    return f"{min(values.values()):.2f} to {max(values.values()):.2f}"


def figures(values: dict[str, float]) -> str:
    return listed(f"{name} {value:.2f}" for name, value in values.items())


def figure(ratio: float | None) -> str:
    if ratio is None:
        return "n/a"
    return f"{ratio:.2f}" if round(ratio, 2) >= 1 else f"**{ratio:.2f}**"


def duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds > 0.9995 * size:  # which is written as 1
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def times(shape: Iterable[int]) -> str:
    return " × ".join(map(str, shape))


def heap(name: str) -> str:
    return "default" if name == "default" else "huge pages"


def command(part: str, flags: list[str], *sizes: str, heap: str | None = None, threads: int | None = None) -> str:
    """What the reader runs to see the same, in a block."""
    chosen = ["--parts", part]
    chosen += ["--sizes", *sizes] if sizes else []
    chosen += ["--threads", str(threads), "--heaps", heap] if heap else []
    lines = wrapped(f"$ {COMMAND} {' '.join([*chosen, *flags])}", WIDTH - 2, "    ")
    return "```console\n" + " \\\n".join(lines) + "\n```"


def grid(heads: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown, aligned so that it can be read as it stands, too."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [
        [
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in (heads, rule, *rows)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def prose(text: str) -> str:
    return "\n".join(wrapped(text, WIDTH, ""))


def bullets(texts: Iterable[str]) -> str:
    return "\n".join(line for text in texts for line in wrapped(f"* {text}", WIDTH, "  "))


def wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)
