"""Optimizers to start with, and their learning rates."""

from __future__ import annotations

#: The learning rates of the classic tutorials.
TUTORIAL = {"SGD": 0.01, "Adam": 0.001, "RMSprop": 0.001, "AdamW": 0.001}

#: Rates to choose from; those of SGD are closer, since its optimum is sharper. They fall to 0 during training, and so start
#: higher than a constant rate would.
RATES = {
    "SGD": (0.03, 0.06, 0.12, 0.24),
    "Adam": (0.0012, 0.004, 0.012),
    "RMSprop": (0.001,),
    "AdamW": (0.0012, 0.004, 0.012),
}

#: Those that a comparison tries unless others are named. AdamW equals Adam in so short a training.
USUAL = ("SGD", "Adam", "RMSprop")

MOMENTUM = 0.9  # of SGD


def in_code(name: str, parameters: str, rate: float) -> str:
    """The call that makes an optimizer of torch."""
    momentum = f", momentum={MOMENTUM}" if name == "SGD" else ""
    return f"torch.optim.{name}({parameters}, lr={rate:g}{momentum})"
