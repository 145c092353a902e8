"""The guide without data: which loss, which last layer, which target, and why. All of it is read from ``About``."""
