"""New issue: its file on disk, ready to be written into. Called by `newsletter new`."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from datetime import date
from itertools import count
from pathlib import Path

from newsletter.app.project import Project
from newsletter.authoring.fields.url import url_fault
from newsletter.authoring.load import NAME, SLUG, SLUG_HINT, find_issues
from newsletter.authoring.short.defaults import FILE as DEFAULTS
from newsletter.authoring.short.defaults import load_defaults
from newsletter.disk import write_whole
from newsletter.errors import AlreadyExistsError, WrongUsageError
from newsletter.source import quoted

MAX_TITLE = 300
_SCHEMA = "# yaml-language-server: $schema={path}\n"

_DEFAULTS = """\
# What every issue has that does not say it itself: language, author, theme, closing, signature, send.

"""
_LANGUAGE = "language: {language}\n"
_CLOSING = 'closing: "Until the next one,"\n'

_HEAD = """\
title: {title}
date: {day}
{language}
blocks:
  - text: |
      TODO: why this issue, in two or three sentences.
    id: opening

  - highlights:
"""

_ARTICLE = """\
      - id: article-{number}
        title: "TODO: the title of the article"
{url}        summary: |
          TODO: why to read it.
"""

_TAIL = """\
    id: highlights
"""


def start_issue(project: Project, title: str, urls: Sequence[str], day: date, slug: str = "") -> list[Path]:
    """Write the skeleton of an issue into a folder of its own. The files that were written, the issue first; nothing is
    overwritten. What `defaults.yaml` supplies is not repeated; without that file it is written.

    `slug` names the folder; without one the title does, and the number of the day where a title has no ASCII words.
    Raises WrongUsageError for a title, link or slug that an issue cannot have, AlreadyExistsError when the folder is
    there.
    """
    title = " ".join(title.split())
    if not title.isprintable() or not 0 < len(title) <= MAX_TITLE:
        raise WrongUsageError("an issue needs a title of visible characters", hint=f"At most {MAX_TITLE} of them.")
    for url in urls:
        if fault := url_fault(url):
            raise WrongUsageError(f"{url!r} is not a link: {fault.message}", hint=fault.hint)
    if slug and not SLUG.fullmatch(slug):
        raise WrongUsageError(f"an issue cannot be called {slug!r}", hint=SLUG_HINT)
    folder = project.issues / (slug or _free_slug(project, title, day))
    if folder.exists():
        raise AlreadyExistsError(f"{folder} is already there", hint="Choose another title, or a name with --slug.")
    file = folder / NAME
    hint = f"Issues are kept below {project.issues}, which must be a folder"
    language = _LANGUAGE.format(language=project.config.newsletter.language)
    known: Collection[str]
    try:
        known, new = load_defaults(project.issues / DEFAULTS, project.folder).values, ""
    except FileNotFoundError:
        # Every issue has a language of its own until now. A closing would be added to those without one.
        is_first = not (project.issues.is_dir() and find_issues([project.issues], root=project.folder))
        known, new = {"language", *(["closing"] if is_first else [])}, language + (_CLOSING if is_first else "")
    text = skeleton(title, urls, day, "" if "language" in known else language, "" if "closing" in known else _CLOSING)
    written = {file: _schema_line(project, "issue", "../..") + text}
    if new:
        written[project.issues / DEFAULTS] = _schema_line(project, "defaults", "..") + _DEFAULTS + new
    for path, words in reversed(written.items()):  # an issue is incomplete without its defaults
        write_whole(path, words.encode(), hint=hint)
    return [*written]


def slug_for(title: str, day: date) -> str:
    """`2024-01-25-the-new-frontiers`: the day and what ASCII keeps of the title's first words."""
    ascii_only = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode("ascii").lower()
    words = re.findall(r"[a-z0-9]+", ascii_only.replace("'", ""))[:6]
    return "-".join([day.isoformat(), *words])[:80]


def _free_slug(project: Project, title: str, day: date) -> str:
    """A slug with words of the title identifies the issue; a day alone does not and may get a number."""
    slug = slug_for(title, day)
    if slug != day.isoformat() or not (project.issues / slug).exists():
        return slug
    numbered = (f"{slug}-{number}" for number in count(2))
    return next(name for name in numbered if not (project.issues / name).exists())


def skeleton(title: str, urls: Sequence[str], day: date, language: str, closing: str) -> str:
    """An issue that passes its checks, with a warning for everything that is still to be written.

    `language` and `closing` are lines of their own, or empty.
    """
    articles = [
        _ARTICLE.format(number=number, url=f"        url: {quoted(url)}\n" if url else "")
        for number, url in enumerate(urls or [""], 1)
    ]
    head = _HEAD.format(title=quoted(title), day=day.isoformat(), language=language)
    return head + "\n".join(articles) + _TAIL + (f"\n{closing}" if closing else "")


def _schema_line(project: Project, name: str, up: str) -> str:
    """For editors, where the project keeps the schema."""
    has_schema = (project.folder / "schema" / f"{name}.schema.json").is_file()
    return _SCHEMA.format(path=f"{up}/schema/{name}.schema.json") if has_schema else ""
