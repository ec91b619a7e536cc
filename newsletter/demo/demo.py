"""Demo: the whole path on this machine, from issue files to caught mail, in a folder of its own.

It does what a person would do with the commands, on a copy of the project, so that nothing of the project is touched:
check, build, lists, import, dry run, send, send again. Nothing leaves the machine.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from newsletter.app.audience.importing import ImportOrder, import_subscribers
from newsletter.app.audience.lists import add_list
from newsletter.app.audience.subscribers import suppress_subscriber, unsubscribe_subscriber
from newsletter.app.issues.building import build
from newsletter.app.issues.examine import examine_all, find
from newsletter.app.operating.database import connect
from newsletter.app.project import Project, check_sender, open_project
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
from newsletter.demo.sample import write_sample
from newsletter.disk import cannot_write
from newsletter.errors import AuthoringError, RequestError
from newsletter.problem import has_errors
from newsletter.reporting.report import Report
from newsletter.reporting.wording import counted, in_words
from newsletter.storage.database.database import Database

LIST = "weekly"
_MARK = ".newsletter-demo"
"""Says that a folder was made by a demo, and may be emptied by the next one."""
_A_FEW = 5
"""So many people of the sample have left, as many are suppressed, and as many have not confirmed."""

Echo = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What a demo came to."""

    caught: int
    """Messages that the catcher took."""
    deliveries: tuple[Report, ...]
    """The first delivery of each issue."""
    problems: Mapping[str, Sequence[str]]
    """By delivery: what `verify` found."""
    where_to_look: Mapping[str, Path]

    @property
    def accepted(self) -> int:
        """Messages that the ledger holds for accepted."""
        return sum(report.summary.counts["accepted"] for report in self.deliveries)

    @property
    def is_reconciled(self) -> bool:
        """Whether the catcher took just what the ledger says was accepted, and every delivery is reconciled."""
        return self.caught == self.accepted and not any(self.problems.values())


def run_demo(project: Project, out: Path, say: Echo) -> DemoReport:
    """Run the whole path in `out`, telling `say` a line at a time. Raises AuthoringError when the issues have errors,
    RequestError when `out` holds something that no demo made."""
    folder = _fresh(out)
    with Catcher(folder / "caught") as catcher:
        stage = _stage(project, folder, catcher)
        _check_and_build(stage, folder / "build", say)
        database = connect(stage)
        try:
            say(f"\nDatabase    {database.shown_url}, made by migration")
            _invite(stage, database, folder, say)
            reports = [_send(stage, database, path, folder, say) for path in find(stage)]
            names = [report.summary.delivery.id for report in reports]
            problems = {name: verify(database, name) for name in names}
        finally:
            database.close()
        caught = catcher.caught
    index = write_gallery(
        read_caught(catcher.files.iterdir()),
        folder,
        served=stage.assets_url,
        local="../build/assets",
    )
    report = DemoReport(
        caught=caught,
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
    say(f"\nCaught      {counted(caught, 'message')}; {report.accepted:,} accepted, says the ledger.\n")
    return report


def _fresh(out: Path) -> Path:
    """An empty folder of our own; what an earlier demo left is removed, anything else is not."""
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
    """A list, 300 made-up people with a dozen flawed rows, and a few who must not get the mail."""
    now = _now()
    add_list(database, LIST, name=stage.config.newsletter.name, opt_in=OptIn.SINGLE, language="", now=now)
    file = folder / "people.csv"
    write_sample(file, with_flaws=True)
    undecided = _take_out(file, folder / "undecided.csv", _A_FEW)
    pending = ImportOrder(file=undecided, lists=(LIST,), consent=Consent.PENDING)
    asked = import_subscribers(stage, database, pending, now=now)
    report = import_subscribers(stage, database, ImportOrder(file=file, lists=(LIST,)), now=now)
    for one, note in ((asked, ", who have not confirmed yet"), (report, "")):
        told = ", ".join(f"{count} {kind.value}" for kind, count in one.counts.items() if count)
        say(f"Imported    {counted(one.rows, 'row')}: {told}{note}")
    for verdict in report.rejected:
        say(f"              line {verdict.line} rejected: {verdict.reason}")
    with file.open(encoding="utf-8", newline="") as rows:
        people = [row["email"] for row in csv.DictReader(rows)][: 2 * _A_FEW]
    for email in people[:_A_FEW]:
        unsubscribe_subscriber(stage, database, email, LIST, now=now)
    for email in people[_A_FEW:]:
        suppress_subscriber(stage, database, email, "asked never to be written to", now=now)
    everybody = sum(one.counts[VerdictKind.IMPORTED] for one in (asked, report))
    say(f"Then        of these {everybody} people {_A_FEW} left and {_A_FEW} were suppressed")


def _take_out(file: Path, out: Path, count: int) -> Path:
    """Write `count` rows of a CSV file, after those who will leave and be suppressed, into one of their own; they stay
    in the first file too."""
    with file.open(encoding="utf-8", newline="") as rows:
        reader = csv.reader(rows)
        chosen = [row for _, row in zip(range(1 + 3 * count), reader, strict=False)]
    with out.open("w", encoding="utf-8", newline="") as rows:
        csv.writer(rows).writerows([chosen[0], *chosen[1 + 2 * count :]])
    return out


def _send(stage: Project, database: Database, path: Path, folder: Path, say: Echo) -> Report:
    say(f"\nIssue       {slug_of(path)}")
    rehearsal = dry_run(stage, database, path, (LIST,), out=folder / "dry-run" / slug_of(path), now=_now())
    say(f"  dry run   {counted(rehearsal.messages, 'message')} written, nobody mailed")
    delivery = confirm(stage, database, propose(stage, database, path, (LIST,), now=_now()), now=_now())
    send_now(stage, database, delivery.id)
    report = report_on(database, delivery.id)
    _tell(report, say)
    again = confirm(stage, database, propose(stage, database, path, (LIST,), now=_now()), now=_now())
    send_now(stage, database, again.id)
    second = summary_of(database, again.id).counts
    say(f"  again     {second['accepted']:,} accepted, {second['excluded']:,} excluded: they have this issue")
    return report


def _tell(report: Report, say: Echo) -> None:
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
