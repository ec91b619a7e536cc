"""Pictures: the files that an edition shows, made of its authors' images. Comes after `render`, which names them.

Made ones are kept in a cache, where any of them may be missing: each can be made again.
"""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from newsletter.authoring.files import names_in, read_file, shown
from newsletter.authoring.image import ImageFile
from newsletter.compiler.edition import Asset
from newsletter.compiler.rendition import Rendition
from newsletter.disk import write_whole
from newsletter.errors import AuthoringError, RequestError
from newsletter.pixels import UnfitImageError, derive
from newsletter.problem import Place, Problem

MAX_PICTURE = 200_000
"""Bytes of one picture: readers load them over mobile networks."""

_MEDIA_TYPES = {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif"}
_WORKERS = min(os.cpu_count() or 1, 4)
"""Threads: Pillow computes without Python's lock. Each holds one image decoded."""
_MOST = 16 << 20
"""Bytes of a cached picture that are read."""
_KEPT = 60 * 24 * 3600
"""Seconds that an unused picture is cached."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An image at one place of an edition."""

    image: ImageFile
    rendition: Rendition
    path: str
    """Of the picture in the issue, as `blocks[2].highlights[3]`; empty for an avatar or a logo."""


@dataclass(frozen=True, slots=True)
class PictureCache:
    """Pictures by their names, each with the hash of its bytes behind it. Without a folder nothing is kept.

    What cannot be read or written, was damaged or is a link counts as missing.
    """

    folder: Path | None = None

    def get(self, name: str) -> bytes | None:
        """A picture that was kept."""
        if self.folder is None:
            return None
        try:
            file = self.folder / name
            kept = read_file(file, self.folder, _MOST)
            os.utime(file, follow_symlinks=False)  # `prune` goes by the last use
        except OSError:
            return None
        data, check = kept[:-32], kept[-32:]
        return data if hashlib.sha256(data).digest() == check else None

    def put(self, name: str, data: bytes) -> None:
        """Keep a picture. Only its owner can read it: it may belong to an issue that is not published."""
        if self.folder is None:
            return
        try:
            write_whole(self.folder / name, data + hashlib.sha256(data).digest(), private=True)
        except RequestError:
            pass  # a full disk or a read-only home: it is made again next time

    def prune(self) -> None:
        """Remove what was not used for long."""
        if self.folder is None:
            return
        try:
            used = {
                file: file.lstat().st_mtime
                for name in names_in(self.folder, self.folder)
                if (file := self.folder / name)
            }
            for file, at in used.items():
                if at < max(used.values()) - _KEPT:
                    file.unlink(missing_ok=True)
        except OSError:
            pass  # another process may prune at the same time


def make_assets(places: Sequence[Shown], cache: PictureCache, root: Path) -> tuple[Asset, ...]:
    """The files of the pictures at these places, each once, in order of their names.

    Raises AuthoringError for an image that was changed or removed since it was examined.
    """
    once = {place.rendition.name: place for place in places}
    kept = {name: cache.get(name) for name in sorted(once)}
    missing = [name for name, data in kept.items() if data is None]
    with ThreadPoolExecutor(_WORKERS) as pool:
        made = pool.map(lambda name: _made(once[name], root), missing)
        for name, data in zip(missing, made, strict=True):
            kept[name] = data
            cache.put(name, data)
    if missing:
        cache.prune()
    return tuple(Asset(name, _MEDIA_TYPES[once[name].image.suffix], data or b"") for name, data in kept.items())


def _made(place: Shown, root: Path) -> bytes:
    image, wanted = place.image, place.rendition
    try:
        data = image.read()
        return data if image.suffix == "gif" else derive(data, wanted.box, wanted.size, image.suffix, MAX_PICTURE)
    except OSError as error:
        message, hint = f"cannot read the image: {error.strerror or error}", ""
    except UnfitImageError as error:
        message, hint = str(error), error.hint
    raise AuthoringError([Problem("unreadable-image", message, Place(shown(image.file, root)), hint=hint)])
