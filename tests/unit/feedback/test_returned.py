"""What emails that came back are, and about whose message: by RFC 3464 and 5965, and as servers write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from returning import RECIPIENT, SIGNER, email, tokens

from newsletter.audience.suppression import SuppressionReason
from newsletter.feedback.consequences import Consequence, decide
from newsletter.feedback.found import ReturnKind
from newsletter.feedback.returned import Returned, read_returned
from newsletter.feedback.sources.parts import MAX_BYTES, read_parts
from newsletter.tokens import Key, Purpose, Signer


def read(name: str, **values: str) -> Returned:
    return read_returned(email(name, **values), SIGNER)


def postfix(
    code: str, words: str, *, command: str = "RCPT TO command", action: str = "failed", status: str = ""
) -> bytes:
    status = status or code.split(" ")[1]
    return email("postfix", code=code, words=words, command=command, action=action, status=status)


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("gmail", "550 5.1.1 The email account that you tried to reach does not exist. Please try double-checking the"),
        ("microsoft365", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"),
        ("yahoo", "554 delivery error: dd This user doesn't have an example.com account (…) [0] - mta4001.mail."),
    ],
)
def test_no_such_mailbox_in_the_words_of_providers_is_a_hard_bounce(name: str, reply: str) -> None:
    one = read(name)
    assert (one.found.kind, one.found.about, one.recipient) == (ReturnKind.HARD, "invalid_address", RECIPIENT)
    assert one.found.reply.startswith(reply)


@pytest.mark.parametrize(
    ("code", "words", "kind", "about"),
    [
        ("550 5.1.1", "Recipient address rejected: User unknown", ReturnKind.HARD, "invalid_address"),
        ("550 5.1.2", "Domain not found", ReturnKind.HARD, "invalid_address"),
        ("550 5.2.1", "The account is disabled", ReturnKind.HARD, "inactive_mailbox"),
        ("552 5.2.2", "Mailbox full", ReturnKind.SOFT, "mailbox_full"),
        ("452 4.2.2", "The recipient's inbox is out of storage space", ReturnKind.SOFT, "mailbox_full"),
        ("450 4.1.1", "User unknown", ReturnKind.SOFT, "invalid_address"),
        (
            "550 5.7.26",
            "Unauthenticated email from example.org is not accepted: DMARC",
            ReturnKind.OURS,
            "authentication",
        ),
        ("550 5.7.1", "Service unavailable, client host blocked using Spamhaus", ReturnKind.OURS, "reputation"),
        ("550 5.4.5", "Daily user sending limit exceeded", ReturnKind.OURS, "quota"),
        ("554 5.7.1", "Message rejected as spam", ReturnKind.OURS, "content"),
        ("550 5.7.133", "RESOLVER.RST.SenderNotAuthenticatedForGroup", ReturnKind.OURS, "recipient_policy"),
    ],
)
def test_bounce_is_about_what_the_server_said(code: str, words: str, kind: ReturnKind, about: str) -> None:
    one = read_returned(postfix(code, words), SIGNER)
    assert (one.found.kind, one.found.about, one.recipient) == (kind, about, RECIPIENT)


def test_address_that_never_answered_in_time_is_a_soft_bounce() -> None:
    one = read_returned(postfix("451 4.4.1", "connection timed out", status="4.4.1"), SIGNER)
    assert one.found.kind is ReturnKind.SOFT
    unsure = read_returned(postfix("550 5.1.1", "User unknown", status="4.4.7"), SIGNER)
    assert unsure.found.kind is ReturnKind.SOFT


def test_refusal_after_the_body_is_about_the_message() -> None:
    words = "rejected"
    assert read_returned(postfix("554 5.0.0", words), SIGNER).found.kind is not ReturnKind.HARD
    one = read_returned(postfix("554 5.0.0", words, command="end of DATA command"), SIGNER)
    assert one.found.kind is ReturnKind.OURS


@pytest.mark.parametrize(
    ("name", "refusal", "kind"),
    [
        ("exim", "550 5.1.1 <jane@example.com>: Recipient address rejected: User unknown", ReturnKind.HARD),
        ("exim", "550 Unrouteable address", ReturnKind.HARD),
        ("exim", "550 5.7.1 Spam detected", ReturnKind.OURS),
        ("exim", "452 4.2.2 Mailbox full: retry timeout exceeded", ReturnKind.SOFT),
        ("qmail", "Sorry, no mailbox here by that name. (#5.1.1)", ReturnKind.HARD),
        ("qmail", "Sorry, I couldn't find any host named example.com. (#5.1.2)", ReturnKind.HARD),
        ("qmail", "192.0.2.25 does not like recipient.\nRemote host said: 550 5.1.1 No such user\nGiving up.",
         ReturnKind.HARD),
        ("qmail", "The users mailfolder is over the allowed quota (size). (#5.2.2)", ReturnKind.SOFT),
    ],
)  # fmt: skip
def test_bounce_in_words_alone_is_read_without_the_copy_of_our_message(
    name: str, refusal: str, kind: ReturnKind
) -> None:
    one = read(name, refusal=refusal)
    assert (one.found.kind, one.recipient) == (kind, RECIPIENT)


@pytest.mark.parametrize(
    ("data", "about"),
    [
        (email("vacation"), "auto-reply"),
        (email("exim_delayed"), "delayed"),
        (postfix("450 4.2.2", "Mailbox full", action="delayed"), "delayed"),
        (postfix("250 2.0.0", "ok", action="delivered", status="2.0.0"), "delivered"),
        (postfix("250 2.0.0", "ok", action="relayed", status="2.0.0"), "delivered"),
        (email("arf", type="not-spam"), "report"),
        (email("arf", type="auth-failure"), "report"),
    ],
)
def test_what_says_nothing_about_the_address_is_ignored(data: bytes, about: str) -> None:
    one = read_returned(data, SIGNER)
    assert (one.found.kind, one.found.about, one.recipient) == (ReturnKind.IGNORED, about, RECIPIENT)


@pytest.mark.parametrize(("name", "about"), [("arf", "abuse"), ("arf_headers", "abuse"), ("jmrp", "abuse")])
def test_complaint_is_recognised(name: str, about: str) -> None:
    one = read(name, type="abuse")
    assert (one.found.kind, one.found.about, one.recipient) == (ReturnKind.COMPLAINT, about, RECIPIENT)


@pytest.mark.parametrize("name", ["postfix", "gmail", "qmail", "arf", "arf_headers", "jmrp", "person"])
def test_email_without_a_token_of_ours_matches_nobody(name: str) -> None:
    forged = tokens(Signer([Key("aa", b"z" * 32)]))
    one = read(name, **forged)
    assert (one.found.kind, one.recipient) == (ReturnKind.UNMATCHED, "")


def test_token_works_for_its_own_purpose_alone() -> None:
    """An unsubscribe token in the place of a return path is none."""
    wrong = f"bounces+{SIGNER.sign(Purpose.UNSUBSCRIBE, RECIPIENT)}@example.org"
    data = email("qmail", return_path=wrong, message_id="x@example.org", refusal="(#5.1.1)")
    assert read_returned(data, SIGNER).recipient == ""


def test_letter_of_a_person_is_kept_for_a_person() -> None:
    assert read("person").found.kind is ReturnKind.UNMATCHED


def test_address_it_was_sent_to_decides_whose_message_it_is() -> None:
    other = SIGNER.sign(Purpose.RETURN_PATH, "ponmlkjihgfedcba")
    data = postfix("550 5.1.1", "unknown").replace(
        tokens()["return_path"].encode(), f"b+{other}@example.org".encode(), 2
    )
    assert read_returned(data, SIGNER).recipient == "ponmlkjihgfedcba"


def test_token_is_read_in_capitals() -> None:
    data = email("qmail", return_path=tokens()["return_path"].upper(), refusal="(#5.1.1)")
    assert read_returned(data, SIGNER).recipient == RECIPIENT


def test_stored_reply_has_no_address_and_nothing_that_moves_a_cursor() -> None:
    evil = "\x1b[2J\x1b]0;x\x07 <jane@example.com> \u202eunknown user\u2028 gone\x9b1m " + "x" * 5000
    reply = read_returned(postfix("550 5.1.1", evil), SIGNER).found.reply
    assert reply.isprintable()
    assert "@" not in reply
    assert len(reply) <= 520


HOSTILE = {
    "nothing": b"",
    "noise": bytes(range(256)) * 50,
    "no end": b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nAction",
    "no boundary": b"From: a\nContent-Type: multipart/report\n\n--b\n",
    "deep": b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(5000)),
    "messages": b"Content-Type: message/rfc822\n\n" * 5000,
    "status": b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n"
              + b"a: b\n\n" * 90_000,
    "parameters": b"Content-Type: multipart/report; boundary=b" + b';"' * 250_000 + b"\n\n",
    "fields": b"a:\n" * 170_000,
    "charset": b"From: mailer-daemon@a\nContent-Type: text/plain; charset=zip\n\n550 5.1.1 unknown",
    "encoding": b"From: mailer-daemon@a\nContent-Transfer-Encoding: x-uuencode\n\nbegin 666 x\n5",
    "base64": b"From: mailer-daemon@a\nContent-Transfer-Encoding: base64\n\n" + b"A" * 500_001,
    "words": b"From: mailer-daemon@a\n\n" + b"mailbox user account - " * 22_000,
    "blanks": b"From: mailer-daemon@a\n\n\n" + b" \t" * 250_000,
    "tokens": b"From: mailer-daemon@a\nTo: " + (b"+" + b"a" * 64 + b"@") * 7000 + b"\n\n",
    "header": b"From: =?utf-8?q?=0D=0A?=\nTo: \xff\xfe\nSubject: =?x?y?z?=\n\nx",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_email_matches_nobody(name: str) -> None:
    one = read_returned(HOSTILE[name], SIGNER)
    assert (one.found.kind, one.recipient) == (ReturnKind.UNMATCHED, "")


@pytest.mark.parametrize("name", ["deep", "messages", "parameters"])
def test_email_that_is_made_to_be_hard_to_read_is_not_parsed(name: str) -> None:
    assert read_parts(HOSTILE[name]) is None


def test_only_the_beginning_of_a_large_email_is_read() -> None:
    data = postfix("550 5.1.1", "User unknown") + b"x" * (4 * MAX_BYTES)
    assert read_returned(data, SIGNER).found.kind is ReturnKind.HARD
    late = email("person").replace(b"\n\n", b"\n\n" + b"x\n" * MAX_BYTES, 1) + email("arf", type="abuse")
    assert read_returned(late, SIGNER).found.kind is ReturnKind.UNMATCHED


START = datetime(2024, 1, 25, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "days", "suppression"),
    [
        (ReturnKind.HARD, [], SuppressionReason.BOUNCED),
        (ReturnKind.OURS, [0] * 9, None),
        (ReturnKind.SOFT, [28, 21, 14, 7, 0], None),
        (ReturnKind.SOFT, [35, 28, 21, 14, 7, 0], SuppressionReason.BOUNCED),
        (ReturnKind.SOFT, [90, 60, 30, 0], None),
        (ReturnKind.SOFT, [4, 3, 2, 1, 0], None),
    ],
)
def test_soft_bounces_count_only_in_a_row_over_weeks(
    kind: ReturnKind, days: list[int], suppression: SuppressionReason | None
) -> None:
    run = [START + timedelta(days=day) for day in days]
    assert decide(kind, run) == Consequence(suppression)


def test_complaint_unsubscribes_and_suppresses() -> None:
    assert decide(ReturnKind.COMPLAINT, []) == Consequence(SuppressionReason.COMPLAINT, unsubscribes=True)
