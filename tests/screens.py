"""Screens: mails as a browser shows them, measured. Used by the tests of the look, with the `browser` fixture there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from transforms import INVERSIONS, TRANSFORMS

from newsletter.compiler.edition import Asset, Edition

ASSETS = "https://pictures.test"
"""Where editions must have been told that their images are."""

_SCRIPTS = Path(__file__).parent / "integration" / "look"
_VALUES = {
    "subscriber": {"name": "Alex"},
    "link": {"unsubscribe": "https://news.test/u", "view": "https://news.test/v"},
}


class Screen:
    """One mail in a browser window of one width."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def measure(self) -> Any:
        """Words, blocks, links and images as they are shown (see measure.js)."""
        return self.page.evaluate((_SCRIPTS / "measure.js").read_text(encoding="utf-8"))

    def articles(self) -> Any:
        """The parts of every highlighted article (see measure_articles.js)."""
        return self.page.evaluate((_SCRIPTS / "measure_articles.js").read_text(encoding="utf-8"))

    def box(self, selector: str) -> Mapping[str, float]:
        """The box of the first element that a selector finds."""
        box = self.page.locator(selector).first.bounding_box()
        assert box is not None, f"nothing is shown for {selector}"
        return dict(box)


class _Window:
    """A page of the browser, used for one mail after the other: opening one takes ten times as long as a mail."""

    def __init__(self, browser: Any, *, images: bool) -> None:
        self.images = images
        self.assets: dict[str, Asset] = {}
        self.page = browser.new_page()
        self.page.route("**/*", self._serve)

    def show(self, html: str, assets: Iterable[Asset], width: int, *, dark: bool) -> None:
        self.assets = {asset.name: asset for asset in assets}
        self.page.set_viewport_size({"width": width, "height": 800})
        self.page.emulate_media(color_scheme="dark" if dark else "light")
        self.page.set_content(html)

    def _serve(self, route: Any) -> None:
        asset = self.assets.get(route.request.url.removeprefix(f"{ASSETS}/"))
        if self.images and asset is not None:
            route.fulfill(body=asset.data, content_type=asset.media_type)
        else:
            route.abort()


class Screens:
    """Shows mails in one browser."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._idle: list[_Window] = []
        self._shown: list[_Window] = []
        self._measured: dict[tuple[object, ...], Any] = {}

    def measure(self, edition: Edition, width: int, **how: Any) -> Any:
        """What `Screen.measure` says of a mail that nobody touches; each is shown once."""
        key = (edition.issue, edition.language, width, *sorted(how.items()))
        if key not in self._measured:
            self._measured[key] = self.show(edition, width, **how).measure()
            self.close()
        return self._measured[key]

    def show(
        self,
        edition: Edition,
        width: int,
        *,
        dark: bool = False,
        styles: bool = True,
        images: bool = True,
        by: str = "",
    ) -> Screen:
        """A mail in a window of its own, there until `close`; changed as `by` does, a transform or an inversion."""
        html = edition.fill(_VALUES).html
        if not styles:
            html = TRANSFORMS["no-style-sheets"](html)
        window = next((one for one in self._idle if one.images == images), None)
        if window is None:
            window = _Window(self._browser, images=images)
        else:
            self._idle.remove(window)
        self._shown.append(window)
        window.show(TRANSFORMS.get(by, str)(html), edition.assets, width, dark=dark)
        if by in INVERSIONS:
            window.page.evaluate((_SCRIPTS / "invert.js").read_text(encoding="utf-8"), by)
        return Screen(window.page)

    def close(self) -> None:
        """Let every window be used for other mails."""
        self._idle += self._shown
        self._shown.clear()
