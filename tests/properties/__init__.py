"""What holds for every loss. Each property is a function of a :class:`cases.Subject` that fails by an assertion.

``test_every_loss.py`` runs catalog × properties; ``test_the_tests.py`` shows for each property that it can fail.
"""

from properties import (
    arguments as arguments,
    corners as corners,
    derivatives as derivatives,
    digits as digits,
    drop_in as drop_in,
    heads as heads,
    module as module,
    names as names,
    numbers as numbers,
    places as places,
    refusals as refusals,
    tensors as tensors,
)
from properties.held import PROPERTIES as PROPERTIES
