"""Prints how many faults are found, of those planted in the programs and of the corpus, and what is found without any.

Run it: ``python tests/checked/recall.py``.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from checked import PROGRAMS
from checked.corpus import CORPUS
from checked.faults import FAULTS, Fault
from losskit.checker.finding import Severity
from losskit.checker.report import Report
from losskit.checker.script import run


def report_of(text: str) -> Report:
    """What is found in a program of this text; what it prints, and its traceback, are dropped."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        path = Path(folder) / "train.py"
        path.write_text(text, encoding="utf-8")
        return run(str(path), [])


def found(fault: Fault) -> bool:
    """Whether the rule tells of the fault."""
    return fault.code in {finding.code for finding in report_of(fault.text).findings}


def main() -> None:
    """Print the table."""
    planted, caught = Counter(fault.program for fault in FAULTS), Counter[str]()
    for fault in FAULTS:
        if found(fault):
            caught[fault.program] += 1
        else:
            seen = ", ".join(finding.code for finding in report_of(fault.text).findings) or "nothing"
            print(f"missed: {fault.code} in {fault.program}: {fault.new!r}; found {seen}")
    for program in PROGRAMS:
        clean = report_of(program.read_text(encoding="utf-8")).findings
        print(f"{program.stem:<24} {caught[program.stem]:>3} of {planted[program.stem]:>3} faults, clean: {len(clean)}")
    codes = len({fault.code for fault in FAULTS})
    print(
        f"found {caught.total()} of {planted.total()} faults of {codes} rules ({caught.total() / planted.total():.0%})"
    )
    hits = sum(case.code in {finding.code for finding in report_of(case.faulty).findings} for case in CORPUS)
    grave = [each for case in CORPUS for each in report_of(case.mended).findings if each.severity is not Severity.NOTE]
    print(f"corpus: found {hits} of {len(CORPUS)} faults; errors and warnings in their mended twins: {len(grave)}")


if __name__ == "__main__":
    main()
