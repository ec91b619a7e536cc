"""Classification: what a refusal is about, and so for whom it counts. Before: a reply; after: `retry`.

The rules: `classification.toml`, beside this module. A refusal that is ours never counts against a recipient; one
wrongly classified as theirs loses a subscriber.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Literal


class Stage(StrEnum):
    """What the relay was answering."""

    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    """The command, or an early reply while the body was on its way."""
    DOT = "final dot"


class Scope(StrEnum):
    """For whom a refusal counts."""

    MAILBOX = "mailbox"
    """This one recipient."""
    PROVIDER = "provider"
    """All that we send to this recipient's provider."""
    US = "us"
    """All that we send through this relay."""


class Classification(StrEnum):
    """What a refusal is about."""

    INVALID_ADDRESS = "invalid_address"
    """There is no such mailbox or domain."""
    UNRECOGNISED = "unrecognised"
    """A refused recipient, in words that no rule knows: listed, but no reason to suppress the address."""
    INACTIVE_MAILBOX = "inactive_mailbox"
    """It exists, but was closed or disabled."""
    MAILBOX_FULL = "mailbox_full"
    """It takes no more for now."""
    RECIPIENT_POLICY = "recipient_policy"
    """The recipient, or their organisation, blocks us. Never a reason to suppress the address."""
    SUPPRESSED = "suppressed"
    """Our provider holds the address on a list of its own."""
    UNSUPPORTED_ADDRESS = "unsupported_address"
    """It is not ASCII, and a server on the way lacks SMTPUTF8 (RFC 6531)."""
    TRANSIENT = "transient"
    """A 4yz without a cause that we know, greylisting for instance."""
    QUOTA = "quota"
    """Our provider's limit for an hour, a day or a month is reached."""
    RATE = "rate"
    """We send too fast, or are asked to try later before any recipient was named."""
    ACCOUNT = "account"
    """Our account at the provider, or a sender address that it does not allow us."""
    AUTHENTICATION = "authentication"
    """Login, TLS, SPF, DKIM or DMARC."""
    REPUTATION = "reputation"
    """Our host, address or domain is on a blocklist, or has a bad reputation."""
    CONTENT = "content"
    """The text, links or form of the message."""
    SIZE = "size"
    POLICY = "policy"
    """A rule that the relay does not explain."""
    PROTOCOL = "protocol"
    """A command that was not understood."""
    RELAY_DOWN = "relay_down"
    """The server takes nothing from any sender for now."""

    @property
    def blame(self) -> Literal["ours", "theirs"]:
        """The side it counts against: `theirs` is the recipient's."""
        return "theirs" if self in _THEIRS else "ours"


_THEIRS = {
    Classification.INVALID_ADDRESS, Classification.UNRECOGNISED, Classification.INACTIVE_MAILBOX,
    Classification.MAILBOX_FULL, Classification.RECIPIENT_POLICY, Classification.SUPPRESSED,
    Classification.UNSUPPORTED_ADDRESS, Classification.TRANSIENT,
}  # fmt: skip
_OF_THE_RELAY = {Classification.ACCOUNT, Classification.PROTOCOL, Classification.RELAY_DOWN}

LIMITS = frozenset({Classification.QUOTA, Classification.RATE, Classification.RELAY_DOWN})
"""What passes by waiting, however long it takes: a monthly quota, for instance."""


def scope_of(classification: Classification, stage: Stage | None) -> Scope:
    """For whom a refusal counts. At MAIL no recipient was named yet; later a relay may pass a provider's words on.

    A limit of the relay itself in the place of a provider's is found by the throttle: other providers meet it too.
    """
    if classification.blame == "theirs":
        return Scope.MAILBOX
    return Scope.US if stage is Stage.MAIL or classification in _OF_THE_RELAY else Scope.PROVIDER


@dataclass(frozen=True, slots=True)
class _Rule:
    classification: Classification
    stages: Sequence[str]
    code: re.Pattern[str]
    status: re.Pattern[str]
    words: re.Pattern[str]

    def fits(self, stage: Stage, code: str, status: str, text: str) -> bool:
        """Whether it decides about this reply."""
        if stage.name not in self.stages or (stage is Stage.MAIL and self.classification.blame == "theirs"):
            return False
        return bool(self.code.fullmatch(code) and self.status.fullmatch(status) and self.words.search(text))


def classify(stage: Stage, code: int, enhanced: str, text: str) -> Classification:
    """What a 4yz or 5yz is about.

    classify(Stage.RCPT, 550, "5.4.5", "Daily user sending limit exceeded")  →  Classification.QUOTA
    """
    status = enhanced.partition(".")[2]
    return next(rule.classification for rule in _rules() if rule.fits(stage, str(code), status, text))


@cache
def _rules() -> tuple[_Rule, ...]:
    rules = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["rule"]
    return tuple(
        _Rule(
            classification=Classification(rule["is"]),
            stages=rule.get("stage", [stage.name for stage in Stage]),
            code=re.compile(rule.get("code", ".*")),
            status=re.compile(rule.get("status", ".*")),
            words=re.compile("|".join(rule.get("words", [""])), re.IGNORECASE),
        )
        for rule in rules
    )
