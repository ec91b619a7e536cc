"""Writes made-up subscribers as CSV, to try an import with: python scripts/sample_subscribers.py FILE [COUNT] [SEED]"""

from __future__ import annotations

import sys
from pathlib import Path

from newsletter.demo.sample import write_sample


def main(arguments: list[str]) -> int:
    """Write the file and say how many rows it has."""
    if not 1 <= len(arguments) <= 3 or not all(number.isdecimal() for number in arguments[1:]):
        print(__doc__, file=sys.stderr)
        return 2
    file, count, seed = Path(arguments[0]), *[int(n) for n in (*arguments[1:], *("300", "2024")[len(arguments) - 1 :])]
    print(f"{file}: {write_sample(file, count=count, seed=seed)} subscribers")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
