"""Does the choice of a loss matter on my data? The verb ``compare`` and its parts."""

from losskit.compare.data import Data
from losskit.compare.errors import CompareError, DataError
from losskit.compare.metrics import METRICS, Predicted
from losskit.compare.plan import Plan, make_plan
from losskit.compare.prepare import Preprocessor
from losskit.compare.reading import load

__all__ = ["METRICS", "CompareError", "Data", "DataError", "Plan", "Predicted", "Preprocessor", "load", "make_plan"]
