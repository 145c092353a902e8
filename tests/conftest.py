"""One generator state, thread count and hook for exceptions for every test, whatever ran before; and what is said of
claims about torch.

A third of the tests, always the same, runs with the autograd node in Python where there is one in C++, so that both are tested.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from zlib import crc32

import pytest
import torch
from claims import (
    pytest_report_teststatus as pytest_report_teststatus,
    pytest_terminal_summary as pytest_terminal_summary,
    torch_still as torch_still,
)

from losskit import fields
from losskit.native import node

pytest.register_assert_rewrite("properties", "where_torch_is_wrong.alike")
collect_ignore = [
    "integrations",  # `make integrations`, in an environment of their own
    "checked/programs",  # scripts that train
]


def pytest_collection_finish() -> None:
    """Let the collector pass over all that is imported, half a second each time; statsmodels calls it for every correction."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _same_start(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    torch.manual_seed(0)
    threads, hook = torch.get_num_threads(), sys.excepthook
    if request.node.path.name != "test_node.py" and crc32(request.node.nodeid.encode()) % 3 == 0:
        monkeypatch.setattr(node, "found", lambda: (None, "not in this test"))
        fields.kept.cache_clear()  # the losses of functions, which may have it
    yield
    torch.set_num_threads(threads)
    sys.excepthook = hook  # init_process_group puts one that names the rank, and does not give it back
