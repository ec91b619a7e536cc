"""Alerts: what an operator is to be told, each row once, for as long as its cause lasts."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from newsletter.storage.database.database import Database
from newsletter.storage.database.leases import holds
from newsletter.storage.database.tables import alerts
from newsletter.storage.ledger.deliveries import Lease


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that an operator must see."""

    key: str
    """The same for as long as it lasts; told once."""
    kind: str
    """`delivery.halted`, `schedule.missed` …"""
    text: str
    """A sentence; names no subscriber."""
    delivery: str = ""
    patience: timedelta = timedelta()
    """How long it must last before it is told."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition that is to be told."""

    key: str
    kind: str
    text: str
    delivery: str
    since: datetime
    tries: int
    told: frozenset[str]
    """The ways by which it was told."""

    @property
    def id(self) -> str:
        """The same for each try, for who receives it twice."""
        return "msg_" + hashlib.sha256(f"{self.key} {self.since.isoformat()}".encode()).hexdigest()[:24]


class Alerts:
    """Those of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, found: Mapping[str, Condition], now: datetime, lease: Lease | None) -> bool:
        """Add what is new, forget what is over: when it comes again, it is told again. False without the lease."""
        with self._database.read() as connection:
            known = set(connection.execute(sa.select(alerts.c.key)).scalars())
        if known == found.keys():
            return True
        with self._database.write() as connection:
            if lease is not None and not holds(connection, lease.name, lease.token):
                return False
            connection.execute(sa.delete(alerts).where(alerts.c.key.in_(known - found.keys())))
            for key in found.keys() - known:
                one = found[key]
                row = {"key": key, "kind": one.kind, "text": one.text, "delivery": one.delivery, "since": now}
                insert = self._database.insert_ignore(alerts)
                connection.execute(insert, row | {"due_at": now + one.patience, "tries": 0, "told": []})
        return True

    def due(self, now: datetime) -> list[Alert]:
        """Those to be told now."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(alerts).where(alerts.c.due_at <= now).order_by(alerts.c.since)).all()
        return [
            Alert(row.key, row.kind, row.text, row.delivery, row.since, row.tries, frozenset(row.told)) for row in rows
        ]

    def tried(self, key: str, told: frozenset[str], next_at: datetime | None) -> None:
        """Record a try; None: no further one."""
        change = {"told": sorted(told), "due_at": next_at, "tries": alerts.c.tries + 1}
        with self._database.write() as connection:
            connection.execute(sa.update(alerts).where(alerts.c.key == key).values(change))
