"""ImageFile: an image as its author saved it. Read by `load`; `compiler/pictures` makes what readers get of it."""

import hashlib
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from newsletter.authoring.files import is_inside, read_file
from newsletter.pixels import ImageFacts, UnfitImageError, examine

MAX_BYTES = 25 * 1024 * 1024
"""More than this is not read at all; a phone's photograph has a few MiB."""


@dataclass(frozen=True)
class ImageFile:
    """An image of an author. Its bytes stay on disk: an issue may have forty of several MiB."""

    file: Path
    root: Path | None
    """For `read_file`."""
    sha256: str
    """Of its bytes, in hex. Two files with the same bytes are the same image."""
    width: int
    """Pixels, once it is turned upright."""
    height: int
    suffix: str
    """What pictures made of it are: `jpg`, `png`; `gif` for an animation."""
    is_bare_at_first: bool = False
    """Of an animation: see `ImageFacts`."""

    def read(self) -> bytes:
        """Its bytes. Raises OSError as `read_file`, and UnfitImageError if they are others than before."""
        data = read_file(self.file, self.root, MAX_BYTES)
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise UnfitImageError("the image was changed while the issue was read", "Try again.")
        return data


def read_image(file: Path, root: Path | None) -> ImageFile:
    """Read an image of the project in `root`. Raises OSError as `read_file`, UnfitImageError for other files."""
    data = read_file(file, root, MAX_BYTES)
    if len(data) > MAX_BYTES:
        raise UnfitImageError(
            f"the image has more than {MAX_BYTES // 1_048_576} MiB, the most that is read", "Save it smaller."
        )
    sha256 = hashlib.sha256(data).hexdigest()
    facts = _examined().get(sha256) or examine(data)
    _examined()[sha256] = facts
    return ImageFile(file, root, sha256, facts.width, facts.height, facts.suffix, facts.is_bare_at_first)


@cache
def _examined() -> dict[str, ImageFacts]:
    """Hash → facts of the images that this process has examined: a preview reads them again after every save."""
    return {}


def image_beside(folder: Path, written: str, root: Path | None) -> ImageFile:
    """The image that a file in `folder` names. Raises as `read_image`, and ValueError for a path out of it."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", written):
        raise ValueError("an image belongs beside the file that names it; save it there")
    if written.startswith(("/", "\\", "~")) or re.match(r"[A-Za-z]:", written):
        raise ValueError("the path of an image begins at the file that names it")
    path = Path(os.path.normpath(written.replace("\\", "/")))
    if path.parts[:1] == (os.pardir,):
        raise ValueError("the path of an image cannot lead out of its folder; copy it there")
    return read_image(folder / path, folder if root is not None and not is_inside(folder, root) else root)
