"""Background: the jobs that sending is made of, all of them derived from rows.

On SQLite the one sender process does them as soon as rows show them. On PostgreSQL they go through `Jobs`, which
`newsletter/jobs.py` implements, to workers on any number of machines. A job names a delivery, never recipients: the
ledger hands those out, so a job that runs twice, late or never loses and doubles nobody.

Another kind of job is a member of `Kind`, its rows in `undone`, and what it does in `run_job`.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from newsletter.app.project import Project
from newsletter.delivery.delivery import DeliveryState
from newsletter.delivery.sender.sender import is_set_within
from newsletter.delivery.sender.worker import is_known_dead
from newsletter.storage.database.database import Database
from newsletter.storage.journal.journal import Journal
from newsletter.storage.ledger.counters import work_left
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.storage.ledger.freeze import freeze
from newsletter.storage.ledger.workers import count_processes

SHARE_ENDS = 300.0
"""Seconds after which a share ends, so that other deliveries and other jobs get their turn."""

_WORTH_A_SHARE = 50
"""Recipients for which another worker is worth its start."""


class Kind(StrEnum):
    """What a job does."""

    FREEZE = "freeze"
    """Write the audience of a delivery into the ledger."""
    SHARE = "share"
    """Send of a delivery what the ledger hands out, beside other shares of it."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done in the background."""

    kind: Kind
    delivery: str


class Jobs(Protocol):
    """Workers on any number of machines."""

    def ensure(self, wanted: Counter[Job]) -> int:
        """Have at least these queued or running; queue again the jobs of workers that died. Returns how many were
        added. Raises StorageError."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every job works with."""

    project: Project
    database: Database
    journal: Journal
    stop: asyncio.Event
    """Set when the process is to end: a job then finishes what is in flight and returns."""
    on_trouble: Callable[[str], None]
    now: Callable[[], datetime]
    send: Callable[[str, asyncio.Event], Awaitable[object]]
    """Send of one delivery what is due, until nothing is or the event is set."""


def undone(database: Database, now: datetime) -> Counter[Job]:
    """The jobs that rows ask for now, each as often as workers are of use for it."""
    wanted: Counter[Job] = Counter()
    for one in Deliveries(database).all(DeliveryState.PREPARING, DeliveryState.SENDING):
        if one.state is DeliveryState.PREPARING:
            wanted[Job(Kind.FREEZE, one.id)] = 1
            continue
        processes = max(1, count_processes(database, is_known_dead))
        with database.read() as connection:
            left = work_left(connection, one.id, now, most=processes * _WORTH_A_SHARE)
        if left.due:
            wanted[Job(Kind.SHARE, one.id)] = min(processes, -(-left.due // _WORTH_A_SHARE))
        elif left.is_to_finish or left.held:  # or their worker died
            wanted[Job(Kind.SHARE, one.id)] = 1
    return wanted


async def run_job(job: Job, around: Surroundings) -> None:
    """Do a job, or as much of it as there is."""
    match job.kind:
        case Kind.FREEZE:
            await asyncio.to_thread(around.journal.require_current, job.delivery)
            should_stop = around.stop.is_set
            await asyncio.to_thread(freeze, around.database, job.delivery, around.now(), should_stop=should_stop)
        case Kind.SHARE:
            await _send_share(job.delivery, around)


async def _send_share(delivery: str, around: Surroundings) -> None:
    ended = asyncio.Event()

    async def end_in_time() -> None:
        await is_set_within(around.stop, SHARE_ENDS)
        ended.set()

    timer = asyncio.create_task(end_in_time())
    try:
        await around.send(delivery, ended)
    finally:
        timer.cancel()
