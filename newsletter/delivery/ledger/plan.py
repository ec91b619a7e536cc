"""Plan: which candidates become recipients of which edition, and who may still be sent to when claimed.

Plain decisions from values: `plan` when an audience is frozen, `recheck` when a row is claimed.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

from newsletter.audience.consent import Consent
from newsletter.audience.subscriber import Attribute, text_of
from newsletter.audience.suppression import SuppressionReason
from newsletter.delivery.ledger.ledger import RecipientState, rest_of
from newsletter.delivery.ledger.providers import provider_of
from newsletter.language import best_match
from newsletter.tokens import short_hash


class NotEligible(StrEnum):
    """Why a subscriber of the lists is counted, but no recipient."""

    PAUSED = "paused"
    """They asked for no issues for some time."""
    PENDING = "pending"
    """Asked for the list, but has not confirmed it yet."""
    UNSUBSCRIBED = "unsubscribed"


IN_JOURNAL = "in the journal: this issue left for them, and no reply was recorded"
"""The reason of an unknown row of which only the journal has the attempt."""


class Exclusion(StrEnum):
    """Why a recipient's row is excluded."""

    ALREADY_RECEIVED = "already_received"
    """Another delivery of the same issue reached this address, or may have."""
    UNSUBSCRIBED = "unsubscribed"
    """From every list through which they became a recipient, after the audience was frozen."""
    NO_PERMISSION = "no_permission"
    """No confirmed subscription is left, but they did not unsubscribe."""
    RENDER = "render"
    """Their message could not be composed."""
    PAUSED = "paused"
    """They asked for no issues for some time, after the audience was frozen."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A subscriber with a confirmed subscription to one of the delivery's lists."""

    subscriber: int
    address: str
    address_hash: str
    name: str = ""
    language: str = ""
    timezone: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    list_ids: tuple[int, ...] = ()
    """Of the delivery's lists, those with a confirmed subscription, in the order they were named."""
    list_languages: tuple[str, ...] = ()
    """The languages of those lists, for subscribers whose own is unknown; in the same order, empty ones included."""
    suppression: str = ""
    """Why the address is suppressed; empty when it is not."""
    already_received: bool = False
    """Whether another delivery of this issue reached the address, or may have."""
    in_journal: bool = False
    """Whether the journal has a message of this issue to them whose outcome nobody knows."""


@dataclass(frozen=True, slots=True)
class PlannedRecipient:
    """One candidate as the ledger will hold it."""

    id: str
    candidate: Candidate
    language: str
    """Of the edition chosen."""
    provider: str
    values: Mapping[str, str]
    """What merge fields may name, apart from the address, which has its own column."""
    state: RecipientState
    reason: str


def plan(candidate: Candidate, *, delivery: str, languages: Sequence[str], again: bool) -> PlannedRecipient:
    """What becomes of one candidate. `languages` are those of the editions, the issue's own first."""
    state, reason = _first_state(candidate, again=again)
    return PlannedRecipient(
        id=recipient_id(delivery, candidate.subscriber),
        candidate=candidate,
        provider=provider_of(candidate.address),
        language=choose_language([candidate.language, *candidate.list_languages], languages),
        values=own_values(
            candidate.attributes, name=candidate.name, language=candidate.language, timezone=candidate.timezone
        ),
        state=state,
        reason=reason,
    )


def own_values(attributes: Mapping[str, Attribute], *, name: str, language: str, timezone: str) -> dict[str, str]:
    """What merge fields may name of a subscriber; our own columns win over attributes of the same name."""
    texts = {key: text_of(value) for key, value in attributes.items()}
    return {**texts, "name": name, "language": language, "timezone": timezone}


def _first_state(candidate: Candidate, *, again: bool) -> tuple[RecipientState, str]:
    if candidate.suppression:
        return RecipientState.SUPPRESSED, candidate.suppression
    if candidate.already_received and not again:
        return RecipientState.EXCLUDED, Exclusion.ALREADY_RECEIVED
    if candidate.in_journal and not again:
        return RecipientState.UNKNOWN, IN_JOURNAL
    return RecipientState.WAITING, ""


@dataclass(frozen=True, slots=True)
class Frozen:
    """What is known of a recipient of the ledger when it is claimed."""

    address: str
    """Empty once they were erased."""
    suppression: str
    """Why the address is suppressed; empty when it is not."""
    consents: frozenset[Consent]
    """Present ones, to the lists through which they became a recipient."""
    already_received: bool
    in_doubt: bool = False
    """Whether an earlier attempt may have arrived, and the message is sent again."""
    is_paused: bool = False


def recheck(frozen: Frozen, *, again: bool) -> tuple[RecipientState, str] | None:
    """State and reason of a recipient who must not be sent to; None for one who may be claimed."""
    refused = _refusal(frozen, again=again)
    return (rest_of(refused[0], in_doubt=frozen.in_doubt), refused[1]) if refused else None


def _refusal(frozen: Frozen, *, again: bool) -> tuple[RecipientState, str] | None:
    if frozen.suppression or not frozen.address:
        return RecipientState.SUPPRESSED, frozen.suppression or SuppressionReason.ERASED
    if Consent.CONFIRMED not in frozen.consents:
        left = Consent.UNSUBSCRIBED in frozen.consents
        return RecipientState.EXCLUDED, Exclusion.UNSUBSCRIBED if left else Exclusion.NO_PERMISSION
    if frozen.already_received and not again:
        return RecipientState.EXCLUDED, Exclusion.ALREADY_RECEIVED
    return (RecipientState.EXCLUDED, Exclusion.PAUSED) if frozen.is_paused else None


MOVED_LEAST = 50
"""Recipients."""
MOVED_SHARE = 0.2


def why_unexpected(expected: int | None, frozen: int) -> str:
    """Why an audience must be looked at before its first message: it is not the one that an operator confirmed.

    Empty while it moved by no more than a fifth, or by fewer than 50 recipients; `expected` is None where any will do.
    """
    moved = 0 if expected is None else abs(frozen - expected)
    if moved < MOVED_LEAST or moved <= (expected or 0) * MOVED_SHARE:
        return ""
    return f"the segment has {frozen} recipients; it had {expected} when the delivery was confirmed"


ID_BYTES = 10
"""Of a recipient's id: 16 characters. A return path holds it beside a signature and the name of a mailbox."""


def recipient_id(delivery: str, subscriber: int) -> str:
    """The id of one subscriber in one delivery: derived, so that freezing twice gives the same rows.

    Do not look a row up by it: deliveries of older versions have other ids.
    """
    return short_hash(f"{id_seed(delivery)}{subscriber}")


def id_seed(delivery: str) -> str:
    """What the ids of a delivery are hashes of, before the number of the subscriber."""
    return f"recipient {delivery} "


def digest(rows: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over ids and address hashes, in the order given (by id). Hex."""
    total, rest = hashlib.sha256(), iter(rows)
    while some := "".join([f"{recipient} {address_hash}\n" for recipient, address_hash in islice(rest, 1000)]):
        total.update(some.encode("ascii"))
    return total.hexdigest()


def choose_language(wishes: Iterable[str], languages: Sequence[str]) -> str:
    """The language of the edition to send: the first wish with an edition, else the issue's own."""
    return best_match(wishes, languages) or languages[0]
