"""Optimizers to start with, and their learning rates."""

from __future__ import annotations

#: The learning rates of the classic tutorials.
TUTORIAL = {"SGD": 0.01, "Adam": 0.001, "RMSprop": 0.001, "AdamW": 0.001}

#: Rates around them, in factors of 5. SGD needs the larger ones: a loss that averages over classes has small gradients.
RATES = {
    "SGD": (0.01, 0.05, 0.25, 1.25),
    "Adam": (0.0002, 0.001, 0.005, 0.025),
    "RMSprop": (0.0002, 0.001, 0.005, 0.025),
    "AdamW": (0.0002, 0.001, 0.005, 0.025),
}

MOMENTUM = 0.9  # of SGD


def in_code(name: str, parameters: str, rate: float) -> str:
    """The call that makes an optimizer of torch."""
    momentum = f", momentum={MOMENTUM}" if name == "SGD" else ""
    return f"torch.optim.{name}({parameters}, lr={rate:g}{momentum})"
