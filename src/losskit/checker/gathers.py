"""What was gathered over ranks: torch's collectives give tensors without a graph."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FunctionType
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor


class Gathered(NamedTuple):
    """The rows of this rank, which require a gradient, and those of all ranks; of objects the tensors that came, too."""

    own: Tensor
    all: tuple[Tensor, ...]
    leaves: tuple[Tensor, ...] = ()


#: The last ones until a backward pass.
RECENT: deque[Gathered] = deque(maxlen=4)
NAMES = (
    "all_gather",
    "all_gather_into_tensor",
    "all_gather_single",  # the same by its newer name
    "all_gather_object",
    "gather",
    "gather_object",
)
OWN = ("tensor", "input_tensor", "obj")
ALL = ("tensor_list", "output_tensor", "gather_list", "object_list", "object_gather_list")


def functions() -> list[Any]:
    """Torch's functions that gather; none where torch was built without them."""
    return [getattr(dist, name) for name in NAMES if hasattr(dist, name)]


def noting(function: Any, hide: Callable[[CodeType], CodeType]) -> CodeType:
    """Code for it that notes what it gathered. It names what its closure holds, as code must that takes another's place."""
    original = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    original.__kwdefaults__ = function.__kwdefaults__
    free, mark = function.__code__.co_freevars, "the function that follows takes its place"
    made: dict[str, Any] = {}
    head = f"def make({', '.join(free)}):\n  def asking(*args, **kwargs):\n    held = [{', '.join(free)}]\n    ask = {mark!r}"
    exec(f"{head}\n    return ask(*args, **kwargs)\n  return asking", made)
    signature = inspect.signature(function)

    def ask(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if not torch.compiler.is_compiling():
            _note(signature.bind(*args, **kwargs).arguments)
        return result

    ask.__code__ = hide(ask.__code__)
    code: CodeType = hide(made["make"](*free).__code__)
    return code.replace(co_consts=tuple(ask if each == mark else each for each in code.co_consts))


def _note(given: dict[str, Any]) -> None:
    own = [each for each in _tensors(given, OWN) if each.requires_grad and each.dim() == 2]
    every = list(_tensors(given, ALL)) if own else []
    leaves = tuple(each for each in every if each.is_leaf and each.requires_grad)
    for each in own:
        RECENT.append(Gathered(each.detach(), tuple(one.detach() for one in every), leaves))


def _tensors(given: dict[str, Any], names: tuple[str, ...]) -> Iterator[Tensor]:
    """The tensors in what has one of these names, in lists and dictionaries, too."""
    found = [given[name] for name in names if name in given]
    for _ in range(3):
        yield from (each for each in found if isinstance(each, Tensor))
        found = [one for each in found if isinstance(each, (list, tuple, dict)) for one in _held(each)]


def _held(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value
