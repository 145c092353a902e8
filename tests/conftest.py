"""One generator state and one thread count for every test, whatever ran before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

pytest.register_assert_rewrite("properties")
collect_ignore = ["integrations"]  # `make integrations`, in an environment of their own


@pytest.fixture(autouse=True)
def _same_start() -> Iterator[None]:
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
