"""Pixels: Pillow's door. What an image file holds, and a part of it as a smaller file. The ground: opens no file.

`examine` decodes an image to its end, as mail programs will: one that is cut off looks sound at its beginning.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageCms, UnidentifiedImageError

MAX_PIXELS = 50_000_000
"""More than this fills the memory, however small the file is."""
MAX_SIDE = 30_000
"""Pixels; a JPEG can have twice as many."""

MAX_FRAMES = 1_000
"""Of an animation: each one is looked at, however small it is."""

QUALITIES = (82, 74, 66, 58)
"""Of a JPEG, tried in this order until it is light enough."""
_SCALES = (1.0, 0.75, 0.5)
"""Of the size that was asked for, when no quality is light enough."""
_PHOTOGRAPH = 2
"""A picture whose PNG is so many times heavier than its JPEG is a photograph."""
_SAMPLE = 512
_GRID = 64
"""Pixels of a side of the copy of a frame in which its detail is counted."""
_BARE = 0.2
"""Of the detail of the richest frame: a first frame with less is bare."""

_KINDS = {"PNG": "png", "JPEG": "jpg", "MPO": "jpg", "GIF": "png", "WEBP": "png", "AVIF": "png"}
"""Format → what a picture is saved as, if it is no photograph. MPO: a phone's JPEG with a second image in it."""
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""The values of EXIF's orientation (CIPA DC-008, 4.6.5.1.6) but 1, and what makes each upright."""
_DAMAGE = (
    OSError, EOFError, ValueError, TypeError, SyntaxError, LookupError, ArithmeticError, RuntimeError, struct.error,
    zlib.error, Image.DecompressionBombError, Image.DecompressionBombWarning,
)  # fmt: skip
"""What Pillow raises for files that are cut off or made up."""

_ISO_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_HEIC_HINT = (
    "Export it as JPEG: on a Mac open it in Preview, File > Export; on an iPhone choose Settings > Camera > Formats > "
    "Most Compatible; on Windows open it in Photos, Save as."
)
_HINT = "Save it as JPEG (photographs) or PNG."

# Image.open allows twice as many before it raises; `examine` refuses what is between.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("ignore", module=r"PIL\.")  # what matters of it is found here, or changes no picture


class UnfitImageError(ValueError):
    """An image that cannot be used: a sentence, and what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What an image file holds."""

    width: int
    """Pixels, once it is turned upright."""
    height: int
    suffix: str
    """What a picture made of it is: `jpg` (a photograph), `png`; `gif` for an animation, which is left as it is."""
    is_bare_at_first: bool = False
    """Whether an animation begins with next to nothing, beside what it shows later."""


def examine(data: bytes) -> ImageFacts:
    """What an image file holds. Its kind comes from its content. Raises UnfitImageError for what cannot be used."""
    try:
        image = Image.open(io.BytesIO(data))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large() from error
    except (UnidentifiedImageError, *_DAMAGE) as error:
        raise _unknown(data) from error
    with image:
        kind, (width, height) = image.format or "", image.size
        if kind not in _KINDS:
            raise UnfitImageError(f"{kind} images cannot be used in an email", _HINT)
        if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
            raise _too_large()
        try:
            return _examined(image, kind, data)
        except UnfitImageError:
            raise
        except _DAMAGE as error:
            raise UnfitImageError("the image is damaged or cut off; save it or copy it again") from error


