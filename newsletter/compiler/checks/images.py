"""Images: reachable from a mail. Their weight and their words are the matter of `authoring/check.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.compiler.edition import Edition
from newsletter.compiler.links import HtmlReader
from newsletter.problem import Place, Problem

_IN_CSS = re.compile(r"url\(\s*(?:&quot;|['\"])?([^)'\"&\s]+)|\b(?:background|srcset)=\"([^\"\s]+)")


def check_images(edition: Edition, reader: HtmlReader, template: Place) -> Iterator[Problem]:
    """Images without an absolute URL. `template` is the layout's place: no author writes such a URL."""
    urls = [picture.url for picture in reader.pictures]
    urls += [first or second for first, second in _IN_CSS.findall(edition.html)]
    for url in dict.fromkeys(urls):
        if not url.startswith(("https://", "http://")):
            yield Problem(
                id="image-url",
                message=f"the image {url!r} is not absolute: a mail has no page that it could be relative to",
                place=template,
                hint="Use image(picture, width).url",
            )
