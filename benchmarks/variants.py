"""What is measured of a loss: torch's form, losskit's, and their compiled rivals, on inputs drawn from its domains."""

from __future__ import annotations

import functools
import inspect
import math
import statistics
from collections.abc import Callable

import by_optax
import paired
import torch
import torch.nn.functional as F
from paired import Effort, Step
from results import TimedLoss
from torch import Tensor, nn

import losskit
from losskit import functional

#: Columns: the rival and the variant of losskit that stands against it.
COLUMNS = {
    "function": ("torch function", "losskit function"),
    "module": ("torch module", "losskit module"),
    "value_and_grad": ("torch function", "losskit value_and_grad"),
    "compiled": ("compiled function", "losskit function"),
    "compiled grad_and_value": ("compiled grad_and_value", "losskit value_and_grad"),
    "optax": ("optax", "losskit value_and_grad"),
}
RIVALS = ("eager", "compiled", "optax")


def focal_by_hand(input: Tensor, target: Tensor) -> Tensor:
    loss = F.binary_cross_entropy_with_logits(input, target, reduction="none")
    p = input.sigmoid()
    return (loss * (1 - (p * target + (1 - p) * (1 - target))) ** 2).mean()


def softmax_focal_by_hand(input: Tensor, target: Tensor) -> Tensor:
    loss = F.cross_entropy(input, target, reduction="none")
    return ((1 - (-loss).exp()) ** 2 * loss).mean()


def quantile_by_hand(input: Tensor, target: Tensor) -> Tensor:
    error = target - input
    return torch.maximum(0.5 * error, -0.5 * error).mean()


def contrastive_by_hand(first: Tensor, second: Tensor, target: Tensor) -> Tensor:
    distance = F.pairwise_distance(first, second)
    return (target * distance**2 + (1 - target) * (1 - distance).clamp(min=0) ** 2).mean() / 2


def dice_by_hand(input: Tensor, target: Tensor) -> Tensor:
    rows = (*input.shape[:2], -1)
    p = input.softmax(1).reshape(rows)
    t = F.one_hot(target, input.shape[1]).movedim(-1, 1).reshape(rows)
    overlap = (p * t).sum(-1)
    return 1 - ((2 * overlap + 1) / (p.sum(-1) + t.sum(-1) + 1)).mean()


def nt_xent_by_hand(first: Tensor, second: Tensor) -> Tensor:
    views = F.normalize(torch.cat([first, second]))
    items, own = len(first), torch.eye(len(views), dtype=torch.bool, device=views.device)
    logits = (views @ views.T / 0.5).masked_fill(own, -torch.inf)
    return F.cross_entropy(logits, torch.arange(2 * items, device=views.device).roll(items))


