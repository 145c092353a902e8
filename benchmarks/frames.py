"""How many Python functions of losskit does one warm call go through, and in how many files?

``.venv/bin/python benchmarks/frames.py``; give it the Python of another environment to count an older losskit.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import torch

import losskit


def frames(loss: losskit.Loss, *tensors: torch.Tensor) -> list[str]:
    """The functions of losskit that a warm call enters, as file and name."""
    package, entered = str(Path(str(losskit.__file__)).parent), list[str]()

    def note(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(package):
            entered.append(f"{code.co_filename.removeprefix(package + '/')}:{code.co_name}")

    for _ in range(3):
        loss(*tensors)
    sys.setprofile(note)
    try:
        loss(*tensors)
    finally:
        sys.setprofile(None)
    return entered


def main() -> None:
    input, target = torch.randn(64, 10, requires_grad=True), torch.randint(10, (64,))
    calls = {
        "CrossEntropyLoss()": losskit.CrossEntropyLoss(),
        "CrossEntropyLoss(weight)": losskit.CrossEntropyLoss(torch.ones(10)),
        "MultiMarginLoss(), without a kernel": losskit.MultiMarginLoss(),
    }
    for name, loss in calls.items():
        entered = frames(loss, input, target)
        files = {frame.partition(":")[0] for frame in entered}
        print(f"{name}: {len(entered)} frames in {len(files)} files: {', '.join(entered)}")


if __name__ == "__main__":
    main()