def derive(data: bytes, box: tuple[int, int, int, int], size: tuple[int, int], suffix: str, most: int) -> bytes:
    """The part `box` (left, top, right, bottom) of an upright image, `size` pixels large, as a file without metadata.

    A file of more than `most` bytes gets a lower quality or fewer colours, then fewer pixels, but no less than half of
    `size`; it may still be heavier in the end. The same input gives the same bytes. Raises UnfitImageError for data
    that `examine` has not seen.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            part = _part(image, box, size)
            part = _in_srgb(part, image.info.get("icc_profile"), is_opaque=suffix == "jpg")
    except _DAMAGE as error:
        raise UnfitImageError("the image is damaged or cut off; save it or copy it again") from error
    lightest = b""
    for made in _attempts(part, suffix):
        if not lightest or len(made) < len(lightest):
            lightest = made
        if len(made) <= most:
            break
    return lightest


def _examined(image: Image.Image, kind: str, data: bytes) -> ImageFacts:
    if kind == "PNG" and b"IEND" not in data:
        raise ValueError("its end is missing")
    width, height = image.size
    image.draft("RGB", (width // 8 or 1, height // 8 or 1))  # JPEG: all its data, few pixels
    frames = getattr(image, "n_frames", 1) if kind == "GIF" else 1  # only animated GIFs are shown as such
    if frames > MAX_FRAMES:
        raise UnfitImageError(f"the animation has {frames:,} frames, more than {MAX_FRAMES:,}", "Save it with fewer.")
    details = []
    for frame in range(min(frames, max(MAX_PIXELS // (width * height), 1))):
        image.seek(frame)
        image.load()
        details += [_detail(image)] if frames > 1 else []
    if _orientation(image) >= 5:
        width, height = height, width
    if frames > 1:
        return ImageFacts(width, height, "gif", details[0] < _BARE * max(details))
    suffix = _KINDS[kind]
    return ImageFacts(width, height, "jpg" if suffix == "png" and _is_photograph(image) else suffix)


def _detail(image: Image.Image) -> float:
    """How much of a frame is no ground: the share of it that has another colour than most of it has, or any colour
    where most of it is transparent."""
    small = image.convert("RGBA").resize((_GRID, _GRID), Image.Resampling.NEAREST)
    flat = Image.new("RGB", small.size, "#ff00ff")
    flat.paste(small.convert("RGB"), mask=small.getchannel("A").point(lambda alpha: 255 if alpha > 127 else 0))
    counts = flat.point(lambda value: value & 0xE0).getcolors(_GRID * _GRID) or []
    return 1 - max(count for count, _ in counts) / _GRID**2


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation; 1 where there is none that can be read."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except _DAMAGE:
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


def _is_photograph(image: Image.Image) -> bool:
    """Whether an image is opaque and much lighter as a JPEG: told from a small copy."""
    plain = _plain(image)
    if plain.mode == "RGBA" and plain.getchannel("A").getextrema() != (255, 255):
        return False
    sample = plain.convert("RGB")
    sample.thumbnail((_SAMPLE, _SAMPLE))
    return len(_png(sample)) > _PHOTOGRAPH * len(_jpeg(sample, QUALITIES[0]))


def _part(image: Image.Image, box: tuple[int, int, int, int], size: tuple[int, int]) -> Image.Image:
    left, top, right, bottom = box
    across, down = size[0] / (right - left), size[1] / (bottom - top)
    turn = _orientation(image)
    width, height = image.size
    wanted = (width * across, height * down) if turn < 5 else (width * down, height * across)
    image.draft("RGB", (max(int(wanted[0]), 1), max(int(wanted[1]), 1)))  # a JPEG may be decoded at 1/2, 1/4 or 1/8
    plain = _plain(image)
    upright = plain.transpose(_TURNS[turn]) if turn in _TURNS else plain
    x, y = upright.width / (width if turn < 5 else height), upright.height / (height if turn < 5 else width)
    there = (left * x, top * y, min(right * x, upright.width), min(bottom * y, upright.height))
    return upright.resize(size, Image.Resampling.LANCZOS, box=there)


def _plain(image: Image.Image) -> Image.Image:
    """The pixels in one of four modes: L, RGB, RGBA and CMYK, eight bits each."""
    if image.mode.startswith(("I", "F")):  # 16 bits of grey, which `convert` would cut off at 255
        image = image.point(lambda value: value * (1 / 256))
        return image.convert("L")
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "CMYK"):
        image.load()
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _in_srgb(image: Image.Image, profile: bytes | None, *, is_opaque: bool) -> Image.Image:
    """The image in the colours that mail programs take for granted, without metadata."""
    alpha = image.getchannel("A") if image.mode == "RGBA" and not is_opaque else None
    plain = image.convert("RGB") if image.mode == "RGBA" else image
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            plain = ImageCms.profileToProfile(plain, source, ImageCms.createProfile("sRGB"), outputMode="RGB") or plain
        except (ImageCms.PyCMSError, *_DAMAGE):
            pass  # a profile that does not fit its image: its colours are taken as they are
    if plain.mode == "CMYK":
        plain = plain.convert("RGB")
    if alpha is not None:
        plain = plain.convert("RGB")
        plain.putalpha(alpha)
    plain.info.clear()  # Pillow would write some of it: comments, the profile
    return plain


def _attempts(image: Image.Image, suffix: str) -> Iterator[bytes]:
    """Files of an image, lighter and lighter."""
    for number, scale in enumerate(_SCALES):
        size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
        part = image if scale == 1 else image.resize(size, Image.Resampling.LANCZOS)
        if suffix == "jpg":
            yield from (_jpeg(part, quality) for quality in QUALITIES)
        else:
            yield from [_png(part)] if number == 0 else []
            yield _png(part.quantize(256))


def _jpeg(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, progressive=True, optimize=True)
    return out.getvalue()


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=9)
    return out.getvalue()


def _unknown(data: bytes) -> UnfitImageError:
    if data[4:8] == b"ftyp" and data[8:12] in _ISO_BRANDS:
        return UnfitImageError("the image is HEIC, which mail programs do not show", _HEIC_HINT)
    if b"<svg" in data[:1000]:
        return UnfitImageError("the image is SVG, which mail programs do not show", "Export it as PNG.")
    return UnfitImageError("the file is not an image", _HINT)


def _too_large() -> UnfitImageError:
    message = f"the image has more than {MAX_PIXELS // 1_000_000} million pixels, or a side of more than {MAX_SIDE:,}"
    return UnfitImageError(message, "Save it smaller; an email shows about 1,200 pixels across.")
