"""Rendition: what is made of an image for one place of an email. Decided from sizes, also in the templates' child.

The pixels are made later, by `pictures`.
"""

import hashlib
from dataclasses import dataclass
from typing import Protocol

DENSITY = 2
"""Pixels of the file for each one shown: screens have at least twice as many."""
RECIPE = 1
"""Grows whenever `pixels` makes other bytes of the same image: names and caches depend on it."""


class Measured(Protocol):
    """An image of which only this is known."""

    @property
    def sha256(self) -> str: ...  # noqa: D102
    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def height(self) -> int: ...  # noqa: D102
    @property
    def suffix(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Rendition:
    """A part of an image, the size of the file that is made of it, and the size it is shown in."""

    name: str
    """Made of the image's bytes and of this rendition: the name it is served under."""
    box: tuple[int, int, int, int]
    """Left, top, right and bottom of the part, in pixels of the upright image."""
    size: tuple[int, int]
    """Width and height of the file, in pixels."""
    width: int
    """CSS pixels, as shown."""
    height: int


def rendition(image: Measured, width: float, ratio: str | float | None = None, focus: str = "") -> Rendition:
    """What is shown of an image in `width` CSS pixels at most, cropped to a ratio (`16:9` or a number).

    An image is never enlarged. `focus` is `x% y%`, as CSS's object-position; an animation is neither cropped nor
    resized. Raises ValueError for a width or ratio that is none.
    """
    if isinstance(width, bool) or not isinstance(width, (int, float)) or not width >= 1:
        raise ValueError(f"the width of an image is a number of pixels, not {width!r}")
    is_animated = image.suffix == "gif"
    wanted = None if ratio is None or is_animated else _number(ratio)
    box = _crop(image.width, image.height, wanted, focus)
    part = (box[2] - box[0], box[3] - box[1])
    across = int(min(width, part[0]))
    exact = wanted or part[0] / part[1]
    pixels = min(DENSITY * across, part[0])
    size = part if is_animated else (pixels, min(max(1, round(pixels / exact)), part[1]))
    recipe = f"{RECIPE} {image.sha256} {box} {size}" if not is_animated else image.sha256
    name = f"{hashlib.sha256(recipe.encode()).hexdigest()[:32]}.{image.suffix}"
    return Rendition(name, box, size, across, max(1, round(across / exact)))


def _number(ratio: str | float) -> float:
    across, _, down = str(ratio).partition(":")
    try:
        number = float(across) / float(down or 1)
    except (ValueError, ZeroDivisionError):
        number = 0.0
    if not 0.01 <= number <= 100:
        raise ValueError(f'a ratio looks like "16:9" or 1.5, not {ratio!r}')
    return number


def _crop(width: int, height: int, ratio: float | None, focus: str) -> tuple[int, int, int, int]:
    """The largest part with this ratio. A point of the focus keeps its place: it is never cropped."""
    if ratio is None:
        return 0, 0, width, height
    across, down = min(width, max(1, round(height * ratio))), min(height, max(1, round(width / ratio)))
    x, y = (float(part) / 100 for part in (focus or "50% 50%").replace("%", "").split())
    left, top = round((width - across) * x), round((height - down) * y)
    return left, top, left + across, top + down
