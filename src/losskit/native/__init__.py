"""What computes a loss beside its formula."""
