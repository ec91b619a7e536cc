"""Outcome: what became of one attempt to hand a message over. Made by a transport; settled in the ledger.

The relay's bytes become a `Reply`, and `outcome_of` makes an outcome of it; `classification` says what a refusal is
about.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from newsletter.delivery.ledger.classification import LIMITS, Classification, Scope, Stage, classify, scope_of
from newsletter.errors import RelayConnectionError


@dataclass(frozen=True, slots=True)
class Reply:
    """A relay's reply: `code` of three digits, `enhanced` such as `5.1.1` or empty, `text` on one line.

    `code` is 0 when it was no reply at all (RFC 5321, section 4.2); `text` then shows what it was.
    """

    code: int
    enhanced: str
    text: str

    @property
    def is_final(self) -> bool:
        """Whether it judges what was asked: 2yz, 4yz or 5yz."""
        return self.code // 100 in (2, 4, 5)

    @property
    def is_transient(self) -> bool:
        """Whether it is a 4yz: the same may succeed later."""
        return self.code // 100 == 4

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.enhanced, self.text) if part)


@dataclass(frozen=True, slots=True)
class Accepted:
    """2yz after the final dot: the relay took responsibility. Not "delivered"."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Refusal:
    """4yz or 5yz. Only a refusal whose blame is theirs is about the recipient."""

    reply: Reply
    classification: Classification
    stage: Stage | None = None
    """What was answered; None: nothing was asked, the transport cannot take the message."""

    @property
    def scope(self) -> Scope:
        """For whom it counts."""
        return scope_of(self.classification, self.stage)

    @property
    def is_limit(self) -> bool:
        """Whether it says how much we may send, or that nothing is taken now: waiting helps, trying does not."""
        is_ours = self.classification.blame == "ours"
        return is_ours and (self.classification in LIMITS or (self.stage is Stage.MAIL and self.reply.is_transient))

    @property
    def is_policy(self) -> bool:
        """Whether it is ours and no limit: our standing, login, text, a rule that was not explained."""
        return self.classification.blame == "ours" and not self.is_limit

    def __str__(self) -> str:
        """Classification and words, as the reason of a recipient's state."""
        after = f" at {self.stage}" if self.stage not in (None, Stage.RCPT) and self.scope is Scope.MAILBOX else ""
        return f"{self.classification}{after}: {self.reply}"


@dataclass(frozen=True, slots=True)
class Deferred(Refusal):
    """4yz: not now."""

    classification: Classification = Classification.TRANSIENT


@dataclass(frozen=True, slots=True)
class Rejected(Refusal):
    """5yz."""

    classification: Classification = Classification.INVALID_ADDRESS


@dataclass(frozen=True, slots=True)
class Unknown:
    """The connection was lost after the final dot, before the reply: it may be on its way. Never retried by itself."""

    reason: str


Outcome: TypeAlias = Accepted | Deferred | Rejected | Unknown


CLOSING = 421
"""The relay closes the connection; possible instead of the reply to any command (RFC 5321, section 3.8)."""

LOGIN_CODES = frozenset({530, 534, 535, 538})
"""Refusals that only other credentials, or TLS, can change (RFC 4954, section 6; RFC 3207, section 4)."""

_LONGEST_TEXT = 500
_LINE = re.compile(r"(?P<code>[2-5][0-9]{2})(?:(?P<sign>[ -])(?P<text>.*))?", re.DOTALL)
_ENHANCED = re.compile(r"(?P<status>[245]\.[0-9]{1,3}\.[0-9]{1,3})(?:\s+|$)")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_WORD = re.compile(r'"[^"]*"@[^\s<>(),;:"]*|[^\s<>(),;:"]+')
"""Text between blanks and brackets; a quoted local part belongs to its address (RFC 5321, section 4.1.2)."""


def read_reply(lines: Sequence[bytes]) -> Reply:
    """Make a Reply of the relay's lines (without their line ends), whatever they hold.

    All lines of one reply bear the same code; the text is kept readable, short and free of control characters, and of
    addresses: it is stored and logged in places that erasing a subscriber does not reach.
    """
    return _read_reply(tuple(lines))


@lru_cache(maxsize=64)  # most replies of a relay are the same for every message
def _read_reply(lines: tuple[bytes, ...]) -> Reply:
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
    joined = " ".join(part for text in texts if (part := _CONTROLS.sub(" ", text).strip()))
    joined = _WORD.sub(lambda word: "…" if "@" in word.group() else word.group(), joined)
    return joined if len(joined) <= _LONGEST_TEXT else joined[: _LONGEST_TEXT - 1] + "…"


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
            return Deferred(reply, classify(stage, reply.code, reply.enhanced, reply.text), stage)
        case 5:
            return Rejected(reply, classify(stage, reply.code, reply.enhanced, reply.text), stage)
    if after_dot:
        return Unknown(f"the relay answered the final dot with nonsense: {reply}")
    raise RelayConnectionError(f"The relay answered {stage} with {str(reply)!r}, which makes no sense there")
