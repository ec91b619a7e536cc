"""The line to a relay: bytes out, replies in, and whether the connection is still open. The one SMTP socket.

Every failure before the final dot is raised as a RelayConnectionError or RelayTimeoutError. After either the line is
destroyed: a late reply must never be taken for the next one.
"""

import asyncio
import re
import select
import ssl
from collections.abc import Sequence
from typing import cast

from newsletter.delivery.ledger.outcome import Reply, read_reply
from newsletter.errors import RelayConnectionError, RelayTimeoutError

MAX_COMMAND = 512
"""Octets of a command line with its CRLF (RFC 5321, section 4.5.3.1.4)."""

_MAX_REPLY = 65536  # octets: far more than any greeting, far less than memory
_BLOCK = 65536
_CONTROLS = re.compile(rb"[\x00-\x1f\x7f]")


class Line(asyncio.Protocol):
    """One connection, in plain or wrapped in TLS. Made by `open_line`."""

    def __init__(self) -> None:
        self._arrivals: select.poll | None = None
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._lost = False
        self._reason = "the relay closed the connection"
        self._is_full = False  # the system takes no more bytes for now
        self._waiter: asyncio.Future[None] | None = None  # for bytes, for room, or for the end
        self._deadline = 0.0  # of the waiter, on the event loop's clock
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_lost(self) -> bool:
        """Whether nothing more can be sent."""
        return self._lost or self._transport is None or self._transport.is_closing()

    @property
    def has_more(self) -> bool:
        """Whether bytes have arrived that were not read yet."""
        return bool(self._received)

    @property
    def own_address(self) -> str:
        """The address of this end, for a greeting without a name."""
        name = self._transport.get_extra_info("sockname") if self._transport else None
        return str(name[0]) if name else ""

    async def read(self, timeout: float) -> list[bytes]:
        """The lines of the next reply, without their line ends."""
        lines: list[bytes] = []
        left, deadline = _MAX_REPLY, 0.0
        while not lines or (lines[-1][3:4] == b"-" and lines[-1][:3].isdigit()):
            end = self._received.find(b"\n")
            if (len(self._received) if end < 0 else end) > left:
                raise self._broken("the relay's reply does not end")
            if end < 0:
                deadline = deadline or asyncio.get_running_loop().time() + timeout
                await self._more(deadline, timeout)
            else:
                lines.append(bytes(self._received[:end]).removesuffix(b"\r"))
                del self._received[: end + 1]
                left -= end
        return lines

    async def ask(self, command: str, timeout: float, limit: int = MAX_COMMAND) -> Reply:
        """Send one command and read its reply."""
        self.say(command, limit=limit)
        return read_reply(await self.read(timeout))

    def say(self, *commands: str, limit: int = MAX_COMMAND) -> None:
        """Send commands in one write. Several only to a relay that offers PIPELINING.

        Raises ValueError, and sends nothing, for a line end inside a command or more than `limit` octets of one.
        """
        if not commands:
            return
        data = _encode(commands, limit)
        self.refuse_surprises()
        self._write(data)

    async def send(self, data: bytes, timeout: float) -> None:
        """Hand all of `data` to the system, block by block; stops early when the relay replies meanwhile."""
        for start in range(0, len(data), _BLOCK):
            if self.has_more:
                return
            self._write(data[start : start + _BLOCK])
            if not self._is_full:
                continue
            deadline = asyncio.get_running_loop().time() + timeout
            try:
                while self._is_full and not (self._lost or self.has_more):
                    await self._change(deadline)
            except TimeoutError as error:
                self.destroy()
                raise RelayTimeoutError(f"The relay took no data for {timeout:g} seconds") from error

    def write_dot(self, *commands: str) -> None:
        """Write the end of the message: one small write that cannot block. From here on the outcome may be unknown.

        `commands`: the next message's, which travel behind it; only to a relay that offers PIPELINING.
        """
        self._write(b".\r\n" + _encode(commands, MAX_COMMAND))

    async def look(self) -> None:
        """Let the event loop see what has already arrived, without waiting for anything to come."""
        if self._arrivals is None or self.is_lost or self._arrivals.poll(0):
            for _ in range(2):  # one turn polls the sockets, the next one runs what they brought
                await asyncio.sleep(0)

    def refuse_surprises(self) -> None:
        """Raise for an unasked reply or a lost connection: the next reply would be taken for another command's."""
        if self.is_lost:
            raise self._broken(self._reason)
        if self.has_more:
            raise self._broken("the relay sent a reply before it was asked")

    async def start_tls(self, context: ssl.SSLContext, host: str, timeout: float) -> None:
        """Wrap the line in TLS. Raises ssl.SSLError when the relay cannot prove that it is `host`."""
        assert self._transport is not None
        self.refuse_surprises()  # bytes in clear after the 220 were injected on the way (CVE-2011-0411)
        try:
            wrapped = await asyncio.get_running_loop().start_tls(
                self._transport, self, context, server_hostname=host, ssl_handshake_timeout=timeout
            )
        except ssl.SSLError:
            raise
        except OSError as error:
            raise self._broken(str(error) or "lost during the TLS handshake") from error
        if wrapped is None:
            raise self._broken("lost during the TLS handshake")
        self._attach(wrapped)

    def destroy(self) -> None:
        """Close at once, without QUIT and without sending what is left."""
        self._lost = True
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()

    async def _more(self, deadline: float, timeout: float) -> None:
        if self._lost:
            raise self._broken(self._reason)
        try:
            await self._change(deadline)
        except TimeoutError as error:
            self.destroy()
            raise RelayTimeoutError(f"The relay was silent for {timeout:g} seconds") from error

    async def _change(self, deadline: float) -> None:
        """Wait until bytes came, the system takes more again, or the line was lost. Raises TimeoutError.

        One timer serves all waiting on this line: to start and end one for each reply takes longer than reading it.
        """
        loop = asyncio.get_running_loop()
        self._waiter, self._deadline = loop.create_future(), deadline
        if self._timer is None or self._timer.when() > deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = loop.call_at(deadline, self._check_deadline)
        await self._waiter

    def _check_deadline(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        loop = asyncio.get_running_loop()
        if loop.time() < self._deadline:
            self._timer = loop.call_at(self._deadline, self._check_deadline)
        else:
            self._waiter.set_exception(TimeoutError())

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _write(self, data: bytes) -> None:
        if self.is_lost or self._transport is None:
            raise self._broken(self._reason)
        self._transport.write(data)

    def _broken(self, reason: str) -> RelayConnectionError:
        self.destroy()
        return RelayConnectionError(f"The connection to the relay broke: {reason}")

    def _attach(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        if socket := transport.get_extra_info("socket"):
            self._arrivals = select.poll()
            self._arrivals.register(socket.fileno(), select.POLLIN)
        transport.set_write_buffer_limits(high=1)  # `send` returns when the system has everything

    # What asyncio calls:

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._attach(cast("asyncio.Transport", transport))  # those of uvloop are no subclass

    def data_received(self, data: bytes) -> None:
        """The relay sent bytes."""
        self._received += data
        if len(self._received) > 2 * _MAX_REPLY:  # more than any reply; do not store it
            self.destroy()
        self._wake()

    def eof_received(self) -> None:
        """The relay sends nothing more; asyncio closes the connection."""
        self._lost = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed, by an error or by either end."""
        self._lost = True
        if exc is not None:
            self._reason = str(exc) or type(exc).__name__
        self._wake()

    def pause_writing(self) -> None:
        """The system takes no more bytes for now."""
        self._is_full = True

    def resume_writing(self) -> None:
        """The system takes bytes again."""
        self._is_full = False
        self._wake()


def _encode(commands: Sequence[str], limit: int) -> bytes:
    lines = [command.encode() + b"\r\n" for command in commands]
    for line in lines:
        if len(line) > limit or _CONTROLS.search(line, 0, len(line) - 2):
            raise ValueError(f"a command must be one line of at most {limit} octets without control characters")
    return b"".join(lines)


async def open_line(host: str, port: int, timeout: float, context: ssl.SSLContext | None = None) -> Line:
    """Connect; with a `context` in TLS from the first byte. Raises ssl.SSLError when verification fails."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout):
            _, line = await loop.create_connection(
                Line, host, port, ssl=context, server_hostname=host if context else None
            )
    except TimeoutError as error:
        raise RelayTimeoutError(f"No connection to {host}:{port} within {timeout:g} seconds") from error
    except ssl.SSLError:
        raise
    except OSError as error:
        raise RelayConnectionError(f"No connection to {host}:{port}: {error.strerror or error}") from error
    return line
