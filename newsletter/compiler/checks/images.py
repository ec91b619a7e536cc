"""Images: reachable from an email, light, and alike within a block. Alternative texts: `authoring/proofread.py`."""

import re
from collections.abc import Iterator, Sequence

from newsletter.authoring.issue import Content
from newsletter.compiler.edition import Edition
from newsletter.compiler.links import HtmlReader
from newsletter.compiler.pictures import MAX_PICTURE, Shown
from newsletter.problem import Place, Problem, Severity

MAX_ANIMATION = 1_000_000
"""Bytes of one animation."""
MAX_PICTURES = 800_000
"""Bytes of all pictures of one edition."""
MAX_HEIGHT = 2
"""Times its width: a taller picture pushes the text off the screen."""
_TOLERANCE = 0.02

_IN_CSS = re.compile(r"url\(\s*(?:&quot;|['\"])?([^)'\"&\s]+)|\b(?:background|srcset)=\"([^\"\s]+)")
_BLOCK = re.compile(r"blocks\[\d+\]")


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


def check_pictures(edition: Edition, content: Content, shown: Sequence[Shown]) -> Iterator[Problem]:
    """Pictures that readers load slowly, and those that are not alike in one block."""
    sizes = {asset.name: len(asset.data) for asset in edition.assets}
    for one in {one.rendition.name: one for one in reversed(shown) if one.path}.values():
        size, is_animated = sizes[one.rendition.name], one.image.suffix == "gif"
        most = MAX_ANIMATION if is_animated else MAX_PICTURE
        if size > most:
            message = f"readers load {_kilobytes(size)} for this picture; more than {_kilobytes(most)} load slowly"
            hint = "Make the animation shorter or smaller." if is_animated else "Show less of it, or something plainer."
            yield _problem(content, "heavy-picture", message, f"{one.path}.image", hint)
        if one.rendition.height > MAX_HEIGHT * one.rendition.width:
            message = f"this picture is shown {one.rendition.height:,} pixels high and {one.rendition.width} wide"
            yield _problem(content, "tall-picture", message, f"{one.path}.image", "Crop it.")
    if sum(sizes.values()) > MAX_PICTURES:
        message = f"readers load {_kilobytes(sum(sizes.values()))} for the pictures of this issue"
        yield _problem(content, "heavy-issue", message, "", f"Stay under {_kilobytes(MAX_PICTURES)}.")
    yield from _unlike(content, shown)


def _unlike(content: Content, shown: Sequence[Shown]) -> Iterator[Problem]:
    """The first picture of a block that has another ratio than one before it, shown in the same width."""
    ratios: dict[tuple[str, int], float] = {}
    told: set[str] = set()
    for one in shown:
        block = _BLOCK.match(one.path)
        if block is None or block[0] in told:
            continue
        ratio = one.rendition.width / one.rendition.height
        first = ratios.setdefault((block[0], one.rendition.width), ratio)
        if abs(ratio / first - 1) > _TOLERANCE:
            told.add(block[0])
            message = "this picture has another ratio than those above it in the same block"
            hint = "An animation is not cropped: save it in the same ratio." if one.image.suffix == "gif" else ""
            hint = hint or "Give image(picture, width, ratio) a ratio in the block's template."
            yield _problem(content, "mixed-ratios", message, f"{one.path}.image", hint)


def _problem(content: Content, rule: str, message: str, path: str, hint: str) -> Problem:
    return Problem(rule, message, content.place(path), Severity.WARNING, path, hint)


def _kilobytes(size: int) -> str:
    return f"{size / 1000:,.0f} kB"
