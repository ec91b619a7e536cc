"""Scheduler: APScheduler's door. A clock that wakes `app` every few seconds; the database knows what is due.

Any number may run. Only the one that holds the lease starts deliveries. Every start carries the lease's fencing token,
so that a scheduler whose lease has expired can start nothing.
"""

import logging
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from newsletter.app.project import Project
from newsletter.app.sending.steer import start_due
from newsletter.errors import StorageError
from newsletter.storage.database.database import Database
from newsletter.storage.database.leases import SCHEDULER, release_lease, take_lease
from newsletter.storage.journal.journal import Journal
from newsletter.storage.ledger.deliveries import Lease

log = logging.getLogger("newsletter.scheduler")
# It warns of every tick that is skipped while an earlier one waits for the database. We log that ourselves.
logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)

EVERY = 2.0
"""Seconds between two ticks."""
LEASE = 15.0
"""Seconds that the lease is valid; several ticks, so that a slow leader does not lose it."""

Work: TypeAlias = Callable[[datetime, Lease], object]
"""Starts what is due at a time (UTC), if the lease is still the newest."""


class Scheduler:
    """Calls `work` while it holds the lease. `start` and `stop` it once; it runs in its own thread."""

    def __init__(
        self,
        database: Database,
        work: Work,
        *,
        clock: Callable[[], datetime],
        every: float = EVERY,
        lease: float = LEASE,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """`check` raises StorageError while nothing may be started."""
        self._database = database
        self._work = work
        self._clock = clock
        self._every = every
        self._lease = lease
        self._check = check
        self._holder = secrets.token_hex(16)
        self._leads = False
        # A memory store, because two schedulers on a shared one run every job twice; one thread, because one tick
        # at a time is enough. A late tick still runs; several missed ones run as one.
        self._ticker = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )

    def start(self) -> None:
        """Tick now, then repeatedly."""
        self._ticker.add_job(self.look, "interval", seconds=self._every, next_run_time=datetime.now(UTC))
        self._ticker.start()

    def stop(self) -> None:
        """Finish the current tick and release the lease, so that another scheduler takes over at once."""
        if self._ticker.running:
            self._ticker.shutdown(wait=True)
        if self._leads:
            try:
                release_lease(self._database, SCHEDULER, self._holder)
            except StorageError as error:
                log.warning("the lease could not be released and expires by itself: %s", error)

    def look(self) -> None:
        """One tick: renew or try to take the lease, and do the work under it."""
        try:
            self._check()
            token = take_lease(self._database, SCHEDULER, self._holder, self._lease)
            if (token is not None) is not self._leads:
                self._leads = token is not None
                log.info("leads=%s token=%s", self._leads, token)
            if token is not None:
                self._work(self._clock(), Lease(SCHEDULER, token))
        except StorageError as error:
            log.warning("nothing could be started just now: %s", error)  # the next tick tries again


def project_scheduler(
    project: Project, database: Database, journal: Journal, *, clock: Callable[[], datetime]
) -> Scheduler:
    """The scheduler that starts a project's deliveries when their time has come, once the database has what the journal
    has."""

    def start(now: datetime, lease: Lease) -> None:
        for delivery in start_due(project, database, now, lease=lease):
            log.info("delivery=%s state=%s", delivery.id, delivery.state)

    return Scheduler(database, start, clock=clock, check=journal.keep_up)
