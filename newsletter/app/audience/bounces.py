"""Bounces: emails that came back are read, and their consequences carried out.

Each is one transaction: what came back, whom it suppresses or unsubscribes, the events. The journal has an opt-out
before that is committed. The same email read again changes nothing.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from newsletter.app.project import Project
from newsletter.audience.consent import Consent
from newsletter.audience.suppression import Suppression, SuppressionReason
from newsletter.errors import RequestError
from newsletter.feedback.consequences import decide
from newsletter.feedback.event import Event, EventKind
from newsletter.feedback.found import ReturnKind
from newsletter.feedback.returned import Returned, read_returned
from newsletter.feedback.sources.maildir import UNMATCHED, Maildir, keep_unmatched
from newsletter.feedback.unsubscribe import Wish, lists_to_leave
from newsletter.storage.audience import unsubscribe as opt_outs
from newsletter.storage.audience.events import append_event
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.audience.returned import (
    Addressee,
    add_returned,
    addressee,
    is_read,
    prove_arrival,
    soft_run,
)
from newsletter.storage.audience.signups import end_signup
from newsletter.storage.audience.subscribers import AudienceStore
from newsletter.storage.database.database import Connection, Database
from newsletter.storage.journal.files import OptOutLine
from newsletter.storage.journal.journal import Journal
from newsletter.tokens import Purpose

log = logging.getLogger("newsletter.bounces")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one email was, and what it changed."""

    kind: ReturnKind
    about: str
    is_repeated: bool = False
    """Whether the same email was read before."""
    suppressed: bool = False
    unsubscribed: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reading of many came to."""

    kinds: Mapping[ReturnKind, int]
    repeated: int
    suppressed: int
    unsubscribed: int
    unmatched: Path | None
    """Where those are that match nobody."""

    @property
    def read(self) -> int:
        """How many emails there were."""
        return sum(self.kinds.values()) + self.repeated


def read_maildir(
    project: Project, database: Database, now: datetime, folder: Path, unmatched: Path | None = None
) -> Reading:
    """Read every email of a Maildir and move it. `unmatched`: the folder for what matches nobody.

    Raises RequestError for a folder that is none or may not be changed; StorageError and JournalError, and then the
    rest stays where it is.
    """
    maildir = Maildir(folder, unmatched or folder / UNMATCHED)
    verdicts = []
    with project.journal(database) as journal:
        journal.keep_up()  # a copy of the database must not take the bounces away from the original
        for file, data in maildir.emails():
            verdict = _read(project, database, journal, data, now)
            maildir.move(file, is_matched=verdict.kind is not ReturnKind.UNMATCHED)
            verdicts.append(verdict)
    maildir.prune()
    return _sum(verdicts, maildir.unmatched)


def read_email(
    project: Project, database: Database, now: datetime, data: bytes, unmatched: Path | None = None
) -> Reading:
    """Read one email; the same as `read_maildir`. Without a folder for it, what matches nobody raises RequestError."""
    with project.journal(database) as journal:
        journal.keep_up()
        verdict = _read(project, database, journal, data, now)
    if verdict.kind is ReturnKind.UNMATCHED:
        if unmatched is None:
            raise RequestError(
                "The email is about no message that was sent from here",
                hint="It was not kept. Name a folder for such emails: --unmatched DIR",
            )
        keep_unmatched(data, unmatched)
    return _sum([verdict], unmatched)


def read_own_maildir(project: Project, database: Database, now: datetime) -> None:
    """What the service does every minute: read the Maildir of `[bounces]`, and log it. Raises as `read_maildir`."""
    folder, unmatched = bounce_folders(project)
    if folder is None:
        return
    reading = read_maildir(project, database, now, folder, unmatched)
    if reading.read:
        counts = " ".join(f"{kind}={count}" for kind, count in reading.kinds.items())
        log.info("bounces=%s %s suppressed=%s", reading.read, counts, reading.suppressed)


def bounce_folders(project: Project) -> tuple[Path | None, Path | None]:
    """The Maildir of bounces and the folder for what matches nobody, as `[bounces]` names them; None: it does not."""
    written = project.config.bounces.maildir, project.config.bounces.unmatched
    maildir, unmatched = (project.folder / path if path else None for path in written)
    return maildir, unmatched


def _sum(verdicts: list[Verdict], unmatched: Path | None) -> Reading:
    kinds = Counter(one.kind for one in verdicts if not one.is_repeated)
    return Reading(
        kinds=kinds,
        repeated=sum(one.is_repeated for one in verdicts),
        suppressed=sum(one.suppressed for one in verdicts),
        unsubscribed=sum(one.unsubscribed for one in verdicts),
        unmatched=unmatched if kinds[ReturnKind.UNMATCHED] else None,
    )


def _read(project: Project, database: Database, journal: Journal, data: bytes, now: datetime) -> Verdict:
    one = read_returned(data, project.keys.signer)
    found = one.found
    if found.kind is ReturnKind.UNMATCHED or not one.recipient:
        return Verdict(found.kind, found.about)
    with database.write() as connection:
        about = addressee(connection, one.recipient)
        if about is None:
            is_repeated = is_read(connection, one.digest)
            return Verdict(found.kind if is_repeated else ReturnKind.UNMATCHED, found.about, is_repeated)
        if prove_arrival(connection, about.id, now):
            log.info("recipient=%s accepted: an email about the message came back", about.id)
        if found.kind is ReturnKind.IGNORED:
            return Verdict(found.kind, found.about)
        if not add_returned(database, connection, one, about, now):
            return Verdict(found.kind, found.about, is_repeated=True)
        is_forwardable = one.named_by is not Purpose.RETURN_PATH and project.config.bounces.return_path == "verp"
        return _carry_out(database, connection, journal, one, about, now, is_forwardable=is_forwardable)


def _carry_out(
    database: Database, connection: Connection, journal: Journal, one: Returned, about: Addressee, now: datetime, *,
    is_forwardable: bool,
) -> Verdict:  # fmt: skip
    found = one.found
    run = soft_run(connection, about) if found.kind is ReturnKind.SOFT else []
    wanted = decide(found.kind, run, is_forwardable=is_forwardable)
    unsubscribed = wanted.unsubscribes and _unsubscribe(database, connection, journal, about, now)
    suppressed = False
    if wanted.suppression:
        if about.signup:
            end_signup(connection, about.signup)
        suppressed = _suppress(database, connection, journal, one, about, wanted.suppression, now)
    return Verdict(found.kind, found.about, suppressed=suppressed, unsubscribed=unsubscribed)


def _suppress(
    database: Database, connection: Connection, journal: Journal, one: Returned, about: Addressee,
    reason: SuppressionReason, now: datetime,
) -> bool:  # fmt: skip
    store = AudienceStore(database, connection)
    note = f"delivery {about.delivery}: " if about.delivery else ""
    suppression = Suppression(about.address_hash, about.address, reason, now, f"{note}{one.found.reply}".rstrip(": "))
    subscriber = store.find(about.address_hash)
    # Of an address that was only asked to confirm, and does not exist, nothing is kept.
    is_kept = subscriber is not None or about.delivery or reason is SuppressionReason.COMPLAINT
    if not is_kept or store.suppression_of(about.address_hash) is not None:
        return False
    event = Event(
        EventKind.SUPPRESSED,
        now,
        subscriber=subscriber.id if subscriber else None,
        recipient=about.id,
        delivery=about.delivery or None,
        data={"how": "bounce", "reason": reason.value, "about": one.found.about},
        # An operator who lifts the suppression does it for good, as far as this message is concerned.
        key=f"{reason.value} {about.id}",
    )
    if not append_event(database, connection, event):
        return False
    store.suppress(suppression)
    journal.opt_out(OptOutLine(now, "bounce", about.id, about.address_hash, {}, reason.value))
    return True


def _unsubscribe(database: Database, connection: Connection, journal: Journal, about: Addressee, now: datetime) -> bool:
    """As their own link would do it."""
    holder = opt_outs.link_holder(connection, about.id)
    if holder is None or not holder.subscriber:
        return False
    present = opt_outs.present_consents(connection, holder.subscriber, lock=True)
    ended = lists_to_leave(holder.list_ids, present)
    if not ended:
        return False
    how = Wish.COMPLAINT.value
    opt_out = opt_outs.new_opt_out(holder, ended, now, how=how)
    opt_outs.end_consents(connection, [opt_out])
    opt_outs.add_opt_outs(database, connection, [opt_out])
    slugs = [item.slug for item in ListStore(database, connection).with_ids(list(ended))]
    lists = dict.fromkeys(slugs, Consent.UNSUBSCRIBED.value)
    journal.opt_out(OptOutLine(now, how, about.id, holder.address_hash, lists))
    return True
