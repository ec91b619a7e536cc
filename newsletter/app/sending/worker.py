"""Worker: runs the sender for one delivery in the foreground, or for all of them in a worker process."""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeVar

from newsletter.app.composing import message_context
from newsletter.app.project import Project
from newsletter.app.sending.background import Kind, Surroundings, run_job, undone
from newsletter.app.sending.notices import forget, send_notices
from newsletter.app.sending.relay import transport_for
from newsletter.delivery.compose.envelope import Envelope, address_envelope
from newsletter.delivery.compose.message import Message, MessageContext
from newsletter.delivery.compose.mould import Mould, make_mould
from newsletter.delivery.delivery import Delivery, DeliveryState
from newsletter.delivery.ledger.ledger import Claim
from newsletter.delivery.sender.handover import Compose, SenderDependencies, place_of
from newsletter.delivery.sender.sender import Ending, SenderSettings, is_set_within, send
from newsletter.delivery.sender.worker import is_known_dead, this_worker
from newsletter.errors import NewsletterError, StorageError
from newsletter.storage.database.database import Database
from newsletter.storage.journal.journal import Journal
from newsletter.storage.ledger.claims import StoredLedger
from newsletter.storage.ledger.deliveries import Deliveries
from newsletter.storage.ledger.freeze import freeze
from newsletter.storage.ledger.pace import StoredPace
from newsletter.storage.ledger.resolve import resend_by_policy, with_unknown

log = logging.getLogger("newsletter.sender")

FOREGROUND_PATIENCE = 60.0
"""Seconds that a foreground send continues without reaching the relay."""

_POLL = 1.0
"""Seconds between two checks for deliveries to be prepared."""

_MOULDS = 32
"""Moulds that are kept, one for each delivery and language."""

OnTrouble = Callable[[str], None]
Work = Callable[[Surroundings], Coroutine[None, None, None]]
"""Fetches jobs and runs them, until its surroundings say stop."""
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class SendResult:
    """How a foreground send ended."""

    delivery: Delivery
    ending: Ending


def send_now(
    project: Project,
    database: Database,
    delivery: str,
    *,
    on_trouble: OnTrouble = lambda _text: None,
) -> SendResult:
    """Freeze and send one delivery until nothing of it is due, or until SIGTERM or SIGINT.

    `on_trouble` is called with what keeps messages from being sent. Raises ConfigError when the relay's settings cannot
    be used, StorageError when the database cannot be reached at the start, is damaged, or must not be sent from.
    """

    async def run() -> Ending:
        async with _stop_on_signals() as stop:
            with closing(project.journal(database)) as journal:
                journal.require_current(delivery)
                found = Deliveries(database).get(delivery)
                if found.state is DeliveryState.PREPARING:
                    await asyncio.to_thread(freeze, database, delivery, _now(), should_stop=stop.is_set)
                _resend_by_policy(project, database, [delivery])
                return await _send(
                    project, database, journal, stop, only=delivery, on_trouble=on_trouble, patience=FOREGROUND_PATIENCE
                )

    ending = _run(run())
    return SendResult(Deliveries(database).get(delivery), ending)


def run_worker(project: Project, database: Database, *, on_trouble: OnTrouble, exit_with_parent: bool = False) -> None:
    """Freeze and send all that is due, until SIGTERM or SIGINT; then finish what is in flight and return.

    It must be the only thing its process does: it installs signal handlers and runs an event loop of its own.
    `exit_with_parent`: also stop when standard input ends, as it does when the parent process ends.
    """

    async def run() -> None:
        async with _stop_on_signals(exit_with_parent=exit_with_parent) as stop:
            with closing(project.journal(database)) as journal:
                preparing = _prepare_deliveries(project, database, journal, stop, on_trouble)
                sending = _send_deliveries(project, database, journal, stop, on_trouble)
                answering = _answer_readers(project, database, journal, stop, on_trouble)
                await _together(stop, preparing, sending, answering)

    log.info("at work pid=%s; SIGTERM ends it", os.getpid())
    _run(run())
    log.info("ended pid=%s; nothing is in flight", os.getpid())


