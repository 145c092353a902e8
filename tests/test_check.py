"""``losskit.check`` and ``losskit.watch``: what they see, what they leave alone, and what they say of what they did not see."""

from __future__ import annotations

import inspect
import json
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import pytest
import torch
import torch.nn.functional as F
from compiler import needs_compiler
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import losskit
from losskit.checker.origin import origin
from losskit.checker.report import Report

LOGITS = torch.randn(16, 5, generator=torch.Generator().manual_seed(0))
IDS = torch.arange(16) % 5


def codes(report: Report) -> list[str]:
    return [finding.code for finding in report.findings]


def softmax() -> Tensor:
    return LOGITS.clone().requires_grad_().softmax(1)


def test_a_function_that_was_called_before_is_seen() -> None:
    """Its loss is kept, and may have a call in C++ ready."""
    for _ in range(2):
        losskit.functional.cross_entropy(softmax(), IDS)
    assert codes(losskit.check(losskit.functional.cross_entropy, softmax(), IDS)) == ["LK101"]


WAYS: dict[str, Callable[[Tensor], Tensor]] = {
    "view": lambda p: p.view(4, 4, 5),
    "permute": lambda p: p.view(4, 4, 5).permute(0, 2, 1),
    "index": lambda p: p[torch.arange(8)],
    "mask": lambda p: p[IDS < 3],
    "cast": lambda p: p.double(),
    "cat": lambda p: torch.cat([p[:8], p[8:]]),
    "stack": lambda p: torch.stack([p, p]),
    "gather": lambda p: p.gather(1, IDS.unsqueeze(1)),
    "clamp": lambda p: p.clamp(1e-6, 1),
    "where": lambda p: torch.where(p > 0.5, p, 0),
    "unbind": lambda p: p.unbind(0)[3],
    "interpolate": lambda p: F.interpolate(p.view(1, 1, 16, 5), scale_factor=2, mode="bilinear"),
    "vmap": torch.vmap(lambda row: row * 1),
}


@pytest.mark.parametrize("way", [name for name in WAYS if name != "vmap"])
def test_the_origin_is_found_behind_what_only_moves_values(way: str) -> None:
    assert origin(WAYS[way](softmax())).by == "softmax"


HIDING: dict[str, Callable[[Tensor], Tensor]] = {
    "detach": lambda p: p.detach(),
    "doubled": lambda p: p * 2.0,
    "masked logarithm": lambda p: p.log() * 0.5,
    "average": lambda p: (p + p) / 2,
    "other branch": lambda p: torch.cat([p, p.sigmoid()], 1),
    "constant branch": lambda p: torch.cat([p, torch.ones(16, 1)], 1),
    "interpolated logarithm": lambda p: F.interpolate(p.log().view(1, 1, 16, 5), scale_factor=2, mode="bilinear"),
}


@pytest.mark.parametrize("way", HIDING)
def test_what_hides_the_origin_makes_it_unknown(way: str) -> None:
    assert origin(HIDING[way](softmax())).by == "unknown"


def test_the_origin_of_a_logarithm_and_of_an_exponential() -> None:
    assert origin(softmax().log()).by == "log_softmax"
    assert origin(softmax().log().exp()).by == "softmax"
    assert origin(nn.Linear(5, 3)(LOGITS)).by == "linear"
    assert origin(LOGITS).by == "unknown"


def test_a_checkpoint_is_not_run_again() -> None:
    from torch.utils.checkpoint import checkpoint

    runs = []

    def layer(x: Tensor) -> Tensor:
        runs.append(1)
        return x.softmax(1)

    output: Any = checkpoint(layer, LOGITS.clone().requires_grad_(), use_reentrant=False)
    assert codes(losskit.check(nn.CrossEntropyLoss(), output, IDS)) == ["LK101"]
    assert len(runs) == 1


def test_what_hides_the_origin_is_named_as_not_checked() -> None:
    from torch.utils.checkpoint import checkpoint

    layer, features = nn.Linear(5, 5), LOGITS.clone().requires_grad_()
    report = losskit.check(F.cross_entropy, checkpoint(layer, features, use_reentrant=True), IDS, model=layer)
    assert not report.findings
    assert "not checked: what made the input in 1 call" in " ".join(str(report).split())
    softmax_last = nn.DataParallel(nn.Sequential(layer, nn.Softmax(dim=1)))  # without a GPU it calls the module
    assert codes(losskit.check(F.cross_entropy, softmax_last(features), IDS)) == ["LK101"]


