"""The chosen training as a script to paste."""

from __future__ import annotations

from pathlib import Path

from losskit.compare.contender import CLASSES, Contender, contender
from losskit.compare.data import Data
from losskit.compare.engine import split_seed
from losskit.compare.plan import Configuration, Plan
from losskit.compare.reading import BUNDLED
from losskit.core.head import Task
from losskit.loss import Loss
from losskit.optimizers import in_code
from losskit.script import backward

TEMPLATE = '''\
"""{loss} with {name} at {rate:g} on {data}, as chosen by losskit compare."""

import torch
from torch import nn

{imports}
from losskit.compare import METRICS, Predicted, Preprocessor, load

data = load({arguments}){sample}
metric = METRICS[data.task]["{metric}"]


def fit(rows, seed):
    """Train on these rows, at a rate that falls linearly to 0."""
    fitted = Preprocessor(data, rows)  # by statistics of the training rows alone
    features, target = fitted.features(rows), head.encode(fitted.target(rows), data.outputs)
{criterion}
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Linear(features.shape[1], {hidden}), nn.ReLU(), nn.Linear({hidden}, head.width(data.outputs))
    )
    optimizer = {optimizer}
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters={steps})
    batches = []
    for step in range({steps}):
        batches = batches or list(torch.randperm(len(features)).split({batch}))
        batch = batches.pop(0)
        optimizer.zero_grad()
        {backward}
        optimizer.step()
        decay.step()
    return fitted, network


{head}
scores = []
for repeat_seed in {seeds}:  # the folds of the run
    for fold, (train, test) in enumerate(data.folds({folds}, seed=repeat_seed)):
        fitted, network = fit(train, seed=fold)
        with torch.no_grad():
            output = network(fitted.features(test))
        predicted = fitted.restored(head.predict(output, 1))
        scores.append(metric.of(data.target[test], Predicted(predicted, {score})))
print(f"{{metric.title}} on {{len(scores)}} folds: {{sum(scores) / len(scores):.4f}}")

fitted, network = fit(range(len(data.target)), seed=0)  # for use, on all rows
'''


def recipe(plan: Plan, data: Data, loss: str, chosen: Configuration, metric: str) -> str:
    """A complete script: loads the data, trains with what was chosen, measures on the folds of the run, and on all rows for use."""
    made = contender(loss, plan.task)
    source = data.source if data.source in BUNDLED else str(Path(data.source).resolve())
    arguments = ", ".join([repr(source), *(f"{name}={value!r}" for name, value in data.options.items())])
    wide = made.head.width(2) == 2
    columns = "(output[:, -1] - output[:, 0])" if wide else "output[:, 0]"  # probabilities tie where they saturate
    return TEMPLATE.format(
        loss=loss,
        name=chosen.optimizer,
        optimizer=in_code(chosen.optimizer, "network.parameters()", chosen.rate),
        rate=chosen.rate,
        data=data.name,
        arguments=arguments.replace("'", '"') if '"' not in arguments and "\\" not in arguments else arguments,
        sample=f".sample({data.part}, seed={plan.seed})" if data.part > 1 else "",
        folds=plan.folds,
        hidden=plan.hidden,
        steps=plan.steps,
        batch=plan.batch,
        score=f"{columns}.numpy()" if plan.task is Task.BINARY else "predicted",
        metric=metric,
        seeds=tuple(split_seed(plan, repeat) for repeat in range(plan.repeats)),
        **_criterion(made, plan),
        backward=backward(made.head, "target"),
    )


def _criterion(made: Contender, plan: Plan) -> dict[str, str]:
    """The code of the loss: its import, its construction, and its head."""
    own = not issubclass(made.loss, Loss) or made.loss.__name__ not in CLASSES
    name, standard = made.loss.__name__, plan.reference
    imports = f"from {made.loss.__module__} import {name}" if own else f"from losskit import {name}"
    weights = [f"    {line}" for line in made.weights_in_code()]
    written = ", ".join(f"{key}={made.in_code(key)}" for key in made.arguments)
    stated = f'{standard}().head("{plan.task}")' if made.borrowed else f'{name}.about.serves["{plan.task}"]'
    if made.borrowed:
        imports += f"\nfrom losskit import {standard}"
    return {
        "imports": imports,
        "criterion": "\n".join([*weights, f"    criterion = {name}({written})"]),
        "head": f"head = {stated}",
    }
