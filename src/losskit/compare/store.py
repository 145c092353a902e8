"""The folder of a run: the plan is written before it starts, each row when it is done."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import torch

import losskit
from losskit.compare.errors import CompareError, argument


class Store:
    """``out/ID/`` with plan.json, rows.jsonl and, at the end, verdict.json, best.py and intervals.svg."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, out: str | Path, name: str, plan: Mapping[str, Any], notes: Sequence[str] = ()) -> Store:
        """Make the folder and write the plan, before any training."""
        stem = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S") + "-" + Path(name).stem
        try:
            store = cls(_fresh(Path(out), stem))
            store._write(
                "plan.json", json.dumps({**plan, "notes": list(notes), "versions": versions()}, indent=2) + "\n"
            )
        except OSError as error:
            raise CompareError(
                f"cannot write below {out}: {error.strerror or error}; choose a folder that can be written with "
                f"{argument('out', 'DIR')}"
            ) from None
        return store

    def append(self, row: Mapping[str, Any]) -> None:
        """Append a row at once, so that it is kept if the run fails later."""
        try:
            with (self.folder / "rows.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise CompareError(
                f"cannot write to {self.folder}: {error.strerror or error}; the rows before are kept"
            ) from None

    def finish(self, verdicts: Sequence[Mapping[str, Any]], code: str, picture: str) -> None:
        """Write the verdicts, the code of the recommended loss and the picture."""
        try:
            self._write("verdict.json", json.dumps(list(verdicts), indent=2) + "\n")
            self._write("best.py", code)
            self._write("intervals.svg", picture)
        except OSError as error:
            raise CompareError(f"cannot write to {self.folder}: {error.strerror or error}; the rows are kept") from None

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")


def _fresh(out: Path, stem: str) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1000):
        folder = out / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:  # another run of the same second
            continue
        return folder
    raise OSError(f"{out / stem} and a thousand more exist")


def versions() -> dict[str, str]:
    """Versions of the libraries that the run uses."""
    return {
        "losskit": losskit.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "python": platform.python_version(),
    }
