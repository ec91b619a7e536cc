"""Doctor: looks at an installation and says what is wrong with it and what to do. Changes nothing."""

import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from newsletter.app.keys import FILE as KEYS_FILE
from newsletter.app.keys import dkim_file
from newsletter.app.operating.database import connect
from newsletter.app.project import Project
from newsletter.app.sender_checks import check_real_sender, check_sender
from newsletter.audience.notice import NoticeKind
from newsletter.compiler.mjml.templates import Templates, convert
from newsletter.compiler.notices import compile_notice, notice_languages
from newsletter.config import FILE as CONFIG_FILE
from newsletter.delivery.ledger.ledger import RecipientState
from newsletter.delivery.ledger.rate import PRESETS, preset_for
from newsletter.errors import NewsletterError
from newsletter.hostname import is_below
from newsletter.problem import Severity
from newsletter.reporting.reconcile import reconcile
from newsletter.reporting.wording import counted
from newsletter.storage.database.database import Database
from newsletter.storage.journal.journal import Journal
from newsletter.storage.ledger.deliveries import Deliveries, find_delivery
from newsletter.storage.ledger.reconcile import read_counts


class Grade(StrEnum):
    """How one thing stands."""

    GOOD = "good"
    WARNING = "warning"
    """Works, but look at it."""
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    about: str
    grade: Grade
    message: str
    hint: str = ""


def examine(project: Project, probe_relay: Callable[[Project], str]) -> list[Finding]:
    """Look at everything; nothing found stops the rest. `probe_relay` greets the relay and returns what it answered."""
    database = list(_database(project))
    missed = any(one.grade is Grade.BAD and KEYS_FILE in one.message for one in database)
    return [
        *_configuration(project),
        *([] if missed else _keys(project)),  # keys that the database misses are told with it, once
        *_compiler(),
        *_notices(project),
        *_relay(project, probe_relay),
        *_dkim(project),
        *database,
    ]


def _configuration(project: Project) -> Iterator[Finding]:
    if not (project.folder / CONFIG_FILE).exists():
        message = f"{project.folder} has no {CONFIG_FILE}"
        yield Finding("project", Grade.WARNING, message, "Start one: newsletter init DIR")
    refused = check_real_sender(project)  # by a real relay: only then it is in the way
    problems = list(dict.fromkeys([*check_sender(project), *refused]))
    for problem in problems:
        is_bad = problem.severity is Severity.ERROR or (project.has_real_relay and problem in refused)
        about, grade = "public" if problem.path == "public.url" else "sender", Grade.BAD if is_bad else Grade.WARNING
        yield Finding(about, grade, f"{problem.path}: {problem.message}", problem.hint)
    if not problems:
        yield Finding("sender", Grade.GOOD, f"{project.identity.from_name} <{project.identity.from_address}>")


def _notices(project: Project) -> Iterator[Finding]:
    """The emails that answer readers: one that cannot be compiled waits, and the reader gets nothing."""
    folders, root = project.template_folders, project.folder
    templates, made = Templates(folders, root=root), 0
    for language, kind in product(notice_languages(folders, root), NoticeKind):
        try:
            compile_notice(
                kind, language, templates=templates, folders=folders, root=root, identity=project.identity,
                home_url=f"{project.config.public.url}/",
            )  # fmt: skip
            made += 1
        except NewsletterError as error:
            yield Finding("notices", Grade.BAD, f"{kind} in {language}: {error}", error.hint)
    yield Finding("notices", Grade.GOOD, f"{counted(made, 'email')} to readers can be compiled")


def _keys(project: Project) -> Iterator[Finding]:
    file = project.folder / KEYS_FILE
    if project.secret:
        yield Finding("keys", Grade.GOOD, f"{counted(len(project.keys.signing), 'signing key')}, from the environment")
        return
    if not file.exists():
        yield Finding("keys", Grade.GOOD, f"{KEYS_FILE} will be made when it is first needed")
        return
    try:
        count = len(project.keys.signing)
    except NewsletterError as error:
        yield Finding("keys", Grade.BAD, str(error), error.hint)
        return
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield Finding("keys", Grade.BAD, f"Others can read {KEYS_FILE}", f"chmod 600 {file}")
    else:
        yield Finding("keys", Grade.GOOD, f"{counted(count, 'signing key')}, readable by you alone")