def test_a_sigmoid_by_hand_and_a_mask_are_known_and_what_looks_like_one_is_not() -> None:
    x = LOGITS.clone().requires_grad_()
    assert origin((1 + (-x).exp()).reciprocal()).by == "sigmoid"
    if hasattr(torch._C._autograd.SavedTensor, "data"):  # else the factor is not known
        assert origin((IDS < 3).float().unsqueeze(1) * softmax()).by == "softmax"
        assert origin(1 / (1 + torch.exp(-x))).by == "sigmoid"
    for other in (2 / (1 + (-x).exp()), 1 / (1 + x.exp()), 1 / ((-x).exp() + x), x / (1 + (-x).exp()), 1 / (-x).exp()):
        assert origin(other).by == "unknown"


@pytest.mark.parametrize("hidden", [Tensor.detach, lambda p: (p + p) / 2])
def test_values_decide_where_the_graph_does_not_tell(hidden: Callable[[Tensor], Tensor]) -> None:
    report = losskit.check(F.cross_entropy, hidden(softmax()), IDS)
    assert codes(report) == ["LK101"]
    assert "its values do" in report.findings[0].evidence
    few = losskit.check(F.cross_entropy, hidden(softmax())[:7], IDS[:7])
    assert codes(few) == []


def test_a_softmax_in_half_precision_is_told_once() -> None:
    assert codes(losskit.check(F.cross_entropy, softmax().bfloat16(), IDS)) == ["LK101"]


def test_what_is_measured_is_what_happens() -> None:
    leaf = LOGITS.clone().requires_grad_()
    (doubled,) = torch.autograd.grad(F.cross_entropy(leaf.softmax(1), IDS), leaf)
    (right,) = torch.autograd.grad(F.cross_entropy(leaf, IDS), leaf)
    finding = losskit.check(nn.CrossEntropyLoss(), softmax(), IDS).findings[0]
    assert finding.values["ratio"] == pytest.approx(float(doubled.norm() / right.norm()), rel=1e-4)
    assert finding.values["floor"] == pytest.approx(float(torch.tensor(torch.e + 4).log() - 1), rel=1e-5)


def test_random_state_and_gradients_stay_as_they_are() -> None:
    model = nn.Linear(5, 5)
    output = model(LOGITS)
    state = torch.get_rng_state()
    losskit.check(lambda x, y: F.cross_entropy(F.dropout(x), y), output, IDS, model=model)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.weight.grad is None
    assert output.grad_fn is not None
    F.cross_entropy(output, IDS).backward()  # the graph is still there


class Weighted(nn.CrossEntropyLoss):
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return 2 * super().forward(input, target) + input.pow(2).mean()


@pytest.mark.parametrize(
    "criterion",
    [
        nn.CrossEntropyLoss(),
        nn.CrossEntropyLoss(torch.ones(5), label_smoothing=0.1),
        Weighted(),
        losskit.CrossEntropyLoss(),
        losskit.functional.cross_entropy,
        F.cross_entropy,
        cross_entropy,
        partial(F.cross_entropy, reduction="sum"),
        lambda x, y: {"loss": F.cross_entropy(x, y), "other": x.sum()},
        partial(F.cross_entropy, size_average=False),
    ],
)
@pytest.mark.filterwarnings("ignore:size_average")
def test_any_criterion_is_seen(criterion: Any) -> None:
    assert codes(losskit.check(criterion, softmax(), IDS)) == ["LK101"]


def test_a_finding_names_the_module_that_was_called() -> None:
    assert losskit.check(nn.CrossEntropyLoss(), softmax(), IDS).findings[0].what.startswith("CrossEntropyLoss takes")
    assert losskit.check(F.cross_entropy, softmax(), IDS).findings[0].what.startswith("cross_entropy takes")


def test_the_line_is_the_users_even_behind_pythons_library() -> None:
    with losskit.watch() as watching, ThreadPoolExecutor(1) as pool:
        pool.submit(cross_entropy, softmax(), IDS).result()
        loss = Mock(side_effect=cross_entropy)
        loss(softmax(), IDS)
    assert [Path(site.file).name for site in watching.sites] == [
        "?",
        "test_check.py",
    ]  # the pool's thread has no line of ours


def test_a_criterion_that_raises_is_told() -> None:
    report = losskit.check(nn.CrossEntropyLoss(), LOGITS, IDS + 1)
    assert codes(report) == ["LK208"]
    assert "not checked: 1 call that raised IndexError: Target 5 is out of bounds" in report.coverage


def test_silence_is_not_approval() -> None:
    report = losskit.check(lambda x, y: (x - y).pow(2).mean(), LOGITS, LOGITS)
    assert "nothing found" in str(report)
    assert "checked: no loss was called; not checked: " in report.coverage
    assert "not checked: whether the labels are right" in losskit.check(F.mse_loss, LOGITS, LOGITS).coverage


