"""Images: reachable from a mail, said in words, and light enough."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.compiler.edition import Edition
from newsletter.compiler.links import Reader
from newsletter.problem import Place, Problem, Severity

MAX_IMAGE = 200_000
"""Bytes of one image."""
MAX_IMAGES = 800_000
"""Bytes of all images of an issue."""

_IN_CSS = re.compile(r"url\(\s*(?:&quot;|['\"])?([^)'\"&\s]+)|\b(?:background|srcset)=\"([^\"\s]+)")


def check_images(edition: Edition, reader: Reader, place: Place, template: Place) -> Iterator[Problem]:
    """`place` is the issue's; `template` is the layout's, for what no author wrote."""
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
    yield from _weight(edition, place)


def _weight(edition: Edition, place: Place) -> Iterator[Problem]:
    for asset in edition.assets:
        if len(asset.data) > MAX_IMAGE:
            yield Problem(
                id="image-size",
                message=f"the image {asset.name} has {len(asset.data):,} bytes; more than {MAX_IMAGE:,} load slowly",
                place=place,
                severity=Severity.WARNING,
                hint="Save it at twice the width it is shown in, as JPEG for photographs",
            )
    total = sum(len(asset.data) for asset in edition.assets)
    if total > MAX_IMAGES:
        yield Problem(
            id="images-size",
            message=f"the images of the {edition.language} edition have {total:,} bytes together",
            place=place,
            severity=Severity.WARNING,
            hint=f"Stay under {MAX_IMAGES:,}",
        )
