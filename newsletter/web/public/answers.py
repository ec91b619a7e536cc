"""Answers: the public pages as responses, in the reader's language. The routes in `app` choose; these show."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse

from newsletter.compiler.theme import Theme
from newsletter.web.pages import Pages, hash_source, policy
from newsletter.web.public.look import variables
from newsletter.web.public.words import Catalogue, accepted_languages, choose_words


@dataclass(frozen=True, slots=True)
class Site:
    """The newsletter as the public pages show it."""

    name: str
    theme: Theme
    language: str
    """Where neither the edition nor the browser says another."""
    contact: str = ""
    """Whom to ask, as readers see it."""
    contact_url: str = ""
    """Where a link to them leads; empty for no link."""
    imprint: str = ""
    """URL."""
    description: str = ""
    """What readers get; in `language`."""
    legal_name: str = ""
    """Who is responsible by law."""
    postal_address: str = ""
    frequency: str = ""
    """How often an issue comes; in `language`."""
    privacy: str = ""
    """URL."""


class Answers:
    """Makes the pages. The style sheet is part of every page, so that a page needs no second request."""

    def __init__(self, site: Site, home: str) -> None:
        """`home`: the URL of the front page."""
        self.site = site
        self._home = home
        self._pages = Pages(Path(__file__).parent / "pages")
        self._layout = self._pages.read("public.css")

    def page(
        self, page: str, words: Catalogue, values: Mapping[str, object] | None = None, *, status: int = 200
    ) -> HTMLResponse:
        """One page. `t` in it gives a phrase in the language of `words`."""
        style = variables(self.site.theme, words.language) + self._layout
        shared = {"site": self.site, "home": self._home, "style": style, "t": words}
        html = self._pages.render(page, {**shared, **(values or {})})
        headers = {
            "Content-Language": words.language,
            "Content-Security-Policy": policy(style_src=hash_source(style), img_src="data:", form_action="'self'"),
            "Vary": "Accept-Language",
        }
        return HTMLResponse(html, status_code=status, headers=headers)

    def message(self, key: str, words: Catalogue, *, status: int = 200) -> HTMLResponse:
        """A page with a message only: the phrases `<key>_title` and `<key>_text`."""
        return self.page("message.html", words, {"key": key}, status=status)

    def words(self, request: Request, edition_language: str = "", *, doors: bool = False) -> Catalogue:
        """The reader's language: that of the edition they were sent, else what the browser asks for, else the site's.

        `doors`: the page is one of signing up or of preferences.

        The edition comes first, because the subscriber or the operator chose it; a browser is often borrowed.
        """
        wanted = accepted_languages(request.headers.get("accept-language", ""))
        return choose_words([edition_language, *wanted, self.site.language], doors=doors)
