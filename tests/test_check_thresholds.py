"""How outputs become predictions: wrong thresholds are found beside the loss, and right ones are left alone."""

from __future__ import annotations

import copy
import pickle
import re
import threading
import warnings
import weakref
from contextlib import nullcontext
from typing import Any, ClassVar, cast

import pytest
import torch
import torch.nn.functional as F
from compiler import needs_compiler
from torch import Tensor, nn

import losskit
from losskit.checker.finding import Finding, Severity

PATCHED = ("__gt__", "__ge__", "__lt__", "__le__", "gt", "ge", "round")
BOTH = "output = net(x)\nloss = F.binary_cross_entropy_with_logits(output, y)\n"
BEHIND = "p = net(x).sigmoid()\nloss = F.binary_cross_entropy(p, y)\n"
FAULTY = {
    "after the loss": BOTH + "output > 0.5",
    "before it": "output = net(x)\noutput.squeeze(1) > 0.5\nloss = F.binary_cross_entropy_with_logits(output.flatten(), y[:, 0])\n",
    "the other way round": BOTH + "0.5 < output",
    "no, instead of yes": BOTH + "output <= 0.5",
    "a method": BOTH + "output.ge(0.5)",
    "rounded": BOTH + "output.detach().round()",
    "rounded by a function": BOTH + "torch.round(output)",
    "rounded by a name": BOTH + "from torch import round\nround(output)",
    "another dtype": BOTH + "output.double().data > 0.5",
    "a pass of its own": BOTH + "with torch.no_grad():\n    net(x) > 0.5\n",
    "of another batch": BOTH + "net(x.flip(0)[1:]).squeeze(1) > 0.5",
    "of another batch, before": "net(x + 1).reshape(4, 8) > 0.5\n" + BOTH,
    "four of them": "output = net(x[:4] / 10) + 0.3\nloss = nn.BCEWithLogitsLoss()(output, y[:4])\noutput > 0.5",
    "small and positive at first": "net.weight.data /= 10\nnet.bias.data.fill_(0.5)\n" + BOTH + "output > 0.5",
    "under inference_mode": "with torch.inference_mode():\n    output = net(x)\n    output > 0.5\n    loss = nn.BCEWithLogitsLoss()(output, y)\n",
    "in half precision": "output = net(x).bfloat16()\nloss = nn.BCEWithLogitsLoss()(output.float(), y)\noutput > 0.5",
    "of losskit's loss": "output = net(x)\nloss = losskit.FocalLoss()(output, y)\noutput > 0.5",
    "of many labels": "output = torch.randn(16, 4)\nloss = nn.MultiLabelSoftMarginLoss()(output, (output > 1).float())\noutput > 0.5",
    "a sigmoid of probabilities": BEHIND + "torch.sigmoid(p) > 0.5",
    "by hand": BEHIND + "1 / (1 + torch.exp(-p)) >= 0.5",
    "rounded behind it": BEHIND + "torch.round(torch.sigmoid(p))",
    "twice a sigmoid": BOTH + "output.sigmoid().sigmoid() > 0.5",
    "in another thread": BOTH + "other = threading.Thread(target=lambda: output > 0.5)\nother.start(), other.join()",
    "a large one": "output = torch.randn(1, 3, 50, 60).to(memory_format=torch.channels_last)\n"
    "loss = nn.BCEWithLogitsLoss()(output, torch.ones(1, 3, 50, 60))\noutput > 0.5",
}  # fmt: skip
FINE = {
    "zero": BOTH + "output > 0",
    "a sigmoid": BOTH + "output.sigmoid() > 0.5",
    "probabilities": BEHIND + "p > 0.5, p.round()",
    "digits": BOTH + "output.round(decimals=2), torch.round(output, decimals=2)",
    "other values": BOTH + "nn.Linear(6, 1)(x) > 0.5, net.weight > 0.5, y > 0.5, torch.rand(32, 1) > 0.5",
    "another column of the layer": "both = nn.Linear(6, 2)(x)\nloss = F.binary_cross_entropy_with_logits(both[:, :1], y)\nboth[:, 1:] > 0.5",
    "a margin of the layer": BOTH + "(1 - net(x)) > 0.5, net(x).exp() > 0.5",
    "changed since": BOTH + "output.detach().sigmoid_()\noutput > 0.5",
    "a sweep": BOTH + "[output > at for at in (0.5, 0.0, 0.25)]",
    "a tensor": BOTH + "output > torch.tensor(0.5)",
    "no yes or no": "output = net(x)\nloss = F.mse_loss(output, y)\noutput > 0.5, output.sigmoid() > 0.5",
    "too few": "output = net(x[:2])\nloss = F.binary_cross_entropy_with_logits(output, y[:2])\noutput > 0.5",
    "all alike": "output = torch.full((32, 1), 0.25)\nloss = F.binary_cross_entropy_with_logits(output, y)\noutput > 0.5",
}


def found(text: str) -> list[Finding]:
    torch.manual_seed(0)
    x, known = torch.randn(32, 6), {"torch": torch, "nn": nn, "F": F, "losskit": losskit, "threading": threading}
    known |= {"x": x, "y": (x.sum(1, keepdim=True) > 0).float(), "net": nn.Linear(6, 1)}  # type: ignore[dict-item]
    with losskit.watch() as watching:
        exec(text, known)
    assert not watching.broken
    return [each for each in watching.report().findings if each.severity is not Severity.NOTE]


@pytest.mark.parametrize("way", FAULTY)
def test_it_is_found(way: str) -> None:
    (finding,) = found(FAULTY[way])
    assert (finding.code, finding.severity, finding.seen) == ("LK315", Severity.ERROR, 1)


