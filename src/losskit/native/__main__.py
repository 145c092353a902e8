"""``python -m losskit.native``: what computes on this machine; ``build`` builds the autograd node in C++ first."""

import argparse
import sys

from losskit.native import node, status
from losskit.terminal import while_read


def main() -> int:
    """Build if told to, then say what is there."""
    return while_read(_run)


def _run() -> int:
    parser = argparse.ArgumentParser(prog="python -m losskit.native", description=__doc__)
    parser.add_argument(
        "verb", nargs="?", choices=["build"], help="compile the autograd node for this torch and Python"
    )
    if parser.parse_args().verb == "build":
        try:
            node.build()
        except (OSError, RuntimeError) as error:
            print(f"losskit: no autograd node in C++, so that small calls take longer: {error}", file=sys.stderr)
            return 1
    print(status())
    return 0


if __name__ == "__main__":
    sys.exit(main())
