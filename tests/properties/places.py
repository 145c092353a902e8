"""Which implementation computes a loss, and where."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from cases import Subject, draw
from torch import Tensor

from losskit.choice import CLAMP_HAS_SLOPE, ONCE
from properties.held import holds

#: Losses that torch's operator never computes, though torch has it, and why.
NOT_BY_TORCH = {
    "SoftMarginLoss": "a score of -200 for 1 overflows",
    "CosineEmbeddingLoss": "a vector of zeros has a gradient of a million, and short or long vectors another cosine",
    "GaussianNLLLoss": "torch's waits for the device to look for negative variances, and refuses shapes",
    "KLDivLoss": "torch's is NaN at 0 log 0, and only the values could tell",
}
if not CLAMP_HAS_SLOPE:
    NOT_BY_TORCH["MarginRankingLoss"] = "equal scores have no slope there, and would never be told apart"


@holds
def reads_nothing_off_cpu(subject: Subject) -> None:
    """On a device nothing is read, and where torch has the operator, and it is right, that very operator is called.

    It is so on CPU where the loss has no kernel, there seen to the end of backward.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.utils._python_dispatch import TorchDispatchMode

    aten = torch.ops.aten

    class Calls(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.names: list[str] = []

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            views = (aten.promote_types.default, aten.detach.default, aten.alias.default)  # which compute nothing
            if isinstance(func, torch._ops.OpOverload) and func.namespace == "aten" and func not in views:
                self.names.append(func.__name__.split(".")[0])
            return func(*args, **(kwargs or {}))

    tensors = draw(subject.loss, (6,), dtype=torch.float32)

    def calls(loss: Callable[..., Tensor], device: str) -> list[str]:
        watched = Calls()
        with FakeTensorMode() if device == "cuda" else nullcontext(), watched:
            if device == "cuda":
                each = [torch.empty(value.shape, dtype=value.dtype, device=device) for value in tensors]
            else:
                each = [tensors[0].clone().requires_grad_(), *tensors[1:]]
            watched.names.clear()
            value = loss(*each)
            if device == "cpu":  # on a GPU that is not there torch cannot go backward
                value.sum().backward()
        return watched.names

    ours = calls(subject.loss(), "cuda")
    assert not {"_local_scalar_dense", "item", "nonzero"} & set(ours), ours
    right = subject.loss.about.torch is not None and subject.loss().torch_is_right(*tensors)
    assert right == (subject.loss.about.torch is not None and subject.loss.__name__ not in NOT_BY_TORCH)
    if right:
        theirs = getattr(F, str(subject.loss.about.torch))
        assert ours == calls(theirs, "cuda")
        if subject.loss.about.kernel is None:
            assert calls(subject.loss(), "cpu") == calls(theirs, "cpu")


@holds
def compiled_off_cpu_by_torch(subject: Subject) -> None:
    """The compiler, too, gets torch's operator there, for which it has the better code; it needs no GPU to be asked."""
    tensors = [tensor.to("meta") for tensor in draw(subject.loss, dtype=torch.float32)]
    called: list[str] = []

    def backend(graph: torch.fx.GraphModule, example: list[Tensor]) -> Callable[..., Any]:
        called.extend(node.target.__name__ for node in graph.graph.nodes if node.op == "call_function")
        return graph.forward

    torch._dynamo.reset()
    torch.compile(subject.loss(), fullgraph=True, backend=backend)(*tensors)
    theirs = subject.loss.about.torch
    inlined = theirs == "triplet_margin_with_distance_loss"  # torch's is written in Python, and calls the distance
    if theirs is not None and theirs not in ONCE and subject.loss.__name__ not in NOT_BY_TORCH and not inlined:
        assert set(called) - {"getattr"} == {theirs}
    called.clear()
    criterion = subject.loss()
    criterion.formula = lambda *tensors, **kept: sum(tensors)
    torch._dynamo.reset()
    torch.compile(criterion, fullgraph=True, backend=backend)(*tensors)
    assert theirs not in called
