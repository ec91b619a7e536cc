"""Every case of settling, as a table that somebody looked at: what a late or timely settlement makes of each row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product

from newsletter.delivery.ledger.ledger import Claim, Decision, RecipientState, Settlement
from newsletter.delivery.ledger.outcome import Accepted, Deferred, Outcome, Rejected, Reply, Unknown
from newsletter.delivery.ledger.settle import LockedRow, settle

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
CLAIM = Claim("r", "d", epoch=3, address="a@b.example", language="en", dated_at=NOW, attempts=0, eligible_at=NOW)
NO = Reply(550, "5.1.1", "no")

COLUMNS: dict[str, tuple[Decision, Outcome | None, bool]] = {
    "done": (Decision.done(), Accepted(Reply(250, "", "ok")), False),
    "retry": (Decision.retry(NOW, "busy"), Deferred(Reply(451, "", "busy")), False),
    "requeue": (Decision.requeue(NOW, "reset"), None, False),
    "ours": (Decision.requeue(NOW, "ours: no"), Rejected(NO), False),
    "fail": (Decision.fail("no"), Rejected(NO), False),
    "lost": (Decision.hold("lost"), Unknown("lost"), False),
    "held": (Decision.hold("other bytes", counts=False), None, False),
    "skip": (Decision.skip("render"), None, False),
    "retry, cancelled": (Decision.retry(NOW, "busy"), Deferred(Reply(451, "", "busy")), True),
    "requeue, cancelled": (Decision.requeue(NOW, "reset"), None, True),
}
EPOCHS = {"same": 3, "higher": 4}
WORKERS = {"its own": "w", "another": "other", "none": ""}

HEADING = """\
What a settlement makes of the recipient's row (newsletter/delivery/ledger/settle.py).

Left: the row's state, its epoch compared with the claim's, its worker, and whether an earlier attempt may have arrived.
Right, for each decision: the new state, or - where nothing changes. +1: the attempt is counted. ?: in doubt.

"""


def test_settle_table_is_as_blessed(blessed: Callable[[str, str], str]) -> None:
    table = HEADING + _table()
    assert table == blessed("settle.txt", table)


def _table() -> str:
    rows = [["row", "epoch", "worker", "in doubt", *COLUMNS]]
    for state, epoch, worker, in_doubt in product(RecipientState, EPOCHS, WORKERS, (False, True)):
        cells = [
            _cell(
                settle(
                    LockedRow(state, EPOCHS[epoch], WORKERS[worker], cancelled=cancelled, in_doubt=in_doubt),
                    Settlement(CLAIM, decision, outcome),
                    "w",
                )
            )
            for decision, outcome, cancelled in COLUMNS.values()
        ]
        rows.append([state.value, epoch, worker, "yes" if in_doubt else "no", *cells])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, ""])


def _cell(change: Decision | None) -> str:
    if change is None:
        return "-"
    return change.state.value + ("+1" if change.counts else "") + ("?" if change.in_doubt else "")
