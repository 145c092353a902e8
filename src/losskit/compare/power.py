"""What a run can resolve, told before it starts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy import stats

from losskit.compare.plan import Plan

#: Share of the test rows on which the outputs of two tuned losses differ in being right, as measured on mnist, digits and wine.
DISAGREE = 0.03
#: For errors: the standard deviation of the logarithm of their ratio, for one test row.
RATIO = 0.15


def resolves(plan: Plan, sizes: Sequence[int] = ()) -> float:
    """Half the width that a loss's interval will have, roughly: smaller differences will stay open.

    A metric that weighs classes alike, or looks at one of them, hangs on the rows of the rarest; ``sizes`` are those of the classes.
    """
    rows = min(sizes) * len(sizes) if sizes and plan.metric != "accuracy" else plan.rows
    test = rows / plan.folds
    spread = (RATIO if plan.measure.relative else math.sqrt(DISAGREE)) / math.sqrt(test)
    folds = plan.folds * plan.repeats
    error = math.sqrt(1 / folds + plan.test_over_train) * spread
    return float(stats.t.ppf(1 - plan.alpha / 2, folds - 1)) * error
