"""One generator state and one thread count for every test, whatever ran before; and what is said of claims about torch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from claims import (
    pytest_report_teststatus as pytest_report_teststatus,
    pytest_terminal_summary as pytest_terminal_summary,
    torch_still as torch_still,
)

pytest.register_assert_rewrite("properties", "where_torch_is_wrong.alike")
collect_ignore = [
    "integrations",  # `make integrations`, in an environment of their own
    "checked/programs",  # scripts that train
]


@pytest.fixture(autouse=True)
def _same_start() -> Iterator[None]:
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
