"""What was gathered over ranks: torch's collectives give tensors without a graph."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor


class Gathered(NamedTuple):
    """The rows of this rank, which require a gradient, and those of all ranks."""

    own: Tensor
    all: tuple[Tensor, ...]


#: The last ones until a backward pass.
RECENT: deque[Gathered] = deque(maxlen=4)
NAMES = ("all_gather", "all_gather_into_tensor", "all_gather_single")  # the last is the second's newer name


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

    def ask(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if not torch.compiler.is_compiling():
            _note([*args, *kwargs.values()], kwargs)
        return result

    ask.__code__ = hide(ask.__code__)
    code: CodeType = hide(made["make"](*free).__code__)
    return code.replace(co_consts=tuple(ask if each == mark else each for each in code.co_consts))


def _note(given: list[Any], named: dict[str, Any]) -> None:
    every = named.get("tensor_list", named.get("output_tensor", given[0]))
    own = named.get("tensor", named.get("input_tensor", given[1] if len(given) > 1 else None))
    every = (every,) if isinstance(every, Tensor) else tuple(every)
    if isinstance(own, Tensor) and own.requires_grad and own.dim() == 2:
        RECENT.append(Gathered(own.detach(), tuple(each.detach() for each in every)))
