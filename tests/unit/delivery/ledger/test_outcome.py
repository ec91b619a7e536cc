"""What a relay's words mean: the golden table of replies, and that no bytes can upset it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.ledger.classification import Stage
from newsletter.delivery.ledger.outcome import (
    Accepted,
    Deferred,
    Outcome,
    Rejected,
    Reply,
    Unknown,
    outcome_of,
    read_reply,
)
from newsletter.errors import RelayConnectionError

MAIL, RCPT, DATA, DOT = Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT

# stage, the relay's lines, what it means
GOLDEN = [
    (DOT, "250 2.0.0 Ok: queued as 4F1C", "accepted"),
    (DOT, "250", "accepted"),
    (DOT, "250 ", "accepted"),
    (DOT, "251 2.1.5 will forward", "accepted"),
    (DOT, "252 2.0.0 will try", "accepted"),
    (DOT, "250-first\n250 second", "accepted"),
    (DOT, "250 2.0.0 你好，已收到", "accepted"),
    (DOT, "250 " + "x" * 2000, "accepted"),
    (DOT, "200 gets there", "accepted"),
    (MAIL, "421 4.3.2 shutting down", "deferred unburnt"),
    (RCPT, "421 too many connections", "deferred unburnt"),
    (DATA, "421 4.7.0 try again later", "deferred unburnt"),
    (DOT, "421 4.3.2 shutting down", "deferred"),
    (MAIL, "450 4.7.1 come back", "deferred unburnt"),
    (RCPT, "450 4.2.0 greylisted", "deferred"),
    (RCPT, "451 4.7.1 Greylisting in action", "deferred"),
    (RCPT, "452 4.2.2 mailbox full", "deferred"),
    (RCPT, "452 4.5.3 too many recipients", "deferred"),
    (DATA, "451 4.3.0 queue file write error", "deferred"),
    (DOT, "451 local error", "deferred"),
    (DOT, "452 4.3.1 insufficient system storage", "deferred"),
    (DOT, "454 4.7.5 no key", "deferred"),
    (RCPT, "550 5.1.1 no such user", "theirs"),
    (RCPT, "550-5.1.1 The account does not exist.\n550 5.1.1 Please look again", "theirs"),
    (RCPT, "550 5.1.10 null MX", "theirs"),
    (RCPT, "550 5.2.1 mailbox disabled", "theirs"),
    (RCPT, "552 5.2.2 over quota", "theirs"),
    (DOT, "552 5.2.2 over quota", "theirs"),
    (RCPT, "550 5.4.1 Recipient address rejected: Access denied", "theirs"),
    (RCPT, "550 5.5.0 Requested action not taken: mailbox unavailable", "theirs"),
    (RCPT, "553 5.6.7 address needs SMTPUTF8", "theirs"),
    (RCPT, "550 5.7.17 mailbox owner has changed", "theirs"),
    (RCPT, "550 no", "theirs"),
    (RCPT, "550", "theirs"),
    (RCPT, "550 User unknown in virtual mailbox table", "theirs"),
    (RCPT, "551 not local", "theirs"),
    (RCPT, "552 mailbox full", "theirs"),
    (RCPT, "553 mailbox name not allowed", "theirs"),
    (RCPT, "556 domain takes no mail", "theirs"),
    (DOT, "550 5.1.1 no such user", "theirs"),
    (DOT, "521 no", "theirs"),
    (DOT, "556 no", "theirs"),
    (DOT, "554 delivery error: This user doesn't have an account here", "theirs"),
    (MAIL, "550 5.1.1 odd but about the sender", "ours"),
    (MAIL, "553 5.1.8 sender's domain does not exist", "ours"),
    (MAIL, "530 5.7.0 log in first", "ours"),
    (MAIL, "535 5.7.8 wrong password", "ours"),
    (MAIL, "552 5.3.4 too big", "ours"),
    (RCPT, "530 authentication required", "ours"),
    (RCPT, "530 no", "ours"),
    (DOT, "550 5.5.0 no", "ours"),
    (RCPT, "550 5.7.1 relaying denied", "ours"),
    (RCPT, "554 5.7.1 Service unavailable; client host blocked", "ours"),
    (RCPT, "550 rejected because of your reputation", "ours"),
    (RCPT, "550 5.1.0 sender rejected", "ours"),
    (RCPT, "503 5.5.1 bad sequence", "ours"),
    (RCPT, "501 syntax", "ours"),
    (DATA, "554 5.5.1 no valid recipients", "ours"),
    (DOT, "550 5.7.515 Access denied, sending domain does not meet the required authentication level", "ours"),
    (DOT, "550-5.7.26 unauthenticated\n550 5.7.26 see our help", "ours"),
    (DOT, "552 5.3.4 message size exceeds fixed limit", "ours"),
    (DOT, "552 5.2.3 message too long for this mailbox", "ours"),
    (DOT, "552 message size exceeds limit", "ours"),
    (DOT, "554 5.6.0 malformed", "ours"),
    (DOT, "554 transaction failed", "ours"),
    (DOT, "550 4.1.1 class and code disagree", "ours"),
    (DOT, "", "unknown"),
    (DOT, "354 go on", "unknown"),
    (DOT, "hello", "unknown"),
    (DOT, "25", "unknown"),
    (DOT, "250ok", "unknown"),
    (DOT, "999 what", "unknown"),
    (DOT, "\x00\x01\x02", "unknown"),
    (DOT, "550-no\n250 yes", "unknown"),
    (DOT, "250-never ends", "unknown"),
    (DATA, "250 ok without 354", "lost"),
    (RCPT, "", "lost"),
    (MAIL, "HTTP/1.1 400 Bad Request", "lost"),
    (RCPT, "354 what for", "lost"),
]


def _name(outcome: Outcome) -> str:
    match outcome:
        case Accepted():
            return "accepted"
        case Deferred(classification=classification):
            return "deferred" if classification.blame == "theirs" else "deferred unburnt"
        case Rejected(classification=classification):
            return classification.blame
        case Unknown():
            return "unknown"


@pytest.mark.parametrize(("stage", "said", "meaning"), GOLDEN)
def test_reply_means_what_the_table_says(stage: Stage, said: str, meaning: str) -> None:
    reply = read_reply([line.encode() for line in said.split("\n")])
    if meaning == "lost":
        with pytest.raises(RelayConnectionError, match=str(stage)):
            outcome_of(reply, stage)
    else:
        assert _name(outcome_of(reply, stage)) == meaning


def test_multi_line_reply_is_one_line_with_its_status_once() -> None:
    reply = read_reply([b"550-5.1.1 The account", b"550-5.1.1   does not", b"550 5.1.1 exist"])
    assert reply == Reply(550, "5.1.1", "The account does not exist")
    assert str(reply) == "550 5.1.1 The account does not exist"


def test_status_of_another_class_is_left_in_the_text() -> None:
    assert read_reply([b"550 4.2.1 odd"]) == Reply(550, "", "4.2.1 odd")


def test_text_like_a_status_is_not_taken_for_one() -> None:
    assert read_reply([b"550 5.1.1.example.org is not here"]).enhanced == ""


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("550 5.1.1 <ana@example.com> no such user", "550 5.1.1 <…> no such user"),
        ("550 5.1.1 <ana@example.com>: Recipient address rejected", "550 5.1.1 <…>: Recipient address rejected"),
        ("550 ana@example.com, bo@example.com: unknown", "550 …, …: unknown"),
        ("550-No such user (ana.o'neill+news@example.com)\n550 bye", "550 No such user (…) bye"),
        ("550 mailto:ana@example.com rcpt=ana@example.com", "550 mailto:… …"),
        ('550 "ana maria"@example.com is unknown', "550 … is unknown"),
        ('550 said "ana@example.com" is unknown', '550 said "…" is unknown'),
        ("550 用户 李@例子.中国 不存在", "550 用户 … 不存在"),
        ("550 <@relay.example.com:ana@example.com> a@b@c", "550 <…:…> …"),
        ("354 <ana@example.com> go on", "354 <…> go on"),
        ("ana@example.com 550", "0 … 550"),
        ("250 " + "x" * 490 + " " + "ana" * 10 + "@example.com", "250 " + "x" * 490 + " …"),
        (
            "250 2.0.0 Ok: queued as 4F1C; see https://example.com/a",
            "250 2.0.0 Ok: queued as 4F1C; see https://example.com/a",
        ),
    ],
)
def test_reply_keeps_no_addresses(said: str, kept: str) -> None:
    assert str(read_reply([line.encode() for line in said.split("\n")])) == kept


def test_reply_that_makes_no_sense_is_told_without_addresses() -> None:
    with pytest.raises(RelayConnectionError) as caught:
        outcome_of(read_reply([b"354 <ana@example.com> go on"]), RCPT)
    assert "answered RCPT with '354 <…> go on'" in str(caught.value)


@given(st.lists(st.binary(max_size=2000), max_size=5), st.sampled_from(Stage))
def test_any_bytes_make_a_harmless_reply(lines: list[bytes], stage: Stage) -> None:
    reply = read_reply(lines)
    assert str(reply).isprintable() or not reply.text.isascii()
    assert len(reply.text) <= 500
    assert "@" not in reply.text
    assert not set(reply.text) & set("\r\n\0\x1b\x85\u2028")
    if stage is Stage.DOT:
        assert not isinstance(outcome_of(reply, stage), Accepted) or reply.code // 100 == 2
