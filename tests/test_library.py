"""Which library is loaded, from what was built and what the processor has."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

import losskit
from losskit.native import library, node
from losskit.native.library import FORCE, KEPT, Status

Loaded = Callable[..., tuple[Any, str | None, str]]
OLD = library.ABI - 1
OF_DRIVERS = [driver + what for driver in library.DRIVERS for what in ("", "_op", "_slopes")]
DECLARED = ("lease", "sequence", "empty_cache", "keep_blocks", *OF_DRIVERS)


class Fake:
    """A library of one level, on a processor that has levels up to ``has``."""

    def __init__(self, path: str, has: int, abi: int, sizes: dict[str, int] | None = None) -> None:
        self._name = path
        self.kept: list[int] = []
        for name in DECLARED:  # each is told its types
            setattr(self, f"losskit_{name}", partial(self.kept.append))
        self.losskit_level = lambda: has
        self.losskit_abi_version = lambda: abi
        self.losskit_sizeof = partial(sized, sizes or {})


def sized(sizes: dict[str, int], name: bytes) -> int:
    """As a library says: as large as in Python but where ``sizes`` has another."""
    own = {struct.__name__: ctypes.sizeof(struct) for struct in library.STRUCTS}
    return (own | sizes)[name.decode()]


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    monkeypatch.delenv(FORCE, raising=False)

    def load(
        built: str, has: int, forced: str | None = None, old: str = "", sizes: dict[str, dict[str, int]] | None = None
    ) -> tuple[Any, str | None, str]:
        if forced is not None:
            monkeypatch.setenv(FORCE, forced)
        monkeypatch.setattr(library, "_candidates", lambda level: [f"{level}.so"] if level in built.split() else [])

        def fake(path: str) -> Fake:
            level = path.partition(".")[0]
            return Fake(path, has, library.ABI - (level in old.split()), (sizes or {}).get(level))

        monkeypatch.setattr(library, "CDLL", fake)
        return library._loaded.__wrapped__()

    return load


@pytest.mark.parametrize("has", [2, 3, 4])
def test_the_best_that_the_processor_has_is_loaded(loaded: Loaded, has: int) -> None:
    found, level, reason = loaded("v2 v3 v4", has)
    assert (found._name, level, reason) == (f"v{has}.so", f"v{has}", "it is the best this processor has")
    assert found.kept == [KEPT] == [2**28]
    assert loaded("v2 v3", has)[1] == f"v{min(has, 3)}"
    assert loaded("v2", has)[1] == "v2"


def test_another_processor_has_one_library(loaded: Loaded) -> None:
    assert loaded("native", 0)[1:] == ("native", "it is the best this processor has")


def test_a_level_can_be_asked_for(loaded: Loaded) -> None:
    found, level, reason = loaded("v2 v3 v4", 4, forced="v3")
    assert (found._name, level, reason) == ("v3.so", "v3", "LOSSKIT_LEVEL=v3")
    assert loaded("v2 v3 v4", 4, forced="none") == (None, None, "LOSSKIT_LEVEL=none")
    assert loaded("v2 v3 v4", 3, forced="v4") == (None, None, "no library fits: v4, v3, v2 built, v3, v2 supported")
    with pytest.raises(ValueError, match="v9") as caught:
        loaded("v2", 4, forced="v9")
    assert str(caught.value) == "LOSSKIT_LEVEL must be one of v4, v3, v2, native or none, got 'v9'"


def test_without_a_library_that_fits_there_is_none(loaded: Loaded) -> None:
    assert loaded("", 4) == (None, None, "no library was built: there was no C++ compiler when losskit was installed")
    assert loaded("v2 v3 v4", 1) == (None, None, "no library fits: v4, v3, v2 built, none supported")
    assert loaded("v3 v4", 4) == (None, None, "no library fits: v4, v3 built, none supported")  # v2 knows
    assert loaded("v2 v3 v4", 4, old="v4")[1] == "v3"  # left over from another version
    assert loaded("v2 v3", 3, old="v2 v3") == (
        None,
        None,
        f"no library fits: v3, v2 built, v3, v2 supported; v3 has ABI {OLD}, not {OLD + 1}; v2 has ABI {OLD}, not {OLD + 1}",
    )


@pytest.mark.parametrize("struct", library.STRUCTS)
def test_a_library_with_a_struct_of_another_size_is_declined(loaded: Loaded, struct: type[ctypes.Structure]) -> None:
    name, size = struct.__name__, ctypes.sizeof(struct)
    wrong = {name: size + 8}
    assert loaded("v2 v3", 3, sizes={"v3": wrong})[1] == "v2"
    found, level, reason = loaded("v2", 3, sizes={"v2": wrong})
    assert (found, level) == (None, None)
    assert reason == f"no library fits: v2 built, v2 supported; v2 has a {name} of {size + 8} bytes, not {size}"


def test_formulas_serve_where_a_struct_has_another_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """The built library itself, read by a Python whose struct has a field more."""
    if library.load() is None:
        pytest.skip(library.status().reason)

    fields = {"_fields_": [("more", ctypes.c_int64)]}
    monkeypatch.setattr(library, "STRUCTS", (type("Rowwise", (library.Rowwise,), fields),))
    monkeypatch.setattr(library, "_loaded", library._loaded.__wrapped__)
    status = library.status()
    assert (status.level, status.path) == (None, None)
    assert f"has a Rowwise of {ctypes.sizeof(library.Rowwise)} bytes" in status.reason
    input, target = torch.randn(5, 3), torch.arange(5) % 3
    torch.testing.assert_close(
        losskit.CrossEntropyLoss()(input, target), torch.nn.functional.cross_entropy(input, target)
    )


def test_status_says_what_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(Status("v3", "x.so", "it is", 7, "y.so")) == (
        "kernels  v3\nlibrary  x.so\nbecause  it is\nthreads  7\nnode     y.so"
    )
    assert str(Status(None, None, "why", 1, how="do this")) == (
        "kernels  none: formulas serve\nlibrary  -\nbecause  why\nthreads  1\nnode     in Python: do this"
    )
    for found, path in ((Fake("v2.so", 2, 1), "v2.so"), (None, None)):
        monkeypatch.setattr(library, "_loaded", lambda found=found: (found, "v2", "because"))
        for module, how in ((sys, "y.so"), (None, "do this")):
            monkeypatch.setattr(node, "found", lambda module=module, how=how: (module, how))
            threads, there = torch.get_num_threads(), how if module else None
            assert library.status() == Status("v2", path, "because", threads, there, "" if module else how)
    assert library.load() is None
    assert library.empty_cache() == 0


def test_calls_are_laid_out_as_the_kernels_read_them() -> None:
    """The sizes of ``kernels/abi.h`` on 64 bits: a field more or less would shift all that follow."""
    spread = 8 + 2 * 8
    assert ctypes.sizeof(library.Spread) == spread
    assert ctypes.sizeof(library.Elementwise) == 6 * 4 + 2 * 8 + 5 * 8 + 6 * spread + 8 + 4 * 8 + 8
    assert ctypes.sizeof(library.Pairwise) == 6 * 4 + 2 * 8 + 7 * 8 + 2 * spread + 8 + 4 * 8 + 8
    padding = 4
    assert ctypes.sizeof(library.Rowwise) == 7 * 4 + padding + 3 * 8 + 4 * 8 + 8 + 8 + 2 * spread + 2 * 8 + 4 * 8 + 8
