"""What made a tensor: the activation that its graph shows behind all that only moves, picks or casts values."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from torch import Tensor

DEEPEST = 60  # nodes between the loss and the activation
WIDEST = 200  # nodes looked at in all, where a cat has many branches


class Origin(NamedTuple):
    """What made a tensor, such as ``"softmax"``; ``"unknown"`` where the graph does not tell."""

    by: str
    node: str = ""  # its name in the graph
    straight: bool = True  # whether no dimension was moved or dropped since
    width: int = 0  # of a linear layer its outputs, of a softmax the numbers that sum to 1; 0: not known
    dim: int = -1  # of a softmax, where known
    beside: int = 0  # of a softmax over another dimension than the last, the size of the last
    bounds: tuple[float, float] = (-math.inf, math.inf)  # between which it was cut off

    @property
    def known(self) -> bool:
        """Whether the graph tells what made it."""
        return self.by != "unknown"

    @property
    def range(self) -> tuple[float, float]:
        """The values that it can take."""
        low, high = RANGES.get(self.by, self.bounds)
        return max(low, self.bounds[0]), min(high, self.bounds[1])


UNKNOWN = Origin("unknown")

#: The values that an activation can give.
RANGES = {
    "softmax": (0.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, math.inf),
    "softplus": (0.0, math.inf),
    "exp": (0.0, math.inf),
    "log_softmax": (-math.inf, 0.0),
    "log_sigmoid": (-math.inf, 0.0),
}

#: The activation that each node stands for; "linear" is what can give any number.
NODES = {
    "SoftmaxBackward0": "softmax",
    "LogSoftmaxBackward0": "log_softmax",
    "SigmoidBackward0": "sigmoid",
    "LogSigmoidBackward0": "log_sigmoid",
    "HardsigmoidBackward0": "hardsigmoid",
    "HardtanhBackward0": "hardtanh",
    "TanhBackward0": "tanh",
    "ReluBackward0": "relu",
    "SoftplusBackward0": "softplus",
    **dict.fromkeys(
        (
            "AddmmBackward0",
            "AddmvBackward0",
            "BaddbmmBackward0",
            "BmmBackward0",
            "ConvolutionBackward0",
            "LinearBackward0",
            "MkldnnConvolutionBackward0",
            "MmBackward0",
            "MvBackward0",
        ),
        "linear",
    ),
}

#: What the logarithm or the exponential of an activation is.
OF_LOG = {"softmax": "log_softmax", "sigmoid": "log_sigmoid"}
OF_EXP = {"log_softmax": "softmax", "log_sigmoid": "sigmoid"}

#: Nodes that move, pick or cast values; where one has several parents, the tensors among them must agree.
MOVING = frozenset(
    {
        "DiagonalBackward0",
        "FlipBackward0",
        "PermuteBackward0",
        "SelectBackward0",
        "SqueezeBackward0",
        "SqueezeBackward1",
        "SqueezeBackward2",
        "TBackward0",
        "TransposeBackward0",
        "UnsqueezeBackward0",
    }
)
KEEPING = frozenset(
    {
        "AliasBackward0",
        "ClampBackward0",
        "ClampBackward1",
        "ClampMaxBackward0",
        "ClampMinBackward0",
        "CloneBackward0",
        "ExpandBackward0",
        "GatherBackward0",
        "IndexBackward0",
        "IndexSelectBackward0",
        "MaskedFillBackward0",
        "MaskedFillBackward1",
        "MaskedSelectBackward0",
        "NarrowBackward0",
        "RepeatBackward0",
        "ReshapeAliasBackward0",
        "SliceBackward0",
        "SplitBackward0",
        "SplitWithSizesBackward0",
        "TakeBackward0",
        "ToCopyBackward0",
        "UnbindBackward0",
        "UnsafeViewBackward0",
        "ViewBackward0",
        "WhereBackward0",
    }
)
#: Nodes that put tensors together, all of which must come from the same activation.
JOINING = frozenset({"CatBackward0", "GatherBackward", "StackBackward0"})
#: Interpolation keeps what lies in a range there; it is not the logarithm's.
BLENDING = frozenset({"UpsampleBilinear2DBackward0", "UpsampleNearest2DBackward0"})


LEAF = "torch::autograd::AccumulateGrad"


def origin(tensor: Tensor) -> Origin:
    """What made ``tensor``. It reads the names of nodes, and never what a hook keeps of what they saved."""
    return UNKNOWN if tensor.grad_fn is None else _Walk().from_node(tensor.grad_fn, DEEPEST)


class _Walk:
    """A walk back through a graph, of bounded length."""

    def __init__(self) -> None:
        self.left = WIDEST

    def from_node(self, node: Any, depth: int) -> Origin:
        self.left -= 1
        if node is None or depth == 0 or self.left < 0:
            return UNKNOWN
        name = node.name()
        if name in NODES:
            return Origin(NODES[name], name, True, *_sizes(node), bounds=_bounds(node))
        parents = [parent for parent, _ in node.next_functions]
        if name in KEEPING or name in MOVING or name in BLENDING:
            found = self._agreed([parent for parent in parents if parent is not None], depth)
            if name in BLENDING and found.by.startswith("log_"):
                return UNKNOWN
            if name.startswith("Clamp"):
                found = found._replace(bounds=_bounds(node))
            return found._replace(straight=False) if name in MOVING else found
        if name in JOINING:
            return self._agreed(parents, depth)
        if name == "AddBackward0":  # a bias, or a residual
            found = self._agreed([parent for parent in parents if parent and parent.name() != LEAF], depth)
            return found if found.by == "linear" else UNKNOWN
        if _is_sigmoid(node):
            return Origin("sigmoid", name)
        if name == "MulBackward0" and _shrinks(node):
            found = self._agreed([parent for parent in parents if parent is not None], depth)
            return UNKNOWN if found.by.startswith("log_") else found._replace(straight=False)
        for function, of in (("LogBackward0", OF_LOG), ("ExpBackward0", OF_EXP)):
            if name == function:
                inner = self.from_node(parents[0], depth - 1)
                own = "exp" if function == "ExpBackward0" else "unknown"
                return inner._replace(by=of.get(inner.by, own), node=name, bounds=UNKNOWN.bounds)
        return UNKNOWN

    def _agreed(self, parents: list[Any], depth: int) -> Origin:
        """What made all parents, or unknown where they differ."""
        found = [self.from_node(parent, depth - 1) for parent in parents]
        if not found or len({each.by for each in found}) > 1:
            return UNKNOWN
        return found[0]._replace(straight=all(each.straight for each in found))


def _is_sigmoid(node: Any) -> bool:
    """Whether it is one written by hand, 1 / (1 + exp(-x)), which torch takes for a reciprocal times 1."""
    if node.name() == "MulBackward0":
        factor = saved(node, "other")
        if factor is None or factor.dim() or factor != 1:
            return False
        node = node.next_functions[0][0]
    for name in ("ReciprocalBackward0", "AddBackward0", "ExpBackward0"):
        if node is None or node.name() != name:
            return False
        node, *others = (parent for parent, _ in node.next_functions if parent is not None)
        if others:
            return False
    return bool(node.name() == "NegBackward0")


def _bounds(node: Any) -> tuple[float, float]:
    """The numbers between which a node cuts off its input; infinite where it does not, and where they are tensors."""
    low, high = (
        next(
            (value for name in names if isinstance(value := getattr(node, f"_saved_{name}", None), float | int)), other
        )
        for names, other in ((("min", "min_val"), -math.inf), (("max", "max_val"), math.inf))
    )
    return float(low), float(high)


def _shrinks(node: Any) -> bool:
    """Whether a constant multiplies it that lies between 0 and 1, as a mask does: all stays within the activation's range."""
    left, right = (parent for parent, _ in node.next_functions)
    if (left is None) == (right is None):
        return False
    factor = saved(node, "other" if right is None else "self")
    return factor is not None and bool(((factor >= 0) & (factor <= 1)).all())


