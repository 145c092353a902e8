"""The C library: found, loaded and called.

There is one library per level of instruction sets beside this file (or, in an editable install, where
``importlib.resources`` finds it). The best one that the processor supports is loaded at the first call. Without a library,
formulas are used.
"""

from __future__ import annotations

import os
from ctypes import (
    CDLL,
    POINTER,
    Structure,
    c_char_p,
    c_double,
    c_int32,
    c_int64,
    c_void_p,
    py_object,
    pythonapi,
    sizeof,
)
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import torch  # before the library: both then share one OpenMP, and one thread count
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from losskit.native import node

ABI = 3
LEVELS = ("v4", "v3", "v2", "native")  # of x86-64, best first; elsewhere the compiler's default
FORCE = "LOSSKIT_LEVEL"  # an environment variable: a level, or "none" for formulas alone
DTYPES = {torch.float32: 0, torch.float64: 1, torch.bfloat16: 2, torch.float16: 3}
REDUCTIONS = {"none": 0, "sum": 1, "mean": 2, "batchmean": 2}  # its denominator is told
IDS = {torch.int64: 0, torch.int32: 1, torch.uint8: 2}
PROBABILITIES = 3  # instead of ids
KEPT = 256 << 20  # bytes of freed gradients kept for reuse: zeroing fresh pages costs as much as a cheap loss
TENSORS = ("input", "target", "third")  # the pointers of a call, in the order of the loss's tensors
GRADIENTS = ("gradient", "target_gradient", "third_gradient")  # null where one is not wanted
DRIVERS = ("elementwise", "rowwise", "pairwise")
LEASED = 1 << 20  # gradients of at least so many bytes use huge pages


class Spread(Structure):
    """A tensor broadcast over the items: item i reads element (i / inner) % period."""

    _fields_ = [("data", c_void_p), ("period", c_int64), ("inner", c_int64)]


def flat(name: str) -> list[tuple[str, Any]]:
    """The fields of a :class:`Spread` by themselves, its pointer by ``name``: a nested struct takes longer to write to."""
    return [(name, c_void_p), (f"{name}_period", c_int64), (f"{name}_inner", c_int64)]


class Elementwise(Structure):
    """A call of the elementwise driver, field by field as ``kernels/abi.h`` has it."""

    _fields_ = [
        *((name, c_int32) for name in ("op", "dtype", "reduction", "threads", "unscaled", "found")),
        *((name, c_int64) for name in ("size", "row")),
        ("input", c_void_p),
        *flat("target"),
        *flat("third"),
        *((name, c_void_p) for name in ("value", *GRADIENTS)),
        *((name, Spread) for name in ("weight", "pos_weight", "sample_weight", "mask")),
        ("normalizer", c_double),
        ("params", c_double * 4),
        ("scale", c_double),
    ]


class Rowwise(Structure):
    """A call of the row-wise driver, field by field as ``kernels/abi.h`` has it."""

    _fields_ = [
        *((name, c_int32) for name in ("op", "dtype", "reduction", "threads", "unscaled", "found", "ids")),
        *((name, c_int64) for name in ("outer", "classes", "inner")),
        *((name, c_void_p) for name in ("input", "target", "value", "gradient")),
        ("ignore_index", c_int64),
        ("class_weight", c_void_p),
        *((name, Spread) for name in ("sample_weight", "mask")),
        ("normalizer", c_double),
        ("label_smoothing", c_double),
        ("params", c_double * 4),
        ("scale", c_double),
    ]


class Sequence(Structure):
    """A call of the sequence driver, field by field as ``kernels/abi.h`` has it."""

    _fields_ = [
        *((name, c_int32) for name in ("dtype", "reduction", "threads", "found", "from_logits", "zero_infinity")),
        *((name, c_int64) for name in ("steps", "samples", "classes", "blank", "width", "labels")),
        *((name, c_void_p) for name in ("input", "targets", "input_lengths", "target_lengths", "value", "gradient")),
        *((name, Spread) for name in ("sample_weight", "mask")),
        ("normalizer", c_double),
    ]


class Pairwise(Structure):
    """A call of the pairwise driver, field by field as ``kernels/abi.h`` has it."""

    _fields_ = [
        *((name, c_int32) for name in ("op", "dtype", "reduction", "threads", "unscaled", "found")),
        *((name, c_int64) for name in ("items", "width")),
        *((name, c_void_p) for name in (*TENSORS, "value", *GRADIENTS)),
        *((name, Spread) for name in ("sample_weight", "mask")),
        ("normalizer", c_double),
        ("params", c_double * 4),
        ("scale", c_double),
    ]


Struct = Elementwise | Rowwise | Pairwise | Sequence
STRUCTS = (Spread, Elementwise, Rowwise, Pairwise, Sequence)


