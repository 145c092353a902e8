"""The autograd node in C++: built for the installed torch, kept in the user's cache, loaded from there.

It makes small calls faster and changes nothing else, so it is never needed: without it ``autograd.py`` serves. Torch's stable
ABI has no autograd nodes, so no wheel can bring one for every torch.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import torch

SWITCH = "LOSSKIT_NODE"  # an environment variable: "none" for the node in Python
COMMAND = "python -m losskit.native build"
SOURCE = Path(__file__).with_name("node.cpp")
MODULE = "losskit_node"
FLAGS = ("-O2", "-std=c++20", "-shared", "-fPIC", "-fvisibility=hidden")


def load() -> Any | None:
    """The module; None if the node in Python serves."""
    return found()[0]


def place() -> Path:
    """Where it is kept, by this source and by what it is built for: torch and Python."""
    built_for = (torch.__version__, str(torch.version.git_version), *FLAGS)
    key = hashlib.sha256(SOURCE.read_bytes() + repr(built_for).encode()).hexdigest()[:16]
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "losskit", f"node-torch-{torch.__version__}-{key}{sysconfig.get_config_var('EXT_SUFFIX')}")


def build() -> Path:
    """Compile it unless it is there; raises :class:`OSError` with the reason if that cannot be done."""
    target = place()
    if target.is_file():
        return target
    compiler, headers = shutil.which(os.environ.get("CXX", "c++")), Path(sysconfig.get_path("include"))
    if compiler is None:
        raise OSError("there is no C++ compiler")
    if not (headers / "Python.h").is_file():
        raise OSError(f"there is no {headers / 'Python.h'}")
    home = Path(str(torch.__file__)).parent
    includes = [f"-isystem{each}" for each in (home / "include", home / "include/torch/csrc/api/include", headers)]
    libraries = [f"-L{home / 'lib'}", "-ltorch_python", "-ltorch_cpu", "-lc10"]
    loose = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{os.getpid()}-{target.name}")  # renamed when it is whole: others may build it as well
    command = [compiler, *FLAGS, *includes, str(SOURCE), "-o", str(partial), *libraries, *loose]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        partial.unlink(missing_ok=True)
        raise OSError(f"{compiler} failed:\n{run.stderr}")
    partial.replace(target)
    found.cache_clear()
    return target


@cache
def found() -> tuple[Any | None, str]:
    """The module and its file; or None, and why not."""
    if os.environ.get(SWITCH) == "none":
        return None, f"{SWITCH}=none"
    try:
        path = place()
        built = path.is_file()
    except (OSError, RuntimeError) as error:  # a package without its source, a user without a home
        return None, f"the one in C++ cannot be looked for: {error}"
    if not built:
        return None, f"`{COMMAND}` builds a faster one in C++"
    loader = ExtensionFileLoader(MODULE, str(path))
    spec = spec_from_file_location(MODULE, path, loader=loader)
    assert spec is not None
    try:
        module = module_from_spec(spec)
        loader.exec_module(module)
    except ImportError as error:
        return None, f"{path} does not load: {error}"
    return module, str(path)
