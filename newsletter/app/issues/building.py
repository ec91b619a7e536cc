"""Building: issues as files to look at, diff and keep: `newsletter build`. Needs neither database nor secret.

The same input gives the same bytes; either all files are written or, when there is an error, none.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from newsletter.app.composing import fill_for_persona, page_for_nobody
from newsletter.app.issues.composed import cannot_compose, claim_of, context_of
from newsletter.app.issues.examine import Examined, examine_all, no_issues, read_personas
from newsletter.app.project import Project
from newsletter.app.sender_checks import check_sender
from newsletter.app.shapes import problem_json
from newsletter.authoring.files import read_file
from newsletter.authoring.persona import Persona, choose_persona
from newsletter.compiler.checks.size import html_size
from newsletter.compiler.edition import Edition, Link
from newsletter.config import FILE
from newsletter.delivery.checks.headers import check_headers
from newsletter.delivery.compose.message import fill_for
from newsletter.delivery.compose.mould import make_mould
from newsletter.disk import cannot_write, write_whole
from newsletter.errors import AddressError, ComposeError
from newsletter.problem import Place, Problem, Severity, has_errors

FACTS = "build.json"
_MAX_FACTS = 64 * 1024 * 1024
_EDITION_FILE = re.compile(r"([^/]+)/[A-Za-z0-9-]+\.(html|page\.html|txt|eml|mjml)")
"""What a build writes about an edition, below its folder."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What `build` made. Nothing was written if one of the problems is an error."""

    out: Path
    editions: tuple[Mapping[str, object], ...]
    """The entries of build.json."""
    problems: tuple[Problem, ...]
    """Of all issues, also those found while reading them."""


def build(project: Project, paths: Sequence[Path], out: Path, day: date | None = None) -> BuildReport:
    """Compile issues into files below `out`: `<slug>/<language>.html|.txt|.eml|.mjml`, `assets/` and `build.json`;
    `<slug>/<language>.page.html` where a `read_more` ends the email and the web page goes on.

    Of what an earlier build wrote, only files of a language that one of these issues has no more are removed.
    What `check` refuses about an issue is refused here, and a sponsor whose last day lies before `day`; what is wrong
    with the sender is a warning and costs at most the `.eml` files.
    """
    personas, _ = read_personas(project)
    sender = [replace(problem, severity=Severity.WARNING) for problem in check_sender(project)]
    examined, problems = examine_all(project, paths, day)
    if not examined:
        problems.append(no_issues(project, paths))
    files: dict[str, bytes] = {}
    entries: list[Mapping[str, object]] = []
    for one in examined:
        for edition in one.editions.values():
            persona = choose_persona(personas, edition.language, list(one.editions))
            made, refused = _files(project, one, edition, persona)
            files |= made
            problems += refused
            entries.append(_entry(edition, persona, one.found[edition.language], made))
    problems = list(dict.fromkeys([*problems, *sender]))
    facts = {"editions": entries, "problems": [problem_json(problem) for problem in problems]}
    files[FACTS] = (json.dumps(facts, ensure_ascii=False, indent=2) + "\n").encode()
    if not has_errors(problems):
        _write(out, files, {str(entry["issue"]) for entry in entries})
    return BuildReport(out, tuple(entries), tuple(problems))


def _files(
    project: Project, one: Examined, edition: Edition, persona: Persona
) -> tuple[dict[str, bytes], list[Problem]]:
    """Name below `out` → bytes of one edition, filled for one persona; and what is wrong with its message."""
    name = f"{edition.issue}/{edition.language}"
    assert one.issue is not None, "what has editions was read"
    context = context_of(project, edition)
    try:
        claim = claim_of(one.issue, edition, persona)
    except AddressError as error:
        return {}, [cannot_compose(one.file, persona, error)]
    filled = fill_for(edition, claim, context.urls)
    shown = {f"{name}.html": filled.html}
    if edition.page:
        public_url = project.config.public.url
        shown[f"{name}.page.html"] = page_for_nobody(edition, unsubscribe=f"{public_url}/u", view=f"{public_url}/v")
    for asset in edition.assets:
        served = f"{project.assets_url}/{asset.name}"
        shown = {file: html.replace(served, f"../assets/{asset.name}") for file, html in shown.items()}
    files = {
        **{file: html.encode() for file, html in shown.items()},
        f"{name}.txt": filled.text.encode(),
        f"{name}.mjml": edition.readable(edition.mjml).encode(),
        **{f"assets/{asset.name}": asset.data for asset in edition.assets},
    }
    try:
        eml = make_mould(edition, context).cast(claim).data
    except ComposeError as error:
        if has_errors(check_sender(project)):
            message = "no .eml was made: the sender is not configured yet"  # an error to `check` and `send`
            return files, [Problem("no-eml", message, Place(FILE), Severity.WARNING)]
        return files, [cannot_compose(one.file, persona, error)]
    return files | {f"{name}.eml": eml}, check_headers(eml, Place(one.file))


def _entry(
    edition: Edition, persona: Persona, found: Sequence[Problem], files: Mapping[str, bytes]
) -> dict[str, object]:
    """What build.json has of one edition; subject and preheader are filled for the persona, sizes are bytes, `html` for
    the recipient with the longest values. Without an `.eml` its size is 0.
    """
    filled = fill_for_persona(edition, persona)
    name = f"{edition.issue}/{edition.language}"
    return {
        "issue": edition.issue,
        "language": edition.language,
        "hash": edition.hash,
        "title": edition.title,
        "subject": filled.subject,
        "preheader": filled.preheader,
        "files": [file for file in files if file.startswith(f"{name}.")],
        "sizes": {
            "html": html_size(edition),
            "text": len(edition.whole.text.encode()),
            "eml": len(files.get(f"{name}.eml", b"")),
            "images": sum(len(asset.data) for asset in edition.assets),
        },
        "links": [_link(edition, link) for link in edition.links],
        "page_links": [_link(edition, link) for link in edition.page_links],
        "problems": [problem_json(problem) for problem in found],
    }  # fmt: skip


def _link(edition: Edition, link: Link) -> dict[str, str]:
    return {"id": link.id, "url": edition.readable(link.url), "label": link.label}


def _write(out: Path, files: Mapping[str, bytes], issues: Collection[str]) -> None:
    """Write each file whole or not at all, build.json last: it never lists files that are not there yet."""
    hint = "Choose another --out"
    for name in sorted(files.keys() - {FACTS}):
        write_whole(out / name, files[name], hint=hint)
    for stale in _listed(out / FACTS, issues) - files.keys():
        try:
            (out / stale).unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(out / stale, error, hint=hint) from error
    write_whole(out / FACTS, files[FACTS], hint=hint)


def _listed(file: Path, issues: Collection[str]) -> set[str]:
    """What an earlier build.json says was made of these issues; nothing when there is none, or it is not ours."""
    try:
        facts = json.loads(read_file(file, file.parent, _MAX_FACTS))
        names = {str(name) for edition in facts["editions"] for name in edition["files"]}
    except (OSError, ValueError, LookupError, TypeError):
        return set()
    return {name for name in names if (found := _EDITION_FILE.fullmatch(name)) and found[1] in issues}
