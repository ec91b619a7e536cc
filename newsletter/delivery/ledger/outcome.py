"""Outcome: what became of one attempt to hand a message over. Made by a transport; settled in the ledger.

A relay's words become a `Reply`, and `judge` says whose fault a refusal is: the table is held by golden tests.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from newsletter.errors import RelayConnectionError


class Fault(StrEnum):
    """Whose fault a refusal is: the address's, or ours (policy, reputation, authentication, size)."""

    THEIRS = "theirs"
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the relay said: `code` of three digits, `enhanced` such as `5.1.1` or empty, `text` on one line.

    `code` is 0 when it was no reply at all (RFC 5321, section 4.2); `text` then shows what it was.
    """

    code: int
    enhanced: str
    text: str

    @property
    def is_final(self) -> bool:
        """Whether it judges what was asked: 2yz, 4yz or 5yz."""
        return self.code // 100 in (2, 4, 5)

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.enhanced, self.text) if part)


@dataclass(frozen=True, slots=True)
class Accepted:
    """2yz after the final dot: the relay took responsibility. Not "delivered"."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Deferred:
    """4yz: not now. `burns_attempt` is false for a 421 before the dot, which judges the connection, not the message."""

    reply: Reply
    burns_attempt: bool = True


@dataclass(frozen=True, slots=True)
class Rejected:
    """5yz: no. Only a refusal that is theirs says anything about the address."""

    reply: Reply
    fault: Fault = Fault.THEIRS


@dataclass(frozen=True, slots=True)
class Unknown:
    """The line was lost after the final dot, before the reply: it may be on its way. Never guessed, never retried."""

    reason: str


Outcome: TypeAlias = Accepted | Deferred | Rejected | Unknown


class Stage(StrEnum):
    """What the relay was answering."""

    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    """The command, or an early reply while the body was on its way."""
    DOT = "final dot"


CLOSING = 421
"""The relay takes leave; it says so instead of the reply to whatever was asked (RFC 5321, section 3.8)."""

LOGIN_CODES = frozenset({530, 534, 535, 538})
"""Refusals that only other credentials, or TLS, can change (RFC 4954, section 6; RFC 3207, section 4)."""

_LONGEST_TEXT = 500
_LINE = re.compile(r"(?P<code>[2-5][0-9]{2})(?:(?P<sign>[ -])(?P<text>.*))?", re.DOTALL)
_ENHANCED = re.compile(r"(?P<status>[245]\.[0-9]{1,3}\.[0-9]{1,3})(?:\s+|$)")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_WORD = re.compile(r'"[^"]*"@[^\s<>(),;:"]*|[^\s<>(),;:"]+')
"""What stands between blanks and brackets; a quoted local part belongs to its address (RFC 5321, section 4.1.2)."""


def read_reply(lines: Sequence[bytes]) -> Reply:
    """Make a Reply of the relay's lines (without their line ends), whatever they hold.

    All lines of one reply bear the same code; the text is kept readable, short and free of control characters, and of
    addresses: it is stored and logged where nobody looks for a person who asks to be erased.
    """
    found = [_LINE.fullmatch(line.decode("utf-8", "backslashreplace")) for line in lines]
    matches = [match for match in found if match]
    ends = [match["sign"] != "-" for match in matches]
    if not lines or len(matches) < len(lines) or len({match["code"] for match in matches}) > 1 or not ends[-1]:
        return Reply(0, "", _one_line([line.decode("utf-8", "backslashreplace") for line in lines]))
    code = matches[0]["code"]
    texts = [match["text"] or "" for match in matches]
    status = _ENHANCED.match(texts[0])
    enhanced = status["status"] if status and status["status"][0] == code[0] else ""
    return Reply(int(code), enhanced, _one_line([text.removeprefix(enhanced) for text in texts]))


def _one_line(texts: Sequence[str]) -> str:
    joined = _without_addresses(" ".join(part for text in texts if (part := _CONTROLS.sub(" ", text).strip())))
    return joined if len(joined) <= _LONGEST_TEXT else joined[: _LONGEST_TEXT - 1] + "…"