@pytest.mark.parametrize("way", FINE)
def test_it_is_left_alone(way: str) -> None:
    assert not found(FINE[way])


def test_the_predictions_that_flip_are_counted_over_all_calls() -> None:
    outputs, target = [torch.randn(16, generator=torch.manual_seed(seed)) for seed in range(3)], torch.ones(16)
    flipped = sum(int(((output > 0) & (output <= 0.5)).sum()) for output in outputs)
    with losskit.watch() as watching:
        for output in [*outputs, outputs[0] * 100]:
            nn.BCEWithLogitsLoss()(output, target)
            assert (output > 0.5).dtype is torch.bool
    (finding,) = (each for each in watching.report().findings if each.code == "LK315")
    assert f"{flipped} of 64 predictions" in finding.harm
    assert (finding.seen, finding.of) == (4, 4)


def test_where_none_flips_it_is_a_note() -> None:
    output = torch.arange(-8.0, 8.0) * 9 + 1
    with losskit.watch() as watching:
        nn.BCEWithLogitsLoss()(output, torch.ones(16))
        output > 0.5  # noqa: B015
    (finding,) = (each for each in watching.report().findings if each.code == "LK315")
    assert finding.severity is Severity.NOTE


def test_nothing_is_kept_alive_and_no_bit_is_changed() -> None:
    output = torch.randn(16, 2, requires_grad=True).clone()
    kept, wanted = weakref.ref(output), [output > 0.5, output.round(), output <= 0.5]
    state = torch.get_rng_state()
    with losskit.watch() as watching:
        nn.BCEWithLogitsLoss()(output, torch.ones(16, 2))
        seen = [output > 0.5, output.round(), output <= 0.5]
        assert seen[1].grad_fn is not None
        del output
        assert kept() is None
    assert all(map(torch.equal, seen, wanted))
    assert torch.equal(torch.get_rng_state(), state)
    assert watching.report().failed


class Length(Tensor):
    """It overrides what it has been told of, as torch's documentation shows."""

    handled: ClassVar[dict[Any, Any]] = {}

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return cls.handled[func](*args)


@pytest.mark.parametrize("kept", [nullcontext, losskit.watch])
@pytest.mark.parametrize("used", [nullcontext, losskit.watch])
def test_who_overrides_torchs_functions_is_called(kept: Any, used: Any) -> None:
    with kept():
        Length.handled = {torch.round: lambda x: 1, Tensor.round: lambda x: 2, Tensor.gt: lambda x, y: 3}
    with used() as watching:
        length = torch.ones(9).as_subclass(Length)
        assert [torch.round(length), length.round(), length > 0.5, length.gt(0.5)] == [1, 2, 3, 3]
    assert not getattr(watching, "broken", None)


def test_tensors_are_as_before_afterwards() -> None:
    function = torch.round
    with losskit.watch():
        assert set(PATCHED) <= set(vars(Tensor))
        for each in (Tensor.round, torch.round):
            assert pickle.loads(pickle.dumps(each)) is each
            assert copy.deepcopy(each) is each
        with pytest.raises(TypeError, match="'>' not supported between instances of 'Tensor' and 'str'"):
            assert torch.ones(3) > "3"  # type: ignore[operator]
    assert not set(PATCHED) & set(vars(Tensor))
    assert cast(Any, Tensor.round).__objclass__ is torch._C.TensorBase
    assert torch.round is function


def compared(x: Tensor) -> Tensor:
    return (x > 0.5) + x.gt(0.5) + x.round() + x.ge(x) + (x <= 0.5) + torch.round(x) + torch.round(x, decimals=1)


@pytest.mark.parametrize("how", ["script", "trace", "vmap", "fx"])
def test_what_is_traced_is_as_it_would_be(how: str) -> None:
    x = torch.randn(4, 16, generator=torch.manual_seed(0))
    ways: dict[str, Any] = {
        "script": torch.jit.script,
        "trace": lambda function: cast(Any, torch.jit).trace(function, (x,)),
        "vmap": torch.func.vmap,
        "fx": torch.fx.symbolic_trace,
    }
    with warnings.catch_warnings(), losskit.watch() as watching:
        warnings.simplefilter("ignore")  # torch.jit is deprecated
        assert torch.equal(ways[how](compared)(x), compared(x))
    assert not watching.broken


@needs_compiler
def test_what_is_compiled_is_as_it_would_be() -> None:
    x = torch.randn(4, 16, generator=torch.manual_seed(0))
    torch.compiler.reset()
    with losskit.watch() as watching:
        function = torch.compile(compared, backend="aot_eager", fullgraph=True)
        assert torch.equal(function(x), compared(x))
    assert torch.equal(function(x), compared(x))
    assert not watching.broken


def test_what_is_compiled_first_while_watched_finds_torchs_round_afterwards() -> None:
    x, rules = torch.randn(4, 16), pytest.importorskip("torch._dynamo.trace_rules")
    torch.compiler.reset()
    rules.get_torch_obj_rule_map.cache_clear()
    with losskit.watch():
        kept = torch.round
        function = torch.compile(compared, backend="eager", fullgraph=True)
        assert torch.equal(function(x), compared(x))
    assert torch.round is not kept
    assert torch.equal(kept(x), torch.round(x))
    torch.compiler.reset()
    assert torch.equal(torch.compile(compared, backend="eager", fullgraph=True)(x), compared(x))


def test_a_finding_names_the_line_of_the_loss() -> None:
    (finding,) = found(FAULTY["after the loss"])
    assert re.fullmatch(r"the values are those of the logits that \w+ takes, at <string>:2", finding.evidence)
    assert str(finding.where) == "<string>:3"
