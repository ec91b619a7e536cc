"""Deliveries: created with their editions and assets, moved from state to state by comparing and setting."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.compiler.edition import Asset, Edition
from newsletter.delivery.delivery import Delivery, DeliveryState
from newsletter.delivery.ledger import Recipient, RecipientState
from newsletter.storage.engine import Database


class Deliveries:
    """The deliveries of one database, their editions, assets and recipients."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, delivery: str) -> Delivery:
        """One delivery. Raises NotFoundError."""
        raise NotImplementedError

    def all(self, *states: DeliveryState) -> list[Delivery]:
        """Every delivery (in one of these states, if any are named), the newest first."""
        raise NotImplementedError

    def edition(self, delivery: str, language: str) -> Edition:
        """One of its editions, with its assets' names but not their bytes. Raises NotFoundError."""
        raise NotImplementedError

    def asset(self, name: str) -> Asset | None:
        """An image that an edition of any delivery shows."""
        raise NotImplementedError

    def recipient(self, recipient: str) -> Recipient | None:
        """One row of the ledger by its id."""
        raise NotImplementedError

    def recipients(self, delivery: str, state: RecipientState | None = None) -> Iterator[Recipient]:
        """The rows of one delivery in order of their ids, read as they are asked for."""
        raise NotImplementedError
