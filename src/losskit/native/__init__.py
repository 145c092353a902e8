"""Kernels on CPU: the library, its calls, and their place in autograd."""

from losskit.native.library import Status as Status, empty_cache as empty_cache, status as status
