"""Images: reachable from an email. Their weight and alternative texts: `authoring/check.py`."""

import re
from collections.abc import Iterator

from newsletter.compiler.edition import Edition
from newsletter.compiler.links import HtmlReader
from newsletter.problem import Place, Problem

_IN_CSS = re.compile(r"url\(\s*(?:&quot;|['\"])?([^)'\"&\s]+)|\b(?:background|srcset)=\"([^\"\s]+)")


def check_images(edition: Edition, reader: HtmlReader, template: Place) -> Iterator[Problem]:
    """Images without an absolute URL. `template` is the layout's place: no author writes such a URL."""
    in_css = (first or second for first, second in _IN_CSS.findall(edition.html))
    for url in dict.fromkeys((*reader.pictures, *in_css)):
        if not url.startswith(("https://", "http://")):
            yield Problem(
                id="image-url",
                message=f"the image {url!r} is not absolute: an email has no page that it could be relative to",
                place=template,
                hint="Use image(picture, width).url",
            )
