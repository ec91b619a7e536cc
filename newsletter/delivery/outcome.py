"""Outcome: what became of one attempt to hand a message over. Made by a transport; settled in the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Fault(StrEnum):
    """Whose fault a refusal is: the address's, or ours (policy, reputation, authentication, size)."""

    THEIRS = "theirs"
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the relay said: `code` of three digits, `enhanced` such as `5.1.1` or empty, `text` on one line."""

    code: int
    enhanced: str
    text: str

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
