"""The vector functions of the kernels are within 1.5 units in the last place; ``pytest -s`` prints the worst.

float32 is swept over every ``ULP_STEP``-th of its 2**32 bit patterns (an environment variable; 1 for all of them) against
float64, float64 is sampled against long double.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiler import COMPILER
from numpy.typing import NDArray

from losskit.native import library

Array = NDArray[Any]
STEP = int(os.environ.get("ULP_STEP", "1021"))
LEVELS = [level for level in library.LEVELS if library._candidates(level)]
FLAGS = [
    "-std=c++17",
    "-O3",
    "-fopenmp",
    "-shared",
    "-fPIC",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
]
FUNCTIONS = ["exp", "exp_down", "expm1", "log", "log_normal", "log1p_unit", "log_unit", "log_rest"]

pytestmark = pytest.mark.skipif(COMPILER is None or not LEVELS, reason="no working compiler, or no kernels")


@pytest.fixture(scope="module", params=LEVELS)
def probe(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The functions compiled for one instruction set, among those that this processor has."""
    level = request.param
    if level not in library._supported({each: str(library._candidates(each)[0]) for each in LEVELS}):
        pytest.skip(f"no {level} here")
    path = tmp_path_factory.mktemp("vmath") / f"{level}.so"
    march = [] if level == "native" else [f"-march=x86-64-{level}"]
    source = Path(__file__).parent / "vmath_probe.cpp"
    subprocess.run([str(COMPILER), *FLAGS, *march, str(source), "-o", str(path)], check=True)
    return ctypes.CDLL(str(path))


def call(probe: ctypes.CDLL, function: str, x: Array) -> Array:
    y = np.empty_like(x)
    pointers = (ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data))
    getattr(probe, f"{function}_{x.dtype}")(*pointers, ctypes.c_long(len(x)))
    return y


def inputs(function: str, dtype: str) -> Iterator[Array]:
    """Every exponent, both signs, subnormals, infinities and NaN."""
    if dtype == "float32":
        for start in range(0, 2**32, 2**28):
            bits = np.arange(start, start + 2**28, STEP, dtype=np.uint64).astype(np.uint32)
            yield within(function, bits.view(np.float32))
        return
    rng, n = np.random.default_rng(0), 200_000
    yield within(function, rng.integers(0, 2**64, n, dtype=np.uint64).view(np.float64))
    for low, high in ((-750, 750), (-2, 2), (0, 1), (-1e-3, 1e-3)):
        yield within(function, rng.uniform(low, high, n))
    yield within(function, np.exp(rng.uniform(-700, 700, n)))
    yield within(function, np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1.0, -1.0]))


def within(function: str, x: Array) -> Array:
    """What the narrower functions are meant for."""
    if function.endswith(("_unit", "_rest")):
        x = x[(x >= 0) & (x <= 1)]
    if function == "log_normal":
        x = x[x >= np.finfo(x.dtype).tiny]
    if function in ("log_unit", "log_rest"):
        x = x[(x > 0) & (x < 1)]
    if function == "exp_down":  # below, it gives 0: subnormal probabilities do not count
        x = x[(x <= 0) & (x >= (-87 if x.dtype == np.float32 else -708)) | np.isnan(x)]
    return np.ascontiguousarray(x)


def rest(x: Array) -> Array:
    return np.log1p(-x)


def worst(probe: ctypes.CDLL, function: str, dtype: str) -> float:
    """The largest error in units in the last place, NaN and infinity being where they must."""
    reference = rest if function == "log_rest" else getattr(np, re.sub("_(unit|down|normal)$", "", function))
    wide: Any = np.float64 if dtype == "float32" else np.longdouble
    least, digits = (2.0**-149, 23) if dtype == "float32" else (5e-324, 52)
    border = np.finfo(dtype).max * (1 - (1e-6 if dtype == "float32" else 1e-15))
    top = 0.0
    for x in inputs(function, dtype):
        with np.errstate(all="ignore"):
            got, exact = call(probe, function, x), reference(x.astype(wide))
            rounded = exact.astype(dtype)
            assert np.array_equal(np.isnan(got), np.isnan(rounded))
            ends = (np.isinf(rounded) | np.isinf(got)) & (got != rounded)
            assert (np.abs(exact[ends]) > border).all()  # an ulp may turn the largest number into infinity
            finite = np.isfinite(rounded) & np.isfinite(got)
            true = exact[finite]
            unit = np.maximum(np.ldexp(wide(1), np.frexp(true)[1] - 1 - digits), wide(least))
            top = max(top, float(np.max(np.abs(got[finite].astype(wide) - true) / unit, initial=0)))
    return top


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_worst_error(probe: ctypes.CDLL, function: str, dtype: str) -> None:
    found = worst(probe, function, dtype)
    print(f"\n{Path(probe._name).stem} {dtype} {function:10} worst error {found:.3f} ulp", end="")
    assert found <= 1.5
