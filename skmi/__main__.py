"""``python -m skmi``: see :mod:`skmi.cli`."""

import sys

from skmi.cli.job import main

if __name__ == "__main__":
    sys.exit(main())
