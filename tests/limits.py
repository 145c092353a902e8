"""What each loss takes and refuses, written out from its definition: nothing here asks the library.

A value that is taken stands as near to the border as may be, one that is refused just beyond it.
"""

from __future__ import annotations

from math import inf, nan
from typing import Any, NamedTuple


class Limits(NamedTuple):
    """Values that are taken, and values that are refused."""

    taken: tuple[Any, ...]
    refused: tuple[Any, ...]


UNIT = Limits((0.0, 0.5, 1.0), (-1e-3, 1.001, -inf, inf, nan))
POSITIVE = Limits((1e-9, 0.5, 1e9), (0.0, -0.5, -inf, inf, nan))
NOT_NEGATIVE = Limits((0.0, 1e-9, 1e9), (-1e-9, -2.0, -inf, inf, nan))
FINITE = Limits((-1e9, 0.0, 1e9), (-inf, inf, nan))
SWITCH = Limits((True, False), ())
ANY_INTEGER = Limits((-(2**40), 0, 255), ())
WEIGHT = NOT_NEGATIVE  # an entry of a tensor

ARGUMENTS: dict[str, dict[str, Limits]] = {
    "BCELoss": {"weight": WEIGHT, "pos_weight": WEIGHT},
    "BCEWithLogitsLoss": {"weight": WEIGHT, "pos_weight": WEIGHT, "label_smoothing": UNIT},
    "ContrastiveLoss": {"margin": Limits((1e-9, 1.0, 1e18), (0.0, -0.5, 1.001e18, inf, nan))},
    "CosineEmbeddingLoss": {"margin": Limits((-1.0, 0.0, 1.0), (-1.001, 1.001, -inf, inf, nan))},
    "CrossEntropyLoss": {"weight": WEIGHT, "ignore_index": ANY_INTEGER, "label_smoothing": UNIT, "dim": ANY_INTEGER},
    "DiceLoss": {"smooth": NOT_NEGATIVE, "dim": ANY_INTEGER, "ignore_index": ANY_INTEGER},
    "FocalLoss": {"gamma": NOT_NEGATIVE, "alpha": UNIT},
    "GaussianNLLLoss": {"full": SWITCH, "eps": NOT_NEGATIVE},
    "HingeEmbeddingLoss": {"margin": FINITE},
    "HuberLoss": {"delta": POSITIVE, "weight": WEIGHT},
    "KLDivLoss": {"log_target": SWITCH},
    "L1Loss": {"weight": WEIGHT},
    "MSELoss": {"weight": WEIGHT},
    "MarginRankingLoss": {"margin": FINITE},
    "MultiLabelMarginLoss": {},
    "MultiLabelSoftMarginLoss": {"weight": WEIGHT},
    "MultiMarginLoss": {"p": Limits((1, 2), (0, 3, 1.5, -1)), "margin": FINITE, "weight": WEIGHT},
    "NLLLoss": {"weight": WEIGHT, "ignore_index": ANY_INTEGER},
    "NTXentLoss": {"temperature": POSITIVE},
    "PoissonNLLLoss": {"log_input": SWITCH, "full": SWITCH, "eps": NOT_NEGATIVE},
    "QuantileLoss": {"quantile": Limits((1e-9, 0.5, 1 - 1e-9), (0.0, 1.0, -0.5, 1.5, -inf, inf, nan))},
    "SmoothL1Loss": {"beta": NOT_NEGATIVE},
    "SoftMarginLoss": {},
    "SoftmaxFocalLoss": {"gamma": NOT_NEGATIVE, "weight": WEIGHT, "ignore_index": ANY_INTEGER},
    "TripletMarginLoss": {
        "margin": POSITIVE,
        "p": Limits((1e-3, 1.0, 2.0, inf), (0.0, -1.0, nan)),
        "eps": NOT_NEGATIVE,
        "swap": SWITCH,
    },
    "TripletMarginWithDistanceLoss": {"margin": POSITIVE, "swap": SWITCH},
}

C = 4  # classes, or labels, of the tensors below
IDS = Limits((0, C - 1), (-1, C, -2, C + 1, 2**40, -(2**40)))
SIGN = Limits((1.0, -1.0), (0.0, 0.5, -2.0, 1.001, nan, inf))
RATE = Limits((0.0, 1e-9, 1e3), (-1e-3, -inf, nan))
LOGARITHM = Limits((0.0, -1e-9, -50.0, 9e-4), (1.1e-3, 0.5, inf))  # half precision may round to just above 0

#: An entry of a tensor of the call. A loss, or a tensor, that is not here takes any number.
VALUES: dict[str, dict[str, Limits]] = {
    "BCELoss": {"input": UNIT, "target": UNIT},
    "BCEWithLogitsLoss": {"target": UNIT},
    "ContrastiveLoss": {"target": Limits((0.0, 1.0), (0.5, 1e-3, -1.0, 2.0, nan, inf))},
    "CosineEmbeddingLoss": {"target": SIGN},
    "CrossEntropyLoss": {"target": Limits((0, C - 1, -100), (*IDS.refused, -99))},
    "DiceLoss": {"target": Limits((0, C - 1, -100), (*IDS.refused, -99))},
    "FocalLoss": {"target": UNIT},
    "GaussianNLLLoss": {"var": RATE},
    "HingeEmbeddingLoss": {"target": SIGN},
    "KLDivLoss": {"input": LOGARITHM, "target": UNIT},
    "MarginRankingLoss": {"target": SIGN},
    "MultiLabelMarginLoss": {"target": Limits((-1,), (-2, C, 2**40, -(2**40)))},
    "MultiLabelSoftMarginLoss": {"target": UNIT},
    "MultiMarginLoss": {"target": IDS},
    "NLLLoss": {"input": LOGARITHM, "target": Limits((0, C - 1, -100), (*IDS.refused, -99))},
    "PoissonNLLLoss": {"target": RATE},
    "SoftMarginLoss": {"target": SIGN},
    "SoftmaxFocalLoss": {"target": Limits((0, C - 1, -100), (*IDS.refused, -99))},
}

#: Losses that take class probabilities as targets, of which each item's must sum to 1.
DISTRIBUTIONS = ("CrossEntropyLoss",)
