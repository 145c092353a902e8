"""All losses, derived from what ``losses/__init__.py`` exports."""

from __future__ import annotations

from inspect import Parameter, isclass, signature

from losskit import losses
from losskit.core.head import Task
from losskit.loss import Loss

CATALOG: tuple[type[Loss], ...] = tuple(  # each once, under whatever other name it is exported as well
    dict.fromkeys(value for value in vars(losses).values() if isclass(value) and issubclass(value, Loss))
)

#: The losses that can be built without arguments; the others own a layer and need its sizes.
READY_MADE: tuple[type[Loss], ...] = tuple(
    loss
    for loss in CATALOG
    if all(parameter.default is not Parameter.empty for parameter in signature(loss).parameters.values())
)

#: The standard loss of each task: what ``compare`` tests the others against, and what ``guide`` names first.
STANDARD = {
    Task.MULTICLASS: "CrossEntropyLoss",
    Task.BINARY: "BCEWithLogitsLoss",
    Task.REGRESSION: "MSELoss",
    Task.MULTILABEL: "BCEWithLogitsLoss",
    Task.COUNTS: "PoissonNLLLoss",
    Task.DISTILLATION: "KLDivLoss",
    Task.RANKING: "MarginRankingLoss",
    Task.EMBEDDING: "TripletMarginLoss",
    Task.SEQUENCE: "CTCLoss",
}
