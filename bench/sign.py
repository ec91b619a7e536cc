"""Composing and signing in two processes, against `openssl speed -multi 2 rsa2048`, which signs and does nothing else.

    bench/sign.py [--rounds N]

Messages are those of a sample issue, of about 37 kB, each for another reader. Rounds take turns. Ratios are those
within a round; that of CPU times holds on a busy machine too. All rounds: build/bench/sign.json.
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
Figures = tuple[float, float]
"""How many a second, and microseconds of CPU time for one."""
KEPT = Path(__file__).resolve().parents[1] / "build" / "bench" / "sign.json"


def openssl() -> Figures:
    """Signatures a second, of all processes together, and the CPU time of one."""
    return _speed("-multi", str(PROCESSES), "-seconds", "2")[1], _speed("-seconds", "1")[0] * 1e6


def _speed(*options: str) -> tuple[float, float]:
    """Seconds a signature, of CPU time without `-multi`, and signatures a second."""
    command = ["openssl", "speed", *options, "rsa2048"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"(?m)^rsa\s+2048 bits\s+([\d.]+)s\s+\S+\s+([\d.]+)", told)
    assert found, told
    return float(found[1]), float(found[2])


def share(editions: str, pem: bytes, kind: str, start: Barrier, seconds: Any) -> None:
    """One process: puts how many seconds its messages took into `seconds`, and how many of CPU time."""
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
    started, before = time.perf_counter(), time.process_time()
    for claim in claims:
        mould.cast(claim)
    seconds.put((time.perf_counter() - started, time.process_time() - before))


def ours(editions: str, pem: bytes, kind: str) -> Figures:
    """Messages a second of all processes together, and the CPU time of one."""
    spawn = multiprocessing.get_context("spawn")
    start, seconds = spawn.Barrier(PROCESSES), spawn.Queue()
    processes = [spawn.Process(target=share, args=(editions, pem, kind, start, seconds)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    ended: list[Figures] = [seconds.get(timeout=300) for _ in processes]
    for process in processes:
        process.join()
    wall, cpu = zip(*ended, strict=True)
    return PROCESSES * MESSAGES / max(wall), sum(cpu) / (PROCESSES * MESSAGES) * 1e6


def main() -> None:
    """Print medians with their spread, and the ratio to openssl."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    if not shutil.which("openssl"):
        sys.exit("bench/sign.py: skipped, openssl is not installed")
    from newsletter.delivery.compose.dkim import new_key

    keys = {"compose": b"", "with Ed25519": new_key("ed25519", "s").pem, "with RSA-2048": new_key("rsa", "s").pem}
    found: dict[str, list[Figures]] = {}
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
        rates, costs = zip(*speeds, strict=True)
        pairs = list(zip(speeds, found["openssl"], strict=True))
        ratios, by_cpu = [one[0] / two[0] for one, two in pairs], [two[1] / one[1] for one, two in pairs]
        print(
            f"{kind:14}{statistics.median(rates):6.0f} a second ({min(rates):.0f} to {max(rates):.0f}),"
            f" {statistics.median(ratios):.2f} of openssl ({min(ratios):.2f} to {max(ratios):.2f});"
            f" CPU {statistics.median(costs):4.0f} µs, {statistics.median(by_cpu):.2f} of openssl"
        )
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    KEPT.write_text(json.dumps({"at": datetime.now(UTC).isoformat(), "load": load, "rounds": found}))


if __name__ == "__main__":
    main()
