"""A copy of the repository in which one file at a time is changed, and the tests run."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from mutants.mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
#: As in CMakeLists.txt, at the level that is loaded here.
COMPILE = [
    "-std=c++17",
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fvisibility=hidden",
    "-fvisibility-inlines-hidden",
    "-fPIC",
    "-Wno-unknown-pragmas",
    "-fno-thread-jumps",
    "-fopenmp",
]
UNITS = ("abi", "elementwise", "rowwise", "pairwise", "sequence", "memory")


class Tree:
    """Holds what git would: new files too, ignored ones not; and the libraries as they are built.

    Args:
        path: Where; what is there is deleted.
        level: The instruction set whose library is rebuilt where a kernel is changed.
    """

    def __init__(self, path: Path, level: str | None) -> None:
        self.path, self.level = path, level
        shutil.rmtree(path, ignore_errors=True)
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
            if name and (ROOT / name).is_file():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, path / name)
        self.libraries = path / "src/losskit/native"
        for library in files("losskit.native").iterdir():
            if library.name.endswith(".so"):
                shutil.copy2(str(library), self.libraries)
        # The finder of the installed, editable losskit would come before any path: this one finds nothing.
        (path / "src/_editable_skbc_losskit.py").touch()
        self._count = itertools.count(1)

    @contextmanager
    def changed(self, mutant: Mutant) -> Iterator[bool]:
        """The tree with a mutant in it; False where it does not compile."""
        file = self.path / mutant.file
        shutil.copy2(file, kept := self.path / "kept")
        file.write_text(mutant.source)
        # Bytecode is recognised by its source's time and size: no two mutants share a time.
        os.utime(file, (stamp := 1_000_000_000 + 10 * next(self._count), stamp))
        try:
            yield self._built(mutant.file) if mutant.file.startswith("kernels/") else True
        finally:
            shutil.copy2(kept, file)
            for library in self.libraries.glob("*.so.kept"):
                library.replace(library.with_suffix(""))

    def _built(self, file: str) -> bool:
        """Whether the library of the level in use could be built, and for ``abi.cpp``, whose lowest one is asked, all of them."""
        levels = [each.stem.partition("_")[2] for each in self.libraries.glob("losskit_*.so")]
        for level in levels if file == "kernels/abi.cpp" else [str(self.level)]:
            march = [] if level == "native" else [f"-march=x86-64-{level}"]
            objects = [str(self._object(unit, level, file)) for unit in UNITS]
            done = [
                self._runs(*COMPILE, *march, "-c", f"kernels/{unit}.cpp", "-o", object)
                for unit, object in zip(UNITS, objects, strict=True)
                if not (self.path / object).exists()
            ]
            library = self.libraries / f"losskit_{level}.so"
            library.rename(library.with_suffix(".so.kept"))
            if not all(done) or not self._runs("-shared", "-fopenmp", *objects, "-o", str(library)):
                return False
        return True

    def _object(self, unit: str, level: str, file: str) -> Path:
        """Where a unit's object is: what is not changed is compiled once, and a header changes every unit."""
        changed = file.endswith(".h") or file == f"kernels/{unit}.cpp"
        path = self.path / "objects" / ("changed" if changed else level) / f"{unit}.o"
        path.parent.mkdir(parents=True, exist_ok=True)
        if changed:
            path.unlink(missing_ok=True)
        return path

    def _runs(self, *arguments: str) -> bool:
        return subprocess.run(["c++", *arguments], cwd=self.path, capture_output=True).returncode == 0
