"""An SMTP server that takes everything and keeps nothing; prints its port.

bench/sink.py [--lock-step] [--late MILLISECONDS]      how long it waits before it answers a final dot
"""

from __future__ import annotations

import asyncio
import sys

LATE = float(sys.argv[sys.argv.index("--late") + 1]) / 1000 if "--late" in sys.argv else 0.0
OFFERS = b"250 SIZE\r\n" if "--lock-step" in sys.argv else b"250-SIZE\r\n250 PIPELINING\r\n"


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, until QUIT or the end."""
    writer.write(b"220 sink\r\n")
    while line := await reader.readline():
        verb = line[:4].upper()
        if verb == b"DATA":
            writer.write(b"354 go on\r\n")
            await reader.readuntil(b"\r\n.\r\n")
            await asyncio.sleep(LATE)
        if verb == b"EHLO":
            writer.write(b"250-sink\r\n" + OFFERS)
        else:
            writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
        if verb == b"QUIT":
            break
    writer.close()


async def main() -> None:
    """Listen on a free port of the loopback address until killed."""
    server = await asyncio.start_server(converse, "127.0.0.1", 0, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
