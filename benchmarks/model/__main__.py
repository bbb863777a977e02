"""python -m benchmarks.model."""

import sys

from benchmarks.model.command import main

if __name__ == "__main__":
    sys.exit(main())