def _without_addresses(text: str) -> str:
    return _WORD.sub(lambda word: "…" if "@" in word.group() else word.group(), text)


def outcome_of(reply: Reply, stage: Stage) -> Outcome:
    """What a reply that ends the hand-over means.

    Before the dot, a reply that judges nothing (nonsense, or success where more was to come) raises
    RelayConnectionError: the message was not handed over. After the dot the same is Unknown.
    """
    after_dot = stage is Stage.DOT
    match reply.code // 100:
        case 2 if after_dot:
            return Accepted(reply)
        case 4:
            return Deferred(reply, burns_attempt=after_dot or reply.code != CLOSING)
        case 5:
            return Rejected(reply, judge(reply, stage))
    if after_dot:
        return Unknown(f"the relay answered the final dot with nonsense: {reply}")
    raise RelayConnectionError(f"The relay answered {stage} with {str(reply)!r}, which makes no sense there")


_FULL = re.compile(r"quota|(mailbox|inbox|storage)[^.]{0,20}\b(full|limit|exceed)", re.IGNORECASE)
_POLICY = re.compile(
    r"spam|block|blacklist|\bdenied|policy|reputation|\b(spf|dkim|dmarc|rbl|dnsbl|ptr)\b|authenticat|listed\b|abuse|"
    r"virus|content|\brelay|too (large|big)|message size|rate limit|reverse dns|sender",
    re.IGNORECASE,
)
_NO_MAILBOX = re.compile(
    r"(user|mailbox|recipient|account|address|addressee)\b[^.]{0,40}"
    r"(unknown|unavailable|n't (exist|have)|not (a )?(found|exist|available|valid|known)|disabled|inactive|invalid)|"
    r"(no such|unknown|invalid|no) (local )?(user|mailbox|recipient|address|account)",
    re.IGNORECASE,
)


def judge(reply: Reply, stage: Stage) -> Fault:
    """Whose fault a 5yz is. Theirs only if it speaks of the address: what is wrongly called theirs costs a reader.

    The enhanced status (RFC 3463) decides where it says something definite; else code, words and stage do.
    """
    if stage is Stage.MAIL:
        return Fault.OURS  # the recipient was not even named yet
    match _status(reply):
        case (7, 17 | 18):  # the mailbox or its domain changed hands (RFC 7293)
            return Fault.THEIRS
        case (5, 0) if reply.code == 550 and stage is Stage.RCPT:  # how Outlook.com says that there is no such mailbox
            return Fault.THEIRS
        case (5 | 7, _) | (1, 7 | 8) | (2, 3) | (3, 4):  # protocol, policy; our sender's address; our message's size
            return Fault.OURS
        case (6, detail):
            return Fault.THEIRS if detail == 7 else Fault.OURS  # 5.6.7: their side takes no address that is not ASCII
        case (1 | 2 | 3 | 4, detail) if detail:
            return Fault.THEIRS
    return _judge_by_words(reply, stage)


def _status(reply: Reply) -> tuple[int, int]:
    """Subject and detail of the enhanced status; (0, 0), which is undefined, without one."""
    _, subject, detail = (reply.enhanced or "5.0.0").split(".")
    return int(subject), int(detail)


def _judge_by_words(reply: Reply, stage: Stage) -> Fault:
    if reply.code in LOGIN_CODES or reply.code in (500, 501, 502, 503, 504, 555):
        return Fault.OURS
    if reply.code in (521, 556) or _FULL.search(reply.text):  # takes no mail at all (RFC 7504); takes no more
        return Fault.THEIRS
    if _POLICY.search(reply.text):
        return Fault.OURS
    if _NO_MAILBOX.search(reply.text):
        return Fault.THEIRS
    # Whoever refuses a recipient means them; whoever took the recipient and refuses afterwards means the message.
    return Fault.THEIRS if stage is Stage.RCPT else Fault.OURS
