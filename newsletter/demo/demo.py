"""Demo: the whole path on this machine, from issue files to caught messages, in a folder of its own.

It does what an operator would do with the commands, on a copy of the project: check, build, lists, import, dry run,
send, send again. Nothing leaves the machine.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from newsletter.app.audience.importing import ImportOrder, import_subscribers
from newsletter.app.audience.lists import add_list
from newsletter.app.audience.subscribers import suppress_subscriber, unsubscribe_subscriber
from newsletter.app.issues.building import build
from newsletter.app.issues.examine import examine_all, find
from newsletter.app.operating.database import connect
from newsletter.app.project import Project, open_project
from newsletter.app.sender_checks import check_sender
from newsletter.app.sending.dry_run import dry_run
from newsletter.app.sending.propose import confirm, propose
from newsletter.app.sending.report import report_on, summary_of, verify
from newsletter.app.sending.worker import send_now
from newsletter.audience.consent import Consent, OptIn
from newsletter.audience.importing.decide import VerdictKind
from newsletter.authoring.load import slug_of
from newsletter.config import FILE
from newsletter.demo.catcher import Catcher
from newsletter.demo.gallery import read_caught, write_gallery
from newsletter.demo.sample import flawed_rows, sample_rows, write_rows
from newsletter.disk import cannot_write
from newsletter.errors import AuthoringError, RequestError
from newsletter.problem import has_errors
from newsletter.reporting.report import Report
from newsletter.reporting.wording import counted, in_words
from newsletter.storage.database.database import Database

LIST = "weekly"
_MARK = ".newsletter-demo"
"""Marks a folder that a demo made: the next one may empty it."""
_A_FEW = 5
"""Subscribers of the sample who unsubscribe; as many are suppressed, and as many have not confirmed."""

Echo = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DemoReport:
    """The outcome of a demo."""

    caught: int
    """Messages that the catcher accepted."""
    deliveries: tuple[Report, ...]
    """The first delivery of each issue."""
    problems: Mapping[str, Sequence[str]]
    """What `verify` found, by delivery."""
    where_to_look: Mapping[str, Path]

    @property
    def accepted(self) -> int:
        """Messages that are accepted according to the ledger."""
        return sum(report.summary.counts["accepted"] for report in self.deliveries)

    @property
    def is_reconciled(self) -> bool:
        """Whether catcher and ledger agree on the number of messages, and every delivery is reconciled."""
        return self.caught == self.accepted and not any(self.problems.values())


def run_demo(project: Project, out: Path, say: Echo) -> DemoReport:
    """Run the whole path in `out`, reporting to `say` line by line. Raises AuthoringError when the issues have errors,
    RequestError when `out` contains files that no demo made."""
    folder = _fresh(out)
    with Catcher(folder / "caught") as catcher:
        stage = _stage(project, folder, catcher)
        _check_and_build(stage, folder / "build", say)
        with closing(connect(stage)) as database:
            say(f"\nDatabase    {database.shown_url}, made by migration")
            _invite(stage, database, folder, say)
            reports = [_send(stage, database, path, folder, say) for path in find(stage)]
            names = [report.summary.delivery.id for report in reports]
            problems = {name: verify(database, name) for name in names}
    caught = read_caught(catcher.files.iterdir())
    index = write_gallery(caught, folder, served=stage.assets_url, local="../build/assets")
    report = DemoReport(
        caught=catcher.caught,
        deliveries=tuple(reports),
        problems=problems,
        where_to_look={
            "index": index,
            "maildir": catcher.maildir,
            "eml files": catcher.files,
            "dry runs": folder / "dry-run",
            "built issues": folder / "build",
        },
    )
    say(f"\nCaught      {counted(report.caught, 'message')}; {report.accepted:,} accepted according to the ledger.\n")
    return report


def _fresh(out: Path) -> Path:
    """An empty folder; the files of an earlier demo are removed, other files never."""
    hint = "Choose another folder with --out"
    try:
        if out.exists() and any(out.iterdir()) and not (out / _MARK).exists():
            raise RequestError(f"{out} is not empty, and no demo made it", hint=hint)
        if out.exists():
            shutil.rmtree(out)
        out.mkdir(parents=True)
        (out / _MARK).touch()
    except OSError as error:
        raise cannot_write(out, error, hint=hint) from error
    return out.resolve()


def _stage(project: Project, folder: Path, catcher: Catcher) -> Project:
    """A copy of the project that sends to the catcher."""
    copy = folder / "project"
    copy.mkdir()
    for name in (FILE, "issues", "templates"):
        original = project.folder / name
        if original.is_dir():
            shutil.copytree(original, copy / name, symlinks=True, ignore=_pipes)  # links are refused there, too
        elif original.exists():
            shutil.copyfile(original, copy / name)
    return open_project(
        copy,
        {
            "NEWSLETTER_SMTP__HOST": catcher.host,
            "NEWSLETTER_SMTP__PORT": str(catcher.port),
            "NEWSLETTER_SMTP__TLS": "none",
            "NEWSLETTER_SMTP__USERNAME": "",
        },
    )


def _pipes(folder: str, names: list[str]) -> list[str]:
    """Pipes and devices, which cannot be copied."""
    paths = (Path(folder, name) for name in names)
    return [path.name for path in paths if not (path.is_symlink() or path.is_file() or path.is_dir())]


def _check_and_build(stage: Project, out: Path, say: Echo) -> None:
    problems = [*examine_all(stage)[1], *check_sender(stage)]  # not what a real relay would refuse
    if has_errors(problems):
        raise AuthoringError(problems)
    report = build(stage, (), out)
    found = counted(len(problems), "problem") + ("; newsletter check shows them" if problems else "")
    say(f"Checked     {counted(len(find(stage)), 'issue')}, {found}")
    say(f"Built       {counted(len(report.editions), 'edition')}")
    for edition in report.editions:
        say(f"              {edition['issue']} ({edition['language']}): {edition['subject']}")


def _invite(stage: Project, database: Database, folder: Path, say: Echo) -> None:
    """Make a list of 300 made-up subscribers, with a dozen flawed rows, and a few who must not get the issue."""
    now = _now()
    add_list(database, LIST, name=stage.config.newsletter.name, opt_in=OptIn.SINGLE, language="", now=now)
    rows = sample_rows()
    leaving, complaining, undecided = (rows[start : start + _A_FEW] for start in range(0, 3 * _A_FEW, _A_FEW))
    pending = write_rows(folder / "undecided.csv", undecided)
    everyone = write_rows(folder / "subscribers.csv", rows + flawed_rows(rows))
    imported = 0
    for file, consent, note in ((pending, Consent.PENDING, ", who have not confirmed yet"), (everyone, None, "")):
        report = import_subscribers(stage, database, ImportOrder(file=file, lists=(LIST,), consent=consent), now=now)
        counts = ", ".join(f"{count} {kind.value}" for kind, count in report.counts.items() if count)
        say(f"Imported    {counted(report.rows, 'row')}: {counts}{note}")
        for verdict in report.rejected:
            say(f"              line {verdict.line} rejected: {verdict.reason}")
        imported += report.counts[VerdictKind.IMPORTED]
    for row in leaving:
        unsubscribe_subscriber(stage, database, row["email"], LIST, now=now)
    for row in complaining:
        suppress_subscriber(stage, database, row["email"], "complained by phone", now=now)
    say(f"Then        of these {imported} subscribers {_A_FEW} unsubscribed and {_A_FEW} were suppressed")


def _send(stage: Project, database: Database, path: Path, folder: Path, say: Echo) -> Report:
    say(f"\nIssue       {slug_of(path)}")
    rehearsal = dry_run(stage, database, path, (LIST,), out=folder / "dry-run" / slug_of(path), now=_now())
    say(f"  dry run   {counted(rehearsal.messages, 'message')} written, none sent")
    delivery = confirm(stage, database, propose(stage, database, path, (LIST,), now=_now()), now=_now())
    send_now(stage, database, delivery.id)
    report = report_on(database, delivery.id)
    _print_outcome(report, say)
    again = confirm(stage, database, propose(stage, database, path, (LIST,), now=_now()), now=_now())
    send_now(stage, database, again.id)
    second = summary_of(database, again.id).counts
    say(f"  again     {second['accepted']:,} accepted, {second['excluded']:,} excluded: they have this issue already")
    return report


def _print_outcome(report: Report, say: Echo) -> None:
    summary = report.summary
    counts = {name: count for name, count in summary.counts.items() if count}
    say(f"  delivery  {summary.delivery.id}: {', '.join(f'{count:,} {name}' for name, count in counts.items())}")
    for state, reasons in summary.reasons.items():
        for reason, count in reasons.items():
            say(f"              {count} {state.value}: {in_words(reason)}")
    say(f"  editions  {', '.join(f'{count:,} {language}' for language, count in report.languages.items())}")
    others = ", ".join(f"{count} {in_words(reason)}" for reason, count in summary.delivery.not_eligible.items())
    say(f"  others    {others or 'none'}, not eligible")
    for problem in summary.problems:
        say(f"  BAD       {problem}")


def _now() -> datetime:
    return datetime.now(UTC)