@dataclass(frozen=True)
class Status:
    """Whether kernels are in use, and why or why not.

    Args:
        level: The instruction set in use; None if formulas are used.
        path: The library's file.
        reason: Why this library was chosen, or why there is none.
        threads: How many a kernel uses, as ``torch.get_num_threads`` says.
        node: The file of the autograd node in C++, which makes small calls faster; None if the one in Python serves.
        how: What turned it off, or how to get it.
    """

    level: str | None
    path: str | None
    reason: str
    threads: int
    node: str | None = None
    how: str = ""

    def __str__(self) -> str:
        rows = {"kernels": self.level or "none: formulas serve", "library": self.path or "-", "because": self.reason}
        rows |= {"threads": str(self.threads), "node": self.node or f"in Python: {self.how}"}
        return "\n".join(f"{name:8} {value}" for name, value in rows.items())


def status() -> Status:
    """Whether kernels are in use on this machine, which ones, and why or why not."""
    library, level, reason = _loaded()
    path = None if library is None else library._name
    found, how = node.found()
    return Status(level, path, reason, torch.get_num_threads(), None if found is None else how, "" if found else how)


def empty_cache() -> int:
    """Return memory kept for gradients to the system; gives its size in bytes."""
    library = load()
    return 0 if library is None else int(library.losskit_empty_cache())


def load() -> CDLL | None:
    """The library, or None if formulas are used."""
    return _loaded()[0]


@cache
def _loaded() -> tuple[CDLL | None, str | None, str]:
    forced = os.environ.get(FORCE)
    if forced == "none":
        return None, None, f"{FORCE}=none"
    if forced is not None and forced not in LEVELS:
        raise ValueError(f"{FORCE} must be one of {', '.join(LEVELS)} or none, got {forced!r}")
    there = {level: str(path) for level in LEVELS for path in _candidates(level)}
    if not there:
        return None, None, "no library was built: there was no C++ compiler when losskit was installed"
    best, misfits = _supported(there), []
    for level in (forced,) if forced else LEVELS:
        if level in there and level in best:
            library = CDLL(there[level])
            misfit = _misfit(library)
            if misfit is None:
                chosen = "it is the best this processor has" if not forced else f"{FORCE}={forced}"
                return _declared(library), level, chosen
            misfits.append(f"{level} {misfit}")
    why = [f"{', '.join(there)} built, {', '.join(best) or 'none'} supported", *misfits]
    return None, None, f"no library fits: {'; '.join(why)}"


def _candidates(level: str) -> list[Any]:
    path = files("losskit.native") / f"losskit_{level}.so"
    return [path] if path.is_file() else []


def _supported(there: dict[str, str]) -> list[str]:
    """The levels that this processor supports, as the library of the lowest level reports them."""
    if "native" in there:
        return ["native"]
    have = int(CDLL(there[min(there)]).losskit_level()) if "v2" in there else 0
    return [level for level in there if int(level[1:]) <= have]


def _misfit(library: CDLL) -> str | None:
    """Why a library from another version or build cannot be used; None if it can."""
    version = library.losskit_abi_version()
    if version != ABI:
        return f"has ABI {version}, not {ABI}"
    library.losskit_sizeof.argtypes = [c_char_p]
    for struct in STRUCTS:
        size = library.losskit_sizeof(struct.__name__.encode())
        if size != sizeof(struct):
            return f"has a {struct.__name__} of {size} bytes, not {sizeof(struct)}"
    return None


def _declared(library: CDLL) -> CDLL:
    library.losskit_lease.restype = c_void_p
    library.losskit_lease.argtypes = [POINTER(c_int64), c_int32, c_int32]
    for driver in DRIVERS:
        getattr(library, f"losskit_{driver}").argtypes = [c_void_p]
        getattr(library, f"losskit_{driver}_op").argtypes = [c_char_p]
        getattr(library, f"losskit_{driver}_slopes").argtypes = [c_int32]
    library.losskit_sequence.argtypes = [c_void_p]
    library.losskit_empty_cache.restype = c_int64
    library.losskit_keep_blocks.argtypes = [c_int64]
    library.losskit_keep_blocks(KEPT)
    return library


_capsule = pythonapi.PyCapsule_New
_capsule.restype = py_object
_capsule.argtypes = [c_void_p, c_char_p, c_void_p]


def lease(library: CDLL, shape: Any, dtype: torch.dtype) -> Tensor | None:
    """Memory in huge pages for a large gradient, which torch frees; None if there is none.

    Args:
        library: The library.
        shape: A C array of int64.
        dtype: Of the gradient.
    """
    managed = library.losskit_lease(shape, len(shape), DTYPES[dtype])
    if not managed:
        return None
    block: Tensor = from_dlpack(_capsule(managed, b"dltensor", None))
    return block