def run_jobs(
    project: Project, database: Database, *, on_trouble: OnTrouble, work: Work, exit_with_parent: bool = False
) -> None:
    """As `run_worker`, but `work` fetches the jobs that are run: from a queue that several machines share."""

    async def run() -> None:
        async with _stop_on_signals(exit_with_parent=exit_with_parent) as stop:
            with closing(project.journal(database)) as journal:
                around = _surroundings(project, database, journal, stop, on_trouble)
                answering = _answer_readers(project, database, journal, stop, on_trouble)
                present = _be_present(project, database, stop, on_trouble)
                await _together(stop, work(around), answering, present)

    log.info("at work on jobs pid=%s; SIGTERM ends it", os.getpid())
    _run(run())
    log.info("ended pid=%s; nothing is in flight", os.getpid())


def _surroundings(
    project: Project, database: Database, journal: Journal, stop: asyncio.Event, on_trouble: OnTrouble
) -> Surroundings:
    def send_one(delivery: str, until: asyncio.Event) -> Awaitable[Ending]:
        return _send(project, database, journal, until, only=delivery, on_trouble=on_trouble)

    return Surroundings(project, database, journal, stop, on_trouble, _now, send_one)


async def _be_present(project: Project, database: Database, stop: asyncio.Event, on_trouble: OnTrouble) -> None:
    """Keep a worker registered that claims nothing: it shows that this process waits for jobs."""
    ledger, me, is_known = StoredLedger(database), this_worker(), False
    lease = project.config.sending.lease.total_seconds()
    while not stop.is_set():
        try:
            is_known = is_known and await asyncio.to_thread(ledger.renew, me, lease)
            if not is_known:
                me = this_worker()
                await asyncio.to_thread(ledger.register, me, lease, _now())
                is_known = True
        except StorageError as error:
            on_trouble(_with_hint(error))
        await is_set_within(stop, lease / 3)
    try:
        await asyncio.to_thread(ledger.deregister, me, _now())
    except StorageError as error:  # its lease ends by itself
        on_trouble(_with_hint(error))


def _run(main: Coroutine[None, None, Result]) -> Result:
    """Run an event loop to its end; uvloop's, where the extra `fast` is installed."""
    # The loop and the ledger's thread work by turns. With Python's 5 ms the ledger would wait for as long after each
    # statement while messages are composed, and a group of permits takes four.
    sys.setswitchinterval(0.0005)
    gc.freeze()  # what there is by now stays; each message would have its part in looking through it
    gc.set_threshold(10_000)
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)


async def _together(stop: asyncio.Event, *parts: Coroutine[None, None, None]) -> None:
    """Run parts of which none may continue alone: a worker that sends but prepares no delivery would look healthy.

    When one fails, the others finish what is in flight (a message cut off would be unknown); then its error is raised.
    """

    async def run(part: Coroutine[None, None, None]) -> None:
        try:
            await part
        except Exception as error:  # logged and raised again
            # Logged now: the others may wait minutes for replies, and of two failures only one is raised.
            what = error if isinstance(error, NewsletterError) else place_of(error)
            log.error("%s; the worker ends once nothing is in flight", what)
            raise
        finally:
            stop.set()

    for ended in await asyncio.gather(*map(run, parts), return_exceptions=True):
        if ended is not None:
            raise ended


async def _send_deliveries(
    project: Project, database: Database, journal: Journal, stop: asyncio.Event, on_trouble: OnTrouble
) -> None:
    """Send all that is due, of all deliveries."""
    while not stop.is_set():
        try:
            await _send(project, database, journal, stop, only=None, on_trouble=on_trouble)
        except StorageError as error:  # it could not register, or the database is damaged
            on_trouble(_with_hint(error))
            await is_set_within(stop, 2.0)


async def _answer_readers(
    project: Project, database: Database, journal: Journal, stop: asyncio.Event, on_trouble: OnTrouble
) -> None:
    """Carry out sign-ups and send the notices; forget old requests once an hour."""
    forgotten, told = datetime.min.replace(tzinfo=UTC), ""
    while not stop.is_set():
        try:
            await send_notices(project, database, journal, now := _now(), should_stop=stop.is_set)
            if now > forgotten + timedelta(hours=1):
                await forget(project, database, now)
                forgotten = now
            told = ""
        except NewsletterError as error:
            if str(error) != told:  # the same trouble each second is told once
                on_trouble(told := str(error))
        await is_set_within(stop, _POLL)


