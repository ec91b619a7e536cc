"""One message on one connection, byte by byte: what is written together, and what each row of replies means."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from mailing import granted, letter, relay

from newsletter.delivery.ledger.outcome import Accepted, Deferred, Outcome, Rejected
from newsletter.delivery.transports.smtp.dialogue import Letter, Session
from newsletter.delivery.transports.smtp.line import Line
from newsletter.errors import RelayConnectionError

ENVELOPE, MESSAGE = letter()
MAIL = f"MAIL FROM:<{ENVELOPE.return_path}>\r\n".encode()
RCPT = f"RCPT TO:<{ENVELOPE.recipient}>\r\n".encode()
DATA = b"DATA\r\n"
BODY = MESSAGE.data
DOT = b".\r\n"
END = b""
"""In place of bytes: the relay closes the connection."""


class Relay(asyncio.Transport):
    """The other end: answers each write with the next row of packets, and keeps what was written."""

    def __init__(self, line: Line, answers: Sequence[Sequence[bytes]]) -> None:
        super().__init__()
        self.line, self.answers, self.written = line, list(answers), list[bytes]()
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))
        for packet in self.answers.pop(0) if self.answers else ():
            asyncio.get_running_loop().call_soon(self._arrive, packet)

    def _arrive(self, packet: bytes) -> None:
        if packet == END:
            self.is_closed = True
            self.line.connection_lost(None)
        else:
            self.line.data_received(packet)

    def is_closing(self) -> bool:
        return self.is_closed

    def abort(self) -> None:
        self.is_closed = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


class Talk:
    """Messages handed over to a relay that answers as it was told."""

    def __init__(self, *answers: Sequence[bytes], offers: str = "PIPELINING", timeout: float = 30.0) -> None:
        self.line = Line()
        self.relay = Relay(self.line, answers)
        self.line.connection_made(self.relay)
        self.session = Session(self.line, relay("relay.test", 25, timeout=timeout), {offers: ""})
        self.permits = 0
        self.following: Letter | None = None

    async def send(self) -> Outcome:
        outcome = await self.session.begin(Letter(ENVELOPE, MESSAGE))
        return outcome or await self.session.hand_over(MESSAGE, self._permit, lambda: self.following)

    async def _permit(self) -> bool:
        self.permits += 1
        return await granted()


def packets(*lines: str) -> list[bytes]:
    return [f"{line}\r\n".encode() if line else END for line in lines]


def test_envelope_is_one_write_and_the_dot_another_one_after_the_permit() -> None:
    talk = Talk(packets("250 ok", "250 ok", "354 go on"), [], packets("250 taken"))
    assert isinstance(asyncio.run(talk.send()), Accepted)
    assert talk.relay.written == [MAIL + RCPT + DATA, BODY, DOT]
    assert talk.permits == 1


NEXT = Letter(*letter("bo@example.com"))
AHEAD = MAIL.replace(ENVELOPE.return_path.encode(), NEXT.envelope.return_path.encode()) + RCPT.replace(
    ENVELOPE.recipient.encode(), NEXT.envelope.recipient.encode()
)


@pytest.mark.parametrize("is_late", [False, True], ids=["with the dot", "before its reply"])
def test_next_envelope_travels_behind_the_dot_and_its_body_waits_for_both_replies(is_late: bool) -> None:
    async def run() -> None:
        first = asyncio.create_task(talk.send())
        if is_late:
            while talk.relay.written[-1:] != [DOT]:
                await asyncio.sleep(0)
            talk.session.announce(NEXT)
            talk.relay.line.data_received(b"250 taken\r\n")
        else:
            talk.following = NEXT
        assert isinstance(await first, Accepted)
        talk.following = None
        assert talk.relay.written[-1].endswith(AHEAD + DATA)
        talk.relay.line.data_received(b"250 ok\r\n250 ok\r\n354 go on\r\n")
        assert await talk.session.begin(NEXT) is None
        assert isinstance(await talk.session.hand_over(NEXT.message, granted, lambda: None), Accepted)

    after_the_dot = [[], []] if is_late else [packets("250 taken")]
    talk = Talk(packets("250 ok", "250 ok", "354 go on"), [], *after_the_dot, [], packets("250 taken"))
    asyncio.run(run())
    out = [DOT, AHEAD + DATA] if is_late else [DOT + AHEAD + DATA]
    assert talk.relay.written == [MAIL + RCPT + DATA, BODY, *out, NEXT.message.data, DOT]


@pytest.mark.parametrize("offers", ["8BITMIME", ""])
def test_nothing_travels_behind_a_dot_where_pipelining_is_not_offered(offers: str) -> None:
    rows = [packets("250 ok"), packets("250 ok"), packets("354 go on"), [], packets("250 taken")]
    talk = Talk(*rows, offers=offers)
    talk.following = NEXT
    assert isinstance(asyncio.run(talk.send()), Accepted)
    assert talk.relay.written == [MAIL, RCPT, DATA, BODY, DOT]


def test_each_command_waits_for_its_reply_where_pipelining_is_not_offered() -> None:
    rows = [packets("250 ok"), packets("250 ok"), packets("354 go on"), [], packets("250 taken")]
    talk = Talk(*rows, offers="8BITMIME")
    assert isinstance(asyncio.run(talk.send()), Accepted)
    assert talk.relay.written == [MAIL, RCPT, DATA, BODY, DOT]


def test_replies_are_told_apart_however_the_network_cuts_them() -> None:
    replies = b"250-2.1.0 ok\r\n250 2.1.0 go on\r\n250 2.1.5 ok\r\n354 go on\r\n"
    cuts = [[replies[:cut], replies[cut:]] for cut in range(1, len(replies))]
    for row in [[replies], [bytes([octet]) for octet in replies], *cuts]:
        talk = Talk(row, [], packets("250 taken"))
        assert isinstance(asyncio.run(talk.send()), Accepted)
        assert talk.relay.written == [MAIL + RCPT + DATA, BODY, DOT]


@pytest.mark.parametrize(
    ("replies", "expected", "afterwards"),
    [
        # at MAIL
        (["451 4.3.0 later", "503 MAIL first", "503 RCPT first"], "Deferred ours", "ready"),
        (["550 5.7.1 not you", "503 MAIL first", "503-RCPT\r\n503 first"], "Rejected ours", "ready"),
        (["550 5.7.1 not you", "250 ok", "354 go on"], "Rejected ours", "closed"),
        (["550 5.7.1 not you", "503 MAIL first", ""], "Rejected ours", "closed"),
        (["550 5.7.1 not you", "421 good night", ""], "Rejected ours", "closed"),
        (["421 4.3.2 not now"], "Deferred ours", "closed"),
        (["250 ok", ""], "error", "closed"),
        # at RCPT
        (["250 ok", "550 5.1.1 no such user", "554 no recipients"], "Rejected theirs", "reset"),
        (["250 ok", "450 4.2.0 greylisted", "503 RCPT first"], "Deferred theirs", "reset"),
        (["250 ok", "550 5.1.1 no such user", "451 RCPT first"], "Rejected theirs", "reset"),
        (["250 ok", "550 5.1.1 no such user", "354 go on"], "Rejected theirs", "closed"),
        (["250 ok", "550 5.1.1 no such user", "421 good night"], "Rejected theirs", "closed"),
        (["250 ok", "550 5.1.1 no such user", ""], "Rejected theirs", "closed"),
        (["250 ok", "421 4.3.2 not now"], "Deferred ours", "closed"),
        (["250 ok", "250 ok", ""], "error", "closed"),
        # at DATA
        (["250 ok", "250 ok", "451 4.3.0 later"], "Deferred theirs", "reset"),
        (["250 ok", "250 ok", "554 5.7.1 no"], "Rejected ours", "reset"),
        (["250 ok", "250 ok", "354 go on", "421 good night"], "Deferred ours", "closed"),
        (["250 ok", "250 ok", "354 go on", ""], "error", "closed"),
        # out of step: a second reply to one command must not be charged to the recipient
        (["250 ok", "550 5.7.1 on second thoughts", "250 ok", "354 go on"], "error", "closed"),
        (["250 ok", "250 ok", "250 ok", "354 go on"], "error", "closed"),
        (["250 ok", "550 5.1.1 no such user", "what?"], "error", "closed"),
    ],
)
def test_refusal_counts_where_it_stood_and_the_next_message_is_in_step(
    replies: list[str], expected: str, afterwards: str
) -> None:
    async def run() -> str:
        try:
            outcome = await talk.send()
        except RelayConnectionError:
            talk.session.destroy()  # as the pool does
            return "error"
        assert isinstance(outcome, Deferred | Rejected)
        return f"{type(outcome).__name__} {outcome.classification.blame}"

    async def run_both() -> tuple[str, Outcome | None]:
        first = await run()
        return first, None if talk.session.is_lost else await talk.send()

    again = [*(["250 reset"] if afterwards == "reset" else []), "250 ok", "250 ok", "354 go on"]
    talk = Talk(packets(*replies), packets(*again), [], packets("250 taken"))
    first, second = asyncio.run(run_both())
    assert first == expected
    assert talk.permits == (0 if second is None else 1)
    assert DOT not in talk.relay.written[: 1 if second else None]
    if afterwards == "closed":
        assert second is None
    else:
        assert isinstance(second, Accepted)
        reset = b"RSET\r\n" if afterwards == "reset" else b""
        assert talk.relay.written[1:] == [reset + MAIL + RCPT + DATA, BODY, DOT]


def test_refusal_counts_though_the_relay_falls_silent_behind_it() -> None:
    talk = Talk(packets("250 ok", "550 5.1.1 no such user"), timeout=0.1)
    assert isinstance(asyncio.run(talk.send()), Rejected)
    assert talk.session.is_lost
    assert talk.relay.written == [MAIL + RCPT + DATA]


def test_refused_reset_hands_nothing_over() -> None:
    async def run() -> None:
        assert isinstance(await talk.send(), Rejected)
        with pytest.raises(RelayConnectionError, match="refuses RSET"):
            await talk.send()

    refusal = packets("250 ok", "550 5.1.1 no such user", "554 no recipients")
    talk = Talk(refusal, packets("500 what", "250 ok", "250 ok", "354 go on"))
    asyncio.run(run())
    assert talk.permits == 0
    assert BODY not in talk.relay.written
