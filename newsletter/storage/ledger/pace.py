"""Pauses of the relay and of providers' shares, and what relays said of recipients: refused by policy, no such address.

Implements `Pace` in `delivery/sender/throttle.py`. Rows are few: one for each pause, halt or share.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from newsletter.audience.suppression import SuppressionReason
from newsletter.delivery.ledger.ledger import Claim, RecipientState
from newsletter.delivery.ledger.providers import OTHER
from newsletter.delivery.ledger.rate import Rate, Slice
from newsletter.delivery.ledger.retry import Standing
from newsletter.delivery.ledger.settle import REFUSED
from newsletter.delivery.sender.throttle import Pause
from newsletter.feedback.event import EventKind
from newsletter.storage.database.database import Database
from newsletter.storage.database.tables import attempts, events, pauses, recipients, suppressions
from newsletter.storage.ledger.budget import take_slice

_COLUMNS = (pauses.c.delivery, pauses.c.share, pauses.c.reason, pauses.c.since, pauses.c.until, pauses.c.times)
_REASON = SuppressionReason.INVALID_ADDRESS.value
_KEY = sa.literal(f"{_REASON} ") + recipients.c.id
"""Of the event: an operator who lifts the suppression does it for good, as far as this refusal is concerned."""
_FOUND = (
    sa.select(recipients, _KEY.label("key"))
    .where(recipients.c.delivery_id == sa.bindparam("of"), recipients.c.state == RecipientState.REJECTED.value)
    .where(recipients.c.reason.startswith(f"{_REASON}: ", autoescape=True), recipients.c.address != "")
    .where(~sa.exists().where(events.c.key == _KEY))
    .order_by(recipients.c.id)
)


class StoredPace:
    """The pauses of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pauses(self) -> list[Pause]:
        """All of them, those that have ended and are unproved too."""
        with self._database.ask() as connection:
            return read_pauses(connection)

    def pause(self, pause: Pause) -> None:
        """Store it, unless another worker has stored as long a one, or a halt, meanwhile."""
        row = {
            "delivery": pause.delivery, "share": pause.share, "reason": pause.reason, "since": pause.since,
            "until": pause.until, "times": pause.times,
        }  # fmt: skip
        with self._database.write() as connection:
            changed = sa.update(pauses).where(*_mine(pause), pauses.c.times < pause.times).values(row)
            if not connection.execute(changed).rowcount:
                connection.execute(self._database.insert_ignore(pauses), row)

    def end_pause(self, pause: Pause) -> None:
        """Forget this pause, unless a longer one has followed."""
        with self._database.write() as connection:
            connection.execute(sa.delete(pauses).where(*_mine(pause), pauses.c.times <= pause.times))

    def take(self, rates: Sequence[Rate], wanted: int, now: datetime, unused: Slice | None) -> Slice:
        """Give back what was not used of a slice, and take up to `wanted` more."""
        return take_slice(self._database, rates, wanted, now, unused)

    def suppress_invalid(self, delivery: str, now: datetime) -> None:
        """Suppress the addresses that were rejected as `invalid_address`, with the relay's words as evidence.

        Call it when a delivery comes to rest, not at each refusal: a relay that refuses everybody halts it before that.
        """
        with self._database.write() as connection:
            rows = connection.execute(_FOUND, {"of": delivery}).all()
            if not rows:
                return
            connection.execute(
                self._database.insert_ignore(suppressions),
                [
                    {"address_hash": one.address_hash, "address": one.address, "reason": _REASON, "created_at": now,
                     "note": f"delivery {delivery}: {one.reply}"}
                    for one in rows
                ],
            )  # fmt: skip
            connection.execute(
                self._database.insert_ignore(events),
                [
                    {"kind": EventKind.SUPPRESSED.value, "at": now, "key": one.key, "subscriber_id": one.subscriber_id,
                     "recipient_id": one.id, "delivery_id": delivery, "data": {"reason": _REASON, "reply": one.reply}}
                    for one in rows
                ],
            )  # fmt: skip

    def standings(self, claims: Sequence[Claim]) -> dict[str, Standing]:
        """What is known of recipients of one delivery who were claimed before: of those whom a policy refused."""
        refused = (
            sa.select(attempts.c.recipient_id, sa.func.count())
            .where(attempts.c.recipient_id.in_([one.recipient for one in claims]), attempts.c.outcome == REFUSED)
            .group_by(attempts.c.recipient_id)
        )
        with self._database.read() as connection:
            counts = {row[0]: row[1] for row in connection.execute(refused)}
            providers = {one.provider for one in claims if one.recipient in counts}
            reached = {one for one in providers if self._has_accepted(connection, claims[0].delivery, one)}
        return {
            one.recipient: Standing(counts[one.recipient], one.provider in reached)
            for one in claims
            if one.recipient in counts
        }

    def _has_accepted(self, connection: sa.Connection, delivery: str, provider: str) -> bool:
        accepted = sa.exists().where(
            recipients.c.delivery_id == delivery,
            recipients.c.state == RecipientState.ACCEPTED.value,
            recipients.c.provider == (provider or OTHER),
        )
        return bool(connection.execute(sa.select(accepted)).scalar_one())


def read_pauses(connection: sa.Connection, delivery: str | None = None) -> list[Pause]:
    """The pauses of all deliveries, or those that concern one."""
    query = sa.select(*_COLUMNS).order_by(pauses.c.share, pauses.c.delivery)
    if delivery is not None:
        query = query.where(pauses.c.delivery.in_(["", delivery]))
    return [Pause(*row) for row in connection.execute(query)]


def release_shares(connection: sa.Connection, delivery: str) -> None:
    """An operator resumes a delivery: its halted shares go on."""
    connection.execute(sa.delete(pauses).where(pauses.c.delivery == delivery))


def outside(shares: Iterable[str]) -> list[sa.ColumnElement[bool]]:
    """Conditions for recipients of none of these shares."""
    providers = sorted(share for share in shares if not share.startswith("@"))
    domains = sorted(share for share in shares if share.startswith("@"))
    return [
        *([recipients.c.provider.not_in(providers)] if providers else []),
        *(sa.func.lower(recipients.c.address).not_like(f"%{_escaped(one)}", escape="\\") for one in domains),
    ]


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


def _mine(pause: Pause) -> tuple[sa.ColumnElement[bool], ...]:
    return pauses.c.delivery == pause.delivery, pauses.c.share == pause.share
