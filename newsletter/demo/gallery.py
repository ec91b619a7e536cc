"""Gallery: caught messages as pages, with an `index.html` beside them. The demo makes it from `.eml` files alone."""

import email.policy
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path

from newsletter.reporting.wording import counted
from newsletter.web.pages import Pages

_LANGUAGE = re.compile(r"<html[^>]*\blang=\"([A-Za-z0-9-]+)\"")


@dataclass(frozen=True, slots=True)
class Caught:
    """One message as its recipient would see it."""

    file: Path
    to: str
    subject: str
    language: str
    html: str

    @property
    def recipient(self) -> tuple[str, str]:
        """Name and address."""
        return parseaddr(self.to)


def read_caught(files: Iterable[Path]) -> list[Caught]:
    """Parse messages from disk, in order of their file names."""
    return [_read(file) for file in sorted(files)]


def write_gallery(messages: Sequence[Caught], folder: Path, *, served: str, local: str) -> Path:
    """Write `index.html` and a page for each message into `folder`; returns the index.

    Image URLs below `served` become paths below `local` (relative to the pages), so that the pages need no server.
    """
    pages = folder / "mails"
    pages.mkdir(parents=True, exist_ok=True)
    editions: dict[tuple[str, str], list[Caught]] = {}
    for message in messages:
        text = message.html.replace(f"{served}/", f"{local}/")
        (pages / f"{message.file.stem}.html").write_text(text, encoding="utf-8")
        editions.setdefault((message.subject, message.language), []).append(message)
    values = {"messages": messages, "editions": editions, "counted": counted}
    index = folder / "index.html"
    index.write_text(Pages(Path(__file__).parent).render("gallery.html", values), encoding="utf-8")
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
