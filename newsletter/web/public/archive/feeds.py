"""Feeds: the newest issues of one language as Atom (RFC 4287), RSS 2.0 and JSON Feed 1.1."""

import json
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from newsletter.web.pages import Pages
from newsletter.web.public.archive.distil import distil

FEEDS = {"atom.xml": "application/atom+xml", "rss.xml": "application/rss+xml", "feed.json": "application/feed+json"}
"""Name → media type."""

_IDS = uuid.UUID("6b0d3a5e-52a5-4c5e-9d0a-0f6a4b1f7a11")
"""The namespace of ids in feeds. Never change it: readers would get every issue as a new one."""
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One issue in a feed."""

    id: str
    url: str
    title: str
    summary: str
    page: str
    """The HTML of its page, with absolute URLs."""
    above: str
    """HTML of what stands above it: its corrections."""
    picture: str
    published: datetime
    updated: datetime

    @property
    def html(self) -> str:
        """The words and pictures of the page."""
        return self.above + distil(self.page)


@dataclass(frozen=True, slots=True)
class Feed:
    """The newest issues of one language."""

    id: str
    url: str
    """Its own."""
    home: str
    title: str
    about: str
    language: str
    entries: tuple[Entry, ...]
    """The newest first; at least one."""

    @property
    def updated(self) -> datetime:
        """When any of its entries changed last."""
        return max(entry.updated for entry in self.entries)


def entry_id(delivery: str, what: str) -> str:
    """An id that stays the same when the public URL or the title changes: made of the issue's first delivery."""
    return uuid.uuid5(_IDS, f"{delivery} {what}").urn


def write_feed(feed: Feed, name: str, pages: Pages) -> bytes:
    """A feed in the format of this name."""
    if name == "feed.json":
        return (json.dumps(_json_feed(feed), ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")
    values = {"feed": feed, "language": feed.language, "rfc822": format_datetime}
    return _NOT_XML.sub("", pages.render(f"archive/{name}", values)).encode()


def _json_feed(feed: Feed) -> dict[str, object]:
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.home,
        "feed_url": feed.url,
        **({"description": feed.about} if feed.about else {}),
        "language": feed.language,
        "items": [
            {
                "id": one.id,
                "url": one.url,
                "title": one.title,
                "summary": one.summary,
                "content_html": one.html,
                **({"image": one.picture} if one.picture else {}),
                "date_published": one.published.isoformat(),
                "date_modified": one.updated.isoformat(),
                "language": feed.language,
            }
            for one in feed.entries
        ],
    }
