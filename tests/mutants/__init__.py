"""Plants faults in the sources and demands that the suite turns red; ``docs/mutants.md`` says how, and with what score.

``places.py`` and ``kernels.py`` find what may be changed, ``belongs.py`` says which tests should notice, ``tree.py`` is the
copy that is changed, ``server.py`` runs tests on it in forks, and ``__main__.py`` draws, asks and counts.
"""