def arcface_by_hand(input: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    margin = 0.5
    cosine = F.linear(F.normalize(input), F.normalize(weight))
    sine = (1 - cosine**2).clamp(min=1e-12).sqrt()
    turned = cosine * math.cos(margin) - sine * math.sin(margin)
    turned = torch.where(cosine > -math.cos(margin), turned, cosine - margin * math.sin(margin))
    right = F.one_hot(target, len(weight)) == 1
    return F.cross_entropy(64 * torch.where(right, turned, cosine), target)


#: What people write where torch has nothing; it takes the loss's tensors, and its parameters by name.
BY_HAND: dict[str, Callable[..., Tensor]] = {
    "ArcFaceLoss": arcface_by_hand,
    "ContrastiveLoss": contrastive_by_hand,
    "DiceLoss": dice_by_hand,
    "FocalLoss": focal_by_hand,
    "NTXentLoss": nt_xent_by_hand,
    "QuantileLoss": quantile_by_hand,
    "SoftmaxFocalLoss": softmax_focal_by_hand,
}

#: Losses whose call is another, and the program that measures them.
ELSEWHERE = {
    "CTCLoss": "benchmarks/ctc.py",
    "LinearCrossEntropyLoss": "benchmarks/linear_cross_entropy.py",
}


def build(loss: type[losskit.Loss], width: int) -> losskit.Loss:
    """The loss at its defaults, every size that it must be told ``width``; its parameters get no gradient, only the input does."""
    required = sum(argument.default is argument.empty for argument in inspect.signature(loss).parameters.values())
    torch.manual_seed(0)
    return loss(*[width] * required).requires_grad_(False)


def draw(loss: type[losskit.Loss], shape: tuple[int, int]) -> tuple[Tensor, ...]:
    """The tensors of a call; the input gets a gradient, and all embeddings do. A loss with classes has one item a row."""
    criterion, generator = build(loss, shape[1]), torch.Generator().manual_seed(0)
    items = shape if criterion.class_dim(torch.zeros(2, 2)) is None else shape[:1]
    drawn = [domain.sample(items, shape[1], generator) for domain in criterion.domains.values()]
    tensors = [value.float() if value.is_floating_point() else value for value in drawn]
    for place, (domain, tensor) in enumerate(zip(criterion.domains.values(), tensors, strict=True)):
        tensor.requires_grad_(place == 0 or domain.shape.output)
    return tuple(tensors)


def backward(function: Callable[..., Tensor], tensors: tuple[Tensor, ...]) -> Step:
    """Forward and backward; freeing the gradients is part of it, as it is of training."""
    leaves = [tensor for tensor in tensors if tensor.requires_grad]

    def step() -> Tensor:
        value = function(*tensors)
        value.backward()
        for leaf in leaves:
            leaf.grad = None
        return value

    return step


def variants(
    loss: type[losskit.Loss], tensors: tuple[Tensor, ...], rivals: tuple[str, ...], module: bool
) -> dict[str, Step]:
    """A step for each variant, by name; modules on request, since they differ from functions by a microsecond."""
    by_file = {getattr(functional, name).__module__: name for name in vars(functional)["__all__"]}
    criterion, detached = build(loss, tensors[0].shape[-1]), tuple(tensor.detach() for tensor in tensors)
    bare = losskit.value_and_grad(criterion)
    own = getattr(functional, by_file.get(loss.__module__, ""), criterion)  # some are a class only
    steps = {
        "losskit function": backward(own, tensors),
        "losskit value_and_grad": lambda: bare(*detached)[0],
    }
    if module:
        steps["losskit module"] = backward(criterion, tensors)
    eager = BY_HAND.get(loss.__name__) or getattr(F, str(loss.about.torch), None)
    if eager is None:
        return steps
    parameters = dict(criterion.named_parameters())
    if parameters:
        eager = functools.partial(eager, **parameters)
    if "eager" in rivals:
        steps["torch function"] = backward(eager, tensors)
        if module:
            known: type[nn.Module] | None = getattr(nn, loss.__name__, None)
            steps["torch module"] = backward(eager if known is None else known(), tensors)
    if "compiled" in rivals:
        torch._dynamo.reset()  # else the guards of the losses before would be tried first
        torch._dynamo.config.fail_on_recompile_limit_hit = True  # no rival that fell back to eager in silence
        fused = torch.compile(torch.func.grad_and_value(eager), dynamic=False)
        steps["compiled function"] = backward(torch.compile(eager, dynamic=False), tensors)
        steps["compiled grad_and_value"] = lambda: fused(*detached)[1]
    other = by_optax.step(loss.__name__, tensors) if "optax" in rivals else None
    if other is not None:
        steps["optax"] = other
    return steps


def measure(
    loss: type[losskit.Loss],
    shape: tuple[int, int],
    rivals: tuple[str, ...],
    module: bool,
    copy: Step,
    effort: Effort,
) -> TimedLoss:
    tensors = draw(loss, shape)
    steps, missing = usable(variants(loss, tensors, rivals, module))
    times = paired.alternate(steps | {"copy": copy}, effort)
    seconds = {name: statistics.median(rounds) for name, rounds in times.items()}
    touched = sum(tensor.nbytes * (2 if tensor.requires_grad else 1) for tensor in tensors)
    copies = touched / (2 * 4 * math.prod(shape))  # a copy reads and writes so many float32
    return {
        "loss": loss.__name__,
        "rival": loss.about.torch,
        "kernel": loss.about.kernel is not None,
        "elementwise": tensors[0].shape == tensors[1].shape,
        "ratios": {
            column: round(paired.ratio(times[rival], times[ours]), 4)
            for column, (rival, ours) in COLUMNS.items()
            if rival in times and ours in times
        },
        "seconds": {name: float(f"{median:.4g}") for name, median in seconds.items()},
        "traffic": round(paired.ratio(times["losskit function"], times["copy"]) / copies, 4),
        "rounds": len(times["losskit function"]),
        "missing": missing,
    }


def usable(steps: dict[str, Step]) -> tuple[dict[str, Step], dict[str, str]]:
    """The steps that run and give what losskit's function gives, warmed up; of the others, why not."""
    value = steps["losskit function"]().item()
    good: dict[str, Step] = {}
    missing: dict[str, str] = {}
    for name, step in steps.items():
        try:
            other = step().item()
        except Exception as error:  # a compiler has many ways to fail, and the rest is worth measuring
            missing[name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"
            continue
        if math.isclose(value, other, rel_tol=1e-3):
            good[name] = step
        else:
            missing[name] = f"it computes {other:g}, losskit's function {value:g}"
    return good, missing
