"""The chosen training as a script to paste."""

from __future__ import annotations

from pathlib import Path

from losskit.compare.data import Data
from losskit.compare.plan import Configuration, Plan
from losskit.compare.reading import BUNDLED
from losskit.core.head import Task
from losskit.optimizers import in_code
from losskit.script import loop

TEMPLATE = '''\
"""{loss} with {name} at {rate:g} on {data}, as chosen by losskit compare."""

import torch
from torch import nn

from losskit import {loss}
from losskit.compare import METRICS, Preprocessor, load

data = load({arguments})
train, test = data.folds({folds}, seed=0)[0]
fitted = Preprocessor(data, train)  # by statistics of the training rows alone
features, target = fitted.features(train), fitted.target(train)

criterion = {loss}()
head = criterion.head("{task}")
torch.manual_seed(0)
network = nn.Sequential(
    nn.Linear(features.shape[1], {hidden}), nn.ReLU(), nn.Linear({hidden}, head.width(data.outputs))
)
optimizer = {optimizer}
encoded = head.encode(target, data.outputs)
{loop}
with torch.no_grad():
    output = network(fitted.features(test))
predicted = fitted.restored(criterion.predict(output, "{task}"))
score = {score}
print(f"{title}: {{METRICS[data.task]['{metric}'].of(data.target[test], predicted, score):.4f}}")
'''


def recipe(plan: Plan, data: Data, loss: str, chosen: Configuration) -> str:
    """A complete script: loads the data, trains with what was chosen, predicts the first test fold and measures it."""
    head = plan.criterion(loss).head(plan.task)
    source = data.source if data.source in BUNDLED else str(Path(data.source).resolve())
    arguments = ", ".join([repr(source), *(f"{name}={value!r}" for name, value in data.options.items())])
    return TEMPLATE.format(
        loss=plan.losses[loss],
        name=chosen.optimizer,
        optimizer=in_code(chosen.optimizer, "network.parameters()", chosen.rate),
        rate=chosen.rate,
        data=data.name,
        arguments=arguments.replace("'", '"') if '"' not in arguments and "\\" not in arguments else arguments,
        folds=plan.folds,
        task=plan.task,
        hidden=plan.hidden,
        loop=loop(head, "encoded", plan.epochs, plan.batch),
        # rows are ranked by the raw output: probabilities tie where they saturate
        score="(output[:, -1] - output[:, 0]).numpy()"
        if plan.task is Task.BINARY and head.width(2) == 2
        else "output[:, 0].numpy()"
        if plan.task is Task.BINARY
        else "predicted",
        title=plan.measure.title,
        metric=plan.metric,
    )
