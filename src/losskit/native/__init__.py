"""Kernels on CPU: the library, its calls, and their place in autograd."""

from losskit.native.library import Status, empty_cache, status

__all__ = ["Status", "empty_cache", "status"]


def __dir__() -> list[str]:
    return list(__all__)
