"""Images: reachable from an email, light, and alike within a block. Alternative texts: `authoring/proofread.py`."""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from newsletter.authoring.blocks.highlights import HighlightsBlock
from newsletter.authoring.issue import Content
from newsletter.authoring.parts import Picture
from newsletter.compiler.edition import Edition
from newsletter.compiler.links import HtmlReader
from newsletter.compiler.pictures import MAX_PICTURE, Shown
from newsletter.hostname import is_local
from newsletter.problem import Place, Problem, Severity

MAX_ANIMATION = 1_000_000
"""Bytes of one animation."""
_LIGHTER = "Save the animation with fewer frames, fewer colours or fewer pixels."
MAX_PICTURES = 800_000
"""Bytes of all pictures of one edition."""
MAX_HEIGHT = 2
"""Times its width: a taller picture pushes the text off the screen."""
_TOLERANCE = 0.02

_IN_CSS = re.compile(r"url\(\s*(?:&quot;|['\"])?([^)'\"&\s]+)|\b(?:background|srcset)=\"([^\"\s]+)")
_BLOCK = re.compile(r"blocks\[\d+\]")


def check_images(edition: Edition, reader: HtmlReader, template: Place, *, home: str) -> Iterator[Problem]:
    """Images that readers cannot reach. `template` is the layout's place: no author writes such a URL."""
    in_css = (first or second for first, second in _IN_CSS.findall(edition.html))
    for url in dict.fromkeys((*reader.pictures, *in_css)):
        if not url.startswith(("https://", "http://")):
            yield Problem(
                id="image-url",
                message=f"the image {url!r} is not absolute: an email has no page that it could be relative to",
                place=template,
                hint="Use image(picture, width).url",
            )
        elif not url.startswith(home) and is_local(urlsplit(url).hostname or ""):
            message = f"readers cannot reach the image {url!r}: only your machine or network knows its host"
            yield Problem("image-url", message, template, hint="Use image(picture, width).url")


def check_pictures(edition: Edition, content: Content, shown: Sequence[Shown]) -> Iterator[Problem]:
    """Pictures that readers load slowly, and those that are not alike in one block."""
    sizes = {asset.name: len(asset.data) for asset in edition.assets}
    for one in {one.rendition.name: one for one in reversed(shown) if one.path}.values():
        size, is_animated = sizes[one.rendition.name], one.image.suffix == "gif"
        most = MAX_ANIMATION if is_animated else MAX_PICTURE
        if size > most:
            message = f"readers load {_kilobytes(size)} for this picture; more than {_kilobytes(most)} load slowly"
            hint = _LIGHTER if is_animated else "Show less of it, or something plainer."
            yield _problem(content, "heavy-picture", message, f"{one.path}.image", hint)
        if one.image.is_bare_at_first:
            message = "this animation begins with next to nothing, and Outlook for Windows shows only its first frame"
            hint = "Save it with the complete picture as the first frame."
            yield _problem(content, "bare-first-frame", message, f"{one.path}.image", hint)
        if one.rendition.height > MAX_HEIGHT * one.rendition.width:
            message = f"this picture is shown {one.rendition.height:,} pixels high and {one.rendition.width} wide"
            yield _problem(content, "tall-picture", message, f"{one.path}.image", "Crop it.")
    if sum(sizes.values()) > MAX_PICTURES:
        message = f"readers load {_kilobytes(sum(sizes.values()))} for the pictures of this issue"
        yield _problem(content, "heavy-issue", message, "", f"Stay under {_kilobytes(MAX_PICTURES)}.")
    yield from _unlike(content, shown)


def _unlike(content: Content, shown: Sequence[Shown]) -> Iterator[Problem]:
    """In each block the first picture with another ratio than those shown in the same width; rather an animation.

    Pictures between articles stay whole.
    """
    lists = (block.items for block in content.blocks if isinstance(block, HighlightsBlock))
    whole = {item.path for items in lists for item in items if isinstance(item, Picture)}
    alike: dict[tuple[str, int], list[Shown]] = {}
    for one in shown:
        if one.path not in whole and (block := _BLOCK.match(one.path)):
            alike.setdefault((block[0], one.rendition.width), []).append(one)
    told: set[str] = set()
    for (block_path, _), group in alike.items():
        first, *others = sorted(group, key=lambda one: one.image.suffix == "gif")
        odd = next((one for one in others if abs(_ratio(one) / _ratio(first) - 1) > _TOLERANCE), None)
        if odd is not None and block_path not in told:
            told.add(block_path)
            message = "this picture has another ratio than others of the block in the same width"
            hint = "Give image(picture, width, ratio) a ratio in the block's template."
            if odd.image.suffix == "gif":
                hint = "An animation is not cropped: save it in the ratio of the others."
            yield _problem(content, "mixed-ratios", message, f"{odd.path}.image", hint)


def _ratio(one: Shown) -> float:
    return one.rendition.width / one.rendition.height


def _problem(content: Content, rule: str, message: str, path: str, hint: str) -> Problem:
    return Problem(rule, message, content.place(path), Severity.WARNING, path, hint)


def _kilobytes(size: int) -> str:
    return f"{size / 1000:,.0f} kB"
