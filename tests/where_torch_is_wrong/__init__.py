"""What losskit must get right where torch does not (or refuses what is meant): a file for each loss, named as its source is.

Each test runs the installed torch as well, and claims by ``torch_still`` that it is still wrong; ``claims.py`` says what happens
where it is no longer. What holds of a loss whatever torch does stands in ``tests/test_<loss>.py``.
"""
