"""ImageFile: an image with its bytes, name and size. Read by `load`, shown by the compiler, served by web."""

import hashlib
import io
import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from newsletter.authoring.files import is_inside, read_file

MAX_BYTES = 5 * 1024 * 1024
"""More than this is not read at all: nothing that large belongs in an email."""

MAX_PIXELS = 50_000_000
"""More than this fills a reader's memory, however small the file is."""
_TOO_MANY_PIXELS = f"the image has more than {MAX_PIXELS // 1_000_000} million pixels"

_MEDIA_TYPES = {"PNG": ("image/png", "png"), "JPEG": ("image/jpeg", "jpg"), "GIF": ("image/gif", "gif")}


@dataclass(frozen=True)
class ImageFile:
    """An image that mail programs show: PNG, JPEG or GIF. Two files with the same bytes are the same image."""

    file: Path
    media_type: str
    suffix: str
    width: int
    """Pixels, as stored; a picture at double density is shown at half of it."""
    height: int
    data: bytes = field(repr=False)

    @cached_property
    def sha256(self) -> str:
        """The hash of its bytes, in hex."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def name(self) -> str:
        """The name it is served under: made of its content, so it may be cached for ever."""
        return f"{self.sha256[:32]}.{self.suffix}"


def read_image(file: Path, root: Path | None) -> ImageFile:
    """Read an image of the project in `root`. Raises OSError as `read_file`, ValueError (a sentence) for other files.

    Its kind comes from the content, never from the file's name. It is decoded to its end, as mail programs will: an
    image that is cut off looks sound at its beginning.
    """
    data = read_file(file, root, MAX_BYTES)
    if len(data) > MAX_BYTES:
        raise ValueError(f"the image has more than {MAX_BYTES // 1_048_576} MiB, the most that is read")
    try:
        with Image.open(io.BytesIO(data)) as image:
            kind, (width, height) = image.format or "", image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(_TOO_MANY_PIXELS) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise ValueError("the file is not an image") from error
    if width * height > MAX_PIXELS:
        raise ValueError(_TOO_MANY_PIXELS)
    if kind not in _MEDIA_TYPES:
        raise ValueError(f"mail programs do not show {kind} images; use PNG, JPEG or GIF")
    _decode(data)
    media_type, suffix = _MEDIA_TYPES[kind]
    return ImageFile(file=file, media_type=media_type, suffix=suffix, width=width, height=height, data=data)


def _decode(data: bytes) -> None:
    """Decode every frame, up to the pixels that one image may have. Raises ValueError for a damaged one."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.format == "PNG" and b"IEND" not in data:
                raise ValueError("its end is missing")
            image.draft("RGB", (image.width // 8 or 1, image.height // 8 or 1))  # JPEG: all its data, few pixels
            most = max(MAX_PIXELS // (image.width * image.height), 1)
            for frame in range(min(getattr(image, "n_frames", 1), most)):
                image.seek(frame)
                image.load()
    except (OSError, EOFError, ValueError, SyntaxError, LookupError, ArithmeticError) as error:
        raise ValueError("the image is damaged or cut off; save it or copy it again") from error


def image_beside(folder: Path, written: str, root: Path | None) -> ImageFile:
    """The image that a file in `folder` names. Raises as `read_image`, and ValueError for a path out of it."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", written):
        raise ValueError("an image belongs beside the file that names it; save it there")
    if written.startswith(("/", "\\", "~")) or re.match(r"[A-Za-z]:", written):
        raise ValueError("the path of an image begins at the file that names it")
    path = Path(os.path.normpath(written.replace("\\", "/")))
    if path.parts[:1] == (os.pardir,):
        raise ValueError("the path of an image cannot lead out of its folder")
    return read_image(folder / path, folder if root is not None and not is_inside(folder, root) else root)