async def _send(
    project: Project, database: Database, journal: Journal, stop: asyncio.Event, *, only: str | None,
    on_trouble: OnTrouble, patience: float | None = None,
) -> Ending:  # fmt: skip
    config = project.config
    transport = transport_for(config, on_trouble)
    dependencies = SenderDependencies(
        ledger=StoredLedger(database),
        journal=journal,
        pace=StoredPace(database),
        transport=transport,
        compose=_composer(project, Deliveries(database)),
        clock=_now,
        new_worker=this_worker,
        is_dead=is_known_dead,
        on_trouble=on_trouble,
    )
    settings = SenderSettings(
        at_once=2 * config.connections,  # the envelope of a second message follows behind the dot of the first
        lease=config.sending.lease.total_seconds(),
        policy=config.retry_policy,
        rates=config.rates,
        patience=patience,
    )
    try:
        return await send(dependencies, settings, stop, only=only)
    finally:
        await transport.close()


def _composer(project: Project, deliveries: Deliveries) -> Compose:
    """A function that composes a recipient's message from the stored editions of any delivery."""

    moulds: dict[tuple[str, str], Mould] = {}

    @lru_cache(maxsize=_MOULDS)
    def context_of(delivery: str) -> MessageContext:
        names = {one.slug: one.name for one in deliveries.lists(delivery)}
        return message_context(project, names, signer=project.keys.signer, is_signed=True)

    def load(delivery: str, language: str) -> Mould:
        found = moulds.get((delivery, language))  # made meanwhile for another connection
        if found is None:
            found = make_mould(deliveries.edition(delivery, language), context_of(delivery))
            while len(moulds) >= _MOULDS:
                moulds.pop(next(iter(moulds)), None)
            moulds[delivery, language] = found
        return found

    async def compose(claim: Claim) -> tuple[Envelope, Message]:
        mould = moulds.get((claim.delivery, claim.language))
        if mould is None:  # in a thread: it is read from the database, which may be busy
            mould = await asyncio.to_thread(load, claim.delivery, claim.language)
        return address_envelope(claim, mould.context), mould.cast(claim)

    return compose


async def _prepare_deliveries(
    project: Project, database: Database, journal: Journal, stop: asyncio.Event, on_trouble: OnTrouble
) -> None:
    """Do every job that is not a share; send unknown messages again where the configuration says so."""
    around = _surroundings(project, database, journal, stop, on_trouble)
    while not stop.is_set():
        try:
            await asyncio.to_thread(journal.keep_up)
            for job in await asyncio.to_thread(undone, database, _now()):
                if job.kind is not Kind.SHARE:
                    await run_job(job, around)
            await asyncio.to_thread(resend_unknown_ones, project, database)
        except StorageError as error:
            on_trouble(_with_hint(error))
        await is_set_within(stop, _POLL)


def resend_unknown_ones(project: Project, database: Database) -> None:
    """Send unknown messages of all deliveries again where the configuration says so."""
    if project.config.sending.unknown == "resend":
        _resend_by_policy(project, database, with_unknown(database))


def _with_hint(error: StorageError) -> str:
    return f"{error}. {error.hint}" if error.hint else str(error)


def _resend_by_policy(project: Project, database: Database, names: list[str]) -> None:
    """Send unknown messages again if the configuration says so, once a reply to them can no longer arrive."""
    config = project.config
    if config.sending.unknown == "resend":
        slowest = max(one.reply_timeout for one in config.all_relays)
        patience = slowest + config.sending.lease + timedelta(minutes=1)
        for name in names:
            resend_by_policy(database, name, _now(), patience=patience, expiry=config.sending.expiry)


@asynccontextmanager
async def _stop_on_signals(*, exit_with_parent: bool = False) -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set; a second SIGINT ends the process at once."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def interrupted() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, interrupted)
    if exit_with_parent:
        loop.add_reader(sys.stdin.fileno(), _read_stdin, loop, stop)
    try:
        yield stop
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        loop.remove_signal_handler(signal.SIGINT)


def _read_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Stop at the end of standard input; what is written to it is ignored."""
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin.fileno())
        stop.set()


def _now() -> datetime:
    return datetime.now(UTC)
