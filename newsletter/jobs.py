"""Jobs: Procrastinate's door. On PostgreSQL, workers on any number of machines fetch their jobs from its queue.

One of the workers, the one that holds a lease, keeps queued what rows show undone (`app/sending/background.py`): they
need no process beside them. SQLite has no queue: there the one sender process reads the rows itself. Jobs carry no
locks; one that was lost is made anew.
"""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from newsletter.app.project import Project
from newsletter.app.sending.background import Job, Jobs, Kind, Surroundings, run_job, undone
from newsletter.app.sending.worker import resend_unknown_ones, run_jobs, run_worker
from newsletter.delivery.sender.handover import place_of
from newsletter.delivery.sender.sender import is_set_within
from newsletter.errors import NewsletterError, StorageError
from newsletter.storage.database.database import Database
from newsletter.storage.database.leases import QUEUE, release_lease, take_lease

log = logging.getLogger("newsletter.jobs")

_QUEUES = {Kind.FREEZE: "newsletter", Kind.SHARE: "newsletter-shares"}
"""Shares have a queue and a place in each worker of their own: however many there are, the other jobs are done."""
_POLL = 2.0
"""Seconds between two looks at a queue, where no notification told of a job."""
_RETRY = 15
"""Seconds before a job that failed is tried again."""
_LEASE = 15.0
"""Seconds that a worker is in charge of the queue; several looks, so that a slow one does not lose it."""


def work(
    project: Project, database: Database, *, on_trouble: Callable[[str], None], exit_with_parent: bool = False
) -> None:
    """Do what is to be done in the background, until SIGTERM or SIGINT; as `run_worker` on SQLite."""
    if not database.is_server:
        run_worker(project, database, on_trouble=on_trouble, exit_with_parent=exit_with_parent)
        return

    async def fetch(around: Surroundings) -> None:
        keeping = keep_queued(QueuedJobs(project), around)
        await asyncio.gather(keeping, *(_fetch(project, queue, around) for queue in _QUEUES.values()))

    run_jobs(project, database, on_trouble=on_trouble, work=fetch, exit_with_parent=exit_with_parent)


def install(project: Project, database: Database) -> bool:
    """Make the tables of the queue where there are none; whether there were none. Does nothing on SQLite."""
    if not database.is_server:
        return False

    async def make() -> bool:
        async with _opened(project) as app:
            if await app.check_connection_async():
                return False
            await app.schema_manager.apply_schema_async()
            return True

    with database.write() as connection:
        database.serialise(connection, "newsletter jobs")  # of two processes at once one makes them
        return asyncio.run(make())


async def keep_queued(jobs: Jobs, around: Surroundings) -> None:
    """Have queued what rows show undone, while this worker is the one that holds the lease, until it is to stop."""
    holder = secrets.token_hex(16)
    while not around.stop.is_set():
        try:
            await asyncio.to_thread(_look, jobs, around, holder)
        except StorageError as error:
            around.on_trouble(str(error))
        await is_set_within(around.stop, _POLL)
    try:
        await asyncio.to_thread(release_lease, around.database, QUEUE, holder)
    except StorageError as error:
        log.warning("the lease could not be released and expires by itself: %s", error)


def _look(jobs: Jobs, around: Surroundings, holder: str) -> None:
    around.journal.keep_up()  # raises while nothing may be sent from this database
    if take_lease(around.database, QUEUE, holder, _LEASE) is None:
        return
    resend_unknown_ones(around.project, around.database)
    if added := jobs.ensure(undone(around.database, around.now())):
        log.info("jobs=%s", added)


