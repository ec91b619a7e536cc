"""Messages a second over one connection, with PIPELINING and in lock-step, near a relay and 20 ms away from it."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from newsletter.app.sending.relay import smtp_settings
from newsletter.config import Config
from newsletter.delivery.compose.envelope import Envelope
from newsletter.delivery.compose.message import Message
from newsletter.delivery.ledger.outcome import Accepted
from newsletter.delivery.transports.smtp.pool import SmtpTransport

ROUND_TRIP = 0.020  # seconds
FAR, NEAR = 100, 500  # messages of a round
ROUNDS = 6
MESSAGE = Message("bench", b"Subject: bench\r\n\r\n" + (b"x" * 74 + b"\r\n") * 490, "0" * 64)  # about 37 kB


@contextmanager
def sink(*, pipelining: bool) -> Iterator[int]:
    """A relay that takes everything: postfix's smtp-sink if it is installed, else ours. Gives its port."""
    program = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        command = [program, *user, *([] if pipelining else ["-p"]), f"127.0.0.1:{port}", "100"]
        process = subprocess.Popen(command, cwd=tempfile.gettempdir(), text=True)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
    else:
        script = [sys.executable, str(Path(__file__).with_name("sink.py")), *([] if pipelining else ["--lock-step"])]
        process = subprocess.Popen(script, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        port = int(process.stdout.readline())
    try:
        yield port
    finally:
        process.kill()
        process.wait()


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction of a connection, each byte half a round trip late."""
    loop = asyncio.get_running_loop()
    while data := await reader.read(1 << 16):
        loop.call_later(ROUND_TRIP / 2, writer.write, data)
    loop.call_later(ROUND_TRIP / 2, writer.close)


async def distance(port: int) -> asyncio.Server:
    """A proxy that puts the relay on that port 20 ms away."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_relay, to_relay = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, to_relay), carry(from_relay, writer))

    return await asyncio.start_server(connected, "127.0.0.1", 0)


async def granted() -> bool:
    """The permit, without a ledger: only the dialogue is measured."""
    return True


async def rate(port: int, count: int) -> float:
    """Messages a second of one connection that is open already."""
    envelope = Envelope("bounces@news.example", "reader@home.example")
    changes: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "tls": "none",
        "connections": 1,
        "messages_per_connection": count + 2,
    }
    transport = SmtpTransport(replace(smtp_settings(Config()), **changes))
    assert isinstance(await transport.send(envelope, MESSAGE, granted), Accepted)
    numbers = iter(range(count))

    async def some() -> None:
        for _ in numbers:
            assert isinstance(await transport.send(envelope, MESSAGE, granted), Accepted)

    started = time.perf_counter()
    await asyncio.gather(some(), some())  # as the sender does: one follows the other
    seconds = time.perf_counter() - started
    await transport.close()
    return count / seconds


async def far_rate(port: int) -> float:
    """The same from 20 ms away."""
    proxy = await distance(port)
    found = await rate(proxy.sockets[0].getsockname()[1], FAR)
    await asyncio.sleep(2 * ROUND_TRIP)  # the proxy's ends close
    proxy.close()
    return found


def main() -> None:
    """Print medians of interleaved rounds, and the ratios."""
    found: dict[tuple[str, str], list[float]] = {}
    with sink(pipelining=True) as pipelined, sink(pipelining=False) as lock_step:
        ways = [("pipelined", pipelined), ("lock-step", lock_step)]
        for turn in range(ROUNDS):
            for way, port in ways if turn % 2 else reversed(ways):
                found.setdefault(("20 ms", way), []).append(asyncio.run(far_rate(port)))
                found.setdefault(("near", way), []).append(asyncio.run(rate(port, NEAR)))
    print(f"one connection, 37 kB, no ledger; medians of {ROUNDS} rounds; load {os.getloadavg()[0]:.1f}")
    for place in ("20 ms", "near"):
        medians = {way: statistics.median(found[place, way]) for way in ("pipelined", "lock-step")}
        for way, median in medians.items():
            share = f"   {median * ROUND_TRIP:.2f} of one in each round trip" if place == "20 ms" else ""
            print(f"{place:5} {way:9} {median:7.1f} a second{share}")
        print(f"{place:5} ratio     {medians['pipelined'] / medians['lock-step']:7.2f}")


if __name__ == "__main__":
    main()
