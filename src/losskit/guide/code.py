"""A loss in use, as a script to paste."""

from __future__ import annotations

from losskit.catalog import READY_MADE
from losskit.core.head import Encoding, Head, Task
from losskit.loss import Loss
from losskit.optimizers import TUTORIAL, in_code
from losskit.script import loop

#: For each task whose targets are labels: the number of outputs' name and value, and stand-ins for the labels.
DATA = {
    Task.REGRESSION: ("K = 1  # values to predict", "torch.randn(256, K)"),
    Task.BINARY: ("C = 2  # classes", "torch.randint(C, (256,))"),
    Task.MULTICLASS: ("C = 10  # classes", "torch.randint(C, (256,))"),
    Task.MULTILABEL: ("C = 5  # labels", "torch.randint(2, (256, C))"),
    Task.COUNTS: ("K = 1  # counts to predict", "torch.poisson(torch.full((256, K), 3.0))"),
}

TEMPLATE = """\
import torch
from torch import nn

import losskit

{size}
features, labels = torch.randn(256, 20), {labels}  # your data

criterion = losskit.{criterion}
head = criterion.head("{task}")
network = nn.Sequential(
    nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, head.width({letter}))
)
optimizer = {optimizer}

target = head.encode(labels, {letter})
{loop}
output = network(features).detach()
{answer}
"""


def script(loss: type[Loss], task: Task | None, arguments: str = "") -> str:
    """A training script on stand-in data that runs as printed; the loss's own example if its targets are not labels."""
    head: Head | None = None if task is None else loss.about.serves[task]
    usual = loss in READY_MADE and list(loss.about.tensors) == ["input", "target"]
    if task not in DATA or head is None or head.encoding is Encoding.NONE or not usual:
        return example(loss)
    size, labels = DATA[task]
    call = f"{loss.__name__}({arguments})"
    return TEMPLATE.format(
        size=size,
        labels=labels,
        criterion=call if len(call) <= 60 else f"{loss.__name__}(\n    {arguments}\n)",
        task=task,
        letter=size[0],
        optimizer=in_code("Adam", "network.parameters()", TUTORIAL["Adam"]),
        answer="# it ranks the labels, without a threshold\nprint(output.argsort(1, descending=True)[:5])"
        if head.encoding is Encoding.LABEL_LIST
        else f'print(criterion.predict(output, "{task}")[:5])',
        loop=loop(head, "target", epochs=20, batch=64),
    )


def example(loss: type[object]) -> str:
    """The example of the loss's docstring, changed to print its results."""
    import doctest  # half a tenth of a second, which the list of losses need not wait for

    lines = doctest.DocTestParser().get_examples(str(loss.__doc__))
    return "".join(_printing(part.source) if part.want else part.source for part in lines)


def _printing(source: str) -> str:
    simple = "\n" not in source.strip() and not source.startswith("print(")
    return f"print({source.strip()})\n" if simple else source
