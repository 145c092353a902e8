"""Time and memory of cross-entropy behind a last layer: all logits at once, torch's own function, losskit's chunks.

Forward and backward with gradients of input and weight. Times, by the clock and as CPU time of all threads (steadier on
a shared machine): the variants take turns in one process, and a cell is the median of its rounds; beside it the median
of the rounds' ratios, the first variant's time over its own (above 1 is faster). Memory: what the peak of the resident set (VmHWM) grows by in one step, each in a fresh process (Linux).

    python benchmarks/linear_cross_entropy.py [--rows N] [--width 256 512 1024] [--classes V] [--dtype float32] [--threads 2]
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import paired
import torch
import torch.nn.functional as F
from torch import Tensor

from losskit import functional, native

Variant = Callable[[Tensor, Tensor, Tensor], Tensor]


def by_all_logits(input: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(F.linear(input, weight), target)


def by_our_loss(input: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    return functional.cross_entropy(F.linear(input, weight), target)


def by_our_loss_in_place(input: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    return functional.cross_entropy(F.linear(input, weight), target, inplace_backward=True)


def by_torch(input: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    return F.linear_cross_entropy(input, weight, target)


def by_torch_in_chunks(input: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    return F.linear_cross_entropy(input, weight, target, options=torch.nn.LinearCrossEntropyOptions())


def by_us(input: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    return functional.linear_cross_entropy(input, weight, target)


VARIANTS: dict[str, Variant] = {
    "F.cross_entropy(F.linear)": by_all_logits,
    "F.linear_cross_entropy": by_torch,
    "  with options": by_torch_in_chunks,
    "losskit cross_entropy(F.linear)": by_our_loss,
    "  with inplace_backward": by_our_loss_in_place,
    "losskit linear_cross_entropy": by_us,
}


def data(rows: int, width: int, classes: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    input, weight = torch.randn(rows, width).to(dtype), (torch.randn(classes, width) / width**0.5).to(dtype)
    return input.requires_grad_(), weight.requires_grad_(), torch.randint(classes, (rows,))


def once(variant: Variant, input: Tensor, weight: Tensor, target: Tensor) -> tuple[float, float]:
    """Seconds by the clock, and of all threads together."""
    start, work = time.perf_counter(), time.process_time()
    variant(input, weight, target).backward()
    input.grad = weight.grad = None
    return time.perf_counter() - start, time.process_time() - work


def times(
    tensors: tuple[Tensor, Tensor, Tensor], names: list[str], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    for name in names:
        once(VARIANTS[name], tensors[0][:64].detach().requires_grad_(), tensors[1], tensors[2][:64])
    timed = {name: partial(once, VARIANTS[name], *tensors) for name in names}
    return paired.in_turn(timed, paired.to_and_fro(names, rounds))


def resident(line: str) -> float:
    """A line of /proc/self/status, in MiB."""
    match = re.search(rf"{line}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert match is not None
    return int(match[1]) / 1024


def growth(name: str, options: argparse.Namespace, width: int) -> float:
    """What a step adds to the peak of the resident set, in a process of its own."""
    command = [sys.executable, __file__, "--one", name, "--rows", str(options.rows), "--width", str(width)]
    command += ["--classes", str(options.classes), "--dtype", options.dtype, "--threads", str(options.threads)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def step_of_one(name: str, tensors: tuple[Tensor, Tensor, Tensor]) -> None:
    """Print by how much a step raises the peak; a small step first, for what is made but once."""
    input, weight, target = tensors
    variant = VARIANTS[name]
    variant(input[:8].detach().requires_grad_(), weight[:8].detach().requires_grad_(), target[:8] % 8).backward()
    before = resident("VmRSS")
    variant(*tensors).backward()
    print(resident("VmHWM") - before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--width", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--classes", type=int, default=32000)
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="float32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--skip", nargs="+", default=[], help="names of variants to leave out")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    dtype: torch.dtype = getattr(torch, options.dtype)
    if options.one:
        step_of_one(options.one, data(options.rows, options.width[0], options.classes, dtype))
        return
    names = [name for name in VARIANTS if name.strip() not in options.skip]
    print(f"torch {torch.__version__}, {platform.machine()}, {os.cpu_count()} cores, kernels {native.status().level}")
    print(f"N={options.rows}, V={options.classes}, {options.dtype}, {options.threads} threads, {options.rounds} rounds")
    for width in options.width:
        found = times(data(options.rows, width, options.classes, dtype), names, options.rounds)
        logits = options.rows * options.classes * dtype.itemsize / 2**20
        print(
            f"\nD={width}; all logits are {logits:.0f} MiB\n{'':34}{'seconds':>10}{'ratio':>8}{'CPU s':>10}{'ratio':>8}{'peak MiB':>11}"
        )
        for name in names:
            cells = ""
            for kind in (0, 1):
                own, first = ([taken[kind] for taken in found[which]] for which in (name, names[0]))
                cells += f"{statistics.median(own):>10.2f}{paired.ratio(first, own):>8.2f}"
            print(f"{name:34}{cells}{growth(name, options, width):>11.0f}", flush=True)


if __name__ == "__main__":
    main()
