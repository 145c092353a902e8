"""What the losses are meant to reach, and whether a run shows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import geometric_mean

from results import Results, TimedLoss

GRADIENTS = 1.02  # memory of so many gradients, the rest being what a process grows by anyway


@dataclass(frozen=True)
class Target:
    """A bound on one column of one table.

    Args:
        column: Of the table; ``"traffic"`` is a bound from above, for element-wise losses.
        bound: Two decimals of the measured figure are held against it.
        size: Of the table.
        losses: For these; none named: for all.
        but: Less these.
        threads: Of the table.
        heap: Of the table.
        mean: It is meant of the geometric mean over the losses.
        note: On what it depends.
    """

    column: str
    bound: float
    size: str
    losses: tuple[str, ...] = ()
    but: tuple[str, ...] = ()
    threads: int = 1
    heap: str = "default"
    mean: bool = False
    note: str = ""

    def concerns(self, row: TimedLoss) -> bool:
        """Whether it is meant for this loss; for those without a kernel nothing is promised."""
        if not row["kernel"]:
            return False
        if self.column == "traffic" and not row["elementwise"]:
            return False
        return row["loss"] in self.losses if self.losses else row["loss"] not in self.but

    def met(self, value: float) -> bool:
        """Whether a figure reaches it."""
        return value <= self.bound if self.column == "traffic" else value >= self.bound

    def figures(self, results: Results) -> dict[str, float]:
        """By loss, to two decimals, what a run has of them."""
        rows = self.rows(results)
        if self.column == "traffic":
            return {row["loss"]: round(row["traffic"], 2) for row in rows}
        exact = {row["loss"]: row["ratios"][self.column] for row in rows if self.column in row["ratios"]}
        if self.mean and exact:
            return {"the mean": round(geometric_mean(exact.values()), 2)}
        return {name: round(value, 2) for name, value in exact.items()}

    def absent(self, results: Results) -> tuple[str, ...]:
        """Losses that a measured table has no figure of."""
        rows = self.rows(results)
        lacking = (row["loss"] for row in rows if self.column != "traffic" and self.column not in row["ratios"])
        return tuple(lacking)

    def rows(self, results: Results) -> list[TimedLoss]:
        """Those of a run that it is meant for."""
        return [
            row
            for table in results["tables"]
            if (table["size"], table["heap"], table["threads"]) == (self.size, self.heap, self.threads)
            for row in filter(self.concerns, table["rows"])
        ]

    def __str__(self) -> str:
        bound = f"at most {self.bound}" if self.column == "traffic" else f"at least {self.bound}"
        every = " for each element-wise loss" if self.column == "traffic" else " for each loss"
        whom = f" for {listed(self.losses)}" if self.losses else ", geometric mean" if self.mean else every
        rest = f" but {listed(self.but)}" if self.but else ""
        note = f" ({self.note})" if self.note else ""
        return f"{place(self.size, self.heap, self.threads)}: {'× memory' if self.column == 'traffic' else self.column} {bound}{whom}{rest}{note}"


def place(size: str, heap: str, threads: int) -> str:
    """A table in words."""
    return f"{size}, {threads} thread{'s' * (threads != 1)}, {'default heap' if heap == 'default' else 'huge pages'}"


def listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


HINGES = {"MultiMarginLoss": 1.1, "MultiLabelMarginLoss": 1.3, "NLLLoss": 0.95}  # torch's are a single cheap operator
#: Losses that torch, or who writes them by hand, computes by ten operators or more.
MANY = (
    *("ContrastiveLoss", "CosineEmbeddingLoss", "DiceLoss", "FocalLoss", "GaussianNLLLoss", "HingeEmbeddingLoss"),
    *("MultiLabelSoftMarginLoss", "TripletMarginLoss", "TripletMarginWithDistanceLoss"),
)
PAIRS = ("CosineEmbeddingLoss", "TripletMarginLoss", "GaussianNLLLoss")
MEDIUM = {
    8.0: ("PoissonNLLLoss", "MarginRankingLoss", "MultiMarginLoss"),
    5.0: ("TripletMarginLoss", "CosineEmbeddingLoss"),
    20.0: ("HingeEmbeddingLoss", "MultiLabelMarginLoss", "GaussianNLLLoss"),
    1.6: ("NLLLoss",),
}
TARGETS = (
    *(
        Target(column, bound, "small", losses, but, note="with the node in C++")
        for column, usual in (("function", 1.4), ("module", 1.3))
        for bound, losses, but in (
            (usual, (), (*HINGES, *PAIRS)),
            *((bound, (name,), ()) for name, bound in HINGES.items()),
            (4.0, PAIRS, ()),
        )
    ),
    Target("value_and_grad", 5.0, "small"),
    *(Target("function", bound, "medium", losses) for bound, losses in MEDIUM.items()),
    Target("function", 2.0, "medium", but=tuple(name for losses in MEDIUM.values() for name in losses)),
    Target("compiled grad_and_value", 1.3, "medium", mean=True),
    Target("function", 25.0, "large", MANY),
    Target("function", 8.0, "large", but=MANY),
    Target("function", 6.0, "large", threads=2),
    Target("function", 4.0, "large", heap="thp"),
    Target("compiled grad_and_value", 4.0, "large", mean=True),
    Target("traffic", 1.7, "large", heap="thp"),
    Target("function", 10.0, "vocabulary", ("CrossEntropyLoss",)),
)


@dataclass(frozen=True)
class Verdict:
    """What a run says of a target: all figures, and those that fall short; none: it was not measured."""

    says: str
    values: dict[str, float]
    short: dict[str, float]
    absent: tuple[str, ...] = ()  # losses that a table lacks a figure of


def judge(results: Results) -> list[Verdict]:
    """Every target against the figures of its table."""
    verdicts = []
    for target in TARGETS:
        values = target.figures(results)
        short = {name: value for name, value in values.items() if not target.met(value)}
        verdicts.append(Verdict(str(target), values, short, target.absent(results)))
    return [*verdicts, memory(results)]


def memory(results: Results) -> Verdict:
    values: dict[str, float] = {}
    short: dict[str, float] = {}
    for growth in results["memory"]:
        if (growth["size"], growth["heap"]) == ("vocabulary", "default") and growth["losskit"] is not None:
            values[growth["loss"]] = round(growth["losskit"] / growth["gradient"], 2)
            short |= {growth["loss"]: values[growth["loss"]]} if values[growth["loss"]] > GRADIENTS else {}
    return Verdict(f"vocabulary, default heap: memory of at most {GRADIENTS} gradients", values, short)
