"""Programs that train, and the faults that can be planted in them."""

from pathlib import Path

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))
