"""Composing and signing in two processes, against `openssl speed -multi 2 rsa2048`, which signs and does nothing else.

    bench/sign.py [--rounds N]

Messages are those of a sample issue, of about 37 kB, each for another reader. Rounds take turns. The ratio is the one
within a round. All rounds: build/bench/sign.json.
"""

import argparse
import json
import multiprocessing
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from compose import compile_all

PROCESSES = 2
MESSAGES = 1500  # of each process and round
KEPT = Path(__file__).resolve().parents[1] / "build" / "bench" / "sign.json"


def openssl() -> float:
    """Signatures a second, of all processes together."""
    command = ["openssl", "speed", "-multi", str(PROCESSES), "-seconds", "2", "rsa2048"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"(?m)^rsa\s+2048 bits\s+\S+\s+\S+\s+([\d.]+)", told)
    assert found, told
    return float(found[1])


def share(editions: str, pem: bytes, kind: str, start: Barrier, seconds: Any) -> None:
    """One process: puts how many seconds its messages took into `seconds`."""
    from newsletter.app.composing import INERT, claim_outside
    from newsletter.compiler.edition import edition_from_json
    from newsletter.delivery.compose.dkim import DkimSigner, read_key
    from newsletter.delivery.compose.message import MessageContext
    from newsletter.delivery.compose.mould import make_mould
    from newsletter.delivery.compose.urls import Urls

    context = MessageContext({"weekly": "Weekly"}, Urls("https://news.example.org", INERT), INERT, "b@example.org")
    if pem:
        context = replace(context, dkim=DkimSigner("example.org", (read_key("s", pem, where=kind),)))
    edition = edition_from_json(json.loads(Path(editions).read_text())[1])
    mould = make_mould(edition, context)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    claims = [
        claim_outside(
            "bench", recipient=f"{n:026d}".translate(str.maketrans("0123456789", "abcdefghij")),
            address=f"reader{n}@example.org", language=edition.language, values={"name": f"Reader {n}"}, now=now,
            lists=("weekly",),
        )
        for n in range(MESSAGES)
    ]  # fmt: skip
    start.wait()
    started = time.perf_counter()
    for claim in claims:
        mould.cast(claim)
    seconds.put(time.perf_counter() - started)


def ours(editions: str, pem: bytes, kind: str) -> float:
    """Messages a second of all processes together."""
    spawn = multiprocessing.get_context("spawn")
    start, seconds = spawn.Barrier(PROCESSES), spawn.Queue()
    processes = [spawn.Process(target=share, args=(editions, pem, kind, start, seconds)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    ended: list[float] = [seconds.get(timeout=300) for _ in processes]
    for process in processes:
        process.join()
    return PROCESSES * MESSAGES / max(ended)


def main() -> None:
    """Print medians with their spread, and the ratio to openssl."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    if not shutil.which("openssl"):
        sys.exit("bench/sign.py: skipped, openssl is not installed")
    from newsletter.delivery.compose.dkim import new_key

    keys = {"compose": b"", "with Ed25519": new_key("ed25519", "s").pem, "with RSA-2048": new_key("rsa", "s").pem}
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        editions = str(Path(folder) / "editions.json")
        compile_all(Path(editions))
        for turn in range(rounds):
            for kind in (*keys, "openssl") if turn % 2 else ("openssl", *reversed(keys)):
                speed = openssl() if kind == "openssl" else ours(editions, keys[kind], kind)
                found.setdefault(kind, []).append(speed)
    load = os.getloadavg()[0]
    print(f"{PROCESSES} processes, {MESSAGES} messages each, medians of {rounds} rounds; load {load:.1f}")
    for kind, speeds in found.items():
        ratios = [one / two for one, two in zip(speeds, found["openssl"], strict=True)]
        print(
            f"{kind:14} {statistics.median(speeds):7.0f} a second ({min(speeds):.0f} to {max(speeds):.0f})"
            f"   {statistics.median(ratios):5.2f} of openssl ({min(ratios):.2f} to {max(ratios):.2f})"
        )
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    KEPT.write_text(json.dumps({"at": datetime.now(UTC).isoformat(), "load": load, "rounds": found}))


if __name__ == "__main__":
    main()