class QueuedJobs:
    """Jobs in Procrastinate's queue, in the project's own database."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def ensure(self, wanted: Counter[Job]) -> int:
        """As `Jobs.ensure`."""
        return asyncio.run(self._ensure(wanted)) if wanted else 0

    async def _ensure(self, wanted: Counter[Job]) -> int:
        async with _opened(self._project) as app:
            manager = app.job_manager
            # Do not leave this to Procrastinate: the job of a killed worker stays `doing` for ever.
            for stalled in await manager.get_stalled_jobs(seconds_since_heartbeat=_patience(self._project)):
                log.warning("job=%s %s is queued again: its worker is silent", stalled.id, stalled.task_name)
                await manager.retry_job_by_id_async(job_id=stalled.id, retry_at=datetime.now(UTC))
            there: Counter[Job] = Counter()
            for status in ("todo", "doing"):
                there.update(filter(None, map(_job_of, await manager.list_jobs_async(status=status))))
            lacking = list((wanted - there).elements())
            for job in lacking:
                deferrer = app.configure_task(job.kind.value, queue=_QUEUES[job.kind])
                await deferrer.defer_async(delivery=job.delivery)
            return len(lacking)


def _job_of(one: Any) -> Job | None:
    known = one.task_name in list(Kind) and "delivery" in one.task_kwargs  # others are of another version
    return Job(Kind(one.task_name), one.task_kwargs["delivery"]) if known else None


async def _fetch(project: Project, queue: str, around: Surroundings) -> None:
    """Run the jobs of one queue, one at a time, until its surroundings say stop; then finish the one under way."""
    import procrastinate

    while not around.stop.is_set():
        try:
            async with _opened(project) as app:
                for kind in Kind:
                    retry = procrastinate.RetryStrategy(wait=_RETRY)
                    app.task(_task(kind, around), name=kind.value, queue=_QUEUES[kind], retry=retry)
                running = asyncio.create_task(
                    app.run_worker_async(
                        queues=[queue], concurrency=1, install_signal_handlers=False, delete_jobs="always",
                        fetch_job_polling_interval=_POLL, update_heartbeat_interval=_patience(project) / 3,
                        stalled_worker_timeout=_patience(project),
                    )
                )  # fmt: skip
                stopping = asyncio.create_task(around.stop.wait())
                await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
                stopping.cancel()
                running.cancel()  # it finishes its job first
                await asyncio.gather(running, return_exceptions=True)
        except StorageError as error:
            around.on_trouble(str(error))
        await is_set_within(around.stop, _POLL)


def _task(kind: Kind, around: Surroundings) -> Callable[..., Any]:
    async def run(delivery: str) -> None:
        try:
            await run_job(Job(kind, delivery), around)
        except Exception as error:  # noqa: BLE001 - raised again
            # The queue logs what it gets, and another error's text may hold an address.
            what = str(error) if isinstance(error, NewsletterError) else place_of(error)
            around.on_trouble(f"{kind} of {delivery}: {what}")
            raise _FailedError(what) from None

    return run


class _FailedError(Exception):
    """A job that is to be tried again."""


@asynccontextmanager
async def _opened(project: Project) -> AsyncIterator[Any]:
    """Procrastinate on the project's database. Raises StorageError, also for what happens inside the block."""
    try:
        import procrastinate
        import psycopg
    except ImportError as error:
        hint = "Install it, in a checkout: pip install '.[postgresql]'"
        raise StorageError("Procrastinate, which carries jobs on PostgreSQL, is not installed", hint=hint) from error
    logging.getLogger("procrastinate").setLevel(logging.ERROR)
    scheme, _, rest = project.database_url.partition("://")
    connector = procrastinate.PsycopgConnector(conninfo=f"postgresql://{rest}", min_size=1, max_size=4, timeout=10.0)
    assert scheme.startswith("postgres"), scheme
    try:
        async with procrastinate.App(connector=connector).open_async() as app:
            yield app
    except (procrastinate.exceptions.ProcrastinateException, psycopg.Error) as error:  # its pool does not translate
        hint = "newsletter db upgrade makes its tables, if it has none"
        raise StorageError(f"The job queue cannot be used: {error.__cause__ or error}", hint=hint) from error


def _patience(project: Project) -> float:
    """Seconds after which a silent worker counts as dead."""
    return project.config.sending.lease.total_seconds()