def test_a_report_as_text_json_and_html() -> None:
    report = losskit.check(nn.CrossEntropyLoss(), softmax(), IDS)
    assert report.failed
    assert "error LK101 softmax-before-logits" in str(report)
    assert json.loads(report.as_json())["findings"][0]["code"] == "LK101"
    assert "LK101 softmax-before-logits" in report._repr_html_()
    assert report.concise().count("\n") == 1


# Watching


def test_everything_is_as_before_afterwards() -> None:
    before = {function: function.__code__ for function in (F.cross_entropy, F.mse_loss, F.ctc_loss)}
    compute = losskit.Loss.compute
    with losskit.watch(), losskit.watch():
        assert F.cross_entropy.__code__ is not before[F.cross_entropy]
    assert {function: function.__code__ for function in before} == before
    assert losskit.Loss.compute is compute


def test_each_call_counts_once_even_under_a_mode_and_in_two_watches() -> None:
    with losskit.watch() as outer, losskit.watch() as inner, torch.device("cpu"):
        cross_entropy(softmax(), IDS)
    for watching in (outer, inner):
        assert watching.report().checked.startswith("1 of 1 call in 1 line")
        assert codes(watching.report()) == ["LK101"]


@pytest.mark.skipif("weight" not in inspect.signature(F.l1_loss).parameters, reason="this torch's has no weight")
def trained(parameter: Tensor, optimizer: torch.optim.Optimizer, steps: int, closure: bool = False) -> None:
    """Steps whose loss the optimizer cannot reach."""
    for _ in range(steps):

        def compute() -> Tensor:
            loss = F.mse_loss(parameter, torch.ones(3))
            loss.backward()
            return loss

        compute()
        optimizer.step(compute if closure else None)  # type: ignore[arg-type]


def test_an_optimizer_whose_step_calls_that_of_its_base_class() -> None:
    class Nested(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            return super().step(closure)

    parameter = torch.zeros(3, requires_grad=True)
    with losskit.watch() as watching:
        trained(parameter, Nested([parameter], 0.01), 50, closure=True)
    assert not watching.broken


@pytest.mark.parametrize("closure", [False, True])
def test_an_optimizer_that_comes_late_is_still_followed(closure: bool) -> None:
    parameter, other, backward = torch.zeros(3, requires_grad=True), torch.zeros(3, requires_grad=True), Tensor.backward
    first = torch.optim.SGD([parameter], 0.01)
    with losskit.watch() as watching:
        trained(parameter, first, 50, closure)
        assert Tensor.backward is backward  # nothing more is looked at there
        assert not watching.report().findings
        late = torch.optim.SGD([other], 0.01)
        trained(parameter, late, 10, closure)
    assert codes(watching.report()) == ["LK308"]
    with losskit.watch() as again:
        trained(parameter, late, 10, closure)
    assert "LK308" in codes(again.report())


def test_it_goes_with_accelerate() -> None:
    weight, l1_loss = torch.arange(80.0).view(16, 5), cast(Any, F.l1_loss)
    expected = l1_loss(LOGITS, -LOGITS, weight=weight)
    with losskit.watch() as watching, losskit.accelerate():
        value = l1_loss(LOGITS, -LOGITS, weight=weight)
    torch.testing.assert_close(value, expected)
    assert watching.report().checked.startswith("1 of 1 call")


def test_a_metric_is_no_loss_without_a_gradient_where_another_reaches_the_model() -> None:
    def training(target: Tensor, detached: bool) -> list[str]:
        model = nn.Linear(5, 1)
        with losskit.watch(model) as watching:
            for _ in range(3):
                output = model(LOGITS)
                F.l1_loss(output.detach(), target)
                loss = F.mse_loss(output.detach().requires_grad_() if detached else output, target)
                cast("Any", loss).backward()
        return codes(watching.report())

    assert training(LOGITS[:, :1], detached=False) == []
    assert training(LOGITS[:, :1], detached=True) == ["LK306", "LK306"]


def test_parameters_of_another_optimizer_and_those_before_the_last_layers() -> None:
    def training(first: Any, *others: Any) -> list[str]:
        with losskit.watch(model, first) as watching:
            cast("Any", F.cross_entropy(model(LOGITS), IDS)).backward()
            for optimizer in (first, *others):
                optimizer.step()
        return [f"{finding.code} {finding.severity}" for finding in watching.report().findings]

    model = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 5))
    body, head, whole = (torch.optim.SGD(each.parameters(), 0.1) for each in (model[0], model[2], model))
    assert training(whole) == training(body, head) == training(body, whole) == []
    assert training(body) == ["LK307 warning"]
    assert training(head) == ["LK307 note"]


