"""Notices: what stored sign-ups ask for is carried out, and the emails that this and the pages caused are sent.

Called by the worker every second. Sent once a claim is committed; one whose reply was lost is sent again: two
confirmations do less harm than none.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from newsletter.app.audience.signup import SignupRules, carry_out, forget_signups
from newsletter.app.composing import claim_outside, message_context, ungated
from newsletter.app.project import Project
from newsletter.app.sending.relay import transport_for
from newsletter.audience.notice import WITH_OPT_OUT, Notice, NoticeKind
from newsletter.audience.subscriber import MailingList
from newsletter.compiler.edition import Edition
from newsletter.compiler.mjml.templates import Templates
from newsletter.compiler.notices import compile_notice, notice_language
from newsletter.delivery.compose.envelope import Envelope, address_envelope
from newsletter.delivery.compose.message import Message
from newsletter.delivery.compose.mould import make_mould
from newsletter.delivery.ledger.classification import Classification
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.ledger.outcome import Outcome, Rejected, Unknown
from newsletter.delivery.ledger.retry import decide
from newsletter.delivery.transport import Transport
from newsletter.errors import NewsletterError, TransportError
from newsletter.storage.audience.lists import ListStore
from newsletter.storage.audience.notices import claim_notices, defer_notice, has_due, settle_notice
from newsletter.storage.audience.signups import end_signup
from newsletter.storage.database.database import Database
from newsletter.storage.journal.journal import Journal
from newsletter.tokens import Purpose, Signer

log = logging.getLogger("newsletter.notices")

_AT_ONCE = 20
_MOST_SENDS = 3
"""How often a message whose reply was lost is sent in all."""
_ACTIONS: Mapping[NoticeKind, tuple[Purpose, str]] = {
    NoticeKind.CONFIRMATION: (Purpose.CONFIRM, "c"),
    NoticeKind.LINK: (Purpose.OWN, "own"),
    NoticeKind.ADDRESS: (Purpose.ADDRESS, "a"),
}
"""Where the button of a notice leads: what its token may do, and the path of the page."""


def signup_rules(project: Project) -> SignupRules:
    """What `[signup]` and `[privacy]` say."""
    signup = project.config.signup
    return SignupRules(
        address_key=project.keys.address,
        per_network=signup.per_network,
        per_hour=signup.per_hour,
        keep_network=signup.keep_network,
        pending=signup.pending,
        proof_years=project.config.privacy.proof_retention,
    )


async def send_notices(
    project: Project, database: Database, journal: Journal, now: datetime, transport: Transport | None = None,
    *, should_stop: Callable[[], bool] = lambda: False,
) -> int:  # fmt: skip
    """Carry out the stored sign-ups, then send all notices that are due; how many were tried.

    Raises StorageError, ConfigError for settings with which nothing can be sent, and TransportError when the relay
    cannot be reached.
    """
    rules = signup_rules(project)
    await asyncio.to_thread(journal.keep_up)  # nothing leaves from a copy of the database
    await asyncio.to_thread(carry_out, database, journal, rules, now)
    if not await asyncio.to_thread(has_due, database, now):
        return 0
    way, tried = transport or transport_for(project.config), 0
    composer = Composer(project, database)
    try:
        while not should_stop() and (claims := await asyncio.to_thread(claim_notices, database, now, _AT_ONCE)):
            for number, notice in enumerate(claims):
                tried += 1
                try:
                    envelope, message = await asyncio.to_thread(composer.compose, notice)
                    outcome = await way.send(envelope, message, ungated)
                except NewsletterError as error:  # no connection, or words of a project that cannot be used
                    rest = claims[number:] if isinstance(error, TransportError) else [notice]
                    await asyncio.to_thread(_put_back, database, rest, now, str(error))
                    if isinstance(error, TransportError):
                        raise
                    log.error("notice=%s kind=%s waits: %s", notice.id, notice.kind, error)
                    continue
                await asyncio.to_thread(_settle, project, database, notice, message, outcome, now)
    finally:
        if transport is None:
            await way.close()
    return tried


async def forget(project: Project, database: Database, now: datetime) -> None:
    """Remove what sign-ups left behind and need no longer."""
    await asyncio.to_thread(forget_signups, database, signup_rules(project), now)


class Composer:
    """Makes the messages of notices; keeps the editions that it compiled."""

    def __init__(self, project: Project, database: Database) -> None:
        self._project = project
        self._database = database
        self._templates = Templates(project.template_folders, root=project.folder)
        self._editions: dict[tuple[NoticeKind, str], Edition] = {}

    def compose(self, notice: Notice) -> tuple[Envelope, Message]:
        """Raises AuthoringError, ConfigError and ComposeError."""
        project, signer = self._project, self._project.keys.signer
        folders, root = project.template_folders, project.folder
        language = notice_language(folders, root, [notice.language, project.config.newsletter.language])
        if (notice.kind, language) not in self._editions:
            self._editions[notice.kind, language] = compile_notice(
                notice.kind, language, templates=self._templates, folders=folders, root=root,
                identity=project.identity, home_url=f"{project.config.public.url}/",
            )  # fmt: skip
        with self._database.read() as connection:
            lists = ListStore(self._database, connection).with_ids(notice.list_ids)
        named = {one.slug: one.name for one in lists} if notice.kind in WITH_OPT_OUT else {}
        context = message_context(project, named, signer=signer, is_notice=True, is_signed=True)
        claim = claim_outside(
            "notice",
            recipient=notice.id,
            address=notice.address,
            language=language,
            values=_values(project, notice, lists, signer),
            now=notice.created_at,
            lists=tuple(named),
        )
        return address_envelope(claim, context), make_mould(self._editions[notice.kind, language], context).cast(claim)


def _values(project: Project, notice: Notice, lists: list[MailingList], signer: Signer) -> dict[str, str]:
    """What the words of a notice may name: nothing that a visitor typed."""
    action = ""
    if notice.kind in _ACTIONS:
        purpose, path = _ACTIONS[notice.kind]
        action = f"{project.config.public.url}/{path}/{signer.sign(purpose, notice.signup or notice.id)}"
    names = ", ".join(one.name for one in lists)
    return {"newsletter": project.identity.newsletter, "lists": names, "action": action}


def _put_back(database: Database, notices: list[Notice], now: datetime, why: str) -> None:
    with database.write() as connection:
        for notice in notices:
            defer_notice(connection, notice.id, now + timedelta(minutes=1), why, counts=False)


def _settle(
    project: Project, database: Database, notice: Notice, message: Message, outcome: Outcome, now: datetime
) -> None:
    policy, tries = project.config.retry_policy, notice.attempts
    with database.write() as connection:
        if isinstance(outcome, Unknown):
            if tries + 1 < _MOST_SENDS:
                again = now + policy.pause_after(tries + 1)
                defer_notice(connection, notice.id, again, outcome.reason, counts=True)
            else:
                settle_notice(connection, notice.id, "accepted", now, message_id=message.id, reply=outcome.reason)
            return
        decision = decide(outcome, attempts=tries, eligible_at=notice.created_at, now=now, policy=policy)
        if decision.next_at is not None:
            defer_notice(connection, notice.id, decision.next_at, decision.reason, counts=decision.counts)
            return
        is_accepted = decision.state is RecipientState.ACCEPTED
        state = "accepted" if is_accepted else "rejected"
        settle_notice(connection, notice.id, state, now, message_id=message.id, reply=str(outcome.reply))
        if isinstance(outcome, Rejected) and outcome.classification is Classification.INVALID_ADDRESS and notice.signup:
            end_signup(connection, notice.signup)
