"""Time and memory of every loss on a GPU: torch's function against losskit's, eager and compiled, and the language-model head.

losskit has no kernels there. Where torch's operator is right it is called, so that nothing can be gained and only the frame
around it be lost; elsewhere the formula is some of torch's operators. A cell is the median over the rounds of torch's time
over losskit's, forward and backward, the two in turn in one process (above 1 is faster); small sizes are timed by the clock,
many calls at once, large ones by the device's own events. Memory: by how much a step raises the peak, torch's over losskit's.

    python benchmarks/gpu.py [--losses CrossEntropyLoss ...] [--compiled] [--rounds 9]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import paired
import torch
import torch.nn.functional as F
import variants
from paired import Step
from torch import Tensor

import losskit
from losskit import functional

SMALL, LARGE = (64, 10), (8192, 4096)


def by_clock(step: Step, calls: int = 100) -> float:
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(calls):
        step()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / calls


def by_device(step: Step, calls: int = 5) -> float:
    start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    start.record()
    for _ in range(calls):
        step()
    stop.record()
    stop.synchronize()
    return float(start.elapsed_time(stop)) / calls / 1e3


def peak(step: Step) -> int:
    """Bytes by which a step raises the peak."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def in_turn(steps: dict[str, Step], timer: Callable[[Step], float], rounds: int) -> paired.Times:
    for step in steps.values():
        for _ in range(3):
            step()
    timed = {name: partial(timer, step) for name, step in steps.items()}
    return paired.in_turn(timed, paired.shuffled(steps, rounds))


def pair(loss: type[losskit.Loss], shape: tuple[int, int], compiled: bool) -> dict[str, Step] | None:
    """A step of torch's and one of losskit's on the same tensors; None where torch has nothing."""
    by_file = {getattr(functional, name).__module__: name for name in vars(functional)["__all__"]}
    theirs = variants.BY_HAND.get(loss.__name__) or getattr(F, str(loss.about.torch), None)
    ours = getattr(functional, by_file.get(loss.__module__, ""), None)
    if theirs is None or ours is None:
        return None
    here = speech(shape) if loss is losskit.CTCLoss else variants.draw(loss, shape)
    drawn = [tensor.detach().cuda().requires_grad_(tensor.requires_grad) for tensor in here]
    functions = {"torch": theirs, "losskit": ours}
    if compiled:
        torch._dynamo.reset()
        functions = {name: torch.compile(function, dynamic=False) for name, function in functions.items()}
    return {name: variants.backward(function, tuple(drawn)) for name, function in functions.items()}


def speech(shape: tuple[int, int]) -> tuple[Tensor, ...]:
    """Log-probabilities of a small or a large batch, labels, and the lengths of both."""
    steps, batch, classes, labels = (50, 4, 16, 8) if shape == SMALL else (512, 64, 256, 64)
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(steps, batch, classes, generator=generator).log_softmax(-1).requires_grad_()
    targets = torch.randint(1, classes, (batch, labels), generator=generator)
    return scores, targets, torch.full((batch,), steps), torch.full((batch,), labels)


def rate(times: paired.Times) -> str:
    return f"{paired.ratio(times['torch'], times['losskit']):.2f}"


def row(loss: type[losskit.Loss], rounds: int, compiled: bool) -> str | None:
    cells = []
    for shape, timer in ((SMALL, by_clock), (LARGE, by_device)):
        for fused in (False, True) if compiled else (False,):
            steps = pair(loss, shape, fused)
            if steps is None:
                return None
            times = in_turn(steps, timer, rounds)
            ours = statistics.median(times["losskit"])
            cells += [rate(times), f"{ours * 1e6:.0f}"]
            if shape == LARGE and not fused:
                cells.append(f"{peak(steps['torch']) / peak(steps['losskit']):.2f}")
            del steps
            torch.cuda.empty_cache()
    return f"{loss.__name__:32}" + "".join(f"{cell:>9}" for cell in cells)


def head(rounds: int) -> None:
    """Cross-entropy behind a last layer: all logits at once, and in chunks."""
    print(f"\n{'LM head: N, D, V, dtype':52}{'ms':>9}{'ratio':>9}{'MiB':>9}")
    for rows, width, classes, dtype in ((8192, 1024, 32_000, torch.bfloat16), (8192, 2048, 128_000, torch.bfloat16)):
        torch.manual_seed(0)
        input = torch.randn(rows, width, device="cuda", dtype=dtype, requires_grad=True)
        weight = (torch.randn(classes, width, device="cuda", dtype=dtype) / width**0.5).requires_grad_()
        target = torch.randint(classes, (rows,), device="cuda")

        def all_logits(input: Tensor, weight: Tensor, target: Tensor) -> Tensor:
            return F.cross_entropy(F.linear(input, weight).float(), target)

        tensors = (input, weight, target)
        steps = {"torch": variants.backward(all_logits, tensors)}
        for chunk in (0, rows // 16, rows // 4):
            chunked = partial(functional.linear_cross_entropy, chunk_size=chunk)
            steps[f"chunks of {chunk or 'default'}"] = variants.backward(chunked, tensors)
        times = in_turn(steps, by_device, rounds)
        label = f"{rows}, {width}, {classes}, {str(dtype).removeprefix('torch.')}"
        for name, step in steps.items():
            taken = statistics.median(times[name]) * 1e3
            cells = f"{taken:>9.1f}{paired.ratio(times['torch'], times[name]):>9.2f}{peak(step) / paired.MIB:>9.0f}"
            print(f"{label:32}  {name:18}{cells}", flush=True)
        del steps, tensors, input, weight
        torch.cuda.empty_cache()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--losses", nargs="+", default=[], help="of the catalog; all by default")
    parser.add_argument("--compiled", action="store_true", help="both compiled, too")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name()}, {options.rounds} rounds, float32")
    compiled = ["compiled", "µs"] if options.compiled else []
    columns = ["small", "µs", *compiled, "large", "µs", "memory", *compiled]
    print(f"{'torch / losskit, forward+backward':32}" + "".join(f"{column:>9}" for column in columns))
    for loss in losskit.CATALOG:
        if not options.losses or loss.__name__ in options.losses:
            line = row(loss, options.rounds, options.compiled)
            if line is not None:
                print(line, flush=True)
    head(options.rounds)


if __name__ == "__main__":
    main()
