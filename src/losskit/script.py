"""The training loop of the scripts that guide and compare print, and that the examples follow."""

from __future__ import annotations

from losskit.core.head import Activation, Head

LOOP = """\
for epoch in range({epochs}):
    for batch in torch.randperm(len(features)).split({batch}):
        optimizer.zero_grad()
        {backward}
        optimizer.step()
"""


def loop(head: Head, target: str, epochs: int, batch: int) -> str:
    """Trains ``network`` on ``features`` and ``target``; the loss has a name, to print or to log it."""
    return LOOP.format(epochs=epochs, batch=batch, backward=backward(head, target, named=True))


def backward(head: Head, target: str, *, named: bool = False) -> str:
    """The loss of a batch, and its gradients."""
    output = "network(features[batch])"
    if head.training is not Activation.NONE:
        output = f"head.training({output}, 1)"
    loss = f"criterion({output}, {target}[batch])"
    return f"loss = {loss}\n        loss.backward()" if named else f"{loss}.backward()"