def _sizes(node: Any) -> tuple[int, int, int]:
    """The width of a layer; the width, dimension, and what is beside it, of a softmax."""
    if hasattr(node, "_saved_mat2_sym_sizes"):
        return int(node._saved_mat2_sym_sizes[-1]), -1, 0
    result = saved(node, "result") if hasattr(node, "_saved_dim") else None
    if result is None or not result.dim():
        return 0, -1, 0
    dim = (node._saved_dim + 2**63) % 2**64 - 2**63  # torch gives a negative one without its sign
    dim %= result.dim()
    return result.shape[dim], dim, 0 if dim == result.dim() - 1 else result.shape[-1]


def nodes(tensor: Tensor, most: int = 4000) -> list[Any]:
    """The nodes of its graph, nearest first; not all of a very large one."""
    return behind(tensor.grad_fn, most)


def behind(node: Any, most: int) -> list[Any]:
    """A node, and those that lead to it."""
    seen: dict[Any, None] = {}
    waiting = [node]
    while waiting and len(seen) < most:
        node = waiting.pop(0)
        if node is not None and node not in seen:
            seen[node] = None
            waiting += [parent for parent, _ in node.next_functions]
    return list(seen)


def saved(node: Any, name: str) -> Tensor | None:
    """A tensor that a node keeps for backward; None where a hook keeps it elsewhere, which must not be disturbed.

    Torch 2.8 does not tell whether one does: there it is always None.
    """
    kept = getattr(getattr(node, f"_raw_saved_{name}", None), "data", None)
    return kept.detach() if isinstance(kept, Tensor) else None
