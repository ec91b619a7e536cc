"""Resources: every path of the archive and what is there. `routes` serves them, `export` writes them as files.

Links between them are relative, so that they work below any path on any host; canonical links and feeds have the public
URL.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from html import escape
from pathlib import Path

from newsletter.app.audience.signup import open_lists
from newsletter.app.sending.view import View, Views
from newsletter.authoring.issue import Correction
from newsletter.compiler.slots import Slots
from newsletter.compiler.wording.markdown import render_inline
from newsletter.compiler.wording.phrases import issue_date
from newsletter.errors import LinkError
from newsletter.language import best_match
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.archive import Archive, ArchivedEdition, ArchivedIssue
from newsletter.web.pages import Pages
from newsletter.web.public.answers import Site
from newsletter.web.public.archive.feeds import FEEDS, Entry, Feed, entry_id, write_feed
from newsletter.web.public.look import variables
from newsletter.web.public.words import Catalogue, choose_words, names_of

PAGE_SIZE = 20
"""Issues on one page of the archive, and in a feed."""
_ON_FRONT_PAGE = 7

_ASSET = re.compile(r"https?://[^\"'\s()<>]*?/assets/(?P<name>[0-9a-f]{32}\.[a-z]{3,4})")
"""The URL of an image wherever the public pages were when its edition was compiled."""
_BODY = re.compile(r"<body\b[^>]*>")
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Resource:
    """What is at one path."""

    body: bytes
    media_type: str = HTML
    style: str = ""
    """The one style sheet of a page; empty where the page is an edition, with styles in place."""
    language: str = ""


@dataclass(frozen=True)
class Snapshot:
    """The archive at one moment."""

    issues: tuple[ArchivedIssue, ...]
    """The newest first."""

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """Every language that an issue is in, in order of their tags."""
        return tuple(sorted({language for issue in self.issues for language in issue.languages}))

    def within(self, language: str) -> list[ArchivedIssue]:
        """The issues in a language, the newest first."""
        return [issue for issue in self.issues if language in issue.languages]

    @property
    def updated(self) -> datetime:
        """When anything in it last changed."""
        return max(issue.changed for issue in self.issues)


class ArchiveSite:
    """The public archive of one newsletter."""

    def __init__(self, database: Database, site: Site, public_url: str, *, has_signup: bool) -> None:
        self._database = database
        self.views = Views(database)
        self._archive = Archive(database)
        self._site = site
        self._url = public_url
        self._subscribe = f"{public_url}/subscribe" if has_signup else ""
        folder = Path(__file__).parent.parent / "pages"
        self._pages = Pages(folder)
        self._styles = {name: self._pages.read(name) for name in ("public.css", "archive/list.css", "archive/bar.css")}

    def subscribe_url(self) -> str:
        """Where readers sign up; empty when they cannot: nobody can, or no list is public."""
        try:
            open_lists(self._database)
        except LinkError:
            return ""
        return self._subscribe

    def snapshot(self) -> Snapshot:
        """The archive as it is now."""
        return Snapshot(tuple(self._archive.issues()))

    def paths(self, now: Snapshot) -> Iterator[str]:
        """Every path there is."""
        if not now.issues:
            return
        yield from ("", "archive/", "sitemap.xml", "robots.txt")
        for language in now.languages:
            yield f"archive/{language}/"
            yield from (f"archive/{language}/{name}" for name in FEEDS)
            pages = -(-len(now.within(language)) // PAGE_SIZE)
            yield from (f"archive/{language}/{number}/" for number in range(2, pages + 1))
        yield from (f"issue/{issue.issue}/{language}/" for issue in now.issues for language in issue.languages)

    def choose_language(self, now: Snapshot, wanted: Sequence[str]) -> str:
        """The language of the archive for a reader of these languages, or of none of them."""
        return best_match([*wanted, self._site.language], now.languages) or now.languages[0]

    def resource(self, now: Snapshot, path: str, language: str = "") -> Resource:
        """What is at a path; `language` is that of the paths without one. Raises LinkError when there is nothing."""
        match path.split("/"):
            case [""]:
                return self._list(now, language, 0, "./")
            case ["archive", ""]:
                return self._list(now, language, 1, "../")
            case ["archive", tag, ""] if tag in now.languages:
                return self._list(now, tag, 1, "../../")
            case ["archive", tag, number, ""] if re.fullmatch("[1-9][0-9]{0,4}", number) and int(number) > 1:
                return self._list(now, tag, int(number), "../../../")
            case ["archive", tag, name] if name in FEEDS and tag in now.languages:
                feed = self._feed(now, tag, f"{self._url}/{path}")
                return Resource(write_feed(feed, name, self._pages), FEEDS[name], language=tag)
            case ["issue", slug, tag, ""]:
                return self._issue(now, slug, tag)
            case ["sitemap.xml"] if now.issues:
                body = self._pages.render("archive/sitemap.xml", {"urls": self._urls(now)})
                return Resource(body.encode(), "application/xml")
            case ["robots.txt"]:
                rules = f"Disallow:\n\nSitemap: {self._url}/sitemap.xml" if now.issues else "Disallow: /"
                return Resource(f"User-agent: *\n{rules}\n".encode(), "text/plain; charset=utf-8")
        raise LinkError("There is no such page")

    # -- lists --------------------------------------------------------------------------------------------------------

    def _list(self, now: Snapshot, language: str, page: int, root: str) -> Resource:
        """One page of the archive in a language, from 1; page 0 is the front page."""
        issues, size = now.within(language), PAGE_SIZE if page else _ON_FRONT_PAGE
        start = max(page - 1, 0) * PAGE_SIZE
        shown = issues[start : start + size]
        if not shown:
            raise LinkError("There is no such page")
        words = choose_words([language, self._site.language])
        cards = self._archive.editions([issue.delivery for issue in shown], language)
        rows = [self._row(issue, cards[issue.delivery], language, root) for issue in shown if issue.delivery in cards]
        for number, row in enumerate(rows):
            row["is_lead"] = number == 0 and not page
        first, base = f"{root}archive/{language}/", f"{self._url}/archive/{language}/"
        older = f"{first}{page + 1}/" if page and len(issues) > start + size else ""
        newer = first if page == 2 else f"{first}{page - 1}/" if page > 2 else ""
        url = f"{base}{page}/" if page > 1 else base if page else f"{self._url}/"
        lead = next((str(row["picture"]) for row in rows if row["picture"] and not page), "")
        head = {
            "canonical": url, "url": url, "published": None,
            "alternates": [(one, f"{self._url}/archive/{one}/") for one in now.languages] if page == 1 else [],
            "feeds": [(kind, base + name) for name, kind in FEEDS.items()],
            "title": self._site.name, "summary": self._site.description or self._site.name,
            "picture": lead and f"{self._url}/{lead.removeprefix(root)}",
        }  # fmt: skip
        style = variables(self._site.theme, words.language)
        style += self._styles["public.css"] + self._styles["archive/list.css"]
        others = [
            {"href": f"{root}archive/{one}/", "language": one, "name": names_of(one)}
            for one in now.languages if one != language
        ]  # fmt: skip
        html = self._pages.render("archive/list.html", {
            "site": self._site, "home": root, "style": style, "t": words, "page": page, "rows": rows, "root": root,
            "language": language, "older": older, "newer": newer,
            "subscribe": self._subscribe, "others": others, "head": head,
        })  # fmt: skip
        return Resource(html.encode(), style=style, language=language)

    def _row(self, issue: ArchivedIssue, edition: ArchivedEdition, language: str, root: str) -> dict[str, object]:
        day = edition.card.day or issue.published.date()
        return {
            "href": f"{root}issue/{issue.issue}/{language}/",
            "title": edition.title,
            "summary": edition.card.summary,
            "direction": edition.direction,
            "picture": edition.card.picture and f"{root}assets/{edition.card.picture}",
            "day": day.isoformat(),
            "date": issue_date(day, language),
        }

    # -- one issue ----------------------------------------------------------------------------------------------------

    def _issue(self, now: Snapshot, slug: str, language: str) -> Resource:
        issues, root = now.within(language), "../../../"
        at = next((number for number, one in enumerate(issues) if one.issue == slug), None)
        if at is None:
            raise LinkError("There is no such issue")
        issue = issues[at]
        view = self.views.of_delivery(issue.delivery, language, leave_url=f"{root}u/", view_url="./")
        card, url = view.edition.card, f"{self._url}/issue/{slug}/{language}/"
        alternates = [(one, f"{self._url}/issue/{slug}/{one}/") for one in issue.languages]
        head = {
            "canonical": card.source or url, "url": url,
            "alternates": [*alternates, ("x-default", alternates[0][1])] if len(alternates) > 1 else [],
            "feeds": [(kind, f"{self._url}/archive/{language}/{name}") for name, kind in FEEDS.items()],
            "title": view.edition.title, "summary": card.summary or view.edition.title,
            "published": issue.published, "updated": issue.updated[language],
            "picture": card.picture and f"{self._url}/assets/{card.picture}",
        }  # fmt: skip
        words = choose_words([language, self._site.language])
        ways = [{"href": f"{root}archive/{language}/", "name": words("archive_title"), "language": ""}]
        if self._subscribe:
            ways.append({"href": self._subscribe, "name": words("subscribe_link"), "language": ""})
        ways += [
            {"href": f"{root}issue/{slug}/{one}/", "name": names_of(one), "language": one}
            for one in issue.languages if one != language
        ]  # fmt: skip
        beside = {"prev": issues[at + 1 : at + 2], "next": issues[at - 1 : at] if at else []}
        titles = self._archive.editions([one.delivery for found in beside.values() for one in found], language)
        below = [
            {"rel": rel, "href": f"{root}issue/{one.issue}/{language}/", "name": words(rel),
             "title": titles[one.delivery].title}
            for rel, found in beside.items() for one in found if one.delivery in titles
        ]  # fmt: skip
        html = view.html.replace(f'href="{escape(self._url)}/"', f'href="{root}"')
        view = replace(view, html=self._with_assets(html, f"{root}assets/"))
        return Resource(self.framed(view, words, head=head, ways=ways, below=below).encode(), language=language)

    def framed(
        self, view: View, words: Catalogue, *, head: dict[str, object] | None = None,
        ways: Sequence[dict[str, str]] = (), below: Sequence[dict[str, str]] = (),
    ) -> str:  # fmt: skip
        """An edition as a page, with its corrections above it; `head` is for pages that are public."""
        corrections = [_shown(one, view.edition.language) for one in view.amendment.corrections]
        if not (head or corrections):
            return view.html
        edition = view.edition
        shared = {
            "site": self._site, "t": words, "language": edition.language, "direction": edition.direction, "head": head,
        }  # fmt: skip
        above = self._pages.render("archive/above.html", {**shared, "ways": ways, "corrections": corrections})
        style = variables(self._site.theme, words.language) + self._styles["archive/bar.css"]
        inside = (self._pages.render("archive/head.html", shared) if head else "") + f"<style>{style}</style>\n"
        under = self._pages.render("archive/below.html", {**shared, "ways": below}) if below else ""
        html = view.html.replace("</head>", f"{inside}</head>", 1)
        html = _BODY.sub(lambda found: f"{found.group()}\n{above}<main>", html, count=1)
        start, _, rest = html.rpartition("</body>")
        return f"{start}</main>\n{under}</body>{rest}"

    def _with_assets(self, html: str, folder: str) -> str:
        """The images of an edition where they are now."""
        known = self._archive.known_assets([found["name"] for found in _ASSET.finditer(html)])
        return _ASSET.sub(lambda found: folder + found["name"] if found["name"] in known else found.group(), html)

    # -- for programs -------------------------------------------------------------------------------------------------

    def _feed(self, now: Snapshot, language: str, url: str) -> Feed:
        issues = now.within(language)
        entries = []
        for issue in issues[:PAGE_SIZE]:
            there = f"{self._url}/issue/{issue.issue}/{language}/"
            view = self.views.of_delivery(issue.delivery, language, leave_url=f"{self._url}/u/", view_url=there)
            notes = "".join(
                f"<p><strong>{choose_words([language])('correction')}</strong> {note['date']}: {note['html']}</p>\n"
                for note in (_shown(one, language) for one in view.amendment.corrections)
            )
            entries.append(
                Entry(
                    id=entry_id(issue.first, language),
                    url=there,
                    title=view.edition.title,
                    summary=view.edition.card.summary or view.edition.title,
                    page=self._with_assets(view.html, f"{self._url}/assets/"),
                    above=notes,
                    picture=view.edition.card.picture and f"{self._url}/assets/{view.edition.card.picture}",
                    published=issue.published,
                    updated=issue.updated[language],
                )
            )
        return Feed(
            id=entry_id(issues[-1].first, f"feed {language}"),
            url=url,
            home=f"{self._url}/archive/{language}/",
            title=self._site.name,
            about=self._site.description,
            language=language,
            entries=tuple(entries),
        )

    def _urls(self, now: Snapshot) -> Iterator[dict[str, object]]:
        yield {"url": f"{self._url}/", "updated": now.updated, "alternates": []}
        lists = [(language, f"{self._url}/archive/{language}/") for language in now.languages]
        for language, url in lists:
            updated = max(issue.updated[language] for issue in now.within(language))
            yield {"url": url, "updated": updated, "alternates": lists if len(lists) > 1 else []}
        for issue in now.issues:
            pages = [(language, f"{self._url}/issue/{issue.issue}/{language}/") for language in issue.languages]
            for language, url in pages:
                alternates = pages if len(pages) > 1 else []
                yield {"url": url, "updated": issue.updated[language], "alternates": alternates}


def _shown(one: Correction, language: str) -> dict[str, str]:
    html = render_inline(one.text, {}, Slots("correction"))
    return {"day": one.date.isoformat(), "date": issue_date(one.date, language), "html": html}
