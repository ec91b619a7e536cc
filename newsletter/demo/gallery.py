"""Gallery: caught mails as pages to look at, one `index.html` beside them. Made by the demo from `.eml` files alone."""

from __future__ import annotations

import email.policy
import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path

from newsletter.reporting.wording import counted

_LANGUAGE = re.compile(r"<html[^>]*\blang=\"([A-Za-z0-9-]+)\"")


@dataclass(frozen=True, slots=True)
class Caught:
    """One mail as a person would see it."""

    file: Path
    to: str
    subject: str
    language: str
    html: str


def read_caught(files: Iterable[Path]) -> list[Caught]:
    """Parse mails from disk, in order of their names."""
    return [_read(file) for file in sorted(files)]


def write_gallery(mails: Sequence[Caught], folder: Path, *, served: str, local: str) -> Path:
    """Write `index.html` and a page for each mail into `folder`; returns the index.

    Images named under the URL `served` are looked for under `local` (relative to the pages), so that the pages show
    without any server.
    """
    pages = folder / "mails"
    pages.mkdir(parents=True, exist_ok=True)
    for mail in mails:
        text = mail.html.replace(f"{served}/", f"{local}/")
        (pages / f"{mail.file.stem}.html").write_text(text, encoding="utf-8")
    index = folder / "index.html"
    index.write_text(_index(mails), encoding="utf-8")
    return index


def _read(file: Path) -> Caught:
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)  # the default policy makes nothing else
    part = message.get_body(("html",))
    body = str(part.get_content()) if part is not None else ""
    found = _LANGUAGE.search(body)
    return Caught(
        file=file,
        to=str(message["To"] or ""),
        subject=str(message["Subject"] or ""),
        language=found[1] if found else "",
        html=body,
    )


def _index(mails: Sequence[Caught]) -> str:
    by_edition: dict[tuple[str, str], list[Caught]] = {}
    for mail in mails:
        by_edition.setdefault((mail.subject, mail.language), []).append(mail)
    first = mails[0].file.stem if mails else ""
    groups = "".join(
        _group(subject, language, group, is_open=number == 0)
        for number, ((subject, language), group) in enumerate(by_edition.items())
    )
    return _PAGE.format(
        count=counted(len(mails), "message"),
        editions=counted(len(by_edition), "edition"),
        groups=groups or "<p>Nothing was caught.</p>",
        frame=_FRAME.format(first) if first else "",
    )


def _group(subject: str, language: str, mails: Sequence[Caught], *, is_open: bool) -> str:
    items = "".join(_item(mail) for mail in mails)
    title = f'<b lang="{html.escape(language)}" dir="auto">{html.escape(subject)}</b>'
    count = f"<span>{html.escape(language)} · {len(mails)}</span>"
    return f"<details{' open' if is_open else ''}><summary>{title}{count}</summary><ol>{items}</ol></details>"


def _item(mail: Caught) -> str:
    name, address = parseaddr(mail.to)
    shown = f"<bdi>{html.escape(name)}</bdi> <small>{html.escape(address)}</small>" if name else html.escape(address)
    return f'<li><a target="mail" href="mails/{mail.file.stem}.html">{shown}</a></li>'


# Without scripts the same origin gives a mail no power; with another one a page from disk could not show its images.
_FRAME = '<iframe name="mail" title="The mail" sandbox="allow-same-origin allow-popups" src="mails/{}.html"></iframe>'

_PAGE = Path(__file__).with_name("gallery.html").read_text(encoding="utf-8")