def _compiler() -> Iterator[Finding]:
    if "error" in convert("<mjml><mj-body><mj-section></mj-section></mj-body></mjml>"):
        yield Finding("compiler", Grade.BAD, "MJML does not compile", "Install the package mjml-python again")
    else:
        yield Finding("compiler", Grade.GOOD, "MJML compiles")


def _relay(project: Project, probe_relay: Callable[[Project], str]) -> Iterator[Finding]:
    relays = project.config.all_relays
    where = ", ".join(f"{one.host}:{one.port} ({'no TLS' if one.tls == 'none' else one.tls})" for one in relays)
    try:
        yield Finding("relay", Grade.GOOD, f"{where} answers: {probe_relay(project)}")
    except NewsletterError as error:
        yield Finding("relay", Grade.BAD, f"{where}: {error}", error.hint)
    named = [(one.host, name) for one in relays if (name := preset_for(one.host))]
    for host, name in [] if project.config.rates else named:
        documented = PRESETS[name]
        message = f"{host} may take no more than {documented.rate} ({documented.source})"
        yield Finding("relay", Grade.WARNING, message, f'[sending] rate = "{name}", or what your account allows')


def _dkim(project: Project) -> Iterator[Finding]:
    try:
        signer = project.dkim
    except NewsletterError as error:
        yield Finding("dkim", Grade.BAD, str(error), error.hint)
        return
    if signer is None:
        yield Finding("dkim", Grade.GOOD, "Messages leave unsigned; the relay may sign them")
        return
    names = ", ".join(key.selector for key in signer.keys)
    yield Finding("dkim", Grade.GOOD, f"Messages are signed for {signer.domain} with {names}")
    sender = project.sender_domain
    if not (is_below(sender, [signer.domain]) or is_below(signer.domain, [sender])):
        message = f"Messages are signed for {signer.domain} and come from {sender}, so that DMARC does not count them"
        yield Finding("dkim", Grade.WARNING, message, "Set `domain` in [dkim] to the domain of `from`, or one above it")
    for file in (dkim_file(project.folder, key.selector) for key in signer.keys):
        if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
            yield Finding("dkim", Grade.BAD, f"Others can read {file}", f"chmod 600 {file}")


def _database(project: Project) -> Iterator[Finding]:
    try:
        database = connect(project, may_change=False)
    except NewsletterError as error:
        yield Finding("database", Grade.BAD, str(error), error.hint)
        return
    with closing(database), closing(project.journal(database)) as journal:
        yield Finding("database", Grade.GOOD, database.shown_url)
        yield from _journal(journal)
        yield from _ledger(database)


def _journal(journal: Journal) -> Iterator[Finding]:
    if not journal.is_known():
        message = "Email was sent from this database, but not from here: nothing is sent before it is adopted"
        yield Finding("journal", Grade.WARNING, message, "newsletter db adopt, unless another host sends from it")
    if lacks := journal.lacks():
        message = f"The database is an older copy: messages left since then ({lacks})"
        yield Finding("journal", Grade.BAD, message, "newsletter deliveries list stops what it would send again")
    if replayed := journal.replayed():
        message = f"An older copy was put back. By the journal, messages left since then ({replayed})"
        yield Finding("journal", Grade.GOOD, f"{message}; nobody gets these issues again")


def _ledger(database: Database) -> Iterator[Finding]:
    found, is_reconciled = 0, True
    for name in [one.id for one in Deliveries(database).all()]:
        with database.read() as connection:
            delivery, counts = find_delivery(connection, name), read_counts(connection, name)
        if delivery is None:
            continue  # the database was replaced while we looked
        found += 1
        for message in reconcile(delivery, counts):
            is_reconciled = False
            yield Finding("ledger", Grade.BAD, f"{delivery.id}: {message}", "Keep the database and ask for help")
        if unknown := counts.by_state.get(RecipientState.UNKNOWN, 0):
            yield Finding(
                "ledger",
                Grade.WARNING,
                f"{delivery.id}: {counted(unknown, 'recipient')} may or may not have got their email",
                f"newsletter deliveries recipients {delivery.id} --state unknown",
            )
        if delivery.state.waits_for_a_person:
            yield Finding(
                "ledger",
                Grade.WARNING,
                f"{delivery.id} is {delivery.state.value}: {delivery.reason}",
                f"newsletter deliveries show {delivery.id}",
            )
    if is_reconciled:
        yield Finding("ledger", Grade.GOOD, f"{counted(found, 'delivery', 'deliveries')} reconciled")
