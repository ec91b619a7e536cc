"""How long the command line takes to answer, against a bare interpreter: the best of several whole processes."""

from __future__ import annotations

import subprocess
import sys
import time

COMMANDS = {
    "bare python": [sys.executable, "-c", "pass"],
    "newsletter --help": [sys.executable, "-m", "newsletter", "--help"],
    "newsletter send --help": [sys.executable, "-m", "newsletter", "send", "--help"],
    "newsletter lists list": [sys.executable, "-m", "newsletter", "lists", "list"],
    "newsletter check": [sys.executable, "-m", "newsletter", "check"],
}


def best(command: list[str], runs: int = 7) -> float:
    """Seconds of the quickest of several runs."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Print milliseconds and the ratio to the first line."""
    bare = 0.0
    for name, command in COMMANDS.items():
        seconds = best(command)
        bare = bare or seconds
        print(f"{name:<24} {seconds * 1000:7.0f} ms  {seconds / bare:6.1f} ×")


if __name__ == "__main__":
    main()
