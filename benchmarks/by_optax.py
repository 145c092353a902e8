"""The losses that Optax has, jitted with their gradients: a rival that is no torch. Extra ``bench``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from paired import Step
from torch import Tensor

Loss = Callable[..., Any]


def losses() -> dict[str, Loss]:
    """By the name of losskit's class; each gives the mean that losskit gives, which is tested before it is timed."""
    import jax.numpy as jnp
    from optax import losses as optax

    def nt_xent(first: Any, second: Any) -> Any:
        pairs = jnp.arange(len(first))
        return optax.ntxent(jnp.concatenate([first, second]), jnp.concatenate([pairs, pairs]), 0.5)

    def ctc(scores: Any, targets: Any, steps: Any, labels: Any) -> Any:
        padding = [jnp.arange(each.shape[1]) >= ends[:, None] for each, ends in ((scores, steps), (targets, labels))]
        return (optax.ctc_loss(scores, padding[0] * 1.0, targets, padding[1] * 1.0) / labels).mean()

    return {
        "CTCLoss": ctc,  # of logits, the samples first
        "CrossEntropyLoss": lambda x, y: optax.softmax_cross_entropy_with_integer_labels(x, y).mean(),
        "BCEWithLogitsLoss": lambda x, y: optax.sigmoid_binary_cross_entropy(x, y).mean(),
        "FocalLoss": lambda x, y: optax.sigmoid_focal_loss(x, y).mean(),
        "HuberLoss": lambda x, y: optax.huber_loss(x, y).mean(),
        "KLDivLoss": lambda x, y: optax.kl_divergence(x, y).sum() / x.size,
        "MSELoss": lambda x, y: optax.squared_error(x, y).mean(),
        "NTXentLoss": nt_xent,
        "SmoothL1Loss": lambda x, y: optax.huber_loss(x, y).mean(),
        "TripletMarginLoss": lambda *xs: optax.triplet_margin_loss(*xs).mean(),
    }


def step(name: str, tensors: tuple[Tensor, ...]) -> Step | None:
    """Value and gradients of the tensors that get one; None: Optax has no such loss, or is not installed."""
    try:
        import jax
    except ImportError:
        return None
    loss = losses().get(name)
    if loss is None:
        return None
    wanted = tuple(place for place, tensor in enumerate(tensors) if tensor.requires_grad)
    fused = jax.jit(jax.value_and_grad(loss, argnums=wanted))
    wait: Callable[[Any], Any] = jax.block_until_ready
    given = [jax.numpy.asarray(tensor.detach().numpy()) for tensor in tensors]

    def run() -> Tensor:
        value, gradients = fused(*given)
        wait(gradients)
        return cast(Tensor, value)  # of which only ``item`` is asked

    return run
