"""The SMTP door against a real server that records and misbehaves: what is certain, and what is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mailing import granted, letter, refused, relay, send_all
from recording_server import Quirk, RecordingServer, recording_server

from newsletter.delivery.compose.envelope import Envelope
from newsletter.delivery.ledger.classification import Classification
from newsletter.delivery.ledger.outcome import Accepted, Deferred, Outcome, Rejected, Unknown
from newsletter.delivery.transports.smtp.pool import SmtpSettings, SmtpTransport
from newsletter.errors import PermitRefusedError, RelayConnectionError, RelayTimeoutError, StorageError, TransportError

BEFORE_THE_DOT = ["connect", "ehlo", "mail", "rcpt", "data", "body"]
LONG = 20_000  # lines: more than any socket buffers

both = pytest.mark.parametrize("mode", [{}, {"lock_step": True}], ids=["pipelined", "in lock-step"])
"""Against a relay that offers PIPELINING, and one that does not."""


def settings(server: RecordingServer, **changes: Any) -> SmtpSettings:
    return relay(server.host, server.port, **{"tls": "none", "timeout": 30.0} | changes)


def until(server: RecordingServer, event: str) -> Callable[[], Awaitable[bool]]:
    """A permit that is granted only after the server has done something: that has then arrived."""

    async def permit() -> bool:
        while not any(event in entry for entry in server.transcript()):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        return True

    return permit


def recipients(server: RecordingServer) -> list[str]:
    return [record["rcpt"] for record in server.records()]


def test_message_arrives_as_it_was_composed(tmp_path: Path) -> None:
    with recording_server(tmp_path) as server:
        envelope, message = letter()
        [outcome] = send_all(settings(server), [(envelope, message)])
    assert isinstance(outcome, Accepted)
    assert str(outcome.reply) == "250 2.0.0 taken"
    [record] = server.records()
    assert (record["message_id"], record["sha256"]) == (message.id, message.sha256)
    assert (record["mail_from"], record["rcpt"]) == (envelope.return_path, envelope.recipient)
    assert server.messages() == {"ana@example.com": [message.data]}


@both
def test_connection_is_used_again_and_left_in_peace(tmp_path: Path, mode: dict[str, bool]) -> None:
    with recording_server(tmp_path, **mode) as server:
        outcomes = send_all(settings(server), [letter()] * 5)
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    verbs = [line.split()[0] for line in server.said()]
    assert verbs == ["EHLO", *["MAIL", "RCPT", "DATA"] * 5, "QUIT"]


def test_connection_is_replaced_after_its_share_of_messages(tmp_path: Path) -> None:
    with recording_server(tmp_path) as server:
        send_all(settings(server, messages_per_connection=2), [letter()] * 5)
    assert [record["connection"] for record in server.records()] == [1, 1, 2, 2, 3]
    assert server.said().count("QUIT") == 3


def test_no_more_connections_are_opened_than_allowed(tmp_path: Path) -> None:
    async def run(server: RecordingServer) -> list[Outcome]:
        transport = SmtpTransport(settings(server, connections=3))
        outcomes = await asyncio.gather(*(transport.send(*letter(), granted) for _ in range(20)))
        await transport.close()
        return outcomes

    with recording_server(tmp_path, latency=0.01) as server:
        outcomes = asyncio.run(run(server))
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert {record["connection"] for record in server.records()} == {1, 2, 3}


@both
@pytest.mark.parametrize("how", ["reset", "drop"])
@pytest.mark.parametrize("step", BEFORE_THE_DOT)
def test_line_lost_before_the_dot_judges_nothing_and_the_next_try_arrives(
    tmp_path: Path, mode: dict[str, bool], step: str, how: str
) -> None:
    with recording_server(tmp_path, Quirk(step, how, times=1), **mode) as server:
        lines = LONG if step == "body" else 1
        first, second = send_all(settings(server), [letter(lines=lines)] * 2, until(server, "closed"))
    assert isinstance(first, RelayConnectionError)
    assert isinstance(second, Accepted)
    assert recipients(server) == ["ana@example.com"]


@pytest.mark.parametrize("step", BEFORE_THE_DOT)
def test_silence_before_the_dot_judges_nothing(tmp_path: Path, step: str) -> None:
    with recording_server(tmp_path, Quirk(step, "delay", seconds=60)) as server:
        [outcome] = send_all(settings(server, timeout=0.5), [letter(lines=LONG if step == "body" else 1)])
    assert isinstance(outcome, RelayTimeoutError)
    assert recipients(server) == []


def test_nobody_listening_is_said_with_the_place() -> None:
    [outcome] = send_all(relay("127.0.0.1", 1, tls="none"), [letter()])
    assert isinstance(outcome, RelayConnectionError)
    assert "127.0.0.1:1" in str(outcome)


@pytest.mark.parametrize("how", ["reset", "drop"])
@pytest.mark.parametrize("accepted", [True, False])
def test_line_lost_after_the_dot_is_unknown_whatever_the_relay_did(tmp_path: Path, how: str, accepted: bool) -> None:
    with recording_server(tmp_path, Quirk("dot", how, accepted=accepted, times=1)) as server:
        first, second = send_all(settings(server), [letter(), letter("bo@example.com")])
    assert isinstance(first, Unknown)
    assert isinstance(second, Accepted)
    assert recipients(server) == (["ana@example.com"] if accepted else []) + ["bo@example.com"]


def test_silence_after_the_dot_is_unknown(tmp_path: Path) -> None:
    with recording_server(tmp_path, Quirk("dot", "hang", accepted=True)) as server:
        [outcome] = send_all(settings(server, reply_timeout=0.2), [letter()])
    assert outcome == Unknown("no reply to the final dot: The relay was silent for 0.2 seconds")
    assert recipients(server) == ["ana@example.com"]


@both
def test_late_reply_is_never_taken_for_the_next_message(tmp_path: Path, mode: dict[str, bool]) -> None:
    late = Quirk("dot", "delay", seconds=0.5, times=1)
    refusal = Quirk("rcpt", "reply", text="550 5.1.1 no such user", match="^bo@")
    with recording_server(tmp_path, late, refusal, **mode) as server:
        first, second, third = send_all(
            settings(server, reply_timeout=0.2), [letter(), letter("bo@example.com"), letter("cy@example.com")]
        )
    assert isinstance(first, Unknown)
    assert isinstance(second, Rejected)
    assert isinstance(third, Accepted)


def test_nonsense_after_the_dot_is_unknown_and_ends_the_connection(tmp_path: Path) -> None:
    with recording_server(tmp_path, Quirk("dot", "reply", text="what?", accepted=True, times=1)) as server:
        first, second = send_all(settings(server), [letter(), letter("bo@example.com")])
    assert isinstance(first, Unknown)
    assert "what?" in first.reason
    assert isinstance(second, Accepted)
    assert [record["connection"] for record in server.records()] == [1, 2]


@both
def test_second_reply_to_one_dot_is_never_taken_for_the_next_message(tmp_path: Path, mode: dict[str, bool]) -> None:
    doubled = Quirk("dot", "reply", text="250 taken\n250 taken again", accepted=True, times=1)
    refusal = Quirk("rcpt", "reply", text="550 5.1.1 no such user", match="^bo@")
    with recording_server(tmp_path, doubled, refusal, **mode) as server:
        first, second = send_all(settings(server), [letter(), letter("bo@example.com")])
    assert isinstance(first, Accepted)
    assert isinstance(second, Rejected)


def test_reply_followed_by_a_closed_line_still_counts(tmp_path: Path) -> None:
    leaving = Quirk("dot", "reply", text="250 taken\n421 4.4.2 good night", accepted=True, close=True, times=1)
    with recording_server(tmp_path, leaving) as server:
        outcomes = send_all(settings(server), [letter(), letter("bo@example.com")])
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert recipients(server) == ["ana@example.com", "bo@example.com"]


@both
def test_leave_taken_between_two_messages_harms_neither(tmp_path: Path, mode: dict[str, bool]) -> None:
    with recording_server(tmp_path, most=2, **mode) as server:
        outcomes = send_all(settings(server), [letter()] * 7)
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert len(server.records()) == 7


@pytest.mark.parametrize("step", ["connect", "ehlo"])
def test_421_instead_of_a_greeting_judges_nothing(tmp_path: Path, step: str) -> None:
    with recording_server(tmp_path, Quirk(step, "reply", text="421 4.3.2 not now", close=True, times=1)) as server:
        first, second = send_all(settings(server), [letter(), letter()])
    assert isinstance(first, RelayConnectionError)
    assert "421 4.3.2 not now" in str(first)
    assert isinstance(second, Accepted)


@both
@pytest.mark.parametrize("close", [True, False], ids=["and closes", "and lingers"])
@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
def test_421_before_the_dot_burns_no_attempt_and_spares_the_next_message(
    tmp_path: Path, mode: dict[str, bool], step: str, close: bool
) -> None:
    with recording_server(
        tmp_path, Quirk(step, "reply", text="421 4.3.2 not now", close=close, times=1), **mode
    ) as server:
        first, second = send_all(settings(server), [letter(), letter("bo@example.com")])
    assert isinstance(first, Deferred)
    assert first.classification.blame == "ours"
    assert isinstance(second, Accepted)
    assert [(record["rcpt"], record["connection"]) for record in server.records()] == [("bo@example.com", 2)]


def test_421_as_the_reply_to_the_dot_is_a_deferral(tmp_path: Path) -> None:
    with recording_server(tmp_path, Quirk("dot", "reply", text="421 4.3.2 not now", close=True, times=1)) as server:
        first, second = send_all(settings(server), [letter(), letter("bo@example.com")])
    assert isinstance(first, Deferred)
    assert first.classification.blame == "theirs"
    assert isinstance(second, Accepted)
    assert recipients(server) == ["bo@example.com"]


@pytest.mark.parametrize("lines", [1, LONG], ids=["after the body", "inside the body"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("421 4.3.2 shutting down", Deferred),
        ("554 5.7.1 no more of this", Rejected),
        ("250 fine", RelayConnectionError),
    ],
)
def test_early_reply_stops_the_dot(tmp_path: Path, lines: int, text: str, expected: type) -> None:
    with recording_server(tmp_path, Quirk("body", "reply", text=text, times=1)) as server:
        [outcome] = send_all(settings(server), [letter(lines=lines)], until(server, "replied"))
    assert isinstance(outcome, expected)
    assert not isinstance(outcome, Deferred | Rejected) or outcome.classification.blame == "ours"
    assert recipients(server) == []


def test_early_reply_is_heard_while_the_relay_takes_no_more(tmp_path: Path) -> None:
    async def unasked() -> bool:
        raise AssertionError("a permit was asked for a message that cannot be finished")

    quirks = [Quirk("body", "reply", text="421 4.3.2 shutting down", times=1), Quirk("body", "delay", seconds=60)]
    with recording_server(tmp_path, *quirks) as server:
        [outcome] = send_all(settings(server), [letter(lines=LONG)], unasked)
    assert isinstance(outcome, Deferred)
    assert outcome.classification.blame == "ours"


@both
def test_storm_of_421_loses_nobody_and_doubles_nobody(tmp_path: Path, mode: dict[str, bool]) -> None:
    quirks = [
        Quirk(step, "reply", text="421 4.3.2 storm", close=True, every=every, skip=2)
        for step, every in [("connect", 7), ("mail", 5), ("rcpt", 6), ("data", 8), ("dot", 9)]
    ]
    waiting = {f"p{number}@example.com" for number in range(40)}
    with recording_server(tmp_path, *quirks, **mode) as server:
        while waiting:
            people = sorted(waiting)
            outcomes = send_all(settings(server), [letter(address) for address in people])
            assert not any(isinstance(outcome, Unknown | Rejected) for outcome in outcomes)
            pairs = zip(people, outcomes, strict=True)
            waiting -= {address for address, outcome in pairs if isinstance(outcome, Accepted)}
    assert sorted(recipients(server)) == sorted(f"p{number}@example.com" for number in range(40))


def test_permit_refused_closes_the_line_without_the_dot(tmp_path: Path) -> None:
    with recording_server(tmp_path) as server:
        [refusal] = send_all(settings(server), [letter()], refused)
        [outcome] = send_all(settings(server), [letter("bo@example.com")])
    assert isinstance(refusal, PermitRefusedError)
    assert isinstance(outcome, Accepted)
    assert recipients(server) == ["bo@example.com"]


def test_permit_that_fails_closes_the_line_without_the_dot(tmp_path: Path) -> None:
    async def fail() -> bool:
        raise StorageError("the disk is full")

    with recording_server(tmp_path) as server:
        [failure] = send_all(settings(server), [letter()], fail)
        asyncio.run(_until(lambda: any("closed" in entry for entry in server.transcript())))
    assert isinstance(failure, StorageError)
    assert recipients(server) == []


@pytest.mark.parametrize("step", [*BEFORE_THE_DOT, "permit", "dot"])
def test_cancelled_message_leaves_no_connection_behind(tmp_path: Path, step: str) -> None:
    """Wherever a task is cancelled, its connection is destroyed and the next message takes another one."""
    reached = asyncio.Event()

    async def permit() -> bool:
        if step == "permit":
            reached.set()
            await asyncio.sleep(60)
        return True

    async def run(server: RecordingServer) -> Outcome:
        transport = SmtpTransport(settings(server, connections=1))
        task = asyncio.create_task(transport.send(*letter(lines=LONG if step == "body" else 1), permit))
        if step == "permit":
            await reached.wait()
        else:
            await _until(lambda: _stuck_at(server, step))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await _until(lambda: any("closed" in entry for entry in server.transcript()))
        outcome = await transport.send(*letter("bo@example.com"), granted)
        await transport.close()
        return outcome

    quirks = [] if step == "permit" else [Quirk(step, "hang", accepted=step == "dot", times=1)]
    with recording_server(tmp_path, *quirks) as server:
        outcome = asyncio.run(run(server))
    assert isinstance(outcome, Accepted)
    assert recipients(server) == (["ana@example.com"] if step == "dot" else []) + ["bo@example.com"]


def _stuck_at(server: RecordingServer, step: str) -> bool:
    """Whether the server has reached the step at which it stays silent."""
    if step == "dot":
        return bool(server.records())
    if step == "connect":
        return any("opened" in entry for entry in server.transcript())
    verb = "DATA" if step == "body" else step.upper()
    return any(line.startswith(verb) for line in server.said())


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


@both
def test_transaction_is_reset_only_after_a_refusal(tmp_path: Path, mode: dict[str, bool]) -> None:
    refusal = Quirk("rcpt", "reply", text="550 5.1.1 no such user", match="^bo@")
    people = ["ana@example.com", "bo@example.com", "cy@example.com", "di@example.com"]
    with recording_server(tmp_path, refusal, **mode) as server:
        outcomes = send_all(settings(server), [letter(address) for address in people])
    assert [type(outcome) for outcome in outcomes] == [Accepted, Rejected, Accepted, Accepted]
    verbs = [line.split()[0] for line in server.said()]
    one = ["MAIL", "RCPT", "DATA"]
    refused_one = one[:2] if mode else one
    assert verbs == ["EHLO", *one, *refused_one, "RSET", *one, *one, "QUIT"]


@both
def test_envelope_travels_in_one_packet_where_that_is_offered(tmp_path: Path, mode: dict[str, bool]) -> None:
    refusal = Quirk("rcpt", "reply", text="550 5.1.1 no such user", match="^bo@")
    people = ["bo@example.com", "ana@example.com"]
    with recording_server(tmp_path, refusal, **mode) as server:
        send_all(settings(server), [letter(address) for address in people])
    packets: dict[int, list[str]] = {}
    for entry in server.transcript():
        if "line" in entry:
            packets.setdefault(entry["packet"], []).append(entry["line"].split()[0])
    one = ["MAIL", "RCPT", "DATA"]
    together = [["EHLO"], one, ["RSET", *one], ["QUIT"]]
    apart = [["EHLO"], ["MAIL"], ["RCPT"], ["RSET"], ["MAIL"], ["RCPT"], ["DATA"], ["QUIT"]]
    assert list(packets.values()) == (apart if mode else together)


@pytest.mark.parametrize("step", ["mail", "rcpt"])
def test_relay_that_asks_for_the_body_after_a_refusal_gets_no_dot(tmp_path: Path, step: str) -> None:
    """Nothing is written after the refusal; an empty message with a dot of its own would be one without a permit."""

    async def unasked() -> bool:
        raise AssertionError("a permit was asked for a message that was refused")

    quirks = [Quirk(step, "reply", text="550 5.7.1 no", times=1), Quirk("data", "reply", text="354 go on", times=1)]
    with recording_server(tmp_path, *quirks) as server:
        [refusal] = send_all(settings(server), [letter()], unasked)
        [outcome] = send_all(settings(server), [letter("bo@example.com")])
    assert isinstance(refusal, Rejected)
    assert isinstance(outcome, Accepted)
    one = ["MAIL", "RCPT", "DATA"]
    assert [line.split()[0] for line in server.said()] == ["EHLO", *one, "EHLO", *one, "QUIT"]
    assert recipients(server) == ["bo@example.com"]


@both
@pytest.mark.parametrize(
    ("step", "text", "expected"),
    [
        ("mail", "451 4.3.0 try later", "Deferred"),
        ("mail", "550 5.7.1 not from you", "ours"),
        ("mail", "530 5.7.0 log in first", "RelayLoginError"),
        ("rcpt", "450 4.2.0 greylisted", "Deferred"),
        ("rcpt", "550-5.1.1 no\n550 5.1.1 such user", "theirs"),
        ("rcpt", "550 5.1.1 没有这个人", "theirs"),
        ("rcpt", "550 5.7.1 relaying denied", "ours"),
        ("rcpt", "550 " + "x" * 5000, "theirs"),
        ("rcpt", "", "RelayConnectionError"),
        ("rcpt", "\x00\x01\udcff", "RelayConnectionError"),
        ("rcpt", "999 what", "RelayConnectionError"),
        ("rcpt", "not-a-reply", "RelayConnectionError"),
        ("rcpt", "250 " + "x" * 100_000, "RelayConnectionError"),
        ("rcpt", "\n".join(["550-more"] * 10_000), "RelayConnectionError"),
        ("data", "250 no 354", "RelayConnectionError"),
        ("data", "554 5.5.1 no valid recipients", "ours"),
        ("dot", "552 5.3.4 too big", "ours"),
        ("dot", "451 4.3.0 queue", "Deferred"),
        ("dot", "550 5.1.1 no such user", "theirs"),
        ("dot", "250-taken\n250 2.0.0 queued", "Accepted"),
    ],
)
def test_reply_becomes_its_outcome_and_the_next_message_arrives(
    tmp_path: Path, mode: dict[str, bool], step: str, text: str, expected: str
) -> None:
    quirk = Quirk(step, "reply", text=text, times=1, accepted=expected == "Accepted")
    with recording_server(tmp_path, quirk, **mode) as server:
        first, second = send_all(settings(server, timeout=5.0), [letter(), letter("bo@example.com")])
    assert isinstance(second, Accepted)
    assert (first.classification.blame if isinstance(first, Rejected) else type(first).__name__) == expected


def test_greylisted_message_is_taken_later(tmp_path: Path) -> None:
    with recording_server(tmp_path, greylist=0.2) as server:
        [first] = send_all(settings(server), [letter()])
        assert isinstance(first, Deferred)
        outcome: object = first
        while isinstance(outcome, Deferred):
            [outcome] = send_all(settings(server), [letter()])
    assert isinstance(outcome, Accepted)
    assert recipients(server) == ["ana@example.com"]


def test_message_that_is_too_big_is_not_even_begun(tmp_path: Path) -> None:
    with recording_server(tmp_path, size=5000) as server:
        small, big = send_all(settings(server), [letter(), letter(lines=100)])
    assert isinstance(small, Accepted)
    assert isinstance(big, Rejected)
    assert (big.reply.code, big.reply.enhanced, big.classification) == (552, "5.3.4", Classification.SIZE)
    [mail] = [line for line in server.said() if line.startswith("MAIL")]
    assert mail.endswith(f"> SIZE={len(letter()[1].data)}")


@pytest.mark.parametrize("size", ["9" * 4400, "1" * 21, "0", "-1", "1e3", "many", "1 2"])
def test_size_that_is_no_limit_is_passed_over(tmp_path: Path, size: str) -> None:
    with recording_server(tmp_path, Quirk("ehlo", "reply", text=f"250-hello\n250 SIZE {size}")) as server:
        [outcome] = send_all(settings(server), [letter()])
    assert isinstance(outcome, Accepted)


@pytest.mark.parametrize("text", ["250-\n" * 17_000, "250-" + "x" * 70_000])
def test_reply_that_does_not_end_is_cut_off(tmp_path: Path, text: str) -> None:
    with recording_server(tmp_path, Quirk("rcpt", "reply", text=text, times=1)) as server:
        first, second = send_all(settings(server), [letter(), letter()])
    assert isinstance(first, RelayConnectionError)
    assert isinstance(second, Accepted)


def test_address_of_another_script_is_refused_where_the_relay_cannot_take_it(tmp_path: Path) -> None:
    with recording_server(tmp_path) as server:
        first, second = send_all(settings(server), [letter("用户@example.com"), letter()])
    assert isinstance(first, Rejected)
    assert (first.reply.enhanced, first.classification) == ("5.6.7", Classification.UNSUPPORTED_ADDRESS)
    assert isinstance(second, Accepted)
    assert recipients(server) == ["ana@example.com"]


def test_address_of_another_script_arrives_as_it_is_where_the_relay_can(tmp_path: Path) -> None:
    with recording_server(tmp_path, smtputf8=True) as server:
        outcomes = send_all(settings(server), [letter("用户@example.com"), letter()])
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert recipients(server) == ["用户@example.com", "ana@example.com"]
    assert [line.endswith(" BODY=8BITMIME SMTPUTF8") for line in server.said() if line.startswith("MAIL")] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    "address",
    [
        "a@b.org>\r\nRCPT TO:<v@e.org",
        "a@b.org\nDATA",
        "a b@c.org",
        "a@b.org\0",
        "<a@b.org>",
        "a\u2028@b.org",
        "",
        "a" * 300 + "@b.org",
        "例" * 100 + "@b.org",
    ],
)
def test_address_that_would_be_a_command_never_reaches_the_wire(tmp_path: Path, address: str) -> None:
    _, message = letter()
    good = "bounces@example.org"
    with recording_server(tmp_path, smtputf8=True) as server:
        to, sender, last = send_all(
            settings(server), [(Envelope(good, address), message), (Envelope(address or "<", good), message), letter()]
        )
    assert isinstance(to, Rejected)
    assert (to.reply.enhanced, to.classification) == ("5.1.3", Classification.INVALID_ADDRESS)
    assert isinstance(sender, Rejected)
    assert (sender.reply.enhanced, sender.classification) == ("5.1.7", Classification.PROTOCOL)
    assert isinstance(last, Accepted)
    assert [line.split()[0] for line in server.said()] == ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]


def test_relay_without_ehlo_is_greeted_with_helo(tmp_path: Path) -> None:
    with recording_server(tmp_path, Quirk("ehlo", "reply", text="502 5.5.1 what is that")) as server:
        [outcome] = send_all(settings(server, hello="mail.example.org"), [letter()])
    assert isinstance(outcome, Accepted)
    assert server.said()[:2] == ["EHLO mail.example.org", "HELO mail.example.org"]


@both
def test_many_at_once_under_faults_arrive_once_or_are_known_not_to(tmp_path: Path, mode: dict[str, bool]) -> None:
    """Every message ends in exactly what the server's own record says about it."""
    quirks = [
        Quirk("rcpt", "reset", every=11, skip=3),
        Quirk("data", "drop", every=13, skip=5),
        Quirk("dot", "reset", accepted=True, every=17, skip=4),
        Quirk("dot", "reset", accepted=False, every=19, skip=6),
        Quirk("dot", "reply", text="451 4.3.0 later", every=7, skip=1),
    ]

    async def run(server: RecordingServer, people: list[str]) -> list[Outcome | BaseException]:
        transport = SmtpTransport(settings(server, connections=5))
        results = await asyncio.gather(
            *(transport.send(*letter(address), granted) for address in people), return_exceptions=True
        )
        await transport.close()
        return results

    people = [f"p{number}@example.com" for number in range(200)]
    with recording_server(tmp_path, *quirks, **mode) as server:
        results = asyncio.run(run(server, people))
    taken = recipients(server)
    assert len(taken) == len(set(taken))
    for address, result in zip(people, results, strict=True):
        match result:
            case Accepted():
                assert address in taken
            case Deferred() | TransportError():
                assert address not in taken
            case other:
                assert isinstance(other, Unknown)
    assert {type(result).__name__ for result in results} == {"Accepted", "Deferred", "Unknown", "RelayConnectionError"}