def test_modes_and_hooks_of_the_program_see_its_own_work_alone() -> None:
    from torch.autograd.graph import saved_tensors_hooks
    from torch.overrides import TorchFunctionMode
    from torch.utils._python_dispatch import TorchDispatchMode

    class Functions(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(function.__name__)
            return function(*args, **(kwargs or {}))

    class Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(str(operator))
            return operator(*args, **(kwargs or {}))

    def pack(tensor: Tensor) -> Tensor:
        seen.append("saved")
        return tensor

    def program() -> list[str]:
        seen.clear()
        with saved_tensors_hooks(pack, lambda tensor: tensor), Functions(), cast("Any", Operators)():
            cross_entropy(softmax(), IDS).backward()
        return list(seen)

    seen: list[str] = []
    alone = program()
    with losskit.watch() as watching:
        assert program() == alone
    assert codes(watching.report()) == ["LK101"]


def test_a_loss_inside_a_checkpoint_is_computed_twice_as_it_would() -> None:
    from torch.utils.checkpoint import checkpoint

    def loss(x: Tensor) -> Tensor:
        return cross_entropy(x.softmax(1), IDS)

    with losskit.watch() as watching:
        cast("Any", checkpoint(loss, LOGITS.clone().requires_grad_(), use_reentrant=False)).backward()
    assert codes(watching.report()) == ["LK101"]
    assert "failed" not in watching.report().coverage


def test_threads_are_seen_by_watch_and_other_threads_not_by_check() -> None:
    def other() -> None:
        cross_entropy(softmax(), IDS)

    with losskit.watch() as watching:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert codes(watching.report()) == ["LK101"]

    def criterion(input: Tensor, target: Tensor) -> Tensor:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        return F.mse_loss(input, target)

    assert codes(losskit.check(criterion, LOGITS, LOGITS)) == []


def test_a_script_function_is_compiled_from_torchs_source() -> None:
    def loss(x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(x, y)

    with losskit.watch():
        scripted = torch.jit.script(loss)
    torch.testing.assert_close(scripted(LOGITS, IDS), F.cross_entropy(LOGITS, IDS))


@needs_compiler
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiled_code_passes_and_is_counted(backend: str) -> None:
    def loss(x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(x.softmax(1), y) + losskit.functional.mse_loss(x, x)

    torch.compiler.reset()
    x = LOGITS.clone().requires_grad_()
    with losskit.watch() as watching:
        value = torch.compile(loss, backend=backend, fullgraph=True)(x, IDS)
    torch.testing.assert_close(value, loss(x, IDS))
    assert "which failed" not in watching.report().coverage


def test_transforms_pass_and_are_counted() -> None:
    with losskit.watch() as watching:
        torch.func.grad(F.mse_loss)(LOGITS, LOGITS)
    assert "1 call inside torch.compile, torch.func" in watching.report().coverage


def test_first_calls_and_a_sample_are_looked_at() -> None:
    with losskit.watch() as watching:
        for _ in range(2000):
            F.mse_loss(LOGITS, LOGITS)
    (seen,) = watching.sites.values()
    assert seen.calls == 2000
    assert 3 <= seen.looked < 1000


def test_results_are_those_of_torch_bit_for_bit() -> None:
    def train() -> tuple[Tensor, Tensor]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(5, 8), nn.Dropout(0.3), nn.Linear(8, 5), nn.Softmax(1))
        optimizer = torch.optim.Adam(model.parameters())
        for _ in range(5):
            optimizer.zero_grad()
            nn.CrossEntropyLoss()(model(LOGITS), IDS).backward()
            optimizer.step()
        return torch.nn.utils.parameters_to_vector(model.parameters()), torch.get_rng_state()

    plain = train()
    with losskit.watch() as watching:
        watched = train()
    assert codes(watching.report()) == ["LK101"]
    assert all(map(torch.equal, plain, watched))


WARNING = """
import torch
import torch.nn.functional as F
input, target, criterion = torch.randn(8, 1), torch.randn(8), torch.nn.MSELoss()
for step in range(9):
    F.mse_loss(input, target)
    criterion(input, target)
    F.mse_loss(input[:4], target)
"""


def test_warnings_come_as_they_would(tmp_path: Path) -> None:
    """As often, and for the same lines: one for each, from a function for the line that calls it."""
    found: list[list[tuple[str, int, str]]] = []
    for context in (nullcontext(), losskit.watch()):
        file = str(tmp_path / f"{len(found)}.py")
        with warnings.catch_warnings(record=True) as seen, context:
            warnings.simplefilter("default")
            exec(compile(WARNING, file, "exec"), {})
        found.append([(each.filename.replace(file, ""), each.lineno, str(each.message)) for each in seen])
    assert found[0] == found[1]
    assert [line for file, line, _ in found[0] if not file] == [6, 8]
