"""``python -m threadtop``: the same as the ``threadtop`` command."""

import sys

from threadtop.cli import main

if __name__ == "__main__":
    sys.exit(main())
