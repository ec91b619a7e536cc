"""Scheduler: APScheduler's door. A clock that wakes `app` every few seconds; the database knows what is due.

It also computes when a recurring time comes next.

Any number may run. Only the one that holds the lease starts deliveries. Every start carries the lease's fencing token,
so that a scheduler whose lease has expired can start nothing.
"""

import logging
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TypeAlias
from zoneinfo import ZoneInfo

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from newsletter.app.audience.bounces import read_own_maildir
from newsletter.app.project import Project
from newsletter.app.sending.alerts import alert
from newsletter.app.sending.recurring import start_recurring
from newsletter.app.sending.series import take_on_due
from newsletter.app.sending.steer import start_due
from newsletter.delivery.sender.schedule import instant_of
from newsletter.errors import NewsletterError, StorageError
from newsletter.recurrence import Recurrence
from newsletter.storage.database.database import Database
from newsletter.storage.database.leases import SCHEDULER, release_lease, take_lease
from newsletter.storage.journal.journal import Journal
from newsletter.storage.ledger.deliveries import Lease
from newsletter.storage.scheduling.occurrences import Turn

log = logging.getLogger("newsletter.scheduler")
# It warns of every tick that is skipped while an earlier one waits for the database. We log that ourselves.
logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)

EVERY = 2.0
"""Seconds between two ticks."""
ASIDE = 10.0
"""Seconds between two looks for what is to be told."""
CHORE = 60.0
"""Seconds between two chores."""
LEASE = 15.0
"""Seconds that the lease is valid; several ticks, so that a slow leader does not lose it."""

Work: TypeAlias = Callable[[datetime, Lease], object]
"""Starts what is due at a time (UTC), if the lease is still the newest."""


def next_time(recurrence: Recurrence, zone: ZoneInfo, after: datetime) -> datetime | None:
    """The next local time of a recurrence that comes after an instant; None when there is none in years.

    Counted on the clock on the wall, as if it never changed: so a time that a clock change skips comes once, moved
    forward, and one that occurs twice comes the first time.
    """
    trigger = CronTrigger(
        minute=recurrence.minute, hour=recurrence.hour, day=recurrence.day, month=recurrence.month,
        day_of_week=recurrence.day_of_week, timezone=UTC,
    )  # fmt: skip
    local = after.astimezone(zone)
    gained = (local.utcoffset() or timedelta()) - (
        (after - timedelta(days=1)).astimezone(zone).utcoffset() or timedelta()
    )
    # What was skipped within the last day may have moved to after this instant.
    wall = local.replace(tzinfo=UTC) - max(gained, timedelta())
    while found := trigger.get_next_fire_time(None, wall):
        moment: datetime = found.replace(tzinfo=None)
        if instant_of(moment, zone) > after:
            return moment
        wall = found + timedelta(minutes=1)
    return None


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
        aside: Work | None = None,
        chore: Callable[[datetime], object] | None = None,
    ) -> None:
        """`check` raises StorageError while nothing may be started. `aside` is the leader's work, too; it may take
        long, and has a thread of its own. `chore` is that of each host, whether it leads or not."""
        self._database = database
        self._work = work
        self._clock = clock
        self._every = every
        self._lease = lease
        self._check = check
        self._aside = aside
        self._chore = chore
        self._holder = secrets.token_hex(16)
        self._leads: Lease | None = None
        # A memory store, because two schedulers on a shared one run every job twice; one tick at a time, and a thread
        # for the lease. A late tick still runs; several missed ones run as one.
        self._ticker = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(4)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )

    def start(self) -> None:
        """Tick now, then repeatedly."""
        self._ticker.add_job(self.look, "interval", seconds=self._every, next_run_time=datetime.now(UTC))
        # Compiling an issue may take longer than the lease.
        self._ticker.add_job(self.renew, "interval", seconds=self._lease / 3)
        self._ticker.add_job(self.look_aside, "interval", seconds=ASIDE)
        self._ticker.add_job(self.do_chore, "interval", seconds=CHORE)
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

    def renew(self) -> None:
        """Renew the lease while a tick is under way."""
        try:
            if self._leads:
                take_lease(self._database, SCHEDULER, self._holder, self._lease)
        except StorageError as error:
            log.warning("the lease could not be renewed just now: %s", error)

    def look(self) -> None:
        """One tick: renew or try to take the lease, and do the work under it."""
        try:
            self._check()
            token = take_lease(self._database, SCHEDULER, self._holder, self._lease)
            if (token is None) is not (self._leads is None):
                log.info("leads=%s token=%s", token is not None, token)
            self._leads = None if token is None else Lease(SCHEDULER, token)
            if self._leads is not None:
                self._work(self._clock(), self._leads)
        except StorageError as error:
            log.warning("nothing could be started just now: %s", error)  # the next tick tries again

    def look_aside(self) -> None:
        """Do the leader's other work."""
        lease = self._leads
        try:
            if lease is not None and self._aside is not None:
                self._aside(self._clock(), lease)
        except NewsletterError as error:
            log.warning("%s", error)

    def do_chore(self) -> None:
        """Do what this host alone can do."""
        try:
            if self._chore is not None:
                self._chore(self._clock())
        except NewsletterError as error:
            log.warning("%s", error)


def project_scheduler(
    project: Project, database: Database, journal: Journal, *, clock: Callable[[], datetime]
) -> Scheduler:
    """The scheduler that starts a project's deliveries when their time has come, once the database has what the journal
    has."""

    looks = count()

    def work(now: datetime, lease: Lease) -> None:
        # Which issues and subscribers wait is looked up at every fifth tick: there may be hundreds.
        is_whole = next(looks) % 5 == 0
        for one in start_recurring(project, database, now, next_time, lease) if is_whole else ():
            level = logging.INFO if one.outcome is Turn.DELIVERY else logging.WARNING
            log.log(level, "schedule=%s at=%s %s=%s %s", one.schedule, one.at, one.outcome, one.delivery, one.note)
        for delivery in start_due(project, database, now, lease=lease):
            log.info("delivery=%s state=%s", delivery.id, delivery.state)
        for step, taken, reason in take_on_due(project, database, journal, now, lease) if is_whole else ():
            level = logging.WARNING if reason else logging.INFO
            log.log(level, "series=%s issue=%s recipients=%s %s", step.series, step.issue, taken, reason)

    return Scheduler(
        database,
        work,
        clock=clock,
        check=journal.keep_up,
        aside=lambda now, lease: alert(project, database, now, lease),
        chore=lambda now: read_own_maildir(project, database, now),
    )
