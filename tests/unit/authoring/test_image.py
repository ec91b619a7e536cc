from __future__ import annotations

import io
import random
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image
from writing import png

from newsletter.authoring.image import MAX_BYTES, image_beside, read_image


def picture(kind: str, mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (20, 10)).save(out, kind)
    return out.getvalue()


def header_only(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", b""))
    packed = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize(
    ("kind", "suffix"), [("PNG", "png"), ("JPEG", "jpg"), ("GIF", "png"), ("WEBP", "png"), ("AVIF", "png")]
)
def test_kind_is_told_from_the_content_not_the_name(tmp_path: Path, kind: str, suffix: str) -> None:
    file = tmp_path / "picture.dat"
    file.write_bytes(picture(kind))
    image = read_image(file, tmp_path)
    assert (image.suffix, image.width, image.height) == (suffix, 20, 10)
    assert image.read() == file.read_bytes()


def test_files_with_the_same_bytes_are_the_same_image(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png(20, 10))
    (tmp_path / "c.png").write_bytes(png(21, 10))
    a, b, c = (read_image(tmp_path / name, tmp_path) for name in ("a.png", "b.png", "c.png"))
    assert a.sha256 == b.sha256 != c.sha256


def test_image_that_changed_since_it_was_examined_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(png(20, 10))
    image = read_image(file, tmp_path)
    file.write_bytes(png(21, 10))
    with pytest.raises(ValueError, match="was changed"):
        image.read()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (picture("BMP"), "BMP images cannot be used in an email"),
        (b"", "the file is not an image"),
        (png()[:20], "the file is not an image"),
        (header_only(9000, 9000), "the image has more than 50 million pixels"),
        (header_only(12000, 12000), "the image has more than 50 million pixels"),
        (header_only(60000, 60000), "the image has more than 50 million pixels"),
        (b"x" * (MAX_BYTES + 1), "the image has more than 25 MiB"),
    ],
    ids=["bmp", "empty", "cut", "large", "larger", "bomb", "heavy"],
)
def test_what_mail_programs_do_not_show_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(data)
    with pytest.raises(ValueError, match=said):
        read_image(file, tmp_path)


def test_image_beside_may_lie_in_a_folder_below(tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "ana.png").write_bytes(png(20, 10))
    assert image_beside(tmp_path, "people/ana.png", tmp_path).width == 20
    assert image_beside(tmp_path, "./people\\ana.png", tmp_path).width == 20


@pytest.mark.parametrize(
    "written",
    ["../a.png", "people/../../a.png", "/a.png", "~/a.png", "\\\\host\\a.png", "C:\\a.png", "https://example.org/a.png",
     "file:a.png", "data:image/png;base64,AAAA"],
)  # fmt: skip
def test_path_that_leads_elsewhere_is_refused(tmp_path: Path, written: str) -> None:
    folder = tmp_path / "issue"
    folder.mkdir()
    (tmp_path / "a.png").write_bytes(png(20, 10))
    with pytest.raises(ValueError, match="image"):
        image_beside(folder, written, tmp_path)


def noise(kind: str, **options: object) -> bytes:
    """An image that cannot be packed well, of several frames where its kind has them."""
    frames = [Image.frombytes("RGB", (60, 40), random.Random(seed).randbytes(60 * 40 * 3)) for seed in range(3)]
    out = io.BytesIO()
    several = {"save_all": True, "append_images": frames[1:]} if kind in ("GIF", "PNG") else {}
    frames[0].save(out, kind, **several, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [noise("PNG"), noise("JPEG"), noise("JPEG", progressive=True), noise("GIF"), picture("PNG", "P")],
    ids=["png", "jpeg", "progressive", "gif", "palette"],
)
def test_image_that_is_cut_off_is_refused(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "picture"
    file.write_bytes(data)
    assert read_image(file, tmp_path).read() == data
    for cut in (len(data) - 12, len(data) * 3 // 4):
        file.write_bytes(data[:cut])
        with pytest.raises(ValueError, match=r"cut off|not an image"):
            read_image(file, tmp_path)
