"""PreviewPages: the pages of the preview as HTML, for the live preview and for a static copy: every link is relative.

index.html · issues/<slug>/<language>/<persona>.html and the message as <persona>.<view>.html, such as .dark-no-images
<persona>.page-<view>.html where the web page goes on after the end of the email
assets/<name> · static/preview.css, static/preview.js
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from newsletter.app.composing import fill_for_persona, page_for_nobody
from newsletter.app.issues.examine import Examined
from newsletter.authoring.persona import Persona, choose_persona
from newsletter.compiler.checks.size import MAX_BYTES, html_size
from newsletter.compiler.edition import Edition, Filled
from newsletter.errors import ConfigError, NewsletterError
from newsletter.web.pages import Pages
from newsletter.web.preview.cache import PreviewCache
from newsletter.web.preview.frame import VIEWS, View, framed

STATIC = Path(__file__).parent / "static"

_UP = "../../../"  # from a sheet to the root


class PreviewPages:
    """Makes the pages of one preview cache. `live` pages reload themselves; those of a copy do not."""

    def __init__(self, cache: PreviewCache, *, live: bool) -> None:
        self._cache = cache
        self._live = live
        self._pages = Pages(Path(__file__).parent / "pages")

    def index(self, looks: list[tuple[Examined, bool]], personas: tuple[Persona, ...], version: str) -> str:
        """The list of issues, the newest first, before it those that cannot be read; each with whether it is compiled,
        so that every problem of it is known.
        """
        looks = sorted(looks, key=lambda pair: _age(pair[0]), reverse=True)
        values = {
            "looks": [(found, is_compiled, self.ways(found, personas)) for found, is_compiled in looks],
            "folder": self._cache.project.issues.name,
        }
        return self._page("index.html", "", version, values)

    def counts(self, found: Examined) -> str:
        """How many problems a compiled issue has: a piece of the list."""
        return self._pages.render("counts.html", {"look": found, "is_compiled": True})

    def ways(self, found: Examined, personas: tuple[Persona, ...], asked: str = "") -> dict[str, Persona]:
        """The languages of an issue, its own first, with the persona who would get each edition.

        For an issue that cannot be read: the language `asked` for.
        """
        unread = (asked or self._cache.project.config.newsletter.language,)
        languages = found.issue.languages if found.issue else unread
        return {language: choose_persona(personas, language, languages) for language in languages}

    def sheet(
        self, found: Examined, language: str, persona: Persona, personas: tuple[Persona, ...], version: str
    ) -> str:
        """One edition of an issue with its details, or the problems that prevent it."""
        edition = found.editions.get(language)
        values: dict[str, object] = {
            "look": found,
            "language": language,
            "ways": self.ways(found, personas, language),
            "persona": persona,
            "personas": personas,
            "problems": found.problems,
            "edition": edition,
            "views": VIEWS,
        }
        if edition is not None:
            values |= self._facts(edition, persona)
        return self._page("sheet.html", _UP, version, values)

    def lost(self, message: str, version: str) -> str:
        """The page for a URL that does not exist."""
        return self._page("lost.html", "/", version, {"message": message})

    def stopped(self, error: NewsletterError, version: str) -> str:
        """The page for an error of the configuration or the installation."""
        problems = error.problems if isinstance(error, ConfigError) else ()
        values = {"message": str(error), "problems": problems, "hint": error.hint}
        return self._page("stopped.html", "/", version, values)

    def mail(self, edition: Edition, persona: Persona, view: View) -> str:
        """The document inside the frame."""
        return self._framed(self._fill(edition, persona).html, view)

    def web_page(self, edition: Edition, view: View) -> str:
        """The document inside the frame of the web page."""
        public_url = self._cache.project.config.public.url
        html = page_for_nobody(edition, unsubscribe=f"{public_url}/u", view=f"{public_url}/v")
        return self._framed(html, view)

    def _framed(self, html: str, view: View) -> str:
        return framed(html, view, served=self._cache.project.assets_url, local=f"{_UP}assets")

    def _facts(self, edition: Edition, persona: Persona) -> dict[str, object]:
        filled = self._fill(edition, persona)
        return {
            "filled": filled,
            "sources": {"mjml": edition.readable(edition.mjml), "html": edition.readable(edition.html)},
            "html_bytes": html_size(edition),
            "html_limit": MAX_BYTES,
            "text_bytes": len(filled.text.encode()),
            "image_bytes": sum(len(asset.data) for asset in edition.assets),
        }

    def _fill(self, edition: Edition, persona: Persona) -> Filled:
        # Personal links have no token: a preview must not be able to change a subscription.
        public_url = self._cache.project.config.public.url
        return fill_for_persona(edition, persona, unsubscribe=f"{public_url}/u", view=f"{public_url}/v")

    def _page(self, page: str, root: str, version: str, values: Mapping[str, object]) -> str:
        name = self._cache.project.config.newsletter.name or self._cache.project.folder.name
        shared = {"root": root, "newsletter": name, "live": self._live, "version": version}
        return self._pages.render(page, {**shared, **values})


def _age(found: Examined) -> tuple[bool, date, str]:
    """What the list is ordered by."""
    return found.issue is None, found.issue.original.date if found.issue else date.max, found.slug
