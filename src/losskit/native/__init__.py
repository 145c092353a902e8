"""What computes a loss beside its formula: kernels on CPU, torch's own operators elsewhere."""

from losskit.native.library import Status as Status, empty_cache as empty_cache, status as status
