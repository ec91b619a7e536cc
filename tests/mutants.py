"""Senders that break the promises on purpose, to prove that the tests of the promises can fail. Never installed.

    python tests/mutants.py cursor-at-claim send issues/welcome --list weekly …

`cursor-at-claim` counts people as done when it fetches them; `mark-after-reply` writes nothing down before the final
dot; `retry-on-disconnect` takes a lost reply for a lost message.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime

from newsletter.cli.main import main
from newsletter.delivery.ledger.ledger import Claim, Decision, PermitRequest, Settlement, Worker
from newsletter.delivery.ledger.outcome import Accepted, Outcome, Reply, Unknown
from newsletter.delivery.ledger.retry import decide
from newsletter.delivery.sender import handover
from newsletter.storage.journal.journal import Journal
from newsletter.storage.ledger.claims import StoredLedger

OK = Accepted(Reply(250, "2.0.0", "surely"))


def cursor_at_claim() -> None:
    claim, record = StoredLedger.claim, StoredLedger.record

    def claims(
        self: StoredLedger, delivery: str, worker: Worker, limit: int, now: datetime,
        without: frozenset[str] = frozenset(),
    ) -> list[Claim]:  # fmt: skip
        found = claim(self, delivery, worker, limit, now, without)
        record(self, worker, [], [PermitRequest(one, one.recipient, "") for one in found], now)
        record(self, worker, [Settlement(one, Decision.done(), OK) for one in found], [], now)
        return found

    def records(
        self: StoredLedger, worker: Worker, settlements: Sequence[Settlement], permits: Sequence[PermitRequest],
        now: datetime,
    ) -> list[bool]:  # fmt: skip
        return [True] * len(permits)

    StoredLedger.claim, StoredLedger.record = claims, records  # type: ignore[method-assign]


def mark_after_reply() -> None:
    record = StoredLedger.record

    def records(
        self: StoredLedger, worker: Worker, settlements: Sequence[Settlement], permits: Sequence[PermitRequest],
        now: datetime,
    ) -> list[bool]:  # fmt: skip
        record(self, worker, settlements, [], now)
        return [True] * len(permits)

    StoredLedger.record = records  # type: ignore[method-assign]
    # With a journal the next sender finds receipts without permits, takes that for an older copy and stops.
    Journal.append = lambda *_: None  # type: ignore[method-assign]


def retry_on_disconnect() -> None:
    def decides(outcome: Outcome, **values: object) -> Decision:
        if isinstance(outcome, Unknown):
            return Decision.requeue(values["now"], "the line was lost")  # type: ignore[arg-type]
        return decide(outcome, **values)  # type: ignore[arg-type]

    vars(handover)["decide"] = decides


if __name__ == "__main__":
    {
        "cursor-at-claim": cursor_at_claim,
        "mark-after-reply": mark_after_reply,
        "retry-on-disconnect": retry_on_disconnect,
    }[sys.argv.pop(1)]()
    main()
